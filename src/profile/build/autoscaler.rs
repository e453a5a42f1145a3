//! The `HorizontalPodAutoscaler`.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec,
};

use super::metadata;
use crate::profile::{
    acting::Acting,
    validate::{AutoscalerPlan, Profile},
};

/// The autoscaler as it should be: enforcement moves its floor and holds its scale-down, and nothing else.
pub fn build(profile: &Profile, plan: &AutoscalerPlan, acting: &Acting) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler {
        metadata: metadata(profile, profile.name.clone()),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some(profile.target.api_version.clone()),
                kind: profile.target.kind.clone(),
                name: profile.target.name.clone(),
            },
            min_replicas: Some(
                acting.floor.map_or(plan.min_replicas, |floor| floor.clamp(plan.min_replicas, plan.max_replicas)),
            ),
            max_replicas: plan.max_replicas,
            metrics: Some(plan.metrics.clone()),
            behavior: Some(if acting.hold { held(&plan.behavior) } else { plan.behavior.clone() }),
        },
        status: None,
    }
}

/// The behaviour with scale-down held.
fn held(behavior: &HorizontalPodAutoscalerBehavior) -> HorizontalPodAutoscalerBehavior {
    let mut behavior = behavior.clone();
    behavior.scale_down.get_or_insert_default().select_policy = Some("Disabled".to_owned());
    behavior
}
