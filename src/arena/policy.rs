//! The policies: how the replicas of the service are decided.

mod plimsoll;

use plimsoll::Plimsoll;

use super::{
    hpa::{self, Behavior, Metric, PolicyKind, Resource, ResourceTarget, Rules, SelectPolicy, Spec, ValueTarget},
    number::milli,
    observation::Enforcer,
    world::{MIN, RIGHT, WORK, World},
};

/// The name of the external metric with requests a second.
pub const REQUESTS: &str = "requests";
/// The name of the external metric with the 95th percentile of the durations, in seconds.
pub const LATENCY: &str = "latency";
/// What that is compared with: 361 ms is what it is without waiting.
const LATENCY_TARGET: f64 = 0.5;

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Policy {
    /// An autoscaler on the CPU, 70 %
    HpaCpu,
    /// An autoscaler on the CPU, 70 %, and the memory, 80 %
    HpaCpuMemory,
    /// KEDA on requests a second and pod, with the right target
    KedaRps,
    /// The same with a target that is 30 % too high
    KedaRpsHigh,
    /// The same with a target that is 30 % too low
    KedaRpsLow,
    /// An autoscaler on the 95th percentile of the latency
    Latency,
    /// An autoscaler on the CPU, 70 %, and the 95th percentile of the latency
    CpuLatency,
    /// As many replicas as the peak needs, all the time
    StaticPeak,
    /// Knows the load before it comes: about the fewest replicas that meet the objective
    Clairvoyant,
    /// The autoscaler that Plimsoll writes by default, without enforcement
    PlimsollObserve,
    /// The same with enforcement
    Plimsoll,
    /// The same, and the profile states how many requests a pod serves at a time
    PlimsollConcurrency,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::HpaCpu,
        Self::HpaCpuMemory,
        Self::KedaRps,
        Self::KedaRpsHigh,
        Self::KedaRpsLow,
        Self::Latency,
        Self::CpuLatency,
        Self::StaticPeak,
        Self::Clairvoyant,
        Self::PlimsollObserve,
        Self::PlimsollConcurrency,
        Self::Plimsoll,
    ];

    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HpaCpu => "hpa-cpu",
            Self::HpaCpuMemory => "hpa-cpu-memory",
            Self::KedaRps => "keda-rps",
            Self::KedaRpsHigh => "keda-rps-high",
            Self::KedaRpsLow => "keda-rps-low",
            Self::Latency => "latency",
            Self::CpuLatency => "cpu-latency",
            Self::StaticPeak => "static-peak",
            Self::Clairvoyant => "clairvoyant",
            Self::PlimsollObserve => "plimsoll-observe",
            Self::Plimsoll => "plimsoll",
            Self::PlimsollConcurrency => "plimsoll-concurrency",
        }
    }

    /// Whether it is Plimsoll's own.
    pub const fn own(self) -> bool {
        matches!(self, Self::PlimsollObserve | Self::Plimsoll | Self::PlimsollConcurrency)
    }

    /// How it decides, in a world.
    pub fn driver(self, world: &World) -> Driver {
        let cpu = resource(Resource::Cpu, 70.0 * world.target_factor);
        // Nobody mis-sets one target alone; above its request a pod has no memory.
        let memory = resource(Resource::Memory, 80.0);
        let requests = |factor: f64| Metric::External {
            name: REQUESTS.to_owned(),
            target: ValueTarget::AverageValue(milli(
                f64::from(world.service.workers) * RIGHT / WORK * factor * world.target_factor,
            )),
        };
        let latency = Metric::External {
            name: LATENCY.to_owned(),
            target: ValueTarget::Value(milli(LATENCY_TARGET * world.target_factor)),
        };
        let (metrics, behavior) = match self {
            Self::StaticPeak => return Driver::Static,
            Self::Clairvoyant => return Driver::Clairvoyant,
            Self::HpaCpu => (vec![cpu], None),
            Self::HpaCpuMemory => (vec![cpu, memory], None),
            Self::KedaRps => (vec![requests(1.0)], None),
            Self::KedaRpsHigh => (vec![requests(1.3)], None),
            Self::KedaRpsLow => (vec![requests(0.7)], None),
            Self::Latency => (vec![latency], None),
            Self::CpuLatency => (vec![cpu, latency], None),
            Self::PlimsollObserve | Self::Plimsoll | Self::PlimsollConcurrency => (vec![cpu, memory], Some(defaults())),
        };
        let spec = Spec { min: MIN, max: world.max, metrics, behavior };
        let concurrency = match self {
            Self::Plimsoll => Some(None),
            Self::PlimsollConcurrency => Some(Some(f64::from(world.service.workers))),
            _ => None,
        };
        let enforcer =
            concurrency.map(|stated| -> Box<dyn Enforcer> { Box::new(Plimsoll::new(MIN, world.max, stated)) });
        Driver::Autoscaler { spec, enforcer }
    }
}

/// What decides on the replicas.
pub enum Driver {
    /// An autoscaler, and perhaps somebody who moves its bounds.
    Autoscaler {
        /// What it is told.
        spec: Spec,
        /// Who moves its bounds.
        enforcer: Option<Box<dyn Enforcer>>,
    },
    /// The peak's replicas all the time.
    Static,
    /// The load, before it comes.
    Clairvoyant,
}

fn resource(resource: Resource, percent: f64) -> Metric {
    let target = ResourceTarget::Utilization(super::number::ceiling(percent));
    Metric::Resource { resource, container: None, target }
}

/// The behavior that profiles have by default.
fn defaults() -> Behavior {
    let policy = |kind, value, period_s| hpa::Policy { kind, value, period_s };
    Behavior {
        scale_up: Rules {
            stabilization_window_s: Some(0),
            select: SelectPolicy::Min,
            policies: vec![policy(PolicyKind::Percent, 100, 30), policy(PolicyKind::Pods, 2, 30)],
            tolerance: None,
        },
        scale_down: Rules {
            stabilization_window_s: Some(300),
            select: SelectPolicy::Max,
            policies: vec![policy(PolicyKind::Percent, 50, 60)],
            tolerance: None,
        },
    }
}
