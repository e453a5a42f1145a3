//! The autoscaler in its cluster: what it reads, and who moves its bounds.

use super::{
    deployment::{Deployment, Phase},
    hpa::{
        self, Autoscaler, Metric, Pod, Readings, ReadyCondition, Requests, Resource, ResourceTarget, Samples,
        SelectPolicy, Spec, Status as Truth,
    },
    measure::{CPU_REQUEST, MEMORY_REQUEST, MetricsServer, Prometheus, name},
    number::{MINUTE, Micros, SECOND, milli, millis},
    observation::{Decision, Enforcer, Observation, Series, Status, Window, Workload},
    policy::{LATENCY, REQUESTS},
};

/// An autoscaler, and perhaps somebody who moves its bounds.
pub struct Autoscaling {
    spec: Spec,
    enforcer: Option<Box<dyn Enforcer>>,
    autoscaler: Autoscaler,
    /// `minReplicas` and `selectPolicy` as the profile has them.
    own: (i32, Option<SelectPolicy>),
    last: Option<hpa::Outcome>,
    /// What the rules recorded last, and when.
    recorded: Option<(Micros, Series)>,
}

/// What a pass of the autoscaler came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// The replicas after it.
    pub replicas: i32,
    /// Whether its metrics ask for more than the most, or just that.
    pub at_max: bool,
}

impl Autoscaling {
    /// An autoscaler that was created now.
    pub fn new(spec: Spec, enforcer: Option<Box<dyn Enforcer>>) -> Self {
        let own = (spec.min, spec.behavior.as_ref().map(|behavior| behavior.scale_down.select));
        Self { spec, enforcer, autoscaler: Autoscaler::new(), own, last: None, recorded: None }
    }

    /// One pass of the autoscaler.
    pub fn sync(
        &mut self,
        now: Micros,
        deployment: &Deployment,
        metrics: &MetricsServer,
        prometheus: &Prometheus,
    ) -> Scaled {
        let readings = Reader { pods: pods(deployment), metrics, prometheus, now };
        let outcome = self.autoscaler.sync(&self.spec, deployment.replicas, deployment.total(), &readings, millis(now));
        let replicas = if outcome.rescale { outcome.desired } else { deployment.replicas };
        self.last = Some(outcome);
        Scaled { replicas, at_max: replicas >= self.spec.max }
    }

    /// The recording rules of an operator are evaluated; what they record no more is stale at once.
    pub fn record(&mut self, now: Micros, prometheus: &Prometheus) {
        if self.enforcer.is_some() && !prometheus.frozen(now) {
            self.recorded = series(now, prometheus).map(|series| (now, series));
        }
    }

    /// Somebody may move the bounds: whether they were moved.
    pub fn enforce(&mut self, now: Micros, deployment: &Deployment, workers: u32, seasonal: Option<f64>) -> bool {
        let Some(enforcer) = &mut self.enforcer else { return false };
        let observation = Observation {
            now_ms: millis(now),
            workload: workload(now, deployment, workers),
            autoscaler: status(&self.spec, self.own.0, self.last.as_ref(), deployment.replicas),
            series: self.recorded.map(|(at, series)| Series { age_ms: millis(now - at), ..series }),
            seasonal,
        };
        let Decision { floor, hold } = enforcer.decide(&observation);
        let floor = floor.clamp(self.own.0, self.spec.max);
        let select = if hold { Some(SelectPolicy::Disabled) } else { self.own.1 };
        let moved = floor != self.spec.min
            || self.spec.behavior.as_ref().is_some_and(|behavior| Some(behavior.scale_down.select) != select);
        self.spec.min = floor;
        if let (Some(behavior), Some(select)) = (&mut self.spec.behavior, select) {
            behavior.scale_down.select = select;
        }
        moved
    }
}

struct Reader<'a> {
    pods: Vec<Pod>,
    metrics: &'a MetricsServer,
    prometheus: &'a Prometheus,
    now: Micros,
}

impl Readings for Reader<'_> {
    fn pods(&self) -> &[Pod] {
        &self.pods
    }

    fn resource(&self, resource: Resource, _container: Option<&str>) -> Result<Samples, String> {
        let (cpu, memory) = &self.metrics.published;
        let samples = if resource == Resource::Cpu { cpu } else { memory };
        if samples.is_empty() {
            Err("no metrics returned from resource metrics API".into())
        } else {
            Ok(samples.clone())
        }
    }

    /// KEDA's Prometheus scaler, with its default `ignoreNullValues: true`: an answer without a series is zero. It asks when
    /// the autoscaler does.
    fn external(&self, name: &str) -> Result<Vec<i64>, String> {
        let rates = self.prometheus.rates(self.now, MINUTE).map(|(rates, _)| rates);
        match name {
            REQUESTS => Ok(vec![milli(rates.map_or(0.0, |rates| rates.total))]),
            LATENCY => Ok(vec![milli(rates.and_then(|rates| rates.quantile(0.95)).unwrap_or_default())]),
            _ => Err(format!("no external metric {name}")),
        }
    }
}

fn pods(deployment: &Deployment) -> Vec<Pod> {
    let requests = Requests { cpu: Some(CPU_REQUEST), memory: Some(MEMORY_REQUEST) };
    let pod = |(id, life): (u32, &super::deployment::Life)| {
        let scheduled = life.scheduled.map(millis);
        let ready = life.phase == Phase::Ready;
        let since = if ready { life.ready.map(millis) } else { scheduled };
        Pod {
            phase: if scheduled.is_some() { hpa::Phase::Running } else { hpa::Phase::Pending },
            started_ms: scheduled,
            ready: since
                .map(|since_ms| ReadyCondition { status: if ready { Truth::True } else { Truth::False }, since_ms }),
            ..Pod::running(name(id), 0, 0, requests)
        }
    };
    deployment.alive().map(pod).collect()
}

fn workload(now: Micros, deployment: &Deployment, workers: u32) -> Workload {
    let waiting = deployment.alive().filter(|(_, life)| life.phase == Phase::Unschedulable);
    let oldest = waiting.map(|(_, life)| life.created).min();
    Workload {
        replicas: deployment.replicas,
        ready: deployment.count(Phase::Ready),
        starting: deployment.count(Phase::Starting),
        unschedulable: deployment.count(Phase::Unschedulable),
        unschedulable_ms: oldest.map_or(0, |oldest| millis(now.saturating_sub(oldest))),
        revision: deployment.revision,
        revision_ms: millis(deployment.revision_at),
        workers,
        draining: deployment.draining(),
    }
}

fn status(spec: &Spec, min: i32, last: Option<&hpa::Outcome>, replicas: i32) -> Status {
    let is_cpu = |metric: &Metric| matches!(metric, Metric::Resource { resource: Resource::Cpu, .. });
    let cpu = spec.metrics.iter().position(is_cpu);
    let target = |metric: &Metric| match metric {
        Metric::Resource { target: ResourceTarget::Utilization(percent), .. } => Some(*percent),
        _ => None,
    };
    let used = |index: usize| last?.metrics.get(index).copied().flatten()?.utilization;
    Status {
        min,
        max: spec.max,
        desired: last.map_or(replicas, |last| last.desired),
        proposal: last.and_then(|last| last.proposal),
        cpu: cpu.and_then(used),
        cpu_target: cpu.and_then(|index| spec.metrics.get(index)).and_then(target),
    }
}

/// What the rules of an operator record. None: nothing.
fn series(now: Micros, prometheus: &Prometheus) -> Option<Series> {
    let rates = |window| prometheus.rates(now, window);
    let minute = rates(MINUTE).map(|(rates, _)| rates);
    let five = rates(5 * MINUTE).map(|(rates, _)| rates);
    minute?;
    let window = |minutes: u64| {
        rates(minutes * MINUTE)
            .map_or(Window::default(), |(rates, span)| Window { events: rates.total * span, bad: rates.bad * span })
    };
    let latency = |rates: Option<super::measure::Rates>| {
        rates.filter(|rates| rates.total > 0.0).map(|rates| rates.durations / rates.total)
    };
    Some(Series {
        age_ms: 0,
        windows: [window(1), window(5), window(30), window(60)],
        rates: [
            rates(31 * SECOND).map(|(rates, _)| rates.total),
            minute.map(|rates| rates.total),
            five.map(|rates| rates.total),
        ],
        in_flight: minute.map(|rates| rates.durations),
        latencies: [latency(minute), latency(five)],
        pods: prometheus.pods(now),
        waiting: prometheus.waiting(now),
    })
}
