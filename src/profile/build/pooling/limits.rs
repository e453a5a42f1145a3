//! How many poolers there are, and how many may be away.

use k8s_openapi::{
    api::{
        autoscaling::v2::{
            ContainerResourceMetricSource, CrossVersionObjectReference, HorizontalPodAutoscaler,
            HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
        },
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{metadata, pooler_name, selector, template::CONTAINER};
use crate::profile::validate::{PoolingPlan, Profile};

/// More poolers while they are short of CPU, and only then: clients that wait while poolers are idle wait for the database, and more
/// poolers would only take more of its connections.
pub fn autoscaler(profile: &Profile, plan: &PoolingPlan) -> HorizontalPodAutoscaler {
    let name = pooler_name(&profile.name);
    HorizontalPodAutoscaler {
        metadata: metadata(profile, name.clone()),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "StatefulSet".to_owned(),
                name,
            },
            min_replicas: Some(plan.min),
            max_replicas: plan.max,
            metrics: Some(vec![MetricSpec {
                type_: "ContainerResource".to_owned(),
                container_resource: Some(ContainerResourceMetricSource {
                    container: CONTAINER.to_owned(),
                    name: "cpu".to_owned(),
                    target: MetricTarget {
                        type_: "AverageValue".to_owned(),
                        average_value: Some(plan.cpu.clone()),
                        ..MetricTarget::default()
                    },
                }),
                ..MetricSpec::default()
            }]),
            behavior: Some(plan.behavior.clone()),
        },
        status: None,
    }
}

/// One at a time, whoever drains a node.
pub fn disruption_budget(profile: &Profile) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata(profile, pooler_name(&profile.name)),
        spec: Some(PodDisruptionBudgetSpec {
            selector: Some(selector(profile)),
            max_unavailable: Some(IntOrString::Int(1)),
            min_available: None,
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    }
}
