//! What an autoscaler is told: its bounds, its metrics and its behavior.

/// The settings of the controller that are flags of kube-controller-manager.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The change of the ratio of usage to target that is too small to act on, if the behavior states none. Default 0.1.
    pub tolerance: f64,
    /// How long the highest recommendation is held before a scale-down, if the behavior states none. Default 300 s.
    pub downscale_stabilization_ms: i64,
    /// How long after its start a pod's CPU samples are taken only while it is ready. Default 300 s.
    pub cpu_initialization_period_ms: i64,
    /// Within this time after the start a change to unready counts as never having been ready. Default 30 s.
    pub initial_readiness_delay_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            downscale_stabilization_ms: 300_000,
            cpu_initialization_period_ms: 300_000,
            initial_readiness_delay_ms: 30_000,
        }
    }
}

/// The specification of an autoscaler as the API server stores it: with its defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// `minReplicas`: 0 needs an object or an external metric.
    pub min: i32,
    /// `maxReplicas`.
    pub max: i32,
    /// The metrics; the highest count that one of them asks for is taken.
    pub metrics: Vec<Metric>,
    /// `behavior`. Without one the controller has rules of its own, which are not the defaults of a behavior.
    pub behavior: Option<Behavior>,
}

/// A resource that pods request and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// In thousandths of a core.
    Cpu,
    /// In thousandths of a byte.
    Memory,
}

/// One metric and its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// `Resource`, or `ContainerResource` if a container is named.
    Resource {
        /// Of which resource.
        resource: Resource,
        /// Of one container of every pod, not of the whole pod.
        container: Option<String>,
        /// What is wanted.
        target: ResourceTarget,
    },
    /// `Pods`: a value for every pod, its average against the target. The name is the metric's with its selector.
    Pods {
        /// Which metric.
        name: String,
        /// The target of the average over the pods, in milli-units.
        average_value: i64,
    },
    /// `Object`: one value that describes another object. The name is the metric's with its selector and its object.
    Object {
        /// Which metric.
        name: String,
        /// What is wanted.
        target: ValueTarget,
    },
    /// `External`: the sum of the series that a name with its selector finds.
    External {
        /// Which metric.
        name: String,
        /// What is wanted.
        target: ValueTarget,
    },
}

/// The target of a resource metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// `averageUtilization`: percent of what the pods request.
    Utilization(i32),
    /// `averageValue`, in milli-units for each pod.
    AverageValue(i64),
}

/// The target of an object or external metric, in milli-units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueTarget {
    /// `value`: the count of ready pods is multiplied by the ratio of the metric to this.
    Value(i64),
    /// `averageValue`: the metric is divided by this.
    AverageValue(i64),
}

/// `behavior`: both directions are there, as the API server fills in what was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// `scaleUp`.
    pub scale_up: Rules,
    /// `scaleDown`.
    pub scale_down: Rules,
}

/// How fast and how readily an autoscaler scales in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// `stabilizationWindowSeconds`, 0 to 3600. None of a scale-down is the controller's; of a scale-up it is 0.
    pub stabilization_window_s: Option<i32>,
    /// `selectPolicy`.
    pub select: SelectPolicy,
    /// `policies`.
    pub policies: Vec<Policy>,
    /// `tolerance`, as a share: None is the controller's.
    pub tolerance: Option<f64>,
}

/// Which policy counts if there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: the direction is switched off.
    Disabled,
}

/// A limit of the change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the value counts.
    pub kind: PolicyKind,
    /// At most so many, more than 0.
    pub value: i32,
    /// `periodSeconds`: within so many seconds, 1 to 1800.
    pub period_s: i32,
}

/// What a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

impl Rules {
    /// What the API server fills in for `scaleUp`: at once, 4 pods or as many again every 15 s.
    pub fn scale_up() -> Self {
        Self {
            stabilization_window_s: Some(0),
            select: SelectPolicy::Max,
            policies: vec![
                Policy { kind: PolicyKind::Pods, value: 4, period_s: 15 },
                Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 },
            ],
            tolerance: None,
        }
    }

    /// What the API server fills in for `scaleDown`: after the controller's window, all of them in 15 s.
    pub fn scale_down() -> Self {
        Self {
            stabilization_window_s: None,
            select: SelectPolicy::Max,
            policies: vec![Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 }],
            tolerance: None,
        }
    }
}

impl Default for Behavior {
    /// What the API server makes of an empty `behavior`.
    fn default() -> Self {
        Self { scale_up: Rules::scale_up(), scale_down: Rules::scale_down() }
    }
}
