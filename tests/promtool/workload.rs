//! The alerts on the workload, and the texts of alerts.

use plimsoll::slo::{Alerting, WorkloadIdentity, workload_group};
use serde_json::json;

use super::{Case, Counter, errors, every};

fn workload(name: &'static str) -> Case {
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "checkout".into() };
    Case::new(name, vec![workload_group(&identity, Some(70), Some(80), &Alerting::default(), &[])])
}

fn utilization(resource: &str, pod: &str) -> String {
    format!(
        "plimsoll_autoscaler_utilization_ratio{{namespace=\"shop\",profile=\"checkout\",resource=\"{resource}\",pod=\"{pod}\"}}"
    )
}

#[test]
fn over_the_target_for_ten_minutes() {
    workload("utilization")
        .gauge(&utilization("cpu", "a"), "0.71x20 _x40")
        // The operator is restarted at minute 20, and the value goes on under another pod's name.
        .gauge(&utilization("cpu", "b"), "_x20 0.71x10 0.69x30")
        .gauge(&utilization("memory", "a"), "0.8x60")
        .gauge(r#"plimsoll_autoscaler_utilization_ratio{namespace="shop",profile="other",resource="cpu"}"#, "0.99x60")
        .firing(9, r#"alertname="CPUUtilizationHigh""#, 0)
        .firing(10, r#"alertname="CPUUtilizationHigh",severity="warning",profile="checkout""#, 1)
        .firing(25, r#"alertname="CPUUtilizationHigh""#, 1)
        .firing(40, r#"alertname="CPUUtilizationHigh""#, 0)
        .never(60, r#"alertname="MemoryUtilizationHigh""#)
        .run();
    workload("memory")
        .gauge(&utilization("memory", "a"), "0.81x60")
        .firing(9, r#"alertname=~".+""#, 0)
        .firing(10, r#"alertname="MemoryUtilizationHigh",severity="warning""#, 1)
        .run();
}

#[test]
fn held_at_the_maximum() {
    let at_max = r#"plimsoll_autoscaler_at_max{namespace="shop",profile="checkout"}"#;
    workload("at-maximum")
        .gauge(at_max, "0x10 1x8 0x10 1x30")
        .gauge(r#"plimsoll_autoscaler_max_replicas{namespace="shop",profile="checkout"}"#, "10x60")
        .firing(30, r#"alertname=~".+""#, 0)
        .firing(45, r#"alertname="AutoscalerAtMaximum",severity="warning""#, 1)
        .alert(
            45,
            "AutoscalerAtMaximum",
            &json!({"namespace": "shop", "profile": "checkout", "severity": "warning"}),
            &json!({
                "summary": "shop/checkout: the autoscaler is held at its maximum",
                "description": "For 10m it would have gone beyond 10 replicas. Raise maxReplicas, or find out what the load is.",
            }),
        )
        .run();
}

#[test]
fn texts_say_how_fast_what_is_left_and_for_how_long() {
    let labels = json!({
        "namespace": "shop", "profile": "checkout", "objective": "availability", "severity": "warning",
        "tier": "ticket-slow", "long_window": "3d", "short_window": "6h",
    });
    Case::new("texts", every(1, "30d", "99", errors()))
        .series(r#"requests_total{code="200"}"#, &Counter::starting_at(1_000).rise(980, 120))
        .series(r#"requests_total{code="500"}"#, &Counter::starting_at(1_000).rise(20, 120))
        .alert(
            120,
            "ErrorBudgetBurn",
            &labels,
            &json!({
                "summary": "shop/checkout, objective availability: the error budget burns 2 times as fast as allowed",
                "description": "Over the last 3d and the last 6h bad events came at more than 1 times the rate at which the budget of a target of 99 % lasts 30d. Budget left: 99.45%. At this rate it is exhausted in 14d 22h 2m 0s.",
            }),
        )
        .run();
}
