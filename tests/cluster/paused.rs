//! The annotation that stops every write.

use serde_json::json;

use crate::harness::{Cluster, Launch, PATIENCE, Proxy, deployment, essence, eventually, profile};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_paused_profile_is_left_alone_until_it_goes_on() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("web")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    cluster
        .edit("PerformanceProfile", "web", json!({"metadata": {"annotations": {"plimsoll.dev/paused": "true"}}}))
        .await;
    let message = cluster.wait_for_condition("web", "Active", "False", "Paused").await;
    assert!(message.contains("plimsoll.dev/paused") && message.contains("remove it"), "{message}");
    cluster.wait_for_condition("web", "Ready", "False", "Paused").await;
    cluster.wait_for_event("web", "Paused").await;

    // Drift, a removal and a change of the spec: none of them is acted on, the last is seen.
    let before = proxy.child_writes().len();
    let edited = cluster.edit("HorizontalPodAutoscaler", "web", json!({"spec": {"maxReplicas": 50}})).await;
    cluster.delete("PodDisruptionBudget", "web").await;
    let changed =
        cluster.edit("PerformanceProfile", "web", json!({"spec": {"autoscaling": {"maxReplicas": 20}}})).await;
    eventually("the new generation is observed", PATIENCE, async || {
        let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
        if status["observedGeneration"] == changed["metadata"]["generation"] { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    // The debounce of the operator is far shorter.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(essence(&cluster.expect("HorizontalPodAutoscaler", "web").await), essence(&edited));
    assert_eq!(cluster.get("PodDisruptionBudget", "web").await, None);
    assert_eq!(proxy.child_writes().len(), before, "{:?}", proxy.child_writes());
    let children = cluster.expect("PerformanceProfile", "web").await["status"]["children"].clone();
    assert_eq!(children[0]["state"], "Held", "{children}");

    cluster
        .edit("PerformanceProfile", "web", json!({"metadata": {"annotations": {"plimsoll.dev/paused": null}}}))
        .await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_eq!(cluster.expect("HorizontalPodAutoscaler", "web").await["spec"]["maxReplicas"], 20);
    cluster.wait_for("PodDisruptionBudget", "web").await;
}
