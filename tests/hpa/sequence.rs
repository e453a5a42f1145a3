//! One autoscaler over time: load, pods that come and go, metrics that are lost, people who edit.

use plimsoll::arena::hpa::{Active, Autoscaler, Behavior, Limit, Outcome, Settings, Spec};
use serde_json::{Map, Value, json};

use crate::{
    random::Random,
    simulation::Simulation,
    specification::Specification,
    world::{World, settings_json},
};

/// What a fuzz of these must reach.
pub const MUST_REACH: [&str; 25] = [
    "SucceededGetScale",
    "ReadyForNewScale",
    "ScaleUpStabilized",
    "ScaleDownStabilized",
    "SucceededRescale",
    "ValidMetricFound",
    "ScalingDisabled",
    "FailedGetResourceMetric",
    "FailedGetContainerResourceMetric",
    "FailedGetPodsMetric",
    "FailedGetObjectMetric",
    "FailedGetExternalMetric",
    "DesiredWithinRange",
    "TooFewReplicas",
    "TooManyReplicas",
    "ScaleUpLimit",
    "ScaleDownLimit",
    "scaled to zero",
    "back from zero",
    "some metrics lost, scale-up",
    "the bounds at once",
    "a policy that is disabled",
    "an edit",
    "a restart",
    "the controller's own period",
];

const STEPS: usize = 40;

#[derive(Clone, Debug)]
struct Step {
    after_ms: i64,
    edit: Option<Value>,
    replicas: Option<i32>,
    status: i32,
    restart: bool,
    world: World,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
pub struct Sequence {
    settings: Settings,
    natural: bool,
    steps: Vec<Step>,
    reached: Vec<String>,
}

impl Sequence {
    pub fn random(random: &mut Random) -> Self {
        let settings = settings(random);
        let natural = random.percent(30);
        let busy = random.percent(30);
        let mut specification = Specification::random(random, busy);
        let mut autoscaler = Autoscaler::with_settings(settings);
        let mut simulation = Simulation::random(random, busy);
        let mut replicas = random.small(0, specification.spec.max + 2);
        let mut sequence = Self { settings, natural, steps: Vec::with_capacity(STEPS), reached: Vec::new() };
        if natural {
            sequence.reach("the controller's own period");
        }
        let mut now_ms = 0;
        for number in 0..STEPS {
            let after_ms = match number {
                0 => 0,
                _ if natural => 15_000,
                _ => pause(random, &specification.spec, &settings),
            };
            now_ms += after_ms;
            let edit = number == 0 || random.percent(if busy { 15 } else { 6 });
            if edit && number > 0 {
                specification = specification.edited(random, busy);
                sequence.reach("an edit");
            }
            // Whoever scales to zero by hand switches the autoscaler off: mostly somebody switches it on again.
            let scaled = number == 0 || random.percent(if replicas == 0 { 15 } else { 3 });
            if scaled && number > 0 {
                let any = random.small(0, specification.spec.max + 5);
                replicas = random.pick(&[0, 1, any]);
            }
            let restart = number > 0 && random.percent(2);
            if restart {
                autoscaler.restart();
                sequence.reach("a restart");
            }
            let (world, status) = simulation.step(random, &specification.spec, replicas, now_ms);
            let outcome = autoscaler.sync(&specification.spec, replicas, status, &world, now_ms);
            sequence.note(&specification.spec, replicas, &outcome);
            let wrote = scaled.then_some(replicas);
            replicas = outcome.desired;
            let edit = edit.then(|| specification.api.clone());
            sequence.steps.push(Step { after_ms, edit, replicas: wrote, status, restart, world, outcome });
        }
        sequence
    }

    fn reach(&mut self, what: &str) {
        self.reached.push(what.to_owned());
    }

    fn note(&mut self, spec: &Spec, replicas: i32, outcome: &Outcome) {
        let conditions = outcome.conditions;
        let reasons = [
            conditions.able.map(|it| format!("{it:?}")),
            conditions.active.map(|it| format!("{it:?}")),
            conditions.limited.map(|it| format!("{:?}", it.reason)),
        ];
        self.reached.extend(reasons.into_iter().flatten());
        if outcome.rescale && outcome.desired == 0 && conditions.scaled_to_zero == Some(true) {
            self.reach("scaled to zero");
        }
        if outcome.rescale && replicas == 0 {
            self.reach("back from zero");
        }
        if outcome.error.is_some() && outcome.desired > replicas {
            self.reach("some metrics lost, scale-up");
        }
        if outcome.rescale && outcome.metrics.is_empty() {
            self.reach("the bounds at once");
        }
        let disabled = |it: &Behavior| it.scale_up.policies.is_empty() || format!("{it:?}").contains("Disabled");
        let held = matches!(outcome.scaling_limited(), Some(Limit::ScaleUpLimit | Limit::ScaleDownLimit));
        if held && !outcome.rescale && spec.behavior.as_ref().is_some_and(disabled) {
            self.reach("a policy that is disabled");
        }
    }

    pub fn reaches(&self) -> Vec<String> {
        let mut all = self.reached.clone();
        all.sort();
        all.dedup();
        all
    }

    /// The case for the oracle, up to a step.
    pub fn json(&self, steps: usize) -> Value {
        let steps: Vec<_> = self.steps.iter().take(steps).map(Step::json).collect();
        json!({"natural": self.natural, "settings": settings_json(&self.settings), "steps": steps})
    }

    /// The first step that differs, and how.
    pub fn difference(&self, theirs: &Value) -> Option<(usize, String)> {
        let theirs = theirs["states"].as_array().unwrap();
        assert_eq!(theirs.len(), self.steps.len(), "an answer to every step");
        let ours = self.steps.iter().map(Step::state);
        ours.zip(theirs)
            .enumerate()
            .find(|(_, (ours, theirs))| ours != *theirs)
            .map(|(step, (ours, theirs))| (step, format!("ours {ours}, the controller's {theirs}")))
    }
}

impl Step {
    fn json(&self) -> Value {
        let mut fields = self.world.fields();
        fields.insert("after".into(), self.after_ms.into());
        fields.insert("spec".into(), json!(self.edit));
        fields.insert("replicas".into(), json!(self.replicas));
        fields.insert("status".into(), self.status.into());
        fields.insert("restart".into(), self.restart.into());
        Value::Object(fields)
    }

    /// What the oracle says of a step, as we see it.
    fn state(&self) -> Value {
        let outcome = &self.outcome;
        let currents = outcome
            .metrics
            .iter()
            .map(|metric| metric.map_or(Value::Null, |it| json!({"utilization": it.utilization, "value": it.value})));
        let mut conditions = Map::new();
        let mut set = |name: &str, holds: bool, reason: String| {
            conditions.insert(name.to_owned(), json!([if holds { "True" } else { "False" }, reason]));
        };
        if let Some(able) = outcome.conditions.able {
            set("AbleToScale", true, format!("{able:?}"));
        }
        if let Some(active) = outcome.conditions.active {
            set("ScalingActive", active == Active::ValidMetricFound, format!("{active:?}"));
        }
        if let Some(limited) = outcome.conditions.limited {
            set("ScalingLimited", limited.limited, format!("{:?}", limited.reason));
        }
        if let Some(zero) = outcome.conditions.scaled_to_zero {
            set("ScaledToZero", zero, if zero { "ScaledToZero" } else { "NotScaledToZero" }.to_owned());
        }
        json!({
            "replicas": outcome.desired,
            "error": outcome.error.is_some(),
            "metrics": currents.collect::<Vec<_>>(),
            "conditions": conditions,
        })
    }
}

fn settings(random: &mut Random) -> Settings {
    let mut settings = Settings::default();
    if random.percent(30) {
        settings.tolerance = random.pick(&[0.0, 0.05, 0.1, 0.3]);
        settings.downscale_stabilization_ms = random.pick(&[0, 1000, 60_000, 120_000, 299_500]);
        settings.cpu_initialization_period_ms = random.pick(&[0, 60_000, 300_000]);
        settings.initial_readiness_delay_ms = random.pick(&[0, 10_000, 30_000]);
    }
    settings
}

/// The time to the next look: often exactly a window or a period, or a millisecond off.
fn pause(random: &mut Random, spec: &Spec, settings: &Settings) -> i64 {
    let own_ms = settings.downscale_stabilization_ms;
    let mut lengths = vec![15_000, own_ms, own_ms / 1000 * 1000];
    if let Some(behavior) = &spec.behavior {
        for rules in [&behavior.scale_up, &behavior.scale_down] {
            lengths.extend(rules.stabilization_window_s.map(|it| i64::from(it) * 1000));
            lengths.extend(rules.policies.iter().map(|policy| i64::from(policy.period_s) * 1000));
        }
    }
    let length = match random.within(0, 9) {
        0..=4 => 15_000,
        5 => random.within(1, 60_000),
        _ => random.pick(&lengths) + random.pick(&[0, 0, 0, 1, -1]),
    };
    length.max(1)
}
