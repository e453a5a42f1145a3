//! What enforcement writes to the children at this time. Pure. A freeze is no child: it stands in the status.

use k8s_openapi::jiff::Timestamp;

use super::{enforcer::Decided, validate::Profile};
use crate::{
    api::v1alpha1::{EnforcementMode, PerformanceProfile},
    enforce::Memory,
};

/// What enforcement writes at this time; by default nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Acting {
    /// Fewest replicas, above what is declared.
    pub floor: Option<i32>,
    /// Scale-down is held.
    pub hold: bool,
    /// One pod at a time may be evicted.
    pub strict_budget: bool,
}

/// What the decision asks for where the mode is `Enforce`. A process that has not decided yet goes on with what the one before
/// it has written down: else each restart would give everything back for a moment.
pub fn acting(profile: &PerformanceProfile, checked: &Profile, decided: Option<&Decided>, now: Timestamp) -> Acting {
    if checked.enforcement.as_ref().is_none_or(|plan| plan.mode != EnforcementMode::Enforce) {
        return Acting::default();
    }
    match decided.filter(|decided| decided.mode == EnforcementMode::Enforce) {
        Some(decided) => {
            let decision = &decided.decision;
            Acting { floor: decision.floor, hold: decision.hold, strict_budget: decision.strict_budget }
        }
        None => written(profile, now),
    }
}

/// What the process before this one has written down.
fn written(profile: &PerformanceProfile, now: Timestamp) -> Acting {
    let status = profile.status.as_ref().and_then(|status| status.enforcement.as_ref());
    let Some(status) = status.filter(|status| status.mode == EnforcementMode::Enforce) else {
        return Acting::default();
    };
    let memory = status.memory.as_deref().and_then(|text| Memory::resumed(text, now.as_second(), 0));
    Acting { floor: status.floor, hold: status.holding, strict_budget: memory.is_some_and(|memory| memory.strict) }
}
