//! The world of a run: what the service and its cluster are like, and what goes wrong.

use super::{
    deployment,
    load::{Load, Shape, WARM_UP},
    number::{MINUTE, Micros, ceiling, floor, micros, seconds, whole},
    service,
};

/// Mean duration of a request without waiting, in seconds.
pub const WORK: f64 = 0.18;
/// The deviation of its logarithm.
pub const SIGMA: f64 = 0.5;
/// The share of requests that may be bad.
pub const BUDGET: f64 = 0.01;
/// The load of a pod that is right, as a share of what it can serve.
pub const RIGHT: f64 = 0.7;
/// The fewest replicas.
pub const MIN: i32 = 2;
/// The most.
pub const MAX: i32 = 40;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Fault {
    /// Nothing
    None,
    /// Requests wait more than they compute: a pod that is full uses 40 % of its CPU
    PoolBound,
    /// For a fifth of the hour the pool of connections behind all pods has room for 80 % of the load
    Dependency,
    /// Pods need 90 to 120 s until they serve, instead of 25 to 45
    SlowStart,
    /// A release makes requests take 1.3 times as long
    Release13,
    /// A release makes requests take 1.8 times as long
    Release18,
    /// Two of a hundred requests take longer than the objective allows, whatever the load
    Infeasible,
    /// The pods of one of three nodes are 1.8 times as slow for a third of the hour
    NoisyNeighbour,
    /// The target of the autoscaler is 30 % too high: too few pods
    TargetHigh,
    /// The target of the autoscaler is 30 % too low: too many pods
    TargetLow,
    /// Prometheus has no samples of the service for ten minutes at the peak
    PrometheusHole,
    /// Prometheus answers with what it knew when the peak began, for ten minutes
    Frozen,
    /// The service reports no errors and no durations for ten minutes at the peak
    Lie,
    /// Prometheus sees one pod only for ten minutes at the peak
    Partial,
    /// One of three nodes is drained
    NodeDrain,
    /// The peak needs more than the most replicas
    MaxReplicas,
    /// The peak needs more than the nodes have room for
    NoCapacity,
    /// Clients try a second time when they gave up
    Retries,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::None,
        Self::PoolBound,
        Self::Dependency,
        Self::SlowStart,
        Self::Release13,
        Self::Release18,
        Self::Infeasible,
        Self::NoisyNeighbour,
        Self::TargetHigh,
        Self::TargetLow,
        Self::PrometheusHole,
        Self::Frozen,
        Self::Lie,
        Self::Partial,
        Self::NodeDrain,
        Self::MaxReplicas,
        Self::NoCapacity,
        Self::Retries,
    ];

    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PoolBound => "pool-bound",
            Self::Dependency => "dependency",
            Self::SlowStart => "slow-start",
            Self::Release13 => "release13",
            Self::Release18 => "release18",
            Self::Infeasible => "infeasible",
            Self::NoisyNeighbour => "noisy-neighbour",
            Self::TargetHigh => "target-high",
            Self::TargetLow => "target-low",
            Self::PrometheusHole => "prometheus-hole",
            Self::Frozen => "frozen",
            Self::Lie => "lie",
            Self::Partial => "partial",
            Self::NodeDrain => "node-drain",
            Self::MaxReplicas => "max-replicas",
            Self::NoCapacity => "no-capacity",
            Self::Retries => "retries",
        }
    }
}

/// How Prometheus sees the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// As it is.
    Clear,
    /// Not at all.
    Hole,
    /// As it was.
    Frozen,
    /// Without errors and durations.
    Lie,
    /// One pod of all.
    Partial,
}

/// A time in which Prometheus does not see the service as it is.
#[derive(Clone, Copy, Debug)]
pub struct Blindness {
    /// From here.
    pub from: Micros,
    /// Until here.
    pub until: Micros,
    /// How it sees it.
    pub sight: Sight,
}

/// Requests that are slow whatever the load.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// How many.
    pub share: f64,
    /// Seconds: least and most.
    pub between: (f64, f64),
}

/// What a run happens in.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The service.
    pub service: service::Settings,
    /// The cluster.
    pub cluster: deployment::Settings,
    /// The CPU that a full pod uses, as a share of what it requests.
    pub cpu_share: f64,
    /// The most replicas.
    pub max: i32,
    /// What right targets are multiplied by.
    pub target_factor: f64,
    /// Requests that are slow whatever the load.
    pub tail: Option<Tail>,
    /// A release: when, and how slow it is.
    pub release: Option<(Micros, f64)>,
    /// A noisy node: from, until, how slow.
    pub noise: Option<(Micros, Micros, f64)>,
    /// When a node is drained.
    pub drain: Option<Micros>,
    /// Few connections: from, until, how many.
    pub scarcity: Option<(Micros, Micros, u32)>,
    /// When Prometheus does not see the service as it is.
    pub blindness: Option<Blindness>,
}

/// Connections of the shared pool when they are not scarce.
pub const CONNECTIONS: u32 = 200;

impl World {
    /// The world of a fault, under a load of a shape.
    pub fn new(fault: Fault, shape: Shape, load: &Load) -> Self {
        let hour = load.end().saturating_sub(WARM_UP);
        let at = |share: f64| WARM_UP + micros(seconds(hour) * share);
        let peak = load.highest(0, load.end());
        // Fewer than what the peak keeps busy all the time: no way of scaling saves it.
        let scarce = floor(pods(peak, 1.0, 1.0) * 0.95).max(MIN + 1);
        let mut world = Self {
            service: service::Settings::default(),
            cluster: deployment::Settings { start: (25.0, 45.0), capacity: 60 },
            cpu_share: 1.0,
            max: MAX,
            target_factor: 1.0,
            tail: None,
            release: None,
            noise: None,
            drain: None,
            scarcity: None,
            blindness: None,
        };
        let blind = |sight| {
            let from = at(shape.peak()).saturating_sub(2 * MINUTE);
            Some(Blindness { from, until: from + hour / 6, sight })
        };
        match fault {
            Fault::None => {}
            Fault::PoolBound => world.cpu_share = 0.4,
            Fault::Dependency => {
                let connected = 0.3;
                world.service.shared = Some(service::Shared { connections: CONNECTIONS, share: connected });
                // The time with a connection computes nothing: a full pod uses its CPU all the same.
                world.cpu_share = 1.0 / (1.0 - connected);
                let (from, until) = (at(0.5), at(0.7));
                let needed = load.highest(from, until - from) * WORK * connected;
                let connections = u32::try_from(ceiling(needed * 0.8)).unwrap_or_default();
                world.scarcity = Some((from, until, connections));
            }
            Fault::SlowStart => world.cluster.start = (90.0, 120.0),
            Fault::Release13 => world.release = Some((at(0.4), 1.3)),
            Fault::Release18 => world.release = Some((at(0.4), 1.8)),
            Fault::Infeasible => world.tail = Some(Tail { share: 0.02, between: (0.8, 1.5) }),
            Fault::NoisyNeighbour => world.noise = Some((at(0.35), at(0.6833), 1.8)),
            Fault::TargetHigh => world.target_factor = 1.3,
            Fault::TargetLow => world.target_factor = 0.7,
            Fault::PrometheusHole => world.blindness = blind(Sight::Hole),
            Fault::Frozen => world.blindness = blind(Sight::Frozen),
            Fault::Lie => world.blindness = blind(Sight::Lie),
            Fault::Partial => world.blindness = blind(Sight::Partial),
            Fault::NodeDrain => world.drain = Some(at(shape.peak())),
            Fault::MaxReplicas => world.max = scarce,
            Fault::NoCapacity => world.cluster.capacity = whole(scarce),
            Fault::Retries => world.service.retry = true,
        }
        world
    }

    /// How slow the requests of pods of the current template are at a time.
    pub fn slowness(&self, now: Micros) -> f64 {
        self.release.map_or(1.0, |(at, slowness)| if now >= at { slowness } else { 1.0 })
    }
}

/// Pods for so many requests a second, each with four workers that are busy for a share of the time.
pub fn pods(rate: f64, slowness: f64, utilization: f64) -> f64 {
    rate * WORK * slowness / (f64::from(service::Settings::default().workers) * utilization)
}
