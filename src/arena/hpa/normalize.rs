//! From what the metrics ask for to what is done: windows, rates and bounds.

use super::{
    Able, Autoscaler, Behavior, Limit, Limited, Policy, PolicyKind, Spec,
    history::seconds,
    number::{ceil, truncate},
};

/// Without a behavior, a pass may double the replicas, or go to this many.
const SCALE_UP_MINIMUM: i32 = 4;

impl Autoscaler {
    /// What is done of what was recommended. Says in the conditions what has stood in the way.
    pub(super) fn normalize(&mut self, spec: &Spec, current: i32, recommended: i32, now_ms: i64) -> i32 {
        let (stabilized, held, (desired, reason)) = match &spec.behavior {
            None => {
                let stabilized = self.history.highest(recommended, self.settings.downscale_stabilization_ms, now_ms);
                (stabilized, Able::ScaleDownStabilized, plain(spec, current, stabilized))
            }
            Some(behavior) => {
                let up = seconds(behavior.scale_up.stabilization_window_s.unwrap_or(0));
                // The controller's own window passes through seconds.
                let own = self.settings.downscale_stabilization_ms / 1000 * 1000;
                let down = behavior.scale_down.stabilization_window_s.map_or(own, seconds);
                let stabilized = self.history.stabilize(current, recommended, (up, down), now_ms);
                let held = if recommended >= current { Able::ScaleUpStabilized } else { Able::ScaleDownStabilized };
                (stabilized, held, self.at_its_rate(spec, behavior, current, stabilized, now_ms))
            }
        };
        self.conditions.able = Some(if stabilized == recommended { Able::ReadyForNewScale } else { held });
        self.conditions.limited = Some(Limited { limited: desired != stabilized, reason });
        desired
    }

    fn at_its_rate(&self, spec: &Spec, behavior: &Behavior, current: i32, desired: i32, now_ms: i64) -> (i32, Limit) {
        if desired > current {
            let limit = self.history.limit(current, &behavior.scale_up, now_ms, may_grow_to, true).max(current);
            let (bound, reason) =
                if spec.max > limit { (limit, Limit::ScaleUpLimit) } else { (spec.max, Limit::TooManyReplicas) };
            if desired > bound {
                return (bound, reason);
            }
        } else if desired < current {
            let limit = self.history.limit(current, &behavior.scale_down, now_ms, may_shrink_to, false).min(current);
            let (bound, reason) =
                if spec.min < limit { (limit, Limit::ScaleDownLimit) } else { (spec.min, Limit::TooFewReplicas) };
            if desired < bound {
                return (bound, reason);
            }
        }
        (desired, Limit::DesiredWithinRange)
    }
}

/// The rules without a behavior: no limit of the rate down.
fn plain(spec: &Spec, current: i32, desired: i32) -> (i32, Limit) {
    let limit = truncate((2.0 * f64::from(current)).max(f64::from(SCALE_UP_MINIMUM)));
    let (bound, reason) =
        if spec.max > limit { (limit, Limit::ScaleUpLimit) } else { (spec.max, Limit::TooManyReplicas) };
    if desired < spec.min {
        (spec.min, Limit::TooFewReplicas)
    } else if desired > bound {
        (bound, reason)
    } else {
        (desired, Limit::DesiredWithinRange)
    }
}

/// Rounded up: otherwise one replica could never become two by percent.
fn may_grow_to(start: i32, policy: &Policy) -> i32 {
    match policy.kind {
        PolicyKind::Pods => start.wrapping_add(policy.value),
        PolicyKind::Percent => ceil(f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)),
    }
}

/// Rounded down, which is in favour of the change.
fn may_shrink_to(start: i32, policy: &Policy) -> i32 {
    match policy.kind {
        PolicyKind::Pods => start.wrapping_sub(policy.value),
        PolicyKind::Percent => truncate(f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)),
    }
}
