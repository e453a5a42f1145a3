//! Names at their limits.

use crate::harness::{Cluster, Operator, deployment, objective, profile_with};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn names_that_are_too_long_are_refused_with_the_reason_and_the_longest_works() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    for length in [53, 253] {
        let refusal = cluster.try_apply_yaml(&profile_with(&"x".repeat(length), "web", "")).await.unwrap_err();
        assert!(refusal.contains("metadata.name must be at most 52 characters"), "{refusal}");
    }
    let refusal = cluster.try_apply_yaml(&profile_with("a.b", "web", "")).await.unwrap_err();
    assert!(refusal.contains("metadata.name must not contain dots"), "{refusal}");

    let longest = "x".repeat(52);
    let objective = objective(&"o".repeat(40));
    cluster.apply_yaml(&profile_with(&longest, "web", &format!("objectives:\n{objective}"))).await;
    cluster.wait_for_condition(&longest, "Ready", "True", "AsDeclared").await;
    cluster.expect("HorizontalPodAutoscaler", &longest).await;
    cluster.expect("PodDisruptionBudget", &longest).await;
    cluster.expect("PrometheusRule", &format!("{longest}-slo")).await;
}
