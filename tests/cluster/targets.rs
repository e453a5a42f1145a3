//! Targets of every sort: unknown, missing, not scalable, of a kind of the user's own.

use serde_json::json;

use crate::harness::{
    Action, Cluster, Launch, Operator, PATIENCE, Proxy, UNWATCHED, deployment, essence, eventually, profile,
};

fn profile_for(name: &str, api_version: &str, kind: &str) -> String {
    format!(
        "
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {{name: {name}}}
spec: {{targetRef: {{apiVersion: {api_version}, kind: {kind}, name: {name}}}}}
"
    )
}

async fn assert_no_children(cluster: &Cluster, profile: &str) {
    assert_eq!(cluster.get("HorizontalPodAutoscaler", profile).await, None);
    assert_eq!(cluster.get("PodDisruptionBudget", profile).await, None);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_target_of_an_unknown_kind_is_said_to_be_one() {
    let cluster = Cluster::new().await;
    let operator = Operator::start(&cluster).await;
    for (name, api_version, kind) in [
        ("group", "nowhere.example.com/v1", "Ghost"),
        ("version", "apps/v9", "Deployment"),
        ("kind", "apps/v1", "Ghost"),
    ] {
        cluster.apply_yaml(&profile_for(name, api_version, kind)).await;
        let message = cluster.wait_for_condition(name, "TargetFound", "False", "UnknownTargetKind").await;
        assert!(message.contains(&format!("the API server serves no {kind} in {api_version}")), "{message}");
        cluster.wait_for_condition(name, "Ready", "False", "UnknownTargetKind").await;
        assert_no_children(&cluster, name).await;
    }
    assert_eq!(operator.failed_reconciles().await, 0, "to wait is no error");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_missing_target_is_waited_for_and_one_that_goes_tears_nothing_down() {
    let cluster = Cluster::new().await;
    let operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&profile("web")).await;
    let message = cluster.wait_for_condition("web", "TargetFound", "False", "TargetNotFound").await;
    assert!(message.contains("Deployment web does not exist"), "{message}");
    cluster.wait_for_condition("web", "AutoscalingReady", "False", "TargetNotFound").await;
    cluster.wait_for_condition("web", "DisruptionReady", "False", "TargetNotFound").await;
    assert_no_children(&cluster, "web").await;

    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let autoscaler = cluster.expect("HorizontalPodAutoscaler", "web").await;
    let budget = cluster.expect("PodDisruptionBudget", "web").await;

    cluster.delete("Deployment", "web").await;
    cluster.wait_for_condition("web", "TargetFound", "False", "TargetNotFound").await;
    assert_eq!(essence(&cluster.expect("HorizontalPodAutoscaler", "web").await), essence(&autoscaler));
    assert_eq!(essence(&cluster.expect("PodDisruptionBudget", "web").await), essence(&budget));
    assert_eq!(operator.failed_reconciles().await, 0, "to wait is no error");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_daemon_set_cannot_be_scaled_and_a_stateful_set_can() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    let as_kind = |kind: &str, more: &str| {
        deployment("web", 3).replace("kind: Deployment", &format!("kind: {kind}")).replace("  replicas: 3\n", more)
    };
    cluster.apply_yaml(&as_kind("DaemonSet", "")).await;
    cluster.apply_yaml(&profile_for("web", "apps/v1", "DaemonSet")).await;
    let message = cluster.wait_for_condition("web", "TargetFound", "False", "TargetNotScalable").await;
    assert!(message.contains("DaemonSet in apps/v1 has no scale subresource"), "{message}");
    assert_no_children(&cluster, "web").await;

    cluster.delete("PerformanceProfile", "web").await;
    cluster.apply_yaml(&as_kind("StatefulSet", "  replicas: 3\n  serviceName: web\n")).await;
    cluster.apply_yaml(&profile_for("web", "apps/v1", "StatefulSet")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let reference = cluster.expect("HorizontalPodAutoscaler", "web").await["spec"]["scaleTargetRef"].clone();
    assert_eq!(reference, json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}));
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_kind_of_the_users_own_is_scaled_as_soon_as_it_is_there() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hidden =
        proxy.fault(Action::Status(404, "NotFound"), |request| request.path.starts_with("/apis/tests.plimsoll.dev"));
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&profile_for("turbine", "tests.plimsoll.dev/v1", "Engine")).await;
    cluster.wait_for_condition("turbine", "TargetFound", "False", "UnknownTargetKind").await;

    hidden.lift();
    cluster
        .apply_yaml("{apiVersion: tests.plimsoll.dev/v1, kind: Engine, metadata: {name: turbine}, spec: {replicas: 2}}")
        .await;
    cluster.wait_for_condition_within(UNWATCHED, "turbine", "AutoscalingReady", "True", "AsDeclared").await;
    let reference = cluster.expect("HorizontalPodAutoscaler", "turbine").await["spec"]["scaleTargetRef"].clone();
    assert_eq!(reference, json!({"apiVersion": "tests.plimsoll.dev/v1", "kind": "Engine", "name": "turbine"}));

    // Its pods are not known: a budget with an empty selector would hold every pod of the namespace.
    let message = cluster.wait_for_condition("turbine", "DisruptionReady", "False", "TargetWithoutSelector").await;
    assert!(message.contains("disruption.mode: Disabled"), "{message}");
    assert_eq!(cluster.get("PodDisruptionBudget", "turbine").await, None);

    cluster.edit_status("Engine", "turbine", json!({"replicas": 2, "selector": "app=turbine,tier in (a,b)"})).await;
    cluster.wait_for_condition_within(UNWATCHED, "turbine", "DisruptionReady", "True", "AsDeclared").await;
    assert_eq!(
        cluster.expect("PodDisruptionBudget", "turbine").await["spec"]["selector"],
        json!({
            "matchLabels": {"app": "turbine"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
        })
    );
    eventually("the size is seen", PATIENCE, async || {
        let scaling = cluster.expect("PerformanceProfile", "turbine").await["status"]["scaling"].clone();
        if scaling["current"] == 2 { Ok(()) } else { Err(scaling.to_string()) }
    })
    .await;
}
