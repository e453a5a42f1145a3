//! The `PodDisruptionBudget`.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata;
use crate::profile::{
    acting::Acting,
    validate::{DisruptionBound, DisruptionPlan, Profile},
};

/// The disruption budget as it should be. Pods that are not ready may always be evicted: a crash loop must not keep a node
/// from being drained.
/// While it is strict one pod at a time may go, never none: a budget that blocks every eviction blocks node upgrades.
pub fn build(profile: &Profile, plan: &DisruptionPlan, acting: &Acting) -> PodDisruptionBudget {
    let (max_unavailable, min_available) = match &plan.bound {
        _ if acting.strict_budget => (Some(IntOrString::Int(1)), None),
        DisruptionBound::MaxUnavailable(bound) => (Some(bound.clone()), None),
        DisruptionBound::MinAvailable(share) => (None, Some(IntOrString::String(share.clone()))),
    };
    PodDisruptionBudget {
        metadata: metadata(profile, profile.name.clone()),
        spec: Some(PodDisruptionBudgetSpec {
            selector: Some(plan.selector.clone()),
            max_unavailable,
            min_available,
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    }
}
