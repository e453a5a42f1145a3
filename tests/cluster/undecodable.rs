//! A profile that this version cannot read: it stops no other.

use crate::harness::{Action, Cluster, Launch, Proxy, deployment, essence, profile, profile_with};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_that_cannot_be_read_stops_no_other() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    // As after a change of the definition: what is stored is well, and this version does not know what it means.
    let unknown =
        proxy.fault(Action::Rewrite("1234ms", "12eons"), |request| request.path.ends_with("/performanceprofiles"));
    let operator = Launch::new(&cluster).through(&proxy).start().await;
    let speed = "
objectives:
- name: speed
  target: \"99\"
  indicator: {latency: {histogram: request_duration_seconds, threshold: 1234ms}}
";
    cluster.apply_yaml(&(deployment("bad", 0) + "---" + &profile_with("bad", "bad", speed))).await;
    let note = cluster.wait_for_event("bad", "Invalid").await;
    assert!(note.contains("cannot be read by this version") && note.contains("12eons"), "{note}");
    assert!(note.contains("nothing is changed"), "{note}");

    cluster.apply_yaml(&(deployment("good", 0) + "---" + &profile("good"))).await;
    cluster.wait_for_condition("good", "Ready", "True", "AsDeclared").await;
    for (kind, name) in
        [("HorizontalPodAutoscaler", "bad"), ("PodDisruptionBudget", "bad"), ("PrometheusRule", "bad-slo")]
    {
        assert_eq!(cluster.get(kind, name).await, None);
    }

    // Once it can be read it is carried out.
    drop(operator);
    unknown.lift();
    let operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.wait_for_condition("bad", "Ready", "True", "AsDeclared").await;
    let rule = cluster.expect("PrometheusRule", "bad-slo").await;
    let autoscaler = cluster.expect("HorizontalPodAutoscaler", "bad").await;
    drop(operator);

    // And once it cannot be read again, what runs stays; nor does an operator that starts with it forget the others.
    let unknown =
        proxy.fault(Action::Rewrite("1234ms", "12eons"), |request| request.path.ends_with("/performanceprofiles"));
    let mut operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.delete("PodDisruptionBudget", "good").await;
    cluster.wait_for("PodDisruptionBudget", "good").await;
    unknown.wait_for_hits(1).await;
    assert_eq!(essence(&cluster.expect("PrometheusRule", "bad-slo").await), essence(&rule));
    assert_eq!(essence(&cluster.expect("HorizontalPodAutoscaler", "bad").await), essence(&autoscaler));
    operator.assert_running();
    operator.assert_no_panic();
}
