//! One of several leads.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Action, Cluster, Launch, Operator, PATIENCE, Proxy, deployment, eventually, profile};

async fn leads(operator: &Operator) -> bool {
    operator.metric("plimsoll_leader").await == Some(1.0)
}

async fn wait_until_leading(operator: &Operator, within: Duration) -> Duration {
    let started = Instant::now();
    eventually("it leads", within, async || if leads(operator).await { Ok(()) } else { Err("it does not".to_owned()) })
        .await;
    started.elapsed()
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_two_one_leads_and_the_other_takes_over() {
    let cluster = Cluster::new().await;
    let mut first = Launch::new(&cluster).candidate(&cluster, "first").start().await;
    let mut second = Launch::new(&cluster).candidate(&cluster, "second").spawn().await;
    wait_until_leading(&first, PATIENCE).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile("web")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    assert_eq!(cluster.expect("Lease", "plimsoll").await["spec"]["holderIdentity"], "first");
    assert!(!leads(&second).await);
    eventually("one that waits is ready", PATIENCE, async || match second.get("/readyz").await {
        (200, _) => Ok(()),
        (code, text) => Err(format!("{code} {text}")),
    })
    .await;
    assert_eq!(second.get("/livez").await.0, 200);
    assert!(second.get("/metrics").await.1.contains("plimsoll_build_info"));
    assert_eq!(second.metric("plimsoll_reconciles_in_flight").await, Some(0.0));
    assert_eq!(
        second
            .metric(&format!("plimsoll_autoscaler_max_replicas{{namespace=\"{}\",profile=\"web\"}}", cluster.namespace))
            .await,
        None
    );

    // Told to stop, it hands the lease over.
    first.terminate();
    let took = wait_until_leading(&second, Duration::from_secs(5)).await;
    assert!(first.wait_for_exit(PATIENCE).await.success());
    println!("election: {} ms from SIGTERM to the next leader", took.as_millis());
    cluster.delete("PodDisruptionBudget", "web").await;
    cluster.wait_for("PodDisruptionBudget", "web").await;

    // Killed, it leaves a lease that has to run out.
    let third = Launch::new(&cluster).candidate(&cluster, "third").spawn().await;
    eventually("the third has seen the lease", PATIENCE, async || {
        third.log().last().map(|_| ()).ok_or("no log".to_owned())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    second.kill();
    second.wait_for_exit(PATIENCE).await;
    let took = wait_until_leading(&third, Duration::from_secs(22)).await;
    assert!(took >= Duration::from_secs(10), "after {took:?} the dead one might have led still");
    println!("election: {} ms from SIGKILL to the next leader", took.as_millis());
    let transitions = cluster.expect("Lease", "plimsoll").await["spec"]["leaseTransitions"].clone();
    assert_eq!(transitions, 2);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_two_that_see_an_expired_lease_one_wins() {
    let cluster = Cluster::new().await;
    cluster
        .apply_yaml(
            "
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: plimsoll}
spec: {holderIdentity: ghost, leaseDurationSeconds: 1, renewTime: '2020-01-01T00:00:00.000000Z'}
",
        )
        .await;
    let proxy = Proxy::start().await;
    // Both have read the lease before either has written it.
    let slow = proxy.fault(Action::Delay(Duration::from_secs(1)), |request| {
        request.method == http::Method::PUT && request.path.ends_with("/leases/plimsoll")
    });
    let (first, second) = tokio::join!(
        Launch::new(&cluster).candidate(&cluster, "first").through(&proxy).spawn(),
        Launch::new(&cluster).candidate(&cluster, "second").through(&proxy).spawn(),
    );
    slow.wait_for_hits(2).await;
    eventually("one leads", PATIENCE, async || {
        if leads(&first).await || leads(&second).await { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(6) {
        assert!(!(leads(&first).await && leads(&second).await), "both lead");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_that_loses_the_lease_ends_with_a_failure() {
    let cluster = Cluster::new().await;
    let mut operator = Launch::new(&cluster).candidate(&cluster, "first").start().await;
    cluster.edit("Lease", "plimsoll", json!({"spec": {"holderIdentity": "other"}})).await;
    let status = operator.wait_for_exit(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(1));
    let log = operator.log();
    assert!(log.iter().any(|line| line.to_string().contains("another replica may lead")), "{log:?}");
    assert_eq!(cluster.expect("Lease", "plimsoll").await["spec"]["holderIdentity"], "other", "it is not taken back");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_that_cannot_renew_ends_before_another_can_lead() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let mut operator = Launch::new(&cluster).candidate(&cluster, "first").through(&proxy).start().await;
    let renewed = || async { cluster.expect("Lease", "plimsoll").await["spec"]["renewTime"].clone() };
    let first = renewed().await;
    eventually("the lease is renewed", PATIENCE, async || {
        if renewed().await == first { Err("not yet".to_owned()) } else { Ok(()) }
    })
    .await;
    let lost = Instant::now();
    // First refused for a while, then hanging: the deadline is for both together.
    let is_lease = |request: &crate::harness::Request| request.path.ends_with("/leases/plimsoll");
    let refused = proxy.fault(Action::Status(500, "InternalError"), is_lease);
    refused.wait_for_hits(3).await;
    let _hanging = proxy.fault(Action::Hang, is_lease);
    refused.lift();
    let status = operator.wait_for_exit(PATIENCE).await;
    assert_eq!(status.code(), Some(1));
    assert!(lost.elapsed() < Duration::from_secs(14), "it led for {:?} after its last renewal", lost.elapsed());
}
