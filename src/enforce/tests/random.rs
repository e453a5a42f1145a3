//! Random worlds: whatever is seen, the bounds hold, every action ends, and unknown begins nothing.

use super::super::{
    Autoscaler, Decision, Kind, Limits, Load, Measured, Memory, Metrics, Objective, Rates, Scheduled, Settings,
    Signals, Workload, decide,
};

/// Steps of all sequences together.
const STEPS: u32 = 1_000_000;
const SEQUENCE: u32 = 2_000;

/// xorshift64*: small, seeded, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn real(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn below(&mut self, end: i32) -> i32 {
        i32::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, many: i32) -> bool {
        self.below(many) == 0
    }
}

/// A world that stays as it is for a while and then becomes another.
struct Dice {
    chance: Chance,
    signals: Signals,
    mood: i32,
}

impl Dice {
    fn new(seed: u64) -> (Self, Settings) {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let min = chance.below(6);
        let mut settings = Settings::new(min, min + chance.below(40) + 1);
        settings.concurrency = (!chance.one_in(3)).then_some(4.0);
        settings.feed_forward = !chance.one_in(4);
        settings.scaling = !chance.one_in(20);
        settings.max_actions_per_hour = usize::try_from(chance.below(30) + 1).unwrap();
        settings.longest_freeze = i64::from(600 + chance.below(6_000));
        let signals = Signals {
            now: 1_800_000_000,
            metrics: Metrics::Unknown("at first".to_owned()),
            workload: Workload { replicas: min, ready: min, ..Workload::default() },
            autoscaler: Autoscaler::default(),
            limits: Limits::default(),
            scheduled: None,
            seasonal: None,
            maintenance: false,
            draining: 0,
        };
        (Self { chance, signals, mood: 0 }, settings)
    }

    fn step(&mut self, settings: &mut Settings, floor: Option<i32>) {
        let chance = &mut self.chance;
        self.signals.now += i64::from(5 + chance.below(11));
        if chance.one_in(500) {
            self.signals.now += i64::from(chance.below(20_000));
        }
        if chance.one_in(30) {
            self.mood = chance.below(8);
        }
        if chance.one_in(400) {
            settings.paused_until = Some(self.signals.now + i64::from(chance.below(2_000)));
        }
        let workload = &mut self.signals.workload;
        if chance.one_in(300) {
            workload.revision = format!("r{}", chance.below(5));
            workload.images = format!("app=shop:{}", chance.below(5));
        }
        let (min, max) = (settings.min, settings.max);
        workload.replicas = (workload.replicas + chance.below(5) - 2).max(floor.unwrap_or(min)).min(max);
        workload.ready = (workload.replicas - if chance.one_in(4) { chance.below(4) } else { 0 }).max(0);
        workload.unschedulable =
            if chance.one_in(50) { chance.below(3) } else { workload.unschedulable.min(chance.below(2)) };
        self.signals.draining = i32::from(chance.one_in(40));
        self.signals.maintenance = chance.one_in(50);
        self.signals.autoscaler = Autoscaler {
            cpu: (!chance.one_in(5)).then(|| (chance.real() * 150.0, 70.0)),
            at_max: workload.replicas == max && chance.one_in(2),
        };
        self.signals.limits.connections = chance.one_in(10).then(|| chance.below(50));
        self.signals.scheduled =
            chance.one_in(20).then(|| Scheduled { name: "at dawn".to_owned(), replicas: chance.below(60) });
        self.signals.seasonal = chance.one_in(20).then(|| chance.below(60));
        self.signals.metrics = if self.mood == 0 { Metrics::Unknown("dark".to_owned()) } else { self.measured() };
    }

    fn measured(&mut self) -> Metrics {
        let chance = &mut self.chance;
        let rate = chance.real() * 400.0;
        let bad = match self.mood {
            1..=3 => 0.0,
            4 => chance.real() * 0.002,
            _ => chance.real() * 0.5,
        };
        let rates = Some(Rates { bad: rate * bad, total: rate });
        let burn = |chance: &mut Chance| (!chance.one_in(9)).then(|| bad / 0.001 * chance.real() * 2.0);
        let objective = |chance: &mut Chance| Objective {
            name: "availability".to_owned(),
            allowed: 0.001,
            minute: rates.filter(|_| !chance.one_in(20)),
            five_minutes: rates,
            burn_30m: burn(chance),
            burn_1h: burn(chance),
            burn_6h: burn(chance),
            pages: bad > 0.0144,
            budget_remaining: (!chance.one_in(9)).then(|| chance.real() * 1.4 - 0.3),
        };
        let objectives = (0..chance.below(3)).map(|_| objective(chance)).collect();
        let nonsense = chance.one_in(60);
        let in_flight = if nonsense { f64::NAN } else { rate * 0.1 * (1.0 + bad * 20.0) * (1.0 + chance.real() * 0.1) };
        Metrics::Measured(Measured {
            objectives,
            load: (!chance.one_in(10)).then_some(Load { rate, in_flight }),
            series: Some(chance.real() * 20.0),
            waiting: chance.one_in(8).then(|| chance.real() * 5.0),
        })
    }
}

/// What must be so whatever happens.
fn check(before: &Memory, signals: &Signals, settings: &Settings, decision: &Decision) {
    let (now, memory) = (signals.now, &decision.memory);
    if let Some(floor) = decision.floor {
        assert!(floor > settings.min && floor <= settings.max, "{floor} within {} and {}", settings.min, settings.max);
        let connections = signals.limits.connections.unwrap_or(i32::MAX);
        assert!(floor <= connections.max(settings.min), "{floor} pods, and connections for {connections}");
        assert!(settings.scaling || memory.actions.iter().any(super::super::Action::is_open));
    }
    for kind in Kind::ALL {
        assert!(
            memory.actions.iter().filter(|action| action.kind == kind && action.is_open()).count() <= 1,
            "{kind:?}"
        );
    }
    assert!(memory.actions.len() <= 10 + Kind::ALL.len());
    assert!(memory.starts.len() <= settings.max_actions_per_hour);
    let begun = |kind: Kind| before.open(kind).is_none() && memory.open(kind).is_some();
    let unknown = !matches!(&signals.metrics, Metrics::Measured(_)) || memory.trust.dark_since > 0;
    if unknown {
        for kind in [Kind::RaiseFloor, Kind::FollowDemand, Kind::FreezeRollouts, Kind::StrictDisruptionBudget] {
            assert!(!begun(kind), "unknown began {kind:?}");
        }
        let dark = now - memory.trust.dark_since;
        if memory.trust.trusted_at > 0 && dark < 7_200 && settings.scaling {
            assert!(memory.floor >= before.floor, "unknown lowered the floor");
            let frozen = before.freeze.is_some() && memory.freeze.is_none();
            let ended = before.freeze.as_ref().is_some_and(|freeze| freeze.until <= now);
            assert!(!frozen || ended || settings.paused_until.is_some_and(|until| now < until), "unknown unfroze");
        }
    }
    if let Some(freeze) = &decision.freeze {
        assert!(freeze.until > now && freeze.until <= now + settings.longest_freeze, "a freeze has an end");
        assert!(settings.paused_until.is_none_or(|until| now >= until));
    }
    if settings.paused_until.is_some_and(|until| now < until) {
        for kind in Kind::ALL {
            assert!(!begun(kind), "paused, and {kind:?} began");
        }
    }
    for action in memory.actions.iter().filter(|action| action.is_open()) {
        let ends = match action.kind {
            Kind::HoldScaleDown | Kind::SurgeForDrain | Kind::FreezeRollouts => action.until.is_some(),
            _ => true,
        };
        assert!(ends, "{action:?} has no end");
    }
}

/// After the storm: calm numbers for some hours end every action but the floor that the demand keeps up.
fn calm(dice: &mut Dice, settings: &mut Settings, mut memory: Memory) {
    settings.paused_until = None;
    settings.feed_forward = false;
    let signals = &mut dice.signals;
    signals.draining = 0;
    signals.maintenance = false;
    signals.scheduled = None;
    signals.seasonal = None;
    signals.workload.unschedulable = 0;
    for _ in 0..1_500 {
        signals.now += 10;
        let rates = Some(Rates { bad: 0.0, total: 10.0 });
        let in_flight = 1.0 + dice.chance.real() * 0.1;
        signals.metrics = Metrics::Measured(Measured {
            objectives: vec![Objective {
                name: "availability".to_owned(),
                allowed: 0.001,
                minute: rates,
                five_minutes: rates,
                burn_30m: Some(0.0),
                burn_1h: Some(0.0),
                burn_6h: Some(0.0),
                pages: false,
                budget_remaining: Some(0.9),
            }],
            load: Some(Load { rate: 10.0, in_flight }),
            series: Some(10.0),
            waiting: None,
        });
        memory = decide(signals, settings, &memory).memory;
    }
    let open: Vec<_> = memory.actions.iter().filter(|action| action.is_open()).collect();
    assert!(open.is_empty(), "{open:?}");
    assert!(memory.floor <= 0.0 && memory.freeze.is_none() && !memory.strict);
}

#[test]
fn bounds_hold_every_action_ends_and_unknown_begins_nothing() {
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 1..=u64::from(STEPS / SEQUENCE) {
        let (mut dice, mut settings) = Dice::new(seed);
        let mut memory = Memory::default();
        let mut floor = None;
        for step in 0..SEQUENCE {
            dice.step(&mut settings, floor);
            let decision = decide(&dice.signals, &settings, &memory);
            check(&memory, &dice.signals, &settings, &decision);
            if step % 50 == 0 {
                assert_eq!(decision, decide(&dice.signals, &settings, &memory), "the same look, another decision");
            }
            if step % 500 == 499 {
                let text = decision.memory.written(None);
                let resumed = Memory::resumed(&text, dice.signals.now, 3_600).unwrap();
                assert_eq!(resumed.actions, decision.memory.actions, "a restart forgets actions");
            }
            floor = decision.floor;
            for action in decision.memory.actions.iter().filter(|action| action.since == dice.signals.now) {
                *kinds.entry(action.kind).or_insert(0_u32) += 1;
            }
            memory = decision.memory;
        }
        calm(&mut dice, &mut settings, memory);
    }
    // A property over what never happens is none.
    for kind in Kind::ALL {
        assert!(kinds.get(&kind).is_some_and(|times| *times > 100), "{kind:?} began {:?} times", kinds.get(&kind));
    }
}
