//! One metric at one moment, which is 0.

use plimsoll::arena::hpa::{
    Calculator, Metric, Phase, Pod, ReadyCondition, Resource, ResourceTarget, Sample, Samples, Settings, Status,
    Tolerances, ValueTarget,
};
use serde_json::{Value, json};

use crate::{
    cluster::{Shape, containers},
    oracle::Oracle,
    random::Random,
    world::{World, resource_name, settings_json},
};

/// What a fuzz of these must reach.
pub const MUST_REACH: [&str; 12] = [
    "within tolerance",
    "on a border of the tolerance",
    "scale-up",
    "scale-down",
    "error",
    "missing samples",
    "pods that start",
    "pods that are deleted or have failed",
    "from zero replicas",
    "the smallest integer",
    "the largest integer",
    "a number that wraps",
];

#[derive(Clone, Debug)]
pub struct Calculation {
    settings: Settings,
    metric: Metric,
    tolerances: Tolerances,
    replicas: i32,
    world: World,
}

impl Calculation {
    pub fn random(random: &mut Random) -> Self {
        let settings = settings(random);
        let tolerances = Tolerances { down: tolerance(random), up: tolerance(random) };
        let shape = Shape::random(random);
        let count = if random.percent(5) { random.within(13, 90) } else { random.within(0, 12) };
        let mut world = World::default();
        for number in 0..count {
            world.pods.push(pod(random, number, &settings, &shape));
        }
        let replicas = match random.within(0, 9) {
            0 => 0,
            1 => random.pick(&[1, i32::MAX, 1000]),
            2 | 3 => random.small(0, 20),
            _ => i32::try_from(count).unwrap(),
        };
        let metric = metric(random, &shape);
        fill(random, &mut world, &metric, &shape, tolerances, replicas);
        Self { settings, metric, tolerances, replicas, world }
    }

    fn ours(&self) -> Value {
        let calculator = Calculator {
            settings: &self.settings,
            readings: &self.world,
            now_ms: 0,
            tolerances: self.tolerances,
            replicas: self.replicas,
            status_replicas: self.replicas,
        };
        match calculator.propose(&self.metric) {
            Ok(it) => json!({
                "replicas": it.replicas,
                "utilization": it.current.utilization.unwrap_or(0),
                "value": it.current.value,
            }),
            Err(problem) => json!({"error": problem.to_string()}),
        }
    }

    pub fn difference(&self, theirs: &Value) -> Option<String> {
        let ours = self.ours();
        let same = match (ours.get("error"), theirs.get("error")) {
            (None, None) => ours == *theirs,
            // The words are ours.
            (ours, theirs) => ours.is_some() && theirs.is_some(),
        };
        (!same).then(|| format!("ours {ours}, the controller's {theirs}"))
    }

    pub fn json(&self) -> Value {
        let (op, target, resource, container) = match &self.metric {
            Metric::Resource { resource, container, target } => {
                let (op, target) = match target {
                    ResourceTarget::Utilization(percent) => ("utilization", i64::from(*percent)),
                    ResourceTarget::AverageValue(value) => ("raw", *value),
                };
                (op, target, resource_name(*resource), container.as_deref().unwrap_or_default())
            }
            Metric::Pods { average_value, .. } => ("pods", *average_value, "", ""),
            Metric::Object { target: ValueTarget::Value(value), .. } => ("object", *value, "", ""),
            Metric::Object { target: ValueTarget::AverageValue(value), .. } => ("object-per-pod", *value, "", ""),
            Metric::External { target: ValueTarget::Value(value), .. } => ("external", *value, "", ""),
            Metric::External { target: ValueTarget::AverageValue(value), .. } => ("external-per-pod", *value, "", ""),
        };
        let mut fields = self.world.fields();
        fields.insert("settings".into(), settings_json(&self.settings));
        fields.insert("op".into(), op.into());
        fields.insert("target".into(), target.into());
        fields.insert("kind".into(), resource.into());
        fields.insert("container".into(), container.into());
        fields.insert("tolerances".into(), json!([self.tolerances.down, self.tolerances.up]));
        fields.insert("replicas".into(), self.replicas.into());
        Value::Object(fields)
    }

    /// The same with as few pods, samples and series as still make a difference.
    pub fn shrink(&self, oracle: &mut Oracle, mut difference: String) -> (Self, String) {
        let mut smallest = self.clone();
        loop {
            let smaller = smallest.smaller().into_iter().find_map(|case| {
                let difference = case.difference(&oracle.answer(case.json()))?;
                Some((case, difference))
            });
            match smaller {
                Some(next) => (smallest, difference) = next,
                None => return (smallest, difference),
            }
        }
    }

    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for index in 0..self.world.pods.len() {
            let mut case = self.clone();
            let name = case.world.pods.remove(index).name;
            case.world.resources.values_mut().chain(case.world.of_pods.values_mut()).for_each(|it| {
                it.remove(&name);
            });
            all.push(case);
        }
        for index in 0..self.world.external.get("m").map_or(0, Vec::len) {
            let mut case = self.clone();
            case.world.external.get_mut("m").unwrap().remove(index);
            all.push(case);
        }
        all
    }

    /// What this case is an example of.
    pub fn reaches(&self) -> Vec<String> {
        let mut all = Vec::new();
        let ours = self.ours();
        let samples = self.world.resources.values().chain(self.world.of_pods.values()).next();
        match ours["replicas"].as_i64().map(|it| i32::try_from(it).unwrap()) {
            None => all.push("error"),
            Some(replicas) if replicas > self.replicas => all.push("scale-up"),
            Some(replicas) if replicas < self.replicas => all.push("scale-down"),
            Some(_) => all.push("within tolerance"),
        }
        match ours["replicas"].as_i64() {
            Some(it) if it == i64::from(i32::MIN) => all.push("the smallest integer"),
            Some(it) if it == i64::from(i32::MAX) => all.push("the largest integer"),
            _ => {}
        }
        if let (Some(value), Metric::Resource { target: ResourceTarget::AverageValue(target), .. }) =
            (ours["value"].as_i64(), &self.metric)
        {
            #[expect(clippy::cast_precision_loss, reason = "as the controller does")]
            let ratio = value as f64 / *target as f64;
            #[expect(clippy::float_cmp, reason = "the border itself")]
            if ratio == 1.0 + self.tolerances.up || ratio == 1.0 - self.tolerances.down {
                all.push("on a border of the tolerance");
            }
        }
        if samples.is_some_and(|it| self.world.pods.iter().any(|pod| !it.contains_key(&pod.name))) {
            all.push("missing samples");
        }
        if self.world.pods.iter().any(|pod| pod.phase == Phase::Pending) {
            all.push("pods that start");
        }
        if self.world.pods.iter().any(|pod| pod.deleted || pod.phase == Phase::Failed) {
            all.push("pods that are deleted or have failed");
        }
        if self.replicas == 0 {
            all.push("from zero replicas");
        }
        if samples.is_some_and(|it| it.values().try_fold(0_i64, |sum, it| sum.checked_add(it.value)).is_none()) {
            all.push("a number that wraps");
        }
        all.into_iter().map(str::to_owned).collect()
    }
}

fn settings(random: &mut Random) -> Settings {
    let mut settings = Settings::default();
    if random.percent(30) {
        settings.cpu_initialization_period_ms = random.within(0, 600_000);
        settings.initial_readiness_delay_ms = random.within(0, 60_000);
    }
    settings
}

fn tolerance(random: &mut Random) -> f64 {
    match random.within(0, 9) {
        0 => 0.0,
        1 => 1.0,
        2 | 3 => f64::from(random.small(0, 1500)) / 1000.0,
        4 => random.pick(&[0.05, 0.25, 0.2, 0.5]),
        _ => 0.1,
    }
}

fn pod(random: &mut Random, number: i64, settings: &Settings, shape: &Shape) -> Pod {
    let phase = match random.within(0, 99) {
        0..=7 => Phase::Pending,
        8..=11 => Phase::Failed,
        12..=14 => Phase::Succeeded,
        15..=18 => Phase::Unknown,
        _ => Phase::Running,
    };
    let (init, delay) = (settings.cpu_initialization_period_ms, settings.initial_readiness_delay_ms);
    let age = if random.percent(50) { random.near(init) } else { random.within(0, init * 3) };
    let since = match random.within(0, 3) {
        0 => random.near(-age + delay),
        1 => {
            let window = random.pick(&[10_000, 15_000, 30_000, 60_000]);
            random.near(-window)
        }
        _ => random.within(-age.max(0), 0),
    };
    let status =
        random.pick(&[Status::True, Status::True, Status::True, Status::False, Status::False, Status::Unknown]);
    Pod {
        name: format!("p{number}"),
        phase,
        deleted: random.percent(5),
        started_ms: (!random.percent(3)).then_some(-age),
        ready: (!random.percent(3)).then_some(ReadyCondition { status, since_ms: since }),
        containers: containers(random, shape),
        requests: shape.whole(random),
    }
}

fn metric(random: &mut Random, shape: &Shape) -> Metric {
    let resource = random.pick(&[Resource::Cpu, Resource::Cpu, Resource::Memory]);
    let container = random.percent(20).then(|| random.pick(&["main", "sidecar", "nobody"]).to_owned());
    let value =
        if random.percent(5) { random.within(1, i64::MAX) } else { random.pick(&[1, 100, 500, 700, 1000, 12_345]) };
    let target = if random.percent(50) { ValueTarget::Value(value) } else { ValueTarget::AverageValue(value) };
    match random.within(0, 9) {
        0..=4 => {
            let percent = if random.percent(80) { shape.target } else { random.small(1, 300) };
            Metric::Resource { resource, container, target: ResourceTarget::Utilization(percent) }
        }
        5 | 6 => Metric::Resource { resource, container, target: ResourceTarget::AverageValue(value) },
        7 => Metric::Pods { name: "m".into(), average_value: value },
        8 => Metric::Object { name: "Service/web:m".into(), target },
        _ => Metric::External { name: "m".into(), target },
    }
}

/// The factor of a value to its target: often on a border of the tolerance.
fn factor(random: &mut Random, tolerances: Tolerances) -> f64 {
    match random.within(0, 9) {
        0 | 1 => 1.0 + tolerances.up,
        2 | 3 => 1.0 - tolerances.down,
        4 => 1.0,
        5 => f64::from(random.small(0, 100_000)) / 100.0,
        _ => f64::from(random.small(0, 4000)) / 1000.0,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any number will do")]
fn scaled(random: &mut Random, value: i64, factor: f64) -> i64 {
    match random.within(0, 99) {
        0 => random.within(i64::MIN, i64::MAX),
        1 => -random.within(0, 2000),
        2..=10 => ((value as f64 * factor) as i64).saturating_add(random.within(-1, 1)),
        _ => (value as f64 * factor).round() as i64,
    }
}

fn fill(random: &mut Random, world: &mut World, metric: &Metric, shape: &Shape, tolerances: Tolerances, replicas: i32) {
    if random.percent(2) {
        return;
    }
    let factor = factor(random, tolerances);
    match metric {
        Metric::Resource { resource, container, target } => {
            let base = match target {
                ResourceTarget::Utilization(percent) => shape.request(*resource) * i64::from(*percent) / 100,
                ResourceTarget::AverageValue(value) => *value,
            };
            let samples = samples(random, &world.pods, base, factor);
            world.resources.insert((*resource, container.clone().unwrap_or_default()), samples);
        }
        Metric::Pods { name, average_value } => {
            let samples = samples(random, &world.pods, *average_value, factor);
            world.of_pods.insert(name.clone(), samples);
        }
        Metric::Object { name, target } => {
            let value = scaled(random, whole(*target, replicas), factor);
            world.objects.insert(name.clone(), value);
        }
        Metric::External { name, target } => {
            let count = random.within(0, 4);
            let part = whole(*target, replicas) / count.max(1);
            world.external.insert(name.clone(), (0..count).map(|_| scaled(random, part, factor)).collect());
        }
    }
}

/// The value that an object has if the target is met.
fn whole(target: ValueTarget, replicas: i32) -> i64 {
    match target {
        ValueTarget::Value(value) => value,
        ValueTarget::AverageValue(value) => value.saturating_mul(replicas.into()),
    }
}

/// Samples of the pods: some are missing, and some are of pods that are not there.
fn samples(random: &mut Random, pods: &[Pod], base: i64, factor: f64) -> Samples {
    let missing = random.pick(&[0, 0, 0, 10, 40, 100]);
    let alike = random.percent(60);
    let window = random.pick(&[10_000, 15_000, 30_000, 60_000]);
    let mut all = Samples::new();
    for pod in pods {
        if random.percent(missing) {
            continue;
        }
        let own = if alike { factor } else { factor * f64::from(random.small(0, 2000)) / 1000.0 };
        let since = pod.ready.map_or(0, |it| it.since_ms);
        let at_ms = if random.percent(50) { random.near(since + window) } else { random.within(-60_000, 0) };
        all.insert(pod.name.clone(), Sample { value: scaled(random, base, own), at_ms, window_ms: window });
    }
    if random.percent(5) {
        all.insert("gone".into(), Sample { value: scaled(random, base, factor), at_ms: 0, window_ms: window });
    }
    all
}
