//! Pods that follow the replicas, and the load on them.

use plimsoll::arena::hpa::{
    Metric, Phase, Pod, ReadyCondition, Resource, ResourceTarget, Sample, Samples, Spec, Status, ValueTarget,
};

use crate::{
    cluster::{Shape, containers},
    random::Random,
    world::World,
};

#[derive(Clone, Debug)]
struct Life {
    pod: Pod,
    runs_ms: i64,
    ready_ms: i64,
}

#[derive(Clone, Debug)]
pub struct Simulation {
    shape: Shape,
    lives: Vec<Life>,
    created: u32,
    /// How many replicas the load needs.
    need: f64,
    /// Percent of the steps in which a metric is lost.
    lost: i64,
    /// Percent of the steps in which the load becomes another, beside those that all have.
    restless: i64,
    /// How long a pod starts, in milliseconds at most.
    start_ms: i64,
}

impl Simulation {
    pub fn random(random: &mut Random, busy: bool) -> Self {
        Self {
            shape: Shape::random(random),
            lives: Vec::new(),
            created: 0,
            need: f64::from(random.small(0, 12)),
            lost: random.pick(&[0, 0, 5, 25]),
            restless: if busy { 60 } else { 0 },
            start_ms: random.pick(&[0, 15_000, 60_000, 400_000]),
        }
    }

    /// What can be read now, and the replicas of the scale's status.
    pub fn step(&mut self, random: &mut Random, spec: &Spec, replicas: i32, now_ms: i64) -> (World, i32) {
        self.load(random, spec, replicas);
        self.follow(random, replicas, now_ms);
        let pods: Vec<_> = self.lives.iter().map(|life| life.pod.clone()).collect();
        let there = i32::try_from(pods.iter().filter(|pod| !pod.deleted).count()).unwrap();
        let status = if random.percent(10) { random.small(0, there + 3) } else { there };
        let mut world = World { pods, ..World::default() };
        for metric in &spec.metrics {
            if !random.percent(self.lost) {
                self.read(random, metric, &mut world, status, now_ms);
            }
        }
        (world, status)
    }

    fn load(&mut self, random: &mut Random, spec: &Spec, replicas: i32) {
        let most = spec.max + spec.max / 3 + 2;
        if random.percent(self.restless) {
            self.need = f64::from(random.small(0, most));
            return;
        }
        let tolerances = spec.behavior.iter().flat_map(|it| [it.scale_up.tolerance, it.scale_down.tolerance]).flatten();
        let stated = tolerances.last().unwrap_or(0.1);
        self.need = match random.within(0, 19) {
            0 | 1 => f64::from(random.small(0, most)),
            2 => random.pick(&[0.0, 0.0, 0.0, -1.5]),
            3 | 4 => self.need * f64::from(random.small(50, 200)) / 100.0,
            5..=7 => f64::from(replicas) * random.pick(&[1.1, 0.9, 1.0 + stated, 1.0 - stated, 1.0, 1.101, 0.899]),
            _ => self.need,
        };
    }

    /// Pods are created and deleted until there are as many as are wanted; some go their own ways.
    fn follow(&mut self, random: &mut Random, replicas: i32, now_ms: i64) {
        self.lives.retain(|life| !life.pod.deleted || random.percent(30));
        let wanted = usize::try_from(replicas).unwrap();
        let mut there = self.lives.iter().filter(|life| !life.pod.deleted).count();
        // A first look finds pods that have been there for a while.
        let age = if self.created == 0 { 3_600_000 } else { 0 };
        while there < wanted && !random.percent(3) {
            let runs_ms = now_ms - age + random.within(0, self.start_ms / 2);
            self.created += 1;
            let pod = Pod {
                name: format!("p{}", self.created),
                phase: Phase::Pending,
                deleted: false,
                started_ms: (age > 0).then_some(now_ms - age),
                ready: None,
                containers: containers(random, &self.shape),
                requests: self.shape.whole(random),
            };
            self.lives.push(Life { pod, runs_ms, ready_ms: runs_ms + random.within(0, self.start_ms / 2) });
            there += 1;
        }
        for life in self.lives.iter_mut().rev() {
            if there > wanted && !life.pod.deleted {
                life.pod.deleted = true;
                there -= 1;
            }
        }
        for Life { pod, runs_ms, ready_ms } in &mut self.lives {
            if pod.phase == Phase::Pending && now_ms >= *runs_ms {
                pod.phase = Phase::Running;
                pod.started_ms.get_or_insert(*runs_ms);
                pod.ready = Some(ReadyCondition { status: Status::False, since_ms: *runs_ms });
            }
            let unready = pod.ready.is_some_and(|it| it.status != Status::True);
            if pod.phase == Phase::Running && unready && now_ms >= *ready_ms {
                pod.ready = Some(ReadyCondition { status: Status::True, since_ms: *ready_ms });
            }
            if pod.phase == Phase::Running && random.percent(1) {
                pod.ready =
                    Some(ReadyCondition { status: random.pick(&[Status::False, Status::Unknown]), since_ms: now_ms });
                *ready_ms = now_ms + random.within(0, 60_000);
            }
            if random.within(0, 499) == 0 {
                pod.phase = random.pick(&[Phase::Failed, Phase::Succeeded]);
            }
        }
    }

    fn read(&self, random: &mut Random, metric: &Metric, world: &mut World, status: i32, now_ms: i64) {
        let serving = world.pods.iter().filter(|pod| pod.ready.is_some_and(|it| it.status == Status::True)).count();
        let serving = f64::from(u32::try_from(serving).unwrap().max(1));
        match metric {
            Metric::Resource { resource, container, target } => {
                let base = match target {
                    ResourceTarget::Utilization(percent) => self.request(*resource, container.is_some(), *percent),
                    ResourceTarget::AverageValue(value) => *value,
                };
                let samples = samples(random, &world.pods, scaled(base, self.need / serving), now_ms);
                world.resources.insert((*resource, container.clone().unwrap_or_default()), samples);
            }
            Metric::Pods { name, average_value } => {
                let samples = samples(random, &world.pods, scaled(*average_value, self.need / serving), now_ms);
                world.of_pods.insert(name.clone(), samples);
            }
            Metric::Object { name, target } => {
                let value = self.whole(*target, serving, status);
                world.objects.insert(name.clone(), value);
            }
            Metric::External { name, target } => {
                let value = self.whole(*target, serving, status);
                let first = random.within(0, value.max(0));
                let all = if random.percent(50) { vec![value] } else { vec![first, value - first] };
                world.external.insert(name.clone(), if random.percent(3) { vec![] } else { all });
            }
        }
    }

    fn request(&self, resource: Resource, one: bool, percent: i32) -> i64 {
        let share = if one { 80 } else { 100 };
        self.shape.request(resource) * i64::from(percent) / 100 * share / 100
    }

    fn whole(&self, target: ValueTarget, serving: f64, status: i32) -> i64 {
        match target {
            ValueTarget::Value(value) if status == 0 => scaled(value, self.need),
            ValueTarget::Value(value) => scaled(value, self.need / serving),
            ValueTarget::AverageValue(value) => scaled(value, self.need),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any number will do")]
fn scaled(value: i64, factor: f64) -> i64 {
    (value as f64 * factor).round() as i64
}

fn samples(random: &mut Random, pods: &[Pod], value: i64, now_ms: i64) -> Samples {
    let missing = random.pick(&[0, 0, 0, 0, 10, 50]);
    let window_ms = random.pick(&[10_000, 15_000, 30_000]);
    let mut all = Samples::new();
    for pod in pods.iter().filter(|pod| pod.phase != Phase::Pending) {
        if !random.percent(missing) {
            let own = if random.percent(80) { value } else { scaled(value, f64::from(random.small(50, 150)) / 100.0) };
            all.insert(pod.name.clone(), Sample { value: own, at_ms: now_ms - random.within(0, 20_000), window_ms });
        }
    }
    all
}
