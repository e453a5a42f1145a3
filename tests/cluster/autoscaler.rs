//! What the autoscaler says of itself.

use std::time::Duration;

use crate::harness::{Cluster, Operator, deployment, profile};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_that_cannot_scale_is_told_of_after_its_grace() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    // Its pods never start, so there is nothing to measure.
    cluster.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let grace = Duration::from_mins(2);
    let message = cluster.wait_for_condition_within(grace, "web", "AutoscalingReady", "False", "CannotScale").await;
    assert!(message.starts_with("FailedGetResourceMetric: "), "{message}");
    cluster.wait_for_condition("web", "Ready", "False", "CannotScale").await;
    cluster.wait_for_event("web", "CannotScale").await;
}
