//! Version `v1alpha1` of the resource.

mod alerting;
mod autoscaling;
mod disruption;
mod objectives;
mod spec;
mod status;

pub use alerting::{Alerting, RuleObject, Severity};
pub use autoscaling::{Autoscaling, Management, ResourceTarget};
pub use disruption::Disruption;
pub use objectives::{HistogramFormat, Indicator, Latency, Objective, Probe, Ratio, Raw, Saturation, Throughput};
pub use spec::{PerformanceProfile, PerformanceProfileSpec, TargetRef};
pub use status::{
    BudgetStatus, BurnStatus, ChildState, ChildStatus, ObjectiveState, ObjectiveStatus, PerformanceProfileStatus,
    ScalingStatus, WorstStatus,
};
