//! The operator adopts: what it does with a floor that is scheduled, which asks no metrics.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    adopt::{HPA, a_rollout, apply_as, autoscaler, essence, has_replicas, rollout_ref},
    harness::{Cluster, Operator, PATIENCE, UNWATCHED, eventually, profile_with},
};

/// A profile that adopts and has a floor for the next hour: one that asks no metrics.
fn adopting(floor: u32) -> String {
    let (start, end) =
        (Timestamp::now() - SignedDuration::from_mins(5), Timestamp::now() + SignedDuration::from_hours(1));
    let spec = format!(
        "autoscaling: {{mode: Adopt}}\nenforcement:\n  mode: Enforce\n  scaling:\n    floors:\n    - name: test\n      \
         minReplicas: {floor}\n      once: {{start: {start:.0}, end: {end:.0}}}\n"
    );
    profile_with("shop", "web", &spec)
        .replace("{name: web}", "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}")
}

async fn has_floor(cluster: &Cluster, kind: &str, field: &str, wanted: u32) {
    eventually(&format!("{kind} web has {field} {wanted}"), UNWATCHED, async || {
        let now = cluster.expect(kind, "web").await["spec"][field].clone();
        if now == wanted { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_operator_writes_a_floor_and_gives_it_back_when_its_profile_goes() {
    let cluster = Cluster::new().await;
    let operator = Operator::start(&cluster).await;
    a_rollout(&cluster).await;
    cluster.apply_yaml(&adopting(7)).await;
    cluster.wait_for_condition("shop", "AutoscalingReady", "False", "NothingToAdopt").await;
    apply_as(&cluster, "git", true, &autoscaler("web", json!({"minReplicas": 2, "scaleTargetRef": rollout_ref()})))
        .await
        .unwrap();
    let before = cluster.expect(HPA, "web").await;
    let message = cluster.wait_for_condition("shop", "AutoscalingReady", "True", "Adopted").await;
    assert!(message.contains("HorizontalPodAutoscaler web"), "{message}");
    has_floor(&cluster, HPA, "minReplicas", 7).await;
    has_replicas(&cluster, "Rollout", 7).await;
    assert_eq!(cluster.get(HPA, "shop").await, None, "none of its own");

    // Another process knows from the object what was there before, and goes on.
    drop(operator);
    let operator = Operator::start(&cluster).await;
    operator.wait_for_log("leading").await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    has_floor(&cluster, HPA, "minReplicas", 7).await;
    let scaling = cluster.expect("PerformanceProfile", "shop").await["status"]["scaling"].clone();
    assert_eq!((&scaling["declaredMin"], &scaling["max"], &scaling["floor"]), (&json!(2), &json!(20), &json!(7)));

    cluster.delete("PerformanceProfile", "shop").await;
    let given_back = Duration::from_secs(45);
    eventually("it is as it was before", given_back, async || {
        let now = cluster.expect(HPA, "web").await;
        if essence(&now) == essence(&before) { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_operator_writes_to_a_scaled_object_and_stops_when_it_is_told_to() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    a_rollout(&cluster).await;
    let object = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": rollout_ref(), "minReplicaCount": 2, "maxReplicaCount": 20, "triggers": []}});
    apply_as(&cluster, "git", true, &object).await.unwrap();
    let before = cluster.expect("ScaledObject", "web").await;
    let mut theirs = autoscaler("keda-hpa-web", json!({"minReplicas": 2, "scaleTargetRef": rollout_ref()}));
    theirs["metadata"]["ownerReferences"] = json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "name": "web", "uid": before["metadata"]["uid"], "controller": true}]);
    apply_as(&cluster, "keda-operator", true, &theirs).await.unwrap();
    cluster.apply_yaml(&adopting(7)).await;
    has_floor(&cluster, "ScaledObject", "minReplicaCount", 7).await;
    let disabled = json!({"spec": {"enforcement": {"mode": "Disabled"}}});
    cluster.edit("PerformanceProfile", "shop", disabled).await;
    has_floor(&cluster, "ScaledObject", "minReplicaCount", 2).await;
    eventually("it is as it was before", PATIENCE, async || {
        let now = cluster.expect("ScaledObject", "web").await;
        if essence(&now) == essence(&before) { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    assert_eq!(cluster.expect(HPA, "keda-hpa-web").await["spec"]["minReplicas"], 2, "KEDA's own to write");
}
