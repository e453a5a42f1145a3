//! A profile with nothing but its target.

use serde_json::json;

use crate::harness::{Cluster, Operator, PATIENCE, deployment, eventually, profile};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_minimal_profile_gets_the_defaults() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 4)).await;
    let owner = cluster.apply_yaml(&profile("web")).await;

    let autoscaler = cluster.wait_for("HorizontalPodAutoscaler", "web").await;
    let utilization = |name: &str, percent: u32| json!({"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}}});
    assert_eq!(
        autoscaler["spec"],
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3,
            "maxReplicas": 10,
            "metrics": [utilization("cpu", 70), utilization("memory", 80)],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Min",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 30},
                        {"type": "Pods", "value": 2, "periodSeconds": 30},
                    ],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "selectPolicy": "Max",
                    "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
                },
            },
        })
    );
    let budget = cluster.wait_for("PodDisruptionBudget", "web").await;
    assert_eq!(
        budget["spec"],
        json!({
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app": "web"}},
        })
    );
    for child in [&autoscaler, &budget] {
        assert_eq!(
            child["metadata"]["ownerReferences"],
            json!([{
                "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "name": "web",
                "uid": owner["metadata"]["uid"], "controller": true,
            }])
        );
        assert_eq!(
            child["metadata"]["labels"],
            json!({"app.kubernetes.io/managed-by": "plimsoll", "plimsoll.dev/profile": "web"})
        );
    }

    let message = cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_eq!(message, "everything is as declared");
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    let conditions: Vec<_> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["type"].as_str().unwrap(), c["status"].as_str().unwrap()))
        .collect();
    let all = ["Ready", "Active", "TargetFound", "AutoscalingReady", "DisruptionReady", "RulesReady"];
    assert_eq!(conditions, all.map(|type_| (type_, "True")), "without objectives nothing is said of them");
    assert!(status["conditions"].as_array().unwrap().iter().all(|c| c["observedGeneration"] == 1), "{status}");
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(
        status["children"],
        json!([
            {"kind": "HorizontalPodAutoscaler", "name": "web", "state": "Applied"},
            {"kind": "PodDisruptionBudget", "name": "web", "state": "Applied"},
        ])
    );
    assert_eq!(cluster.get("ConfigMap", "web-slo").await, None, "no objectives, no rules");
    assert_eq!(cluster.get("PrometheusRule", "web-slo").await, None, "no objectives, no rules");

    eventually("the workload's size is seen", PATIENCE, async || {
        let scaling = cluster.expect("PerformanceProfile", "web").await["status"]["scaling"].clone();
        if scaling == json!({"current": 4, "ready": 0, "desired": scaling["desired"], "declaredMin": 3, "max": 10}) {
            Ok(())
        } else {
            Err(scaling.to_string())
        }
    })
    .await;
    let columns = cluster.print_columns("PerformanceProfile", "web").await;
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Name", "Target", "Replicas", "Objectives", "Budget", "Ready", "Reason", "Floor", "Enforcing", "Age"]
    );
    let cells: Vec<_> = columns.iter().take(7).map(|(_, cell)| cell.clone()).collect();
    assert_eq!(json!(cells), json!(["web", "web", 4, null, null, "True", "AsDeclared"]));
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_workload_itself_is_never_written() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 1)).await;
    cluster.apply_yaml(&profile("web")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    // The autoscaler raises it to the minimum; the operator sees that, and owns nothing of it.
    eventually("the autoscaler has raised the workload", PATIENCE, async || {
        let replicas = cluster.expect("Deployment", "web").await["spec"]["replicas"].clone();
        if replicas == 3 { Ok(()) } else { Err(replicas.to_string()) }
    })
    .await;
    let workload = cluster.expect("Deployment", "web").await;
    let managers: Vec<_> =
        workload["metadata"]["managedFields"].as_array().unwrap().iter().map(|m| m["manager"].to_string()).collect();
    assert!(managers.iter().all(|manager| !manager.contains("plimsoll")), "{managers:?}");
}
