//! The process: its start, its end, its knobs.

use std::time::Duration;

use crate::harness::{Action, Cluster, Launch, Operator, PATIENCE, Proxy, deployment, eventually, profile};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn it_ends_well_when_told_to() {
    let cluster = Cluster::new().await;
    let mut operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    operator.terminate();
    assert!(operator.wait_for_exit(Duration::from_secs(5)).await.success());
    cluster.expect("HorizontalPodAutoscaler", "web").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn it_works_in_each_of_its_namespaces_and_in_no_other() {
    let (one, two, other) = tokio::join!(Cluster::new(), Cluster::new(), Cluster::new());
    let operator = Launch::new(&one).arguments(&["--namespace", &two.namespace]).start().await;
    for cluster in [&other, &one, &two] {
        cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    }
    one.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    two.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_eq!(other.get("HorizontalPodAutoscaler", "web").await, None);
    assert_eq!(operator.metric("plimsoll_profiles").await, Some(2.0));
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn it_ends_in_time_when_the_api_server_hangs() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    // A write that is under way is waited for, in bounds.
    let hanging = proxy.fault_writes("horizontalpodautoscalers", Action::Hang);
    let mut writing = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    hanging.wait_for_hits(1).await;
    writing.terminate();
    assert!(writing.wait_for_exit(Duration::from_secs(11)).await.success());

    let _all = proxy.fault(Action::Hang, |_| true);
    let mut starting = Launch::new(&cluster).through(&proxy).spawn().await;
    let (status, text) = starting.get("/readyz").await;
    assert_eq!((status, text.as_str()), (503, "not ready: the API server has not answered yet\n"));
    assert_eq!(starting.get("/livez").await.0, 200, "to start it again would not make the server answer");
    eventually("readiness says what is wrong", PATIENCE, async || {
        let (_, text) = starting.get("/readyz").await;
        if text.contains("does not answer within 10 s") { Ok(()) } else { Err(text) }
    })
    .await;
    starting.terminate();
    assert!(starting.wait_for_exit(Duration::from_secs(3)).await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_candidate_that_cannot_read_the_lease_ends_when_told_to() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hanging = proxy.fault(Action::Hang, |request| request.path.contains("/leases"));
    let mut operator = Launch::new(&cluster).candidate(&cluster, "first").through(&proxy).spawn().await;
    hanging.wait_for_hits(1).await;
    operator.terminate();
    assert!(operator.wait_for_exit(Duration::from_secs(5)).await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_the_definition_it_waits_and_says_so() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let hidden = proxy.fault(Action::Status(404, "NotFound"), |request| request.path.starts_with("/apis/plimsoll.dev"));
    let operator = Launch::new(&cluster).through(&proxy).spawn().await;
    eventually("readiness says what is missing", PATIENCE, async || {
        let (status, text) = operator.get("/readyz").await;
        let said = status == 503 && text.contains("no CustomResourceDefinition performanceprofiles.plimsoll.dev");
        if said && text.contains("install the chart plimsoll-crds") { Ok(()) } else { Err(text) }
    })
    .await;
    hidden.lift();
    operator.wait_for_log("leading").await;
    assert_eq!(operator.get("/readyz").await, (200, "ok\n".to_owned()));
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_log_level_changes_while_it_runs_and_nonsense_is_refused() {
    let cluster = Cluster::new().await;
    let operator = Operator::start(&cluster).await;
    assert_eq!(operator.get("/log-level").await, (200, "info\n".to_owned()));
    for nonsense in ["", "loud", "info,kube=loud"] {
        let (status, text) = operator.put("/log-level", nonsense).await;
        assert_eq!(status, 400, "{nonsense}");
        assert!(text.contains("is no log filter"), "{text}");
    }
    assert_eq!(operator.put("/log-level", &"x".repeat(10_000)).await.0, 413);
    assert_eq!(operator.get("/log-level").await.1, "info\n");
    assert_eq!(operator.put("/log-level", "debug").await.0, 200);
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    operator.wait_for_log("reconciled").await;
    assert_eq!(operator.get("/nothing").await.0, 404);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn metrics_tell_the_size_of_each_workload() {
    let cluster = Cluster::new().await;
    let operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let labels = format!("{{namespace=\"{}\",profile=\"web\"}}", cluster.namespace);
    for (name, expected) in [
        ("target_ready_pods", 0.0),
        ("autoscaler_replicas", 3.0),
        ("autoscaler_max_replicas", 10.0),
        ("autoscaler_at_max", 0.0),
    ] {
        let series = format!("plimsoll_{name}{labels}");
        eventually(&format!("{series} is {expected}"), PATIENCE, async || match operator.metric(&series).await {
            Some(value) if (value - expected).abs() < f64::EPSILON => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }
    assert_eq!(operator.metric("plimsoll_profiles").await, Some(1.0));
    assert!(operator.metric("plimsoll_reconciles_total{outcome=\"ok\"}").await.unwrap() >= 1.0);
    assert_eq!(
        operator.metric("plimsoll_child_applies_total{kind=\"HorizontalPodAutoscaler\",changed=\"true\"}").await,
        Some(1.0)
    );
    cluster.delete("PerformanceProfile", "web").await;
    eventually("the series go with the profile", PATIENCE, async || {
        match operator.metric(&format!("plimsoll_target_ready_pods{labels}")).await {
            None => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
