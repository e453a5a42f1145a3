//! Parts that are switched off, and on again.

use serde_json::json;

use crate::harness::{Cluster, Operator, PATIENCE, deployment, essence, objective, profile, profile_with};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_is_switched_off_or_no_longer_declared_is_removed() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let budget = cluster.expect("PodDisruptionBudget", "web").await;
    cluster.expect("PrometheusRule", "web-slo").await;

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"autoscaling": {"mode": "Disabled"}}})).await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "Disabled").await;
    cluster.wait_for_absence("HorizontalPodAutoscaler", "web", PATIENCE).await;
    assert_eq!(essence(&cluster.expect("PodDisruptionBudget", "web").await), essence(&budget));

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"disruption": {"mode": "Disabled"}}})).await;
    cluster.wait_for_condition("web", "DisruptionReady", "True", "Disabled").await;
    cluster.wait_for_absence("PodDisruptionBudget", "web", PATIENCE).await;

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"objectives": null}})).await;
    cluster.wait_for_condition("web", "RulesReady", "True", "NotDeclared").await;
    cluster.wait_for_absence("PrometheusRule", "web-slo", PATIENCE).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    assert_eq!(status.get("children"), None, "{status}");
    assert_eq!(status.get("objectives"), None, "{status}");

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"autoscaling": null, "disruption": null}})).await;
    cluster.wait_for("HorizontalPodAutoscaler", "web").await;
    cluster.wait_for("PodDisruptionBudget", "web").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn objects_of_others_are_not_removed_with_a_part() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let autoscaler = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, labels: {app.kubernetes.io/managed-by: plimsoll}}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 2}
";
    let autoscaler = cluster.apply_yaml(autoscaler).await;
    let map =
        cluster.apply_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: web-slo}, data: {mine: 'yes'}}").await;
    cluster.apply_yaml(&profile("web")).await;
    cluster.wait_for_condition("web", "AutoscalingReady", "False", "ForeignObject").await;

    cluster.edit("PerformanceProfile", "web", json!({"spec": {"autoscaling": {"mode": "Disabled"}}})).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "Disabled").await;
    assert_eq!(essence(&cluster.expect("HorizontalPodAutoscaler", "web").await), essence(&autoscaler));
    assert_eq!(cluster.expect("ConfigMap", "web-slo").await, map);
}
