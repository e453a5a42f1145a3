//! The `HorizontalPodAutoscaler`.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec,
};

use super::metadata;
use crate::profile::validate::{AutoscalerPlan, Profile};

/// The autoscaler as it should be.
pub fn build(profile: &Profile, plan: &AutoscalerPlan) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler {
        metadata: metadata(profile, profile.name.clone()),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some(profile.target.api_version.clone()),
                kind: profile.target.kind.clone(),
                name: profile.target.name.clone(),
            },
            min_replicas: Some(plan.min_replicas),
            max_replicas: plan.max_replicas,
            metrics: Some(plan.metrics.clone()),
            behavior: Some(plan.behavior.clone()),
        },
        status: None,
    }
}
