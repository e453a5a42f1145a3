//! The algorithm of the HorizontalPodAutoscaler controller of Kubernetes 1.37, in virtual time.
//!
//! What the controller decides, with the feature gates at their defaults of 1.37: the replica counts of every kind of
//! metric, the highest of them, the stabilization windows, the rate policies, the tolerances of either direction, and
//! the way to zero and back. `tests/hpa.rs` compares it with the controller itself, case by case.
//!
//! Not here: the scale subresource and its conflicts, the selector of the pods and its overlap with another
//! autoscaler's, the queue. Times are milliseconds of virtual time, values are in milli-units (500 is half a core or half
//! a request; a byte is 1000), as in the controller.

mod calculator;
mod convert;
mod group;
mod history;
mod metrics;
mod normalize;
mod number;
mod outcome;
mod quantity;
mod readings;
mod request;
mod spec;
mod sync;
#[cfg(test)]
mod tests;

pub use calculator::{Calculator, Problem, Proposal, Tolerances};
pub use convert::SpecError;
use history::History;
pub use outcome::{Able, Active, Conditions, Current, Limit, Limited, Outcome};
pub use readings::{Container, Phase, Pod, Readings, ReadyCondition, Requests, Sample, Samples, Status};
pub use spec::{
    Behavior, Metric, Policy, PolicyKind, Resource, ResourceTarget, Rules, SelectPolicy, Settings, Spec, ValueTarget,
};
use sync::Scale;

/// How often the controller looks at an autoscaler: `--horizontal-pod-autoscaler-sync-period`.
pub const SYNC_PERIOD_MS: i64 = 15_000;

/// One autoscaler, with what the controller keeps in its memory about it and what stands in its status.
#[derive(Clone, Debug, Default)]
pub struct Autoscaler {
    settings: Settings,
    conditions: Conditions,
    history: History,
}

impl Autoscaler {
    /// An autoscaler that was created now, under a controller with its default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same under a controller that was started with other settings.
    pub fn with_settings(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// One pass of the controller over the autoscaler. `spec_replicas` and `status_replicas` are those of the target's
    /// scale: what was asked for, and the pods that are there.
    ///
    /// The caller writes [`Outcome::desired`] to the scale if [`Outcome::rescale`] says so: the controller takes the write
    /// for done.
    pub fn sync(
        &mut self,
        spec: &Spec,
        spec_replicas: i32,
        status_replicas: i32,
        readings: &dyn Readings,
        now_ms: i64,
    ) -> Outcome {
        self.pass(spec, Scale { spec: spec_replicas, status: status_replicas }, readings, now_ms)
    }

    /// The controller starts anew, as after a change of its leader: its memory is gone, the status stays.
    pub fn restart(&mut self) {
        self.history = History::default();
    }
}
