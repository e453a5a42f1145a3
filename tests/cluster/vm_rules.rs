//! Rules for the VictoriaMetrics operator, and the move from one kind of rule object to another.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{
        Action, Cluster, Launch, PATIENCE, Proxy, Request, deployment, essence, eventually, objective, profile_with,
    },
    rules::without,
};

fn profile(rules: &str) -> String {
    profile_with("web", "web", &format!("rules: {{{rules}}}\nobjectives:\n{}", objective("availability")))
}

/// The writes of rule objects: method and plural.
fn rule_writes(proxy: &Proxy) -> Vec<(Method, String)> {
    let rule = |request: Request| {
        let plural = request.path.strip_suffix("/web-slo")?.rsplit('/').next()?.to_owned();
        Some((request.method, plural))
    };
    proxy.writes().into_iter().filter_map(rule).collect()
}

fn child_states(status: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let children = status["children"].as_array().unwrap();
    children.iter().filter(|child| child["name"] == "web-slo").map(|c| (text(&c["kind"]), text(&c["state"]))).collect()
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn where_only_that_api_is_served_rules_go_into_a_vm_rule() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hidden = without(&proxy, &["monitoring.coreos.com"]);
    let arguments = ["--rule-label", "vmalert=main", "--partial-response-strategy", "warn"];
    let mut operator = Launch::new(&cluster).through(&proxy).arguments(&arguments).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("")).await;
    let message = cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;
    assert_eq!(message, "VMRule web-slo is as declared");
    let rule = cluster.expect("VMRule", "web-slo").await;
    assert_eq!(
        rule["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "plimsoll", "plimsoll.dev/profile": "web", "vmalert": "main"})
    );
    assert_eq!(rule["metadata"]["ownerReferences"][0]["kind"], "PerformanceProfile");
    assert_eq!(cluster.get("ConfigMap", "web-slo").await, None);

    // Its operator writes the status; that is no reason to write anything.
    let writes = rule_writes(&proxy).len();
    cluster.edit_status("VMRule", "web-slo", json!({"updateStatus": "operational"})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rule_writes(&proxy).len(), writes);

    // The Prometheus Operator comes: its object holds the same rules, and the other one is removed after it is there.
    hidden.lift();
    let other = cluster.wait_for("PrometheusRule", "web-slo").await;
    cluster.wait_for_absence("VMRule", "web-slo", PATIENCE).await;
    let mut groups = other["spec"]["groups"].clone();
    for group in groups.as_array_mut().unwrap() {
        let strategy = group.as_object_mut().unwrap().remove("partial_response_strategy");
        assert_eq!(strategy, Some(json!("warn")), "Thanos Ruler takes it, a VMRule does not");
    }
    assert_eq!(groups, rule["spec"]["groups"]);
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_kind_that_is_asked_for_is_written_before_the_other_is_removed() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;

    // While the new one cannot be written, the old one stays.
    let failing = proxy.fault_writes("vmrules", Action::Status(500, "InternalError"));
    cluster.edit("PerformanceProfile", "web", json!({"spec": {"rules": {"kind": "VMRule"}}})).await;
    failing.wait_for_hits(2).await;
    cluster.wait_for_condition("web", "RulesReady", "False", "ApplyFailed").await;
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    let expected = [("PrometheusRule", "Held"), ("VMRule", "Failed")].map(|(k, s)| (k.to_owned(), s.to_owned()));
    assert_eq!(child_states(&status), expected);
    assert_eq!(essence(&cluster.expect("PrometheusRule", "web-slo").await), essence(&rule));
    failing.lift();

    let kinds = [("VMRule", "vmrules"), ("ConfigMap", "configmaps"), ("PrometheusRule", "prometheusrules")];
    let mut before = ("PrometheusRule", "prometheusrules");
    for (kind, plural) in kinds {
        let from = rule_writes(&proxy).len();
        cluster.edit("PerformanceProfile", "web", json!({"spec": {"rules": {"kind": kind}}})).await;
        cluster.wait_for(kind, "web-slo").await;
        cluster.wait_for_absence(before.0, "web-slo", PATIENCE).await;
        eventually("the condition speaks of it", PATIENCE, async || {
            let condition = cluster.condition("web", "RulesReady").await.unwrap();
            let said = condition.status == "True" && condition.message == format!("{kind} web-slo is as declared");
            if said { Ok(()) } else { Err(condition.message) }
        })
        .await;
        let writes = rule_writes(&proxy).split_off(from);
        let written = writes.iter().position(|write| *write == (Method::PATCH, plural.to_owned()));
        let removed = writes.iter().position(|write| *write == (Method::DELETE, before.1.to_owned()));
        assert!(removed.is_some() && written < removed, "{writes:?}");
        before = (kind, plural);
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_kind_that_is_not_served_leaves_the_rules_as_they_are() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hidden = without(&proxy, &["operator.victoriametrics.com"]);
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"rules": {"kind": "VMRule"}}})).await;
    let message = cluster.wait_for_condition("web", "RulesReady", "False", "RuleKindNotServed").await;
    assert!(message.contains("VMRule of operator.victoriametrics.com/v1beta1"), "{message}");
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    assert_eq!(child_states(&status), [("PrometheusRule".to_owned(), "Held".to_owned())]);
    assert_eq!(essence(&cluster.expect("PrometheusRule", "web-slo").await), essence(&rule));

    hidden.lift();
    cluster.wait_for("VMRule", "web-slo").await;
    cluster.wait_for_absence("PrometheusRule", "web-slo", PATIENCE).await;
    cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_foreign_vm_rule_is_left_alone_and_so_are_the_rules() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    let foreign = cluster
        .apply_yaml(
            "{apiVersion: operator.victoriametrics.com/v1beta1, kind: VMRule, metadata: {name: web-slo}, spec: {groups: []}}",
        )
        .await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "web-slo").await;

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"rules": {"kind": "VMRule"}}})).await;
    let message = cluster.wait_for_condition("web", "RulesReady", "False", "ForeignObject").await;
    assert!(message.starts_with("VMRule web-slo exists and does not belong"), "{message}");
    assert_eq!(essence(&cluster.expect("VMRule", "web-slo").await), essence(&foreign));
    assert_eq!(essence(&cluster.expect("PrometheusRule", "web-slo").await), essence(&rule));
    // That something is there shows when it is to be made: the API server refuses, and nothing is taken over.
    assert!(rule_writes(&proxy).iter().all(|(method, _)| *method == Method::PATCH));
}
