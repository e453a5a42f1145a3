//! Plimsoll's own decisions in the arena: what can be observed, in the words of `enforce`.

use crate::{
    arena::{
        number::{ceiling, length},
        observation::{Decision, Enforcer, Observation, Series, Window},
        world::{BUDGET, RIGHT, pods},
    },
    enforce::{
        Autoscaler, Limits, Load, Measured, Memory, Metrics, Objective, Rates, Settings, Signals, Workload, decide,
    },
};

/// The arena's time zero, in seconds since 1970: zero itself means never.
const EPOCH: i64 = 1_800_000_000;
/// Series that each pod counts its requests in.
const SERIES: f64 = 12.0;
/// The age up to which signals are fresh, as for the operator.
const LONGEST_AGE_MS: i64 = 75_000;
/// Both windows of the fast page tier burn above this.
const PAGE: f64 = 14.4;

/// Plimsoll with what it remembers.
#[derive(Debug)]
pub struct Plimsoll {
    settings: Settings,
    memory: Memory,
}

impl Plimsoll {
    /// With nothing learned yet. `concurrency` is what a profile may state: the requests that a pod serves at a time.
    pub fn new(min: i32, max: i32, concurrency: Option<f64>) -> Self {
        Self { settings: Settings { concurrency, ..Settings::new(min, max) }, memory: Memory::default() }
    }
}

impl Enforcer for Plimsoll {
    fn decide(&mut self, observation: &Observation) -> Decision {
        let decision = decide(&signals(observation), &self.settings, &self.memory);
        self.memory = decision.memory;
        Decision { floor: decision.floor.unwrap_or(self.settings.min), hold: decision.hold }
    }
}

fn signals(observation: &Observation) -> Signals {
    let workload = &observation.workload;
    let autoscaler = &observation.autoscaler;
    let cpu = autoscaler.cpu.zip(autoscaler.cpu_target).map(|(now, target)| (f64::from(now), f64::from(target)));
    Signals {
        now: EPOCH + observation.now_ms / 1_000,
        metrics: metrics(observation.series.as_ref()),
        workload: Workload {
            replicas: workload.replicas,
            ready: workload.ready,
            unschedulable: workload.unschedulable,
            revision: workload.revision.to_string(),
            images: format!("service=service:{}", workload.revision),
        },
        autoscaler: Autoscaler { cpu, at_max: autoscaler.proposal.is_some_and(|proposal| proposal > autoscaler.max) },
        limits: Limits::default(),
        scheduled: None,
        seasonal: observation.seasonal.map(|rate| ceiling(pods(rate, 1.0, RIGHT))),
        maintenance: false,
        draining: workload.draining,
    }
}

fn metrics(series: Option<&Series>) -> Metrics {
    match series {
        Some(series) if series.age_ms > LONGEST_AGE_MS => Metrics::Unknown("the newest signals are too old".to_owned()),
        Some(series) => measured(series).map_or_else(|| Metrics::Unknown("no requests".to_owned()), Metrics::Measured),
        None => Metrics::Unknown("Prometheus has no signals".to_owned()),
    }
}

fn measured(series: &Series) -> Option<Measured> {
    let [minute, five, half, hour] = &series.windows;
    let [_, rate, rate_5m] = series.rates;
    let (rate, in_flight) = (rate?, series.in_flight?);
    let burn = |window: &Window| window.burn(BUDGET);
    let objective = Objective {
        name: "latency".to_owned(),
        allowed: BUDGET,
        minute: rates(minute, Some(rate)),
        five_minutes: rates(five, rate_5m),
        burn_30m: burn(half),
        burn_1h: burn(hour),
        burn_6h: None,
        pages: burn(hour).zip(burn(five)).is_some_and(|(long, short)| long > PAGE && short > PAGE),
        // Of a month, an hour is next to nothing.
        budget_remaining: Some(1.0),
    };
    Some(Measured {
        objectives: vec![objective],
        load: Some(Load { rate, in_flight }),
        series: Some(length(series.pods) * SERIES),
        waiting: series.waiting,
    })
}

fn rates(window: &Window, rate: Option<f64>) -> Option<Rates> {
    let share = if window.events > 0.0 { window.bad / window.events } else { 0.0 };
    rate.map(|total| Rates { bad: total * share, total })
}
