//! What the autoscaler scales on, and how fast.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior, MetricSpec,
    MetricTarget, ResourceMetricSource,
};

use crate::api::v1alpha1::{Autoscaling, Management, ResourceTarget};

/// CPU utilization that is held by default, per cent of requests.
pub const CPU_UTILIZATION: i32 = 70;
/// Memory utilization that is held by default, per cent of requests.
pub const MEMORY_UTILIZATION: i32 = 80;

/// The metrics in the order in which the API server gives them back: ours first, then the user's as they stand.
pub fn metrics(autoscaling: &Autoscaling) -> Vec<MetricSpec> {
    utilization(autoscaling.cpu.as_ref(), "cpu", CPU_UTILIZATION)
        .into_iter()
        .chain(utilization(autoscaling.memory.as_ref(), "memory", MEMORY_UTILIZATION))
        .chain(autoscaling.metrics.iter().cloned())
        .collect()
}

/// The utilization that is held, per cent of requests; nothing where the resource is left out.
pub fn held_utilization(target: Option<&ResourceTarget>, default: i32) -> Option<i32> {
    let target = target.cloned().unwrap_or_default();
    (target.mode == Management::Managed).then(|| target.average_utilization.unwrap_or(default))
}

fn utilization(target: Option<&ResourceTarget>, resource: &str, default: i32) -> Option<MetricSpec> {
    let percent = held_utilization(target, default)?;
    let name = resource.to_owned();
    let held =
        MetricTarget { type_: "Utilization".to_owned(), average_utilization: Some(percent), ..MetricTarget::default() };
    Some(match target.and_then(|target| target.container.clone()) {
        Some(container) => MetricSpec {
            type_: "ContainerResource".to_owned(),
            container_resource: Some(ContainerResourceMetricSource { container, name, target: held }),
            ..MetricSpec::default()
        },
        None => MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricSource { name, target: held }),
            ..MetricSpec::default()
        },
    })
}

/// Up by the smaller of +100 % and +2 pods every 30 s, at once; down by at most 50 % every 60 s, on the highest need of the
/// last 300 s. Every field is set, so that nothing is left for the API server to add.
pub fn default_behavior() -> HorizontalPodAutoscalerBehavior {
    let policy =
        |type_: &str, value, period_seconds| HPAScalingPolicy { type_: type_.to_owned(), value, period_seconds };
    HorizontalPodAutoscalerBehavior {
        scale_up: Some(HPAScalingRules {
            policies: Some(vec![policy("Percent", 100, 30), policy("Pods", 2, 30)]),
            select_policy: Some("Min".to_owned()),
            stabilization_window_seconds: Some(0),
            tolerance: None,
        }),
        scale_down: Some(HPAScalingRules {
            policies: Some(vec![policy("Percent", 50, 60)]),
            select_policy: Some("Max".to_owned()),
            stabilization_window_seconds: Some(300),
            tolerance: None,
        }),
    }
}
