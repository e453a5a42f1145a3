//! The loop, tried: a small service that behaves, or does not, looked at every ten seconds.

use super::{
    Autoscaler, Decision, Kind, Limits, Load, Measured, Memory, Metrics, Objective, Rates, Scheduled, Settings,
    Signals, Verdict, Workload, decide,
};

mod causes;
mod demand;
mod random;

/// A service whose pods carry 25 requests in flight each at its target.
pub(super) struct World {
    pub now: i64,
    pub settings: Settings,
    pub memory: Memory,
    pub signals: Signals,
}

const START: i64 = 1_800_000_000;

impl World {
    pub fn new() -> Self {
        let settings = Settings { concurrency: Some(4.0), ..Settings::new(3, 30) };
        let signals = Signals {
            now: START,
            metrics: Metrics::Unknown("not asked".to_owned()),
            workload: Workload {
                replicas: 6,
                ready: 6,
                unschedulable: 0,
                revision: "r1".to_owned(),
                images: "app=shop:1".to_owned(),
            },
            autoscaler: Autoscaler { cpu: Some((50.0, 70.0)), at_max: false },
            limits: Limits::default(),
            scheduled: None,
            seasonal: None,
            maintenance: false,
            draining: 0,
        };
        Self { now: START, settings, memory: Memory::default(), signals }
    }

    /// So many requests a second, of which this share is bad, at 0.1 s of work each times `slow`.
    pub fn measure(&mut self, rate: f64, bad: f64, slow: f64) {
        let rates = Some(Rates { bad: rate * bad, total: rate });
        // No two sums of durations are the same.
        let jitter = 1.0 + f64::from(u32::try_from(self.now % 97).unwrap()) * 1e-6;
        let burn = Some(bad / 0.001);
        self.signals.metrics = Metrics::Measured(Measured {
            objectives: vec![Objective {
                name: "availability".to_owned(),
                allowed: 0.001,
                minute: rates,
                five_minutes: rates,
                burn_30m: burn,
                burn_1h: burn,
                burn_6h: burn,
                pages: bad / 0.001 > 14.4,
                budget_remaining: Some(0.8),
            }],
            load: Some(Load { rate, in_flight: rate * 0.1 * slow * jitter }),
            series: Some(20.0),
            waiting: None,
        });
    }

    pub fn objective(&mut self) -> &mut Objective {
        let Metrics::Measured(measured) = &mut self.signals.metrics else { panic!("not measured") };
        &mut measured.objectives[0]
    }

    pub fn look(&mut self) -> Decision {
        self.now += 10;
        self.signals.now = self.now;
        let decision = decide(&self.signals, &self.settings, &self.memory);
        self.memory = decision.memory.clone();
        decision
    }

    /// Looks for so many seconds at the same rate; the pods follow the floor at once.
    pub fn go(&mut self, seconds: i64, rate: f64, bad: f64, slow: f64) -> Decision {
        let mut last = None;
        for _ in 0..seconds / 10 {
            self.measure(rate, bad, slow);
            last = Some(self.look());
        }
        last.unwrap()
    }

    pub fn grow_to(&mut self, pods: i32) {
        self.signals.workload.replicas = pods;
        self.signals.workload.ready = pods;
    }
}

fn open(decision: &Decision, kind: Kind) -> bool {
    decision.memory.open(kind).is_some()
}

#[test]
fn a_burn_with_saturated_pods_raises_the_floor_to_the_need_at_once() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    let calm = world.go(600, 160.0, 0.0, 1.0);
    assert_eq!((calm.floor, calm.hold), (None, false), "{calm:?}");
    let burning = world.go(10, 320.0, 0.2, 4.0);
    // A rate over a minute that doubles from one scrape to the next is a load of 560/s at the least, beyond the noise: × 0.1 s / (4 ×
    // 0.75) = 19, and half as much again, for what has queued.
    let floor = burning.floor.unwrap();
    assert!((27..=30).contains(&floor), "{floor} {:?}", burning.sizing);
    assert!(open(&burning, Kind::RaiseFloor) && burning.hold);
    let action = burning.memory.open(Kind::RaiseFloor).unwrap();
    assert!(action.trigger.contains("availability") && action.prove_by.is_some(), "{action:?}");
}

#[test]
fn a_burn_without_saturation_raises_nothing() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 100.0, 0.0, 1.0);
    let decision = world.go(300, 100.0, 0.2, 1.0);
    assert_eq!((decision.floor, decision.hold), (None, false));
}

#[test]
fn a_floor_is_lowered_step_by_step_after_a_clean_time_that_grows() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    let top = world.go(10, 320.0, 0.2, 4.0).floor.unwrap();
    world.grow_to(top);
    assert_eq!(world.go(100, 160.0, 0.0, 1.0).floor, Some(top), "120 s must be clean");
    let mut before = top;
    let mut steps = 0;
    while let Some(floor) = world.go(10, 160.0, 0.0, 1.0).floor {
        assert!(f64::from(before - floor) <= f64::from(before) * 0.06 + 1.0, "{before} to {floor}");
        before = floor;
        steps += 1;
        assert!(steps < 200);
    }
    assert!(steps > 20, "{steps}");
    assert_eq!(world.memory.relax, 120);
    world.grow_to(6);
    world.go(10, 320.0, 0.2, 4.0);
    assert_eq!(world.memory.relax, 480, "burned again within 25 minutes");
    let ended = world.memory.actions.iter().filter(|action| !action.is_open()).count();
    assert!(ended >= 1 && world.memory.actions.iter().any(|action| action.observed.is_some()));
}

#[test]
fn pods_that_do_not_help_are_given_back_and_not_asked_for_again() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    let top = world.go(10, 160.0, 0.2, 4.0).floor.unwrap();
    world.grow_to(top);
    let decision = world.go(200, 160.0, 0.2, 12.0);
    assert!(decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::ScalingIneffective(_))), "{decision:?}");
    assert!(!decision.hold);
    let decision = world.go(120, 160.0, 0.2, 12.0);
    assert!(decision.floor.is_none_or(|floor| floor < top / 2), "{:?} of {top}", decision.floor);
    // A new template is another service.
    world.signals.workload.revision = "r2".to_owned();
    world.signals.workload.images = "app=shop:2".to_owned();
    let decision = world.go(10, 160.0, 0.2, 12.0);
    assert!(!decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::ScalingIneffective(_))));
}

#[test]
fn numbers_that_are_gone_stale_or_lies_change_nothing() {
    type Lie = (&'static str, fn(&mut World));
    let lies: [Lie; 5] = [
        ("gone", |world| world.signals.metrics = Metrics::Unknown("connection refused".to_owned())),
        ("frozen", |world| {
            let now = world.now;
            world.now = START;
            world.measure(160.0, 0.0, 1.0);
            world.now = now;
        }),
        ("no time at all", |world| world.measure(160.0, 0.0, 0.0)),
        ("series gone", |world| {
            world.measure(160.0, 0.0, 1.0);
            let Metrics::Measured(measured) = &mut world.signals.metrics else { return };
            measured.series = Some(1.0);
        }),
        ("more bad than all", |world| world.measure(160.0, 1.3, 1.0)),
    ];
    for (name, lie) in lies {
        let mut world = World::new();
        world.settings.feed_forward = false;
        world.go(600, 160.0, 0.0, 1.0);
        let top = world.go(10, 320.0, 0.2, 4.0).floor.unwrap();
        world.grow_to(top);
        let settle = if name == "frozen" { 12 } else { 0 };
        for look in 0..60 + settle {
            lie(&mut world);
            let decision = world.look();
            assert_eq!(decision.floor, Some(top), "{name}, look {look}");
            if look > settle {
                assert!(decision.hold, "{name}, look {look}");
                let told = decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::MetricsNotTrusted(_)));
                assert!(told, "{name}, look {look}");
            }
        }
        // They are watched for two minutes after they are back.
        let back = world.go(120, 320.0, 0.0, 1.0);
        assert!(back.verdicts.iter().any(|verdict| matches!(verdict, Verdict::MetricsNotTrusted(_))), "{name}");
        let trusted = world.go(40, 320.0, 0.0, 1.0);
        assert!(!trusted.verdicts.iter().any(|verdict| matches!(verdict, Verdict::MetricsNotTrusted(_))), "{name}");
    }
}

#[test]
fn without_numbers_for_two_hours_the_autoscaler_is_on_its_own() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    let top = world.go(10, 320.0, 0.2, 4.0).floor;
    world.signals.metrics = Metrics::Unknown("connection refused".to_owned());
    for _ in 0..715 {
        let decision = world.look();
        assert_eq!((decision.floor, decision.hold), (top, true));
    }
    let mut last = None;
    for _ in 0..120 {
        last = Some(world.look());
    }
    let last = last.unwrap();
    assert_eq!((last.floor, last.hold), (None, false));
    assert!(last.memory.actions.iter().all(|action| !action.is_open()));
}

#[test]
fn the_limit_of_actions_holds() {
    let mut world = World::new();
    world.settings.max_actions_per_hour = 1;
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    let decision = world.go(30, 320.0, 0.2, 4.0);
    assert!(open(&decision, Kind::RaiseFloor) && !open(&decision, Kind::HoldScaleDown));
    assert!(decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::ActionsLimited(_))));
}

#[test]
fn the_demand_and_the_clock_move_the_floor_before_anything_burns() {
    let mut world = World::new();
    let decision = world.go(600, 300.0, 0.0, 1.0);
    // 30 in flight / (4 × u*), with u* learned between 0.72 and 0.80.
    assert!(decision.floor.is_some_and(|floor| (10..=11).contains(&floor)), "{:?}", decision.floor);
    world.signals.scheduled = Some(Scheduled { name: "monday".to_owned(), replicas: 20 });
    assert_eq!(world.go(10, 300.0, 0.0, 1.0).floor, Some(20));
    world.signals.limits.connections = Some(15);
    assert_eq!(world.go(10, 300.0, 0.0, 1.0).floor, Some(15), "the database carries no more");
    world.signals.scheduled = None;
    let decision = world.go(600, 100.0, 0.0, 1.0);
    assert!(decision.floor.is_some_and(|floor| floor <= 4), "{:?}", decision.floor);
}

#[test]
fn demand_beyond_the_maximum_is_said_with_the_shortage() {
    let mut world = World::new();
    world.go(300, 160.0, 0.0, 1.0);
    let decision = world.go(200, 2_000.0, 0.1, 2.0);
    let said = decision.verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Saturated(words) => Some(words.clone()),
        _ => None,
    });
    assert!(said.unwrap().contains("more: raise maxReplicas"));
    assert!(decision.sizing.need.unwrap() > 60, "unclamped");
    assert_eq!(decision.floor, Some(30));
}

#[test]
fn pods_that_find_no_node_stop_the_raising() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(300, 160.0, 0.0, 1.0);
    world.signals.workload.unschedulable = 2;
    world.go(70, 160.0, 0.0, 1.0);
    let decision = world.go(60, 640.0, 0.2, 4.0);
    assert!(decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::CapacityUnavailable(_))));
    assert_eq!(decision.floor, None);
}

#[test]
fn a_drain_gets_a_spare_pod_and_gives_it_back() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(300, 160.0, 0.0, 1.0);
    world.signals.draining = 1;
    assert_eq!(world.go(10, 160.0, 0.0, 1.0).floor, Some(7));
    world.grow_to(7);
    assert_eq!(world.go(60, 160.0, 0.0, 1.0).floor, Some(7));
    world.signals.draining = 0;
    assert_eq!(world.go(10, 160.0, 0.0, 1.0).floor, None);
}

#[test]
fn a_successor_goes_on_and_relaxes_nothing_early() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    let top = world.go(10, 320.0, 0.2, 4.0).floor.unwrap();
    world.grow_to(top);
    world.go(60, 320.0, 0.002, 1.0);
    let text = world.memory.written(None);
    assert!(text.len() < 6_000, "{} bytes", text.len());
    world.memory = Memory::resumed(&text, world.now, 3_600).unwrap();
    for _ in 0..350 {
        world.measure(160.0, 0.0, 1.0);
        let decision = world.look();
        assert_eq!((decision.floor, decision.hold), (Some(top), true));
    }
    assert_eq!(world.go(3_600, 160.0, 0.0, 1.0).floor, None, "after an hour it recovers");
    assert!(Memory::resumed("nonsense", world.now, 3_600).is_none());
    assert!(Memory::resumed(&text, world.now - 86_400, 3_600).is_none(), "a record from the future");
}

#[test]
fn calm_looks_leave_nothing_to_write() {
    let mut world = World::new();
    world.go(900, 160.0, 0.0, 1.0);
    let mut written = world.memory.written(None);
    let mut writes = 0;
    for look in 0..2_000 {
        world.measure(160.0 + f64::from(look % 7), 0.0, 1.0 + f64::from(look % 5) * 0.02);
        world.look();
        let now = world.memory.written(Some(&written));
        writes += usize::from(now != written);
        written = now;
    }
    assert!(writes <= 2, "{writes} writes in five and a half hours");
    writes = 0;
    for look in 0..600 {
        world.measure(160.0 + f64::from(look % 7), 0.0, 0.0);
        world.look();
        let now = world.memory.written(Some(&written));
        writes += usize::from(now != written);
        written = now;
    }
    assert!(writes <= 2, "{writes} writes while the numbers are not trusted");
}
