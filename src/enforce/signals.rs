//! One look at the world.

/// Everything that one decision rests on. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// When it was looked.
    pub now: i64,
    /// What Prometheus says.
    pub metrics: Metrics,
    /// The pods.
    pub workload: Workload,
    /// The autoscaler.
    pub autoscaler: Autoscaler,
    /// What stands behind the pods carries.
    pub limits: Limits,
    /// The highest floor of those that are scheduled for now.
    pub scheduled: Option<Scheduled>,
    /// Pods that the same hour of past days needed.
    pub seasonal: Option<i32>,
    /// Announced maintenance goes on: what burns now is put down to it, not to a release.
    pub maintenance: bool,
    /// Pods of the workload on nodes that are cordoned.
    pub draining: i32,
}

/// What Prometheus says.
#[derive(Debug, Clone, PartialEq)]
pub enum Metrics {
    /// Nothing that can be relied on, and why.
    Unknown(String),
    /// Fresh numbers.
    Measured(Measured),
}

/// Fresh numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Every objective whose events are requests.
    pub objectives: Vec<Objective>,
    /// How much there is to do; nothing where no objective has a histogram of durations.
    pub load: Option<Load>,
    /// Series that the requests are counted in.
    pub series: Option<f64>,
    /// Requests that wait for something that more pods do not help.
    pub waiting: Option<f64>,
}

/// One objective at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// The share of events that may be bad, such as 0.001.
    pub allowed: f64,
    /// Events over the last minute; nothing where not known.
    pub minute: Option<Rates>,
    /// Events over the last five minutes.
    pub five_minutes: Option<Rates>,
    /// Burn rate over half an hour.
    pub burn_30m: Option<f64>,
    /// Burn rate over an hour.
    pub burn_1h: Option<f64>,
    /// Burn rate over six hours.
    pub burn_6h: Option<f64>,
    /// Whether the burn is one that pages: both windows of a page tier are above its factor.
    pub pages: bool,
    /// The share of the budget that is left; below zero when it is overspent.
    pub budget_remaining: Option<f64>,
}

/// Events per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Bad ones.
    pub bad: f64,
    /// All.
    pub total: f64,
}

impl Rates {
    /// The share of bad events; 0 where there are none at all.
    pub fn bad_share(self) -> f64 {
        if self.total > 0.0 { self.bad / self.total } else { 0.0 }
    }
}

impl Objective {
    /// The burn rate over the last minute.
    pub fn burn_1m(&self) -> Option<f64> {
        self.minute.map(|rates| self.burn(rates))
    }

    /// The burn rate over the last five minutes.
    pub fn burn_5m(&self) -> Option<f64> {
        self.five_minutes.map(|rates| self.burn(rates))
    }

    fn burn(&self, rates: Rates) -> f64 {
        if self.allowed > 0.0 { rates.bad_share() / self.allowed } else { 0.0 }
    }
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Requests a second over the last minute.
    pub rate: f64,
    /// Requests in flight: the seconds of all requests that ended, per second (Little's law, L = λ·W).
    pub in_flight: f64,
}

impl Load {
    /// Mean time of a request in seconds; nothing without requests.
    pub fn mean_seconds(self) -> Option<f64> {
        (self.rate > 0.0).then(|| self.in_flight / self.rate)
    }
}

/// The pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workload {
    /// Pods that are asked for.
    pub replicas: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that find no node, or that a quota does not let be made.
    pub unschedulable: i32,
    /// What the pods are made from: changes with every release.
    pub revision: String,
    /// Images of the template, one `container=image` each, sorted, with commas.
    pub images: String,
}

/// The autoscaler.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Autoscaler {
    /// CPU that the pods use, per cent of their requests, and the per cent that it holds.
    pub cpu: Option<(f64, f64)>,
    /// It would go beyond its maximum.
    pub at_max: bool,
}

/// What stands behind the pods carries; nothing where there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Pods whose connections the database takes.
    pub connections: Option<i32>,
}

/// A floor that is scheduled for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Its name.
    pub name: String,
    /// Fewest replicas.
    pub replicas: i32,
}
