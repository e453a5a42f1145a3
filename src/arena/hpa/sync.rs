//! One pass of the controller.

use super::{
    Able, Active, Autoscaler, Behavior, Metric, Outcome, Readings, Spec,
    calculator::{Calculator, Tolerances},
    metrics::{Consensus, ask},
};

/// The replicas of the target's scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) spec: i32,
    pub(super) status: i32,
}

impl Autoscaler {
    pub(super) fn pass(&mut self, spec: &Spec, scale: Scale, readings: &dyn Readings, now_ms: i64) -> Outcome {
        let current = scale.spec;
        self.conditions.able = Some(Able::SucceededGetScale);
        self.history.begin(current, now_ms);
        let mut outcome = Outcome {
            desired: current,
            rescale: false,
            proposal: None,
            metrics: Vec::new(),
            error: None,
            conditions: self.conditions,
        };

        // Zero replicas are left alone unless they are this autoscaler's own doing.
        let from_zero = self.conditions.scaled_to_zero == Some(true);
        let has_outside = spec.metrics.iter().any(|it| matches!(it, Metric::Object { .. } | Metric::External { .. }));
        if current == 0 && !(from_zero && (spec.min != 0 || has_outside)) {
            self.conditions.active = Some(Active::ScalingDisabled);
        } else if current > spec.max && current != 0 {
            // The bounds hold at once, whatever the metrics, the windows and the rates say.
            outcome.desired = spec.max;
        } else if current < spec.min && current != 0 {
            outcome.desired = spec.min;
        } else {
            let Consensus { replicas, currents, active, problem } =
                ask(spec, &self.calculator(spec, scale, readings, now_ms));
            outcome.metrics = currents;
            outcome.error = problem.map(|problem| problem.to_string());
            outcome.proposal = replicas;
            self.conditions.active = Some(active);
            if let Some(replicas) = replicas {
                outcome.desired = self.normalize(spec, current, replicas.max(0), now_ms);
                if current == 0 && from_zero {
                    outcome.desired = outcome.desired.max(spec.min);
                }
            }
        }
        outcome.rescale = outcome.desired != current;
        if outcome.rescale {
            self.rescaled(spec, current, outcome.desired, has_outside, now_ms);
        }
        outcome.conditions = self.conditions;
        outcome
    }

    fn rescaled(&mut self, spec: &Spec, from: i32, to: i32, has_outside: bool, now_ms: i64) {
        self.conditions.able = Some(Able::SucceededRescale);
        self.conditions.scaled_to_zero = Some(from > 0 && to == 0 && spec.min == 0 && has_outside);
        if let Some(Behavior { scale_up, scale_down }) = &spec.behavior {
            self.history.changed(from, to, if to > from { scale_up } else { scale_down }, now_ms);
        }
    }

    fn calculator<'a>(&'a self, spec: &Spec, scale: Scale, readings: &'a dyn Readings, now_ms: i64) -> Calculator<'a> {
        let own = self.settings.tolerance;
        let (down, up) = match &spec.behavior {
            Some(behavior) => {
                (behavior.scale_down.tolerance.unwrap_or(own), behavior.scale_up.tolerance.unwrap_or(own))
            }
            None => (own, own),
        };
        Calculator {
            settings: &self.settings,
            readings,
            now_ms,
            tolerances: Tolerances { down, up },
            replicas: scale.spec,
            status_replicas: scale.status,
        }
    }
}
