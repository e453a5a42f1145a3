//! What the demand is taken for, and what is not taken for demand.

use super::{
    super::{Kind, Metrics},
    World, open,
};

/// A load that is seen as it is: rates over 45 s of scrapes every 15 s, looked at every ten seconds. Gives back the need at the end.
fn seen(world: &mut World, seconds: i64, load: &dyn Fn(i64) -> f64) -> i32 {
    let mut need = 0;
    let begin = world.now;
    for _ in 0..seconds / 10 {
        let at = (world.now - begin) / 15 * 15;
        let rate = (1..=3).map(|scrape| load(at - scrape * 15)).sum::<f64>() / 3.0;
        world.measure(rate, 0.0, 1.0);
        need = world.look().sizing.need.unwrap();
    }
    need
}

#[test]
fn a_jump_is_seen_for_what_it_is_before_the_range_shows_it() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    // A little noise, of another size at each scrape.
    let calm = |at: i64| 100.0 + f64::from(i32::try_from(at.rem_euclid(7)).unwrap()) * 0.5;
    seen(&mut world, 900, &calm);
    let before = world.now;
    let need = seen(&mut world, 50, &|at| if at >= 15 { 400.0 } else { calm(at) });
    // One of three scrapes has the jump: the rate is 200, and 400 need 14 pods.
    assert!((12..=14).contains(&need), "{need} after {} s", world.now - before);
    let need = seen(&mut world, 120, &|_| 400.0);
    assert!((13..=15).contains(&need), "{need}");
}

#[test]
fn a_load_that_jumps_all_the_time_is_no_growth() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    // Half as much again, or half: by a sequence that looks like chance.
    let wild = |at: i64| 400.0 * (0.5 + f64::from(i32::try_from((at / 15 * 7_919).rem_euclid(101)).unwrap()) / 101.0);
    seen(&mut world, 1_800, &wild);
    let needs: Vec<i32> = (60..120).map(|part| seen(&mut world, 30, &|at| wild(at + part * 30))).collect();
    // The means of three are between 260 and 540; with every jump taken for what it seems it would be more than 14 pods on the mean.
    let mean = f64::from(needs.iter().sum::<i32>()) / 60.0;
    assert!(mean < 13.5 && needs.iter().all(|need| *need <= 16), "{mean} {needs:?}");
}

#[test]
fn pods_that_come_back_are_no_reason_for_more() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    world.signals.workload.ready = 4;
    let lost = world.go(40, 160.0, 0.3, 3.0);
    assert_eq!((lost.floor, lost.sizing.need), (None, Some(6)));
    world.signals.workload.ready = 6;
    assert_eq!(world.go(60, 160.0, 0.3, 3.0).floor, None, "nothing is seen of them yet");
    // It goes on: they are not enough.
    let decision = world.go(60, 160.0, 0.3, 3.0);
    assert!(open(&decision, Kind::RaiseFloor), "{decision:?}");
}

#[test]
fn pods_that_have_just_become_ready_are_given_the_time_to_be_seen() {
    let mut world = World::new();
    world.settings = super::Settings { max: 100, ..world.settings };
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    let first = world.go(10, 200.0, 0.2, 4.0).floor.unwrap();
    world.grow_to(first);
    assert_eq!(world.go(70, 200.0, 0.2, 12.0).floor, Some(first));
    let second = world.go(20, 200.0, 0.2, 12.0).floor.unwrap();
    assert!(second > first, "{second} after {first}");
}

#[test]
fn pods_that_are_lost_while_more_is_needed_are_no_excuse() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    world.signals.workload.ready = 4;
    assert!(open(&world.go(10, 320.0, 0.3, 3.0), Kind::RaiseFloor));
}

#[test]
fn a_need_that_grows_is_answered_within_the_minute() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    let first = world.go(10, 200.0, 0.2, 4.0).floor.unwrap();
    assert_eq!(world.go(10, 210.0, 0.2, 4.0).floor, Some(first), "one raise a minute");
    let second = world.go(10, 400.0, 0.5, 4.0).floor.unwrap();
    assert!(second > first, "{second} after {first}");
    assert_eq!(world.go(20, 400.0, 0.5, 4.0).floor, Some(second));
}

#[test]
fn a_hold_ends_when_the_demand_is_known_to_be_low() {
    let burned = || {
        let mut world = World::new();
        world.settings.feed_forward = false;
        world.go(900, 160.0, 0.0, 1.0);
        let top = world.go(10, 320.0, 0.2, 4.0).floor.unwrap();
        world.grow_to(top);
        world
    };
    // The hour still burns.
    let go = |world: &mut World, seconds: i64, rate: f64| {
        let mut hold = false;
        for _ in 0..seconds / 10 {
            world.measure(rate, 0.0, 1.0);
            world.objective().burn_1h = Some(5.0);
            hold = world.look().hold;
        }
        hold
    };
    let mut world = burned();
    assert!(go(&mut world, 880, 100.0) && !go(&mut world, 40, 100.0), "15 minutes of low demand");
    assert!(!go(&mut world, 60, 100.0), "not begun again");
    let mut world = burned();
    assert!(go(&mut world, 1_500, 300.0), "the demand is as high as it was");
    let mut world = burned();
    assert!(go(&mut world, 600, 100.0) && go(&mut world, 120, 300.0) && go(&mut world, 600, 100.0), "it came back");
    let mut world = burned();
    go(&mut world, 120, 100.0);
    world.signals.metrics = Metrics::Unknown("connection refused".to_owned());
    for _ in 0..90 {
        assert!(world.look().hold);
    }
    assert!(go(&mut world, 600, 100.0), "what was not seen is not known");
}

#[test]
fn a_dependency_ends_a_hold() {
    let mut world = World::new();
    world.settings.feed_forward = false;
    world.go(900, 160.0, 0.0, 1.0);
    assert!(world.go(20, 320.0, 0.2, 4.0).hold);
    let mut hold = true;
    for _ in 0..6 {
        world.measure(320.0, 0.2, 4.0);
        let Metrics::Measured(measured) = &mut world.signals.metrics else { panic!() };
        measured.waiting = Some(100.0);
        hold = world.look().hold;
    }
    assert!(!hold);
}

#[test]
fn what_a_pod_carries_is_not_learned_while_new_pods_are_not_counted() {
    let mut world = World::new();
    world.settings.concurrency = None;
    world.go(900, 160.0, 0.0, 1.0);
    let before = world.memory.learned.per_pod;
    // A third of the pods is new, and their requests are not in the rates yet.
    world.grow_to(9);
    for _ in 0..6 {
        world.measure(107.0, 0.0, 1.0);
        let Metrics::Measured(measured) = &mut world.signals.metrics else { panic!() };
        // Their series are there already.
        measured.series = Some(30.0);
        world.look();
    }
    assert!((world.memory.learned.per_pod / before - 1.0).abs() < 1e-3, "{before}");
    // Nor is a queue work.
    world.grow_to(6);
    world.go(100, 160.0, 0.0, 1.0);
    let before = world.memory.learned.per_pod;
    world.go(20, 160.0, 0.0, 6.0);
    assert!(world.memory.learned.per_pod < before * 1.25, "{before} to {}", world.memory.learned.per_pod);
}
