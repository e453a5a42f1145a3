//! What is put down to load, and what is not; and what a budget that is gone freezes.

use super::{
    super::{FreezeLevel, Kind, Metrics, Objective, Verdict},
    World, open,
};

#[test]
fn a_burn_that_begins_with_a_release_is_not_answered_with_pods() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    world.signals.workload.revision = "r2".to_owned();
    world.signals.workload.images = "app=shop:2".to_owned();
    world.go(120, 160.0, 0.0, 1.0);
    let decision = world.go(60, 160.0, 0.3, 4.0);
    let told = decision.verdicts.iter().find_map(|verdict| match verdict {
        Verdict::ReleaseSuspected(words) => Some(words.clone()),
        _ => None,
    });
    assert!(told.unwrap().contains("app=shop:1"));
    let freeze = decision.freeze.unwrap();
    assert_eq!(freeze.cause, super::super::Cause::Release);
    assert_eq!((freeze.level, freeze.good), (FreezeLevel::Deny, vec!["app=shop:1".to_owned()]));
    assert!(world.memory.open(Kind::RaiseFloor).is_none_or(|action| action.since < world.now - 30));
    // Rolled back: a new revision, and no burn.
    world.signals.workload.revision = "r1".to_owned();
    world.signals.workload.images = "app=shop:1".to_owned();
    let decision = world.go(60, 160.0, 0.0, 1.0);
    assert!(decision.freeze.is_none() && decision.verdicts.is_empty(), "{decision:?}");
}

#[test]
fn what_burns_in_announced_maintenance_is_not_put_down_to_a_release() {
    let mut world = World::new();
    world.go(900, 160.0, 0.0, 1.0);
    world.signals.workload.revision = "r2".to_owned();
    world.signals.maintenance = true;
    let decision = world.go(180, 160.0, 0.3, 4.0);
    assert!(decision.freeze.is_none(), "{:?}", decision.freeze);
    assert!(!decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::ReleaseSuspected(_))));
}

#[test]
fn an_objective_without_a_budget_to_speak_of_does_not_keep_a_freeze() {
    let mut world = World::new();
    world.go(600, 100.0, 0.0, 1.0);
    let two = |world: &mut World, left: f64| {
        world.measure(100.0, 0.0, 1.0);
        world.objective().budget_remaining = Some(left);
        let Metrics::Measured(measured) = &mut world.signals.metrics else { panic!() };
        measured.objectives.push(Objective { name: "rare".to_owned(), allowed: 0.001, ..Objective::default() });
        world.look()
    };
    assert!(two(&mut world, -0.1).freeze.is_some());
    assert!(two(&mut world, 0.9).freeze.is_none());
}

#[test]
fn a_queue_before_a_dependency_is_not_answered_with_pods() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(600, 160.0, 0.0, 1.0);
    world.signals.autoscaler.cpu = Some((20.0, 70.0));
    let mut decision = None;
    for _ in 0..12 {
        world.measure(160.0, 0.004, 4.0);
        let Metrics::Measured(measured) = &mut world.signals.metrics else { panic!() };
        measured.waiting = Some(30.0);
        decision = Some(world.look());
    }
    let decision = decision.unwrap();
    assert!(decision.verdicts.iter().any(|verdict| matches!(verdict, Verdict::DependencyLimited(_))));
    assert_eq!(decision.floor, None);
}

#[test]
fn a_budget_that_is_gone_freezes_until_it_has_recovered() {
    let mut world = World::new();
    world.go(600, 100.0, 0.0, 1.0);
    let at = |world: &mut World, left: f64, burn: f64| {
        world.measure(100.0, 0.0, 1.0);
        let objective = world.objective();
        objective.budget_remaining = Some(left);
        objective.burn_6h = Some(burn);
        world.look()
    };
    let low = at(&mut world, 0.2, 0.0);
    assert!(matches!(&low.freeze, Some(freeze) if freeze.level == FreezeLevel::Warn && !freeze.cause.stops()));
    assert!(low.strict_budget);
    let gone = at(&mut world, -0.1, 2.0);
    assert!(matches!(&gone.freeze, Some(freeze) if freeze.level == FreezeLevel::Deny && freeze.cause.stops()));
    assert!(at(&mut world, 0.05, 0.5).freeze.is_some_and(|freeze| freeze.cause.stops()), "5 % is not enough");
    assert!(at(&mut world, 0.2, 1.5).freeze.is_some_and(|freeze| freeze.cause.stops()), "6h still burn");
    // Unknown ends nothing.
    world.signals.metrics = Metrics::Unknown("gone".to_owned());
    assert!(world.look().freeze.is_some_and(|freeze| freeze.cause.stops()));
    for _ in 0..20 {
        at(&mut world, 0.2, 0.5);
    }
    assert!(world.memory.freeze.as_ref().is_none_or(|freeze| !freeze.cause.stops()), "recovered to a warning");
    for _ in 0..70 {
        at(&mut world, 0.5, 0.5);
    }
    assert!(world.memory.freeze.is_none() && !world.memory.strict);
}

#[test]
fn a_freeze_is_renewed_before_its_end_and_no_more_than_that() {
    let mut world = World::new();
    world.go(300, 100.0, 0.0, 1.0);
    let mut ends = std::collections::BTreeSet::new();
    for _ in 0..1_080 {
        world.measure(100.0, 0.0, 1.0);
        world.objective().budget_remaining = Some(-0.5);
        let freeze = world.look().freeze.unwrap();
        assert!(freeze.until > world.now && freeze.until <= world.now + 7_200);
        ends.insert(freeze.until);
    }
    assert!(ends.len() <= 4, "{} writes in three hours", ends.len());
}

#[test]
fn paused_nothing_begins_and_a_freeze_is_lifted() {
    let mut world = World::new();
    world.go(600, 160.0, 0.0, 1.0);
    world.measure(160.0, 0.0, 1.0);
    world.objective().budget_remaining = Some(-1.0);
    assert!(world.look().freeze.is_some());
    world.settings.paused_until = Some(world.now + 600);
    let before = world.memory.demand_floor;
    let decision = world.go(60, 480.0, 0.3, 4.0);
    assert!(decision.freeze.is_none() && !open(&decision, Kind::RaiseFloor));
    assert!(world.memory.demand_floor <= before, "nothing goes up while it is paused");
    let decision = world.go(600, 480.0, 0.3, 4.0);
    assert!(open(&decision, Kind::RaiseFloor), "the pause has an end");
}
