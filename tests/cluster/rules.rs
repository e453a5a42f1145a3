//! The objects that the rules are in.

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Action, Cluster, Fault, Launch, Operator, PATIENCE, Proxy, deployment, essence, eventually, objective, profile_with,
};

/// To operators behind this proxy the cluster has no operator that loads rules.
pub fn without_rule_api(proxy: &Proxy) -> Fault {
    without(proxy, &["monitoring.coreos.com", "operator.victoriametrics.com"])
}

/// To operators behind this proxy the cluster has none of these API groups.
pub fn without(proxy: &Proxy, groups: &'static [&'static str]) -> Fault {
    proxy.fault(Action::Status(404, "NotFound"), |request| {
        let group = request.path.strip_prefix("/apis/").and_then(|rest| rest.split_once('/'));
        group.is_some_and(|(group, _)| groups.contains(&group))
    })
}

fn with_objective() -> String {
    profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn rules_move_from_a_file_to_a_rule_object_when_that_api_appears_and_back() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hidden = without_rule_api(&proxy);
    let mut operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&with_objective()).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let map = cluster.expect("ConfigMap", "web-slo").await;
    let file: serde_json::Value = serde_saphyr::from_str(map["data"]["rules.yaml"].as_str().unwrap()).unwrap();
    assert_eq!(cluster.get("PrometheusRule", "web-slo").await, None);

    hidden.lift();
    let rule = cluster.wait_for("PrometheusRule", "web-slo").await;
    assert_eq!(rule["spec"]["groups"], file["groups"], "both hold the same rules");
    cluster.wait_for_absence("ConfigMap", "web-slo", PATIENCE).await;
    eventually("the condition speaks of the rule object", PATIENCE, async || {
        let condition = cluster.condition("web", "RulesReady").await.unwrap();
        let said = condition.status == "True" && condition.message.contains("PrometheusRule web-slo");
        if said { Ok(()) } else { Err(condition.message) }
    })
    .await;
    cluster.edit("PrometheusRule", "web-slo", json!({"spec": {"groups": []}})).await;
    eventually("the rule object is watched from now on", PATIENCE, async || {
        let now = cluster.expect("PrometheusRule", "web-slo").await;
        if now["spec"] == rule["spec"] { Ok(()) } else { Err(now["spec"].to_string()) }
    })
    .await;

    // The API goes: what is seen of the rules is a file again. (The object is out of reach, not removed.)
    let hidden = without_rule_api(&proxy);
    cluster.wait_for("ConfigMap", "web-slo").await;
    cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;
    hidden.lift();
    cluster.wait_for_absence("ConfigMap", "web-slo", PATIENCE).await;
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_start_while_the_apis_cannot_be_listed_moves_no_rules() {
    let cluster = Cluster::new().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&with_objective()).await;
    let first = Operator::start(&cluster).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;
    drop(first);

    let proxy = Proxy::start().await;
    let failing =
        proxy.fault(Action::Status(500, "InternalError"), |request| request.path == "/apis/monitoring.coreos.com/v1");
    let _second = Launch::new(&cluster).through(&proxy).start().await;
    failing.wait_for_hits(2).await;
    assert_eq!(cluster.get("ConfigMap", "web-slo").await, None, "what is not known is not taken for absent");
    failing.lift();
    cluster.edit("PrometheusRule", "web-slo", json!({"spec": {"groups": []}})).await;
    eventually("the operator works", PATIENCE, async || {
        let now = cluster.expect("PrometheusRule", "web-slo").await;
        if now["spec"] == rule["spec"] { Ok(()) } else { Err(now["spec"].to_string()) }
    })
    .await;
    assert!(proxy.writes().iter().all(|write| !write.path.contains("/configmaps")), "{:?}", proxy.writes());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn promql_that_does_not_parse_keeps_the_rules_as_they_are_and_nothing_else() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&with_objective()).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;
    let autoscaler = cluster.expect("HorizontalPodAutoscaler", "web").await;

    let broken = objective("availability").replace("total: 'requests_total{", "total: 'rate(requests_total{");
    let broken = format!("autoscaling: {{maxReplicas: 20}}\nobjectives:\n{}{broken}", objective("added"));
    cluster.apply_yaml(&profile_with("web", "web", &broken)).await;
    let message = cluster.wait_for_condition("web", "RulesReady", "False", "Invalid").await;
    assert!(message.starts_with("spec.objectives[1].indicator.ratio.total: "), "{message}");
    cluster.wait_for_condition("web", "Ready", "False", "Invalid").await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    assert_eq!(status["findings"], json!([message]));
    let now = cluster.expect("HorizontalPodAutoscaler", "web").await;
    assert_eq!(now["spec"]["maxReplicas"], 20, "the rest of the edit is carried out");
    assert_eq!(now["metadata"]["uid"], autoscaler["metadata"]["uid"]);
    assert_eq!(essence(&cluster.expect("PrometheusRule", "web-slo").await), essence(&rule));

    // Nor does drift of what is held come to pass for good: it stays until the profile is sound again.
    cluster
        .apply_yaml(&profile_with(
            "web",
            "web",
            &format!("objectives:\n{}{}", objective("added"), objective("availability")),
        ))
        .await;
    cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;
    let mended = cluster.expect("PrometheusRule", "web-slo").await;
    assert_eq!(mended["metadata"]["uid"], rule["metadata"]["uid"]);
    assert!(mended["spec"]["groups"].as_array().unwrap().len() > rule["spec"]["groups"].as_array().unwrap().len());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn labels_of_installation_and_profile_are_on_the_rule_object() {
    let cluster = Cluster::new().await;
    let _operator = Launch::new(&cluster).arguments(&["--rule-label", "release=prod,tier=one"]).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster
        .apply_yaml(&profile_with(
            "web",
            "web",
            &format!("rules: {{labels: {{tier: two}}}}\nobjectives:\n{}", objective("a")),
        ))
        .await;
    let rule = cluster.wait_for("PrometheusRule", "web-slo").await;
    let expected = json!({
        "app.kubernetes.io/managed-by": "plimsoll", "plimsoll.dev/profile": "web", "release": "prod", "tier": "two",
    });
    assert_eq!(rule["metadata"]["labels"], expected);
    cluster.wait_for_condition_within(Duration::from_secs(20), "web", "Ready", "True", "AsDeclared").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn selectors_are_held_to_the_namespace_and_one_for_another_is_refused_by_its_field() {
    let cluster = Cluster::new().await;
    let _operator = Launch::new(&cluster).arguments(&["--enforce-namespace-label", "namespace"]).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let spec = |raw: &str| {
        let total = "rate(http_requests_total[$window])";
        format!(
            "objectives:\n- name: handled\n  target: \"99\"\n  indicator:\n    raw: {{errors: '{raw}', total: '{total}'}}\n"
        )
    };
    cluster.apply_yaml(&profile_with("web", "web", &spec("topk(scalar(a), rate(b[$window]))"))).await;
    cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;
    let own = format!("namespace=\"{}\"", cluster.namespace);
    let text = rule["spec"]["groups"][0]["rules"].to_string().replace("\\\"", "\"");
    assert!(text.contains(&format!("topk(scalar(a{{{own}}}), rate(b{{{own}}}[5m]))")), "{text}");

    // Within the parameter of an aggregation, where it is easily passed over.
    let foreign = "topk(scalar(a{namespace=\"kube-system\"}), rate(b[$window]))";
    cluster.apply_yaml(&profile_with("web", "web", &spec(foreign))).await;
    let message = cluster.wait_for_condition("web", "RulesReady", "False", "Invalid").await;
    assert!(message.starts_with("spec.objectives[0].indicator.raw.errors: "), "{message}");
    assert!(message.contains("`namespace=\"kube-system\"` looks beyond this namespace"), "{message}");
    assert_eq!(cluster.expect("PrometheusRule", "web-slo").await["spec"], rule["spec"], "what was sound stays");
}
