//! What is measured, as late and as coarse as it is: Prometheus with its scrapes, and the metrics server.

use std::collections::BTreeMap;

use super::{
    deployment::{Deployment, Phase},
    hpa::{Sample, Samples},
    number::{Micros, SECOND, index, length, milli, millis, real, seconds},
    pod::{BUCKETS, Counters},
    service::Service,
    world::{Blindness, Sight},
};

/// From scrape to scrape, of Prometheus and of the metrics server.
pub const SCRAPE: Micros = 15 * SECOND;
/// How old a sample may be that a query takes for the present: `--query.lookback-delta`.
const LOOK_BACK: Micros = 300 * SECOND;
/// From a sample of the kubelet until the metrics API gives it.
pub const METRICS_LAG: Micros = 10 * SECOND;
/// What a pod requests: one core, and half a gibibyte.
pub const CPU_REQUEST: i64 = 1_000;
/// In thousandths of a byte.
pub const MEMORY_REQUEST: i64 = 512 * MEBIBYTE;
const MEBIBYTE: i64 = 1_048_576_000;
/// What a pod uses without requests, and for each that it has.
const MEMORY_BASE: i64 = 200 * MEBIBYTE;
const MEMORY_EACH: i64 = 10 * MEBIBYTE;

/// What all pods counted between two scrapes: of a pod's first sample nothing is known, as for `rate()`.
#[derive(Clone, Copy, Debug)]
struct Scrape {
    from: Micros,
    until: Micros,
    increase: Counters,
    pods: usize,
    waiting: Option<usize>,
}

/// What a query over a window answers, a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Requests.
    pub total: f64,
    /// Those that missed the objective.
    pub bad: f64,
    /// The sum of the durations, in seconds.
    pub durations: f64,
    /// Requests by duration.
    buckets: [f64; 10],
}

impl Rates {
    /// `histogram_quantile`: None without requests.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let all: f64 = self.buckets.iter().sum();
        let rank = quantile * all;
        let (mut below, mut lower) = (0.0, 0.0);
        for (count, bound) in self.buckets.iter().zip(BUCKETS) {
            let upper = seconds(bound);
            if *count > 0.0 && below + count >= rank {
                return Some(lower + (upper - lower) * (rank - below) / count);
            }
            below += count;
            lower = upper;
        }
        (all > 0.0).then_some(lower)
    }
}

/// Prometheus: the samples that it has of the service.
#[derive(Debug)]
pub struct Prometheus {
    scrapes: Vec<Scrape>,
    last: BTreeMap<u32, Counters>,
    last_at: Option<Micros>,
    blindness: Option<Blindness>,
}

impl Prometheus {
    /// One that has seen nothing yet, and that will be blind for a while.
    pub fn new(blindness: Option<Blindness>) -> Self {
        Self { scrapes: Vec::new(), last: BTreeMap::new(), last_at: None, blindness }
    }

    fn sight(&self, now: Micros) -> Sight {
        let blind = self.blindness.filter(|blind| (blind.from..blind.until).contains(&now));
        blind.map_or(Sight::Clear, |blind| blind.sight)
    }

    /// Samples of all pods that serve.
    pub fn scrape(&mut self, now: Micros, deployment: &Deployment, service: &Service) {
        let sight = self.sight(now);
        if sight == Sight::Hole {
            return;
        }
        let pods = deployment.alive().filter(|(_, life)| life.phase == Phase::Ready).map(|(pod, _)| pod);
        let seen = pods.take(if sight == Sight::Partial { 1 } else { usize::MAX });
        let samples: BTreeMap<u32, Counters> = seen.filter_map(|pod| Some((pod, service.pod(pod)?.counters))).collect();
        let mut increase = Counters::default();
        for (pod, counters) in &samples {
            if let Some(before) = self.last.get(pod) {
                increase.add(&counters.since(before));
            }
        }
        if let Some(from) = self.last_at {
            self.scrapes.push(Scrape { from, until: now, increase, pods: samples.len(), waiting: service.waiting() });
        }
        self.last = samples;
        self.last_at = Some(now);
    }

    /// The time as of which queries are answered.
    fn as_of(&self, now: Micros) -> Micros {
        match (self.sight(now), self.blindness) {
            (Sight::Frozen, Some(blind)) => blind.from,
            _ => now,
        }
    }

    /// Whether it answers with what it knew before.
    pub fn frozen(&self, now: Micros) -> bool {
        self.sight(now) == Sight::Frozen
    }

    /// `rate()` over a window, summed over the pods, and over how many seconds there are samples. None: fewer than two
    /// samples are in the window.
    pub fn rates(&self, now: Micros, window: Micros) -> Option<(Rates, f64)> {
        let as_of = self.as_of(now);
        let begin = as_of.saturating_sub(window);
        let known = self.scrapes.iter().rev().skip_while(|scrape| scrape.until > as_of);
        let mut sum = Counters::default();
        let mut span = 0;
        for scrape in known.take_while(|scrape| scrape.from > begin) {
            sum.add(&scrape.increase);
            span += scrape.until - scrape.from;
        }
        if span == 0 {
            return None;
        }
        let lie = self.sight(now) == Sight::Lie;
        let a_second = |count: u64| real(count) / seconds(span);
        let mut buckets = sum.buckets.map(a_second);
        if lie {
            buckets = [0.0; 10];
            if let Some(first) = buckets.first_mut() {
                *first = a_second(sum.total);
            }
        }
        let rates = Rates {
            total: a_second(sum.total),
            bad: if lie { 0.0 } else { a_second(sum.total - sum.good) },
            durations: if lie { 0.0 } else { a_second(sum.sum) / 1e6 },
            buckets,
        };
        Some((rates, seconds(span)))
    }

    /// The last scrape, if it is not older than what a query looks back.
    fn last(&self, now: Micros) -> Option<&Scrape> {
        let as_of = self.as_of(now);
        self.scrapes.iter().rev().find(|scrape| scrape.until <= as_of).filter(|last| as_of - last.until < LOOK_BACK)
    }

    /// Pods that had a sample at the last scrape.
    pub fn pods(&self, now: Micros) -> usize {
        self.last(now).map_or(0, |last| last.pods)
    }

    /// Requests that waited for a connection at the last scrape.
    pub fn waiting(&self, now: Micros) -> Option<f64> {
        self.last(now)?.waiting.map(length)
    }
}

/// The metrics server: what pods used between its last two looks at them.
#[derive(Debug, Default)]
pub struct MetricsServer {
    last: BTreeMap<u32, (Micros, Micros)>,
    taken: (Samples, Samples),
    /// What the API gives: CPU and memory.
    pub published: (Samples, Samples),
}

impl MetricsServer {
    /// A look at all pods that run. `cpu_share` is the CPU that a busy pod uses, as a share of what it requests.
    pub fn sample(&mut self, now: Micros, deployment: &Deployment, service: &Service, workers: u32, cpu_share: f64) {
        let mut last = BTreeMap::new();
        let (mut cpu, mut memory) = (Samples::new(), Samples::new());
        for (id, life) in deployment.alive().filter(|(_, life)| life.scheduled.is_some()) {
            let Some(pod) = service.pod(id) else { continue };
            let computed = pod.computed_until(now);
            if let Some((at, before)) = self.last.get(&id) {
                let busy = real(computed - before) / real(now - at) / f64::from(workers);
                let value = milli(busy * cpu_share * real(CPU_REQUEST.unsigned_abs()) / 1_000.0);
                let sample = |value| Sample { value, at_ms: millis(now), window_ms: millis(now - at) };
                cpu.insert(name(id), sample(value));
                let requests = if life.phase == Phase::Ready { i64::from(pod.in_flight) } else { 0 };
                memory.insert(name(id), sample(MEMORY_BASE + MEMORY_EACH * requests));
            }
            last.insert(id, (now, computed));
        }
        self.last = last;
        self.taken = (cpu, memory);
    }

    /// The API gives what was sampled last.
    pub fn publish(&mut self) {
        self.published = self.taken.clone();
    }
}

/// The name of a pod.
pub fn name(pod: u32) -> String {
    format!("pod-{}", index(pod))
}
