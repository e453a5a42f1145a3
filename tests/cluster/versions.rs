//! What an older Kubernetes lacks is told of, and everything else works. On a newer one nothing is lacking.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Action, Cluster, Launch, Operator, Proxy, deployment, profile_with};

const TOLERANT: &str = "autoscaling: {behavior: {scaleUp: {tolerance: '0.05'}, scaleDown: {tolerance: '0.2'}}}";
const FROM_ZERO: &str = "
autoscaling:
  minReplicas: 0
  metrics:
  - type: External
    external: {metric: {name: queue}, target: {type: AverageValue, averageValue: '30'}}
";

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_field_that_the_server_drops_is_named_and_the_rest_is_written_once() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    // An API server that knows the field looks like one that does not.
    let _fault = proxy
        .fault(Action::Rewrite("tolerance", "tolerancf"), |request| request.path.contains("/horizontalpodautoscalers"));
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile_with("web", "web", TOLERANT))).await;

    let message = cluster.wait_for_condition("web", "AutoscalingReady", "False", "FieldDropped").await;
    for field in ["spec.behavior.scaleUp.tolerance", "spec.behavior.scaleDown.tolerance"] {
        assert!(message.contains(&format!("{field} (needs Kubernetes 1.35)")), "{message}");
    }
    cluster.wait_for_condition("web", "Ready", "False", "FieldDropped").await;
    cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    proxy.wait_until_quiet(Duration::from_secs(3)).await;
    let writes = proxy.child_writes();
    let autoscaler = writes.iter().filter(|request| request.path.contains("/horizontalpodautoscalers/")).count();
    assert_eq!(autoscaler, 1, "{writes:?}");

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"autoscaling": {"behavior": null}}})).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_tolerance_is_kept_or_missed() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile_with("web", "web", TOLERANT))).await;
    let kept = cluster.minor().await >= 35;
    let (truth, reason) = if kept { ("True", "AsDeclared") } else { ("False", "FieldDropped") };
    cluster.wait_for_condition("web", "AutoscalingReady", truth, reason).await;
    let stored = cluster.expect("HorizontalPodAutoscaler", "web").await;
    assert_eq!(stored["spec"]["behavior"]["scaleUp"].get("tolerance").is_some(), kept, "{stored}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn scaling_to_zero_is_written_or_refused_with_the_version_that_can() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile_with("web", "web", FROM_ZERO))).await;
    if cluster.minor().await >= 37 {
        cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
        assert_eq!(cluster.expect("HorizontalPodAutoscaler", "web").await["spec"]["minReplicas"], 0);
    } else {
        let message = cluster.wait_for_condition("web", "AutoscalingReady", "False", "ApplyFailed").await;
        assert!(message.contains("minReplicas 0 needs Kubernetes 1.37"), "{message}");
        cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    }
}
