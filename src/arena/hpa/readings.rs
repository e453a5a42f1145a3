//! What the controller can read: the pods, and what the metrics APIs answer.

use std::collections::BTreeMap;

use super::Resource;

/// What a metrics API answers for pods: a pod without a sample is missing.
pub type Samples = BTreeMap<String, Sample>;

/// What the controller can read now. A metric that cannot be read is an error, as from the metrics APIs, which also answer
/// with an error if they have no series at all.
pub trait Readings {
    /// The pods that the target's selector finds, also those that end or have ended.
    fn pods(&self) -> &[Pod];

    /// The use of a resource by every pod, or by one container of every pod.
    fn resource(&self, resource: Resource, container: Option<&str>) -> Result<Samples, String>;

    /// A metric of the kind `Pods`.
    fn pods_metric(&self, name: &str) -> Result<Samples, String> {
        Err(format!("no metric {name} of pods"))
    }

    /// A metric of the kind `Object`, in milli-units.
    fn object(&self, name: &str) -> Result<i64, String> {
        Err(format!("no metric {name} of an object"))
    }

    /// A metric of the kind `External`: the values of its series, in milli-units. How old they are nobody asks.
    fn external(&self, name: &str) -> Result<Vec<i64>, String> {
        Err(format!("no external metric {name}"))
    }
}

/// One sample of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In milli-units.
    pub value: i64,
    /// When it was taken.
    pub at_ms: i64,
    /// The time before that which it covers.
    pub window_ms: i64,
}

/// A pod as the controller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name, by which samples find it.
    pub name: String,
    /// `status.phase`.
    pub phase: Phase,
    /// Whether it is being deleted: it has a deletion timestamp.
    pub deleted: bool,
    /// `status.startTime`: None until the kubelet has taken the pod.
    pub started_ms: Option<i64>,
    /// The condition `Ready`, if it is there.
    pub ready: Option<ReadyCondition>,
    /// Its containers and its sidecars (init containers that restart always).
    pub containers: Vec<Container>,
    /// Requests of the pod as a whole, `spec.resources`.
    pub requests: Option<Requests>,
}

impl Pod {
    /// A pod with one container that runs and is ready.
    pub fn running(name: impl Into<String>, started_ms: i64, ready_since_ms: i64, requests: Requests) -> Self {
        Self {
            name: name.into(),
            phase: Phase::Running,
            deleted: false,
            started_ms: Some(started_ms),
            ready: Some(ReadyCondition { status: Status::True, since_ms: ready_since_ms }),
            containers: vec![Container { name: "main".into(), requests }],
            requests: None,
        }
    }
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers run yet.
    Pending,
    /// Containers run.
    Running,
    /// All containers have ended well.
    Succeeded,
    /// All containers have ended, one of them badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// The condition `Ready` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyCondition {
    /// Whether it is ready.
    pub status: Status,
    /// `lastTransitionTime`.
    pub since_ms: i64,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// The node has not said for a while.
    Unknown,
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it requests.
    pub requests: Requests,
}

/// Requests in milli-units: a utilization of a resource that a container does not request cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// In thousandths of a core.
    pub cpu: Option<i64>,
    /// In thousandths of a byte.
    pub memory: Option<i64>,
}

impl Requests {
    /// The request of one resource.
    pub fn of(&self, resource: Resource) -> Option<i64> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}
