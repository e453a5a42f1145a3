//! Objects of others: never taken over, never fought with.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Action, Cluster, Launch, Operator, PATIENCE, Proxy, UNWATCHED, deployment, essence, eventually, objective, profile,
    profile_with,
};

fn foreign_autoscaler(name: &str, target: &str) -> String {
    format!(
        "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, labels: {{team: other}}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}
  maxReplicas: 2
"
    )
}

fn foreign_budget(name: &str, app: &str) -> String {
    format!(
        "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, labels: {{team: other}}}}
spec:
  minAvailable: 1
  selector: {{matchLabels: {{app: {app}}}}}
"
    )
}

/// The object is what it was, to the last byte but for what controllers write.
async fn assert_untouched(cluster: &Cluster, before: &Value) {
    let text = |pointer: &str| before.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = cluster.expect(&text("/kind"), &text("/metadata/name")).await;
    assert_eq!(essence(&now), essence(before));
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn foreign_objects_of_the_same_name_are_refused_and_replaced_when_they_go() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    // The targets are other ones, so that nothing but the name is in the way.
    let autoscaler = cluster.apply_yaml(&foreign_autoscaler("web", "unrelated")).await;
    let budget = cluster.apply_yaml(&foreign_budget("web", "unrelated")).await;
    cluster.apply_yaml(&profile("web")).await;

    for (type_, kind) in [("AutoscalingReady", "HorizontalPodAutoscaler"), ("DisruptionReady", "PodDisruptionBudget")] {
        let message = cluster.wait_for_condition("web", type_, "False", "ForeignObject").await;
        assert!(
            message.contains(&format!("{kind} web exists")) && message.contains("delete or rename it"),
            "{message}"
        );
    }
    cluster.wait_for_condition("web", "Ready", "False", "ForeignObject").await;
    cluster.wait_for_event("web", "ForeignObject").await;
    let states = cluster.expect("PerformanceProfile", "web").await["status"]["children"].clone();
    assert_eq!(states[0]["state"], "Refused");
    assert_eq!(states[1]["state"], "Refused");
    assert_untouched(&cluster, &autoscaler).await;
    assert_untouched(&cluster, &budget).await;

    cluster.delete("HorizontalPodAutoscaler", "web").await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    assert_eq!(cluster.expect("HorizontalPodAutoscaler", "web").await["spec"]["maxReplicas"], 10);
    assert_untouched(&cluster, &budget).await;
    cluster.delete("PodDisruptionBudget", "web").await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_eq!(cluster.expect("PodDisruptionBudget", "web").await["spec"]["maxUnavailable"], 1);
}

/// These are not watched: that they have gone is seen at the next look.
async fn assert_refused_and_replaced(cluster: &Cluster, proxy: &Proxy, foreign: &str) {
    let foreign = cluster.apply_yaml(foreign).await;
    let kind = foreign["kind"].as_str().unwrap();
    cluster.apply_yaml(&deployment("web", 0)).await;
    // Without an autoscaler, whose news would make the operator look again.
    let spec = format!("autoscaling: {{mode: Disabled}}\nobjectives:\n{}", objective("availability"));
    cluster.apply_yaml(&profile_with("web", "web", &spec)).await;

    let message = cluster.wait_for_condition("web", "RulesReady", "False", "ForeignObject").await;
    assert!(message.contains(&format!("{kind} web-slo exists")), "{message}");
    cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    proxy.wait_until_quiet(Duration::from_secs(2)).await;
    assert_untouched(cluster, &foreign).await;

    cluster.delete(kind, "web-slo").await;
    cluster.wait_for_condition_within(UNWATCHED, "web", "RulesReady", "True", "AsDeclared").await;
    assert_eq!(cluster.expect(kind, "web-slo").await["metadata"]["labels"]["plimsoll.dev/profile"], "web");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_foreign_rule_file_is_refused_and_replaced_when_it_goes() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _hidden = crate::rules::without_rule_api(&proxy);
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    let foreign = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web-slo}, data: {mine: 'yes'}}";
    assert_refused_and_replaced(&cluster, &proxy, foreign).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_foreign_rule_object_is_refused_and_replaced_when_it_goes() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    let foreign =
        "{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, metadata: {name: web-slo}, spec: {groups: []}}";
    assert_refused_and_replaced(&cluster, &proxy, foreign).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn others_are_seen_before_the_first_write_after_a_start() {
    let cluster = Cluster::new().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let autoscaler = cluster.apply_yaml(&foreign_autoscaler("by-hand", "web")).await;
    let budget = cluster.apply_yaml(&foreign_budget("by-hand", "web")).await;
    cluster.apply_yaml(&profile("web")).await;
    let proxy = Proxy::start().await;
    for plural in ["horizontalpodautoscalers", "poddisruptionbudgets"] {
        proxy.fault(Action::Delay(Duration::from_secs(2)), move |request| request.path.ends_with(plural));
    }
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.wait_for_condition("web", "AutoscalingReady", "False", "SecondAutoscaler").await;
    cluster.wait_for_condition("web", "DisruptionReady", "False", "SecondDisruptionBudget").await;
    assert!(proxy.child_writes().is_empty(), "{:?}", proxy.child_writes());
    assert_untouched(&cluster, &autoscaler).await;
    assert_untouched(&cluster, &budget).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_second_autoscaler_of_the_target_is_not_fought_with() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let other = cluster.apply_yaml(&foreign_autoscaler("by-hand", "web")).await;
    cluster.apply_yaml(&profile("web")).await;

    let message = cluster.wait_for_condition("web", "AutoscalingReady", "False", "SecondAutoscaler").await;
    assert!(
        message.contains("by-hand") && message.contains("autoscaling.mode: Adopt to use it, or Disabled"),
        "{message}"
    );
    cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    assert_eq!(cluster.get("HorizontalPodAutoscaler", "web").await, None);
    assert_untouched(&cluster, &other).await;

    cluster.delete("HorizontalPodAutoscaler", "by-hand").await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    let ours = cluster.expect("HorizontalPodAutoscaler", "web").await;

    // One that comes later takes nothing away: to remove ours would be to scale on its word alone.
    let later = cluster.apply_yaml(&foreign_autoscaler("later", "web")).await;
    cluster.wait_for_condition("web", "AutoscalingReady", "False", "SecondAutoscaler").await;
    assert_untouched(&cluster, &ours).await;
    assert_untouched(&cluster, &later).await;
    let children = cluster.expect("PerformanceProfile", "web").await["status"]["children"].clone();
    assert_eq!(children[0]["state"], "Held", "{children}");
    cluster.delete("HorizontalPodAutoscaler", "later").await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    assert_untouched(&cluster, &ours).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_second_disruption_budget_of_the_pods_is_not_doubled() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let other = cluster.apply_yaml(&foreign_budget("by-hand", "web")).await;
    cluster.apply_yaml(&profile("web")).await;

    let message = cluster.wait_for_condition("web", "DisruptionReady", "False", "SecondDisruptionBudget").await;
    assert!(message.contains("by-hand") && message.contains("disruption.mode: Disabled"), "{message}");
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    assert_eq!(cluster.get("PodDisruptionBudget", "web").await, None);
    assert_untouched(&cluster, &other).await;
    cluster.delete("PodDisruptionBudget", "by-hand").await;
    cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    cluster.wait_for("PodDisruptionBudget", "web").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_two_profiles_for_one_target_the_older_is_carried_out() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let older = cluster.apply_yaml(&profile_with("zulu", "web", "")).await;
    cluster.wait_for_condition("zulu", "Ready", "True", "AsDeclared").await;
    let autoscaler = cluster.expect("HorizontalPodAutoscaler", "zulu").await;
    let budget = cluster.expect("PodDisruptionBudget", "zulu").await;
    // Times of creation are whole seconds; the name must not decide here.
    eventually("a second has passed", Duration::from_secs(5), async || {
        let made = cluster.apply_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: clock}}").await;
        cluster.delete("ConfigMap", "clock").await;
        let later = made["metadata"]["creationTimestamp"] != older["metadata"]["creationTimestamp"];
        if later { Ok(()) } else { Err(made["metadata"]["creationTimestamp"].to_string()) }
    })
    .await;
    cluster.apply_yaml(&profile_with("alpha", "web", &format!("objectives:\n{}", objective("availability")))).await;

    let message = cluster.wait_for_condition("alpha", "TargetFound", "False", "TargetClaimed").await;
    assert!(message.contains("the older profile zulu has the same targetRef"), "{message}");
    cluster.wait_for_condition("alpha", "Ready", "False", "TargetClaimed").await;
    for (kind, name) in [
        ("HorizontalPodAutoscaler", "alpha"),
        ("PodDisruptionBudget", "alpha"),
        ("PrometheusRule", "alpha-slo"),
        ("ConfigMap", "alpha-slo"),
    ] {
        assert_eq!(cluster.get(kind, name).await, None);
    }
    cluster.wait_for_condition("zulu", "Ready", "True", "AsDeclared").await;
    assert_untouched(&cluster, &autoscaler).await;
    assert_untouched(&cluster, &budget).await;

    cluster.delete("PerformanceProfile", "zulu").await;
    // The older one's autoscaler stands in the way until the garbage collector has taken it, and that learns of a kind
    // up to half a minute after its definition was made.
    let collected = Duration::from_secs(90);
    cluster.wait_for_condition_within(collected, "alpha", "Ready", "True", "AsDeclared").await;
    cluster.wait_for("HorizontalPodAutoscaler", "alpha").await;
    cluster.wait_for("PodDisruptionBudget", "alpha").await;
    cluster.wait_for_absence("HorizontalPodAutoscaler", "zulu", PATIENCE).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn fields_of_others_in_our_objects_are_left_alone() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("web")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    cluster.edit("HorizontalPodAutoscaler", "web", json!({"metadata": {"annotations": {"cost-centre": "7"}}})).await;
    cluster.edit("HorizontalPodAutoscaler", "web", json!({"spec": {"maxReplicas": 50}})).await;
    eventually("the edit is taken back", PATIENCE, async || {
        let autoscaler = cluster.expect("HorizontalPodAutoscaler", "web").await;
        if autoscaler["spec"]["maxReplicas"] == 10 { Ok(()) } else { Err(autoscaler.to_string()) }
    })
    .await;
    let autoscaler = cluster.expect("HorizontalPodAutoscaler", "web").await;
    let annotations = autoscaler["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), ["cost-centre", "plimsoll.dev/applied"]);
}
