//! What enforcement writes at this time. Pure.

use k8s_openapi::jiff::Timestamp;

use super::{enforcer::Decided, validate::Profile};
use crate::{
    api::v1alpha1::{EnforcementMode, FreezeAction, PerformanceProfile},
    enforce::{Freeze, FreezeLevel},
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
    /// The freeze of rollouts, where admission is to do something.
    pub freeze: Option<Freeze>,
}

/// What the decision asks for where the mode is `Enforce`. A process that has not decided yet goes on with what the one before
/// it has written down: else each restart would give everything back for a moment.
pub fn acting(profile: &PerformanceProfile, checked: &Profile, decided: Option<&Decided>, now: Timestamp) -> Acting {
    let Some(plan) = checked.enforcement.as_ref().filter(|plan| plan.mode == EnforcementMode::Enforce) else {
        return Acting::default();
    };
    let written = || written(profile, now);
    let acting = match decided.filter(|decided| decided.mode == EnforcementMode::Enforce) {
        Some(decided) => {
            let decision = &decided.decision;
            Acting {
                floor: decision.floor,
                hold: decision.hold,
                strict_budget: decision.strict_budget,
                freeze: decision.freeze.clone(),
            }
        }
        None => written(),
    };
    let freeze = acting.freeze.filter(|_| plan.freeze != FreezeAction::Disabled);
    Acting { freeze, ..acting }
}

/// What the process before this one has written down.
fn written(profile: &PerformanceProfile, now: Timestamp) -> Acting {
    let status = profile.status.as_ref().and_then(|status| status.enforcement.as_ref());
    let Some(status) = status.filter(|status| status.mode == EnforcementMode::Enforce) else {
        return Acting::default();
    };
    let memory = status.memory.as_deref();
    let memory = memory.and_then(|text| crate::enforce::Memory::resumed(text, now.as_second(), 0)).unwrap_or_default();
    Acting {
        floor: status.floor,
        hold: status.holding,
        strict_budget: memory.strict,
        freeze: memory.freeze.filter(|freeze| freeze.until > now.as_second()),
    }
}

/// What a freeze does at admission, given what the profile asks for.
pub const fn freeze_action(freeze: &Freeze) -> FreezeAction {
    match freeze.level {
        FreezeLevel::Warn => FreezeAction::Warn,
        FreezeLevel::Deny => FreezeAction::Deny,
    }
}
