//! What an operator can know, and what it may answer.

/// What is known at one moment. It is what the API server and Prometheus say, with their lags, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The time, in milliseconds.
    pub now_ms: i64,
    /// The workload and its pods.
    pub workload: Workload,
    /// The status of the autoscaler.
    pub autoscaler: Status,
    /// What Prometheus answers. None: it has no such series now.
    pub series: Option<Series>,
    /// Requests a second at this time and in the ten minutes after it on days before, the highest over five minutes. None:
    /// there are no such days.
    pub seasonal: Option<f64>,
}

/// The workload and its pods, as the API server has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `spec.replicas`.
    pub replicas: i32,
    /// Pods that serve.
    pub ready: i32,
    /// Pods that a node has and that do not serve yet.
    pub starting: i32,
    /// Pods that no node has room for.
    pub unschedulable: i32,
    /// For how long the oldest of them has waited, in milliseconds.
    pub unschedulable_ms: i64,
    /// The revision of the pod template.
    pub revision: u32,
    /// When it came, in milliseconds.
    pub revision_ms: i64,
    /// Requests that a pod serves at the same time.
    pub workers: u32,
    /// Pods on a node that is cordoned.
    pub draining: i32,
}

/// The autoscaler, as its status tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// `spec.minReplicas` as the profile has it.
    pub min: i32,
    /// `spec.maxReplicas`.
    pub max: i32,
    /// `status.desiredReplicas`.
    pub desired: i32,
    /// What its metrics asked for at the last pass, before windows and bounds. None: they could not be read, or were not.
    pub proposal: Option<i32>,
    /// The CPU in use, in percent of what the pods request. None: it is not known.
    pub cpu: Option<i32>,
    /// The target of that.
    pub cpu_target: Option<i32>,
}

/// What the series of the service say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    /// How long ago the rules recorded this, in milliseconds.
    pub age_ms: i64,
    /// Requests over windows of one, five, thirty and sixty minutes.
    pub windows: [Window; 4],
    /// Requests a second between the last two samples, over one minute and over five. None: there are too few samples.
    pub rates: [Option<f64>; 3],
    /// Requests in the service at the same time: the sum of the durations over a second, over one minute.
    pub in_flight: Option<f64>,
    /// The mean duration over one minute and over five, in seconds.
    pub latencies: [Option<f64>; 2],
    /// Pods whose series have a sample.
    pub pods: usize,
    /// Requests that wait for a connection of the pool behind the service. None: there is no such series.
    pub waiting: Option<f64>,
}

/// Requests within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    /// How many. Zero: nothing is known, or nothing came.
    pub events: f64,
    /// Those among them that missed the objective.
    pub bad: f64,
}

impl Window {
    /// How many times as fast as allowed the budget is spent: None without requests.
    pub fn burn(&self, budget: f64) -> Option<f64> {
        (self.events > 0.0).then(|| self.bad / self.events / budget)
    }
}

/// What an operator does to the autoscaler until it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `minReplicas`.
    pub floor: i32,
    /// Whether nothing is scaled down: `behavior.scaleDown.selectPolicy: Disabled`.
    pub hold: bool,
}

/// Something that decides from time to time on the bounds of an autoscaler.
pub trait Enforcer {
    /// What is to be done now.
    fn decide(&mut self, observation: &Observation) -> Decision;
}
