//! Profiles that go, and come again, at the worst of times.

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Action, Cluster, Launch, Operator, PATIENCE, Proxy, deployment, eventually, objective, profile_with,
};

/// Longest time until the garbage collector has taken what has no owner any more.
const COLLECTED: Duration = Duration::from_secs(40);

const CHILDREN: [(&str, &str); 3] =
    [("HorizontalPodAutoscaler", "web"), ("PodDisruptionBudget", "web"), ("PrometheusRule", "web-slo")];

fn web() -> String {
    profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))
}

/// The operator has come to rest: no reconcile fails any more.
async fn assert_no_error_loop(operator: &mut Operator) {
    let failed = operator.failed_reconciles().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(operator.failed_reconciles().await, failed, "reconciles go on failing");
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_profile_that_goes_takes_its_children_with_it() {
    let cluster = Cluster::new().await;
    let mut operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&web()).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    cluster.delete("PerformanceProfile", "web").await;
    assert_eq!(cluster.get("PerformanceProfile", "web").await, None, "no finalizer holds it");
    for (kind, name) in CHILDREN {
        cluster.wait_for_absence(kind, name, COLLECTED).await;
    }
    cluster.expect("Deployment", "web").await;
    assert_no_error_loop(&mut operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_profile_that_goes_while_its_children_are_written_leaves_none() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let slow = ["horizontalpodautoscalers", "poddisruptionbudgets", "prometheusrules"]
        .map(|plural| proxy.fault_writes(plural, Action::Delay(Duration::from_secs(2))));
    let mut operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    // Each time another child is on its way when the profile goes.
    for fault in &slow {
        cluster.apply_yaml(&web()).await;
        let before = fault.hits();
        eventually("the child is on its way", PATIENCE, async || {
            if fault.hits() > before { Ok(()) } else { Err("no".to_owned()) }
        })
        .await;
        cluster.delete("PerformanceProfile", "web").await;
        // The write arrives, and makes an object whose owner is gone.
        tokio::time::sleep(Duration::from_secs(3)).await;
        for (kind, name) in CHILDREN {
            cluster.wait_for_absence(kind, name, COLLECTED).await;
        }
    }
    assert_no_error_loop(&mut operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_profile_that_is_made_again_at_once_owns_its_children_in_the_end() {
    let cluster = Cluster::new().await;
    let mut operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&web()).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let mut profile = json!(null);
    for _ in 0..3 {
        cluster.delete("PerformanceProfile", "web").await;
        profile = cluster.apply_yaml(&web()).await;
    }
    for (kind, name) in CHILDREN {
        eventually(&format!("{kind} {name} belongs to the new profile"), COLLECTED, async || {
            let child = cluster.get(kind, name).await.ok_or("absent")?;
            let owner = child["metadata"]["ownerReferences"][0]["uid"].clone();
            if owner == profile["metadata"]["uid"] { Ok(()) } else { Err(format!("owner {owner}")) }
        })
        .await;
    }
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_no_error_loop(&mut operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_namespace_that_is_being_deleted_is_left_in_peace() {
    let cluster = Cluster::new().await;
    let mut operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&web()).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    // Something keeps the namespace from going for a while.
    cluster
        .apply_yaml(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: anchor, finalizers: [tests.plimsoll.dev/hold]}}",
        )
        .await;
    cluster.delete("Namespace", &cluster.namespace).await;
    cluster.wait_for_absence("PerformanceProfile", "web", COLLECTED).await;
    for (kind, name) in CHILDREN {
        cluster.wait_for_absence(kind, name, COLLECTED).await;
    }
    assert_no_error_loop(&mut operator).await;
    cluster.edit("ConfigMap", "anchor", json!({"metadata": {"finalizers": null}})).await;
    cluster.wait_for_absence("Namespace", &cluster.namespace, COLLECTED).await;
    operator.assert_running();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_profile_in_a_namespace_that_is_being_deleted_says_so() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let reason = "unable to create new content in namespace because it is being terminated";
    let refused = proxy.fault_writes("horizontalpodautoscalers", Action::Status(403, reason));
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&web()).await;
    let message = cluster.wait_for_condition("web", "AutoscalingReady", "False", "NamespaceTerminating").await;
    assert_eq!(message, "the namespace is being deleted");
    assert!(refused.hits() >= 1);
}
