//! What one pass of the controller comes to.

/// The outcome of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The replicas of the target after the pass.
    pub desired: i32,
    /// Whether the controller writes them.
    pub rescale: bool,
    /// What the metrics asked for, before the windows, the policies and the bounds. None if they were not asked, or could
    /// not be told.
    pub proposal: Option<i32>,
    /// What stands in `status.currentMetrics`, in the order of the metrics: None for one that could not be read. Empty if
    /// they were not asked.
    pub metrics: Vec<Option<Current>>,
    /// The first metric that could not be read, and why. Some metrics may have been enough for a pass.
    pub error: Option<String>,
    /// The conditions of the status after the pass.
    pub conditions: Conditions,
}

impl Outcome {
    /// Whether the autoscaler would go beyond its bounds or its rates, and which.
    pub fn scaling_limited(&self) -> Option<Limit> {
        self.conditions.limited.filter(|limited| limited.limited).map(|limited| limited.reason)
    }
}

/// The current value of a metric, as in the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// `averageUtilization` in percent, if that is the target.
    pub utilization: Option<i32>,
    /// `averageValue`, or `value` of a target that is a value; in milli-units.
    pub value: i64,
}

/// The conditions of an autoscaler. They stay until a pass says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `AbleToScale`: here always true. None before the first pass.
    pub able: Option<Able>,
    /// `ScalingActive`.
    pub active: Option<Active>,
    /// `ScalingLimited`.
    pub limited: Option<Limited>,
    /// `ScaledToZero`: whether the zero replicas are the autoscaler's own doing. None before the first change.
    pub scaled_to_zero: Option<bool>,
}

/// The reason of `AbleToScale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Able {
    /// The scale was read; nothing was decided.
    SucceededGetScale,
    /// What the metrics ask for was not changed by a window.
    ReadyForNewScale,
    /// A lower recommendation within the window of the scale-up holds it.
    ScaleUpStabilized,
    /// A higher recommendation within the window of the scale-down holds it.
    ScaleDownStabilized,
    /// The replicas were changed.
    SucceededRescale,
}

/// The reason of `ScalingActive`; true only of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// A metric has told a number of replicas.
    ValidMetricFound,
    /// Somebody has scaled the target to zero.
    ScalingDisabled,
    /// A resource metric could not be read.
    FailedGetResourceMetric,
    /// A resource metric of a container could not be read.
    FailedGetContainerResourceMetric,
    /// A metric of pods could not be read.
    FailedGetPodsMetric,
    /// A metric of an object could not be read.
    FailedGetObjectMetric,
    /// An external metric could not be read.
    FailedGetExternalMetric,
}

/// The condition `ScalingLimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Whether it is limited.
    pub limited: bool,
    /// Why.
    pub reason: Limit,
}

/// The reason of `ScalingLimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing limits.
    DesiredWithinRange,
    /// `minReplicas`.
    TooFewReplicas,
    /// `maxReplicas`.
    TooManyReplicas,
    /// The rate of the scale-up.
    ScaleUpLimit,
    /// The rate of the scale-down.
    ScaleDownLimit,
}
