//! What Kubernetes' own autoscaler does with its bounds. No operator takes part: enforcement rests on these facts, and a
//! version of Kubernetes in which one of them no longer holds must be noticed here first.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Cluster, ExternalMetrics, PATIENCE, deployment, eventually};

/// What "at once" may take on a busy machine; it takes well under a second.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Longer than the time between two looks of the autoscaler, which is 15 s unless the cluster says otherwise.
const A_LOOK: Duration = Duration::from_secs(16);

/// What a pod takes of the metric: a load of 80 needs 8 pods.
const PER_POD: u32 = 10;

const KIND: &str = "HorizontalPodAutoscaler";

/// A Deployment and its autoscaler, on a metric called `load`. Without a metrics API that has it there is none.
async fn scaled(cluster: &Cluster, name: &str, replicas: u32, spec: &Value) {
    cluster.apply_yaml(&deployment(name, replicas)).await;
    let mut all = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": 3, "maxReplicas": 20,
        "metrics": [{"type": "External", "external": {"metric": {"name": format!("{name}-load")},
            "target": {"type": "AverageValue", "averageValue": PER_POD.to_string()}}}],
    });
    let more = spec.as_object().expect("more of a spec").clone();
    all.as_object_mut().expect("a spec").extend(more);
    let manifest = json!({"apiVersion": "autoscaling/v2", "kind": KIND, "metadata": {"name": name}, "spec": all});
    cluster.apply_yaml(&manifest.to_string()).await;
}

async fn replicas(cluster: &Cluster, name: &str) -> u64 {
    cluster.expect("Deployment", name).await["spec"]["replicas"].as_u64().expect("a number of replicas")
}

/// Waits for a number of replicas, and gives the time that it took.
async fn becomes(cluster: &Cluster, name: &str, wanted: u64, within: Duration) -> Duration {
    let started = Instant::now();
    eventually(&format!("{name} has {wanted} replicas"), within, async || {
        let now = replicas(cluster, name).await;
        if now == wanted { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    started.elapsed()
}

async fn set(cluster: &Cluster, name: &str, spec: Value) {
    cluster.edit(KIND, name, json!({"spec": spec})).await;
}

/// Waits until the autoscaler has looked at its spec as it is now.
async fn looked(cluster: &Cluster, name: &str) {
    // Kubernetes 1.34 gives autoscalers no generation.
    if !cluster.expect(KIND, name).await["metadata"]["generation"].is_u64() {
        tokio::time::sleep(A_LOOK).await;
        return;
    }
    eventually(&format!("the autoscaler {name} has looked"), A_LOOK, async || {
        let object = cluster.expect(KIND, name).await;
        let (is, seen) = (&object["metadata"]["generation"], &object["status"]["observedGeneration"]);
        if is.is_u64() && is == seen { Ok(()) } else { Err(format!("generation {is}, seen {seen}")) }
    })
    .await;
}

/// Waits until a condition of the autoscaler is so.
async fn says(cluster: &Cluster, name: &str, type_: &str, status: &str, reason: &str) {
    eventually(&format!("{type_} of {name} is {status} ({reason})"), PATIENCE, async || {
        let object = cluster.expect(KIND, name).await;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.iter().any(|c| c["type"] == type_ && c["status"] == status && c["reason"] == reason);
        if found { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
}

/// Waits until the autoscaler has measured a mean per pod. The mean is over the pods that there are, and a busy cluster makes them late.
async fn measures(cluster: &Cluster, name: &str, mean: &str) {
    eventually(&format!("{name} measures {mean} per pod"), Duration::from_mins(1), async || {
        let object = cluster.expect(KIND, name).await;
        let measured = &object["status"]["currentMetrics"][0]["external"]["current"]["averageValue"];
        if measured == mean { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
}

async fn stays(cluster: &Cluster, name: &str, wanted: u64, how_long: Duration) {
    let started = Instant::now();
    while started.elapsed() < how_long {
        assert_eq!(replicas(cluster, name).await, wanted, "after {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_raised_floor_is_obeyed_at_once_and_without_metrics() {
    let cluster = Cluster::new().await;
    // No metrics, and rules that allow one pod more in half an hour: the floor asks neither.
    let slow =
        json!({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1800}], "stabilizationWindowSeconds": 3600});
    scaled(&cluster, "web", 3, &json!({"behavior": {"scaleUp": slow}})).await;
    says(&cluster, "web", "ScalingActive", "False", "FailedGetExternalMetric").await;
    for floor in [8, 12] {
        set(&cluster, "web", json!({"minReplicas": floor})).await;
        let took = becomes(&cluster, "web", floor, AT_ONCE).await;
        println!("floor {floor} without metrics: obeyed after {took:?}");
        says(&cluster, "web", "ScalingActive", "False", "FailedGetExternalMetric").await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_metrics_nothing_is_cut_however_low_the_floor() {
    let cluster = Cluster::new().await;
    scaled(
        &cluster,
        "web",
        8,
        &json!({"minReplicas": 8, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}),
    )
    .await;
    says(&cluster, "web", "ScalingActive", "False", "FailedGetExternalMetric").await;
    for floor in (2..8).rev() {
        set(&cluster, "web", json!({"minReplicas": floor})).await;
        looked(&cluster, "web").await;
        assert_eq!(replicas(&cluster, "web").await, 8, "with a floor of {floor}");
    }
    stays(&cluster, "web", 8, A_LOOK).await;
    says(&cluster, "web", "ScalingActive", "False", "FailedGetExternalMetric").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_dropped_floor_falls_at_once_as_if_no_window_held() {
    let cluster = Cluster::new().await;
    let metrics = ExternalMetrics::shared().await;
    metrics.say(&cluster, "web-load", 3 * PER_POD);
    // The default window of five minutes holds what the metrics asked for, and a floor is nothing that they asked for.
    scaled(&cluster, "web", 3, &json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}})).await;
    says(&cluster, "web", "ScalingActive", "True", "ValidMetricFound").await;
    set(&cluster, "web", json!({"minReplicas": 12})).await;
    becomes(&cluster, "web", 12, AT_ONCE).await;
    stays(&cluster, "web", 12, A_LOOK).await;
    set(&cluster, "web", json!({"minReplicas": 3})).await;
    let took = becomes(&cluster, "web", 3, AT_ONCE).await;
    println!("floor 12 dropped to 3 within a window of 300 s: cut to 3 after {took:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_floor_that_decays_is_never_undercut() {
    let cluster = Cluster::new().await;
    let metrics = ExternalMetrics::shared().await;
    metrics.say(&cluster, "web-load", 5 * PER_POD);
    scaled(&cluster, "web", 5, &json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}})).await;
    says(&cluster, "web", "ScalingActive", "True", "ValidMetricFound").await;
    set(&cluster, "web", json!({"minReplicas": 12})).await;
    becomes(&cluster, "web", 12, AT_ONCE).await;
    for floor in (3..12).rev() {
        set(&cluster, "web", json!({"minReplicas": floor})).await;
        let wanted = floor.max(5);
        becomes(&cluster, "web", wanted, AT_ONCE).await;
        stays(&cluster, "web", wanted, Duration::from_secs(2)).await;
    }
    stays(&cluster, "web", 5, A_LOOK).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_hold_keeps_every_pod_while_the_metric_falls_and_lets_more_come() {
    let cluster = Cluster::new().await;
    let metrics = ExternalMetrics::shared().await;
    metrics.say(&cluster, "web-load", 8 * PER_POD);
    let held = json!({"scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0}});
    scaled(&cluster, "web", 8, &json!({"behavior": held})).await;
    measures(&cluster, "web", "10").await;
    metrics.say(&cluster, "web-load", 2 * PER_POD);
    measures(&cluster, "web", "2500m").await;
    stays(&cluster, "web", 8, A_LOOK).await;
    metrics.say(&cluster, "web-load", 10 * PER_POD);
    becomes(&cluster, "web", 10, PATIENCE).await;
    metrics.say(&cluster, "web-load", 2 * PER_POD);
    measures(&cluster, "web", "2").await;
    stays(&cluster, "web", 10, A_LOOK).await;
    set(&cluster, "web", json!({"behavior": {"scaleDown": {"selectPolicy": "Max"}}})).await;
    let took = becomes(&cluster, "web", 3, AT_ONCE).await;
    println!("hold given back after the load fell: cut from 10 to 3 after {took:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_ceiling_below_the_current_size_cuts_at_once_whatever_holds() {
    let cluster = Cluster::new().await;
    let held = json!({"scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 3600}});
    scaled(&cluster, "web", 8, &json!({"minReplicas": 2, "behavior": held})).await;
    says(&cluster, "web", "ScalingActive", "False", "FailedGetExternalMetric").await;
    set(&cluster, "web", json!({"maxReplicas": 5})).await;
    let took = becomes(&cluster, "web", 5, AT_ONCE).await;
    println!("ceiling 5 below 8, held and without metrics: cut after {took:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_raised_floor_uses_up_what_the_autoscaler_may_add() {
    let cluster = Cluster::new().await;
    let metrics = ExternalMetrics::shared().await;
    let period = Duration::from_mins(1);
    let rate = json!({"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": period.as_secs()}]}});
    for (name, replicas) in [("raised", 3), ("twin", 8)] {
        metrics.say(&cluster, &format!("{name}-load"), replicas * PER_POD);
        scaled(&cluster, name, replicas, &json!({"behavior": rate})).await;
        says(&cluster, name, "ScalingActive", "True", "ValidMetricFound").await;
    }
    set(&cluster, "raised", json!({"minReplicas": 8})).await;
    becomes(&cluster, "raised", 8, AT_ONCE).await;
    let raised = Instant::now();
    for name in ["raised", "twin"] {
        metrics.say(&cluster, &format!("{name}-load"), 14 * PER_POD);
    }
    // Both have 8, both want 14, both may add 4 in a minute: one has spent them.
    becomes(&cluster, "twin", 12, PATIENCE).await;
    says(&cluster, "raised", "ScalingLimited", "True", "ScaleUpLimit").await;
    stays(&cluster, "raised", 8, A_LOOK).await;
    let took = becomes(&cluster, "raised", 12, period + PATIENCE).await;
    println!("after a floor raised by 5 the metric got its 4 pods {:?} later (waited {took:?})", raised.elapsed());
    assert!(raised.elapsed() + Duration::from_secs(1) >= period, "{:?}", raised.elapsed());
}
