//! Runs as a whole: what must hold whatever the figures are, and what each fault must do.

use super::{
    Fault, Outcome, Policy, Setup, Shape,
    load::Load,
    number::{MINUTE, SECOND},
    random::Random,
    run,
    service::{Balancing, Minute, Service, Settings, Shared},
};

fn made(shape: Shape, fault: Fault, policy: Policy) -> Outcome {
    run(&Setup { shape, fault, policy, minutes: 60, seed: 1 })
}

/// A service with ready pods.
fn service(settings: Settings, pods: u32) -> Service {
    let mut service = Service::new(settings, Random::new(1, 1));
    for _ in 0..pods {
        let pod = service.add_pod(1.0);
        service.set_ready(pod, true);
    }
    service
}

fn drained(service: &mut Service) -> Minute {
    while service.next().is_some() {
        service.step();
    }
    service
        .minutes()
        .iter()
        .fold(Minute::default(), |sum, minute| Minute { total: sum.total + minute.total, bad: sum.bad + minute.bad })
}

#[test]
fn a_run_repeats_and_all_policies_meet_the_same_requests() {
    let [cpu, again, fixed] =
        [Policy::HpaCpu, Policy::HpaCpu, Policy::StaticPeak].map(|policy| made(Shape::Bursty, Fault::None, policy));
    assert_eq!(cpu, again);
    let totals = |run: &Outcome| run.minutes.iter().map(|minute| minute.total).collect::<Vec<_>>();
    assert_eq!(totals(&cpu), totals(&fixed));
    let all: u64 = totals(&cpu).iter().sum();
    assert!(all.abs_diff(360_000) < 3_000, "{all}");
    assert!(cpu.pod_hours() < fixed.pod_hours());
}

#[test]
fn clients_give_up_and_what_waits_for_nobody_is_not_served() {
    // One worker, a second of work each: the second is late, the client of the third gives up while it is served, the fourth
    // is never served.
    let mut service = service(Settings { workers: 1, ..Settings::default() }, 1);
    for _ in 0..4 {
        service.arrive(0, SECOND - 1);
    }
    assert_eq!(drained(&mut service), Minute { total: 4, bad: 4 });
    let counters = service.pod(0).unwrap().counters;
    assert_eq!((counters.total, counters.good, counters.sum), (4, 0, 3 * (SECOND - 1) + 4 * SECOND));
    assert_eq!((service.waits.started, service.pod(0).unwrap().in_flight), (3, 0));
    assert_eq!(service.pod(0).unwrap().computed_until(10 * SECOND), 3 * (SECOND - 1));
}

#[test]
fn a_second_attempt_is_load_and_no_other_request() {
    let mut service = service(Settings { workers: 1, retry: true, ..Settings::default() }, 1);
    service.arrive(0, 3 * SECOND);
    assert_eq!(drained(&mut service), Minute { total: 1, bad: 1 });
    assert_eq!(service.pod(0).unwrap().counters.total, 2);
}

#[test]
fn a_pool_behind_the_pods_is_a_limit_that_pods_do_not_move() {
    // Ten requests with half a second of a connection each, and one connection: whatever the pods.
    for pods in [1, 20] {
        let shared = Some(Shared { connections: 1, share: 0.5 });
        let mut service = service(Settings { workers: 10, timeout: None, shared, ..Settings::default() }, pods);
        for _ in 0..10 {
            service.arrive(0, SECOND);
        }
        let mut last = 0;
        while let Some(next) = service.next() {
            last = next;
            service.step();
        }
        assert_eq!(last, SECOND / 2 + 10 * SECOND / 2);
        let computed: u64 = (0..pods).map(|pod| service.pod(pod).unwrap().computed_until(last)).sum();
        assert_eq!(computed, 10 * SECOND / 2, "who waits for a connection does not compute");
    }
}

#[test]
fn two_choices_balance_better_than_turns() {
    let wait = |balancing| {
        let mut service = service(Settings { balancing, ..Settings::default() }, 10);
        let load = Load::constant(180.0, 10 * MINUTE);
        let (mut arrivals, mut work) = (Random::new(3, 5), Random::new(3, 6));
        let mut now = 0;
        while let Some(next) = load.next(now, &mut arrivals) {
            while service.next().is_some_and(|event| event <= next) {
                service.step();
            }
            service.arrive(next, super::number::micros(0.18 * work.exponential()));
            now = next;
        }
        service.waits.sum
    };
    assert!(wait(Balancing::TwoChoices) * 2 < wait(Balancing::RoundRobin));
}

#[test]
fn enough_pods_meet_the_objective_and_the_clairvoyant_needs_fewer() {
    for shape in [Shape::Step, Shape::Diurnal] {
        let (fixed, clairvoyant) =
            (made(shape, Fault::None, Policy::StaticPeak), made(shape, Fault::None, Policy::Clairvoyant));
        assert!(fixed.burn() < 0.2 && fixed.changes == 0, "{shape:?}: {}", fixed.burn());
        assert!(clairvoyant.burn() < 1.0, "{shape:?}: {}", clairvoyant.burn());
        assert!(clairvoyant.pod_hours() < fixed.pod_hours(), "{shape:?}");
    }
}

#[test]
fn the_autoscaler_does_not_see_what_its_metric_does_not_show() {
    let burn = |fault, policy| made(Shape::Step, fault, policy).burn();
    assert!(burn(Fault::PoolBound, Policy::HpaCpu) > 50.0);
    assert!(burn(Fault::PoolBound, Policy::KedaRps) < 10.0);
}

#[test]
fn keda_takes_a_hole_for_no_load() {
    let course = |policy| {
        let run = made(Shape::Diurnal, Fault::PrometheusHole, policy);
        let lowest = run.points[30..45].iter().map(|point| point.replicas).min().unwrap();
        (lowest, run.burn())
    };
    let (keda, cpu) = (course(Policy::KedaRps), course(Policy::HpaCpu));
    assert!(keda.0 == 2 && keda.1 > 5.0, "{keda:?}");
    assert!(cpu.0 > 7 && cpu.1 < 1.0, "{cpu:?}");
}

#[test]
fn faults_do_what_they_say() {
    let fixed = |fault| made(Shape::Diurnal, fault, Policy::StaticPeak);
    let infeasible = fixed(Fault::Infeasible).burn();
    assert!((1.8..2.4).contains(&infeasible), "{infeasible}");
    assert!(fixed(Fault::Release18).burn() > 5.0 * fixed(Fault::Release13).burn());
    assert!(fixed(Fault::NoisyNeighbour).burn() > 2.0 * fixed(Fault::None).burn());
    let dependency = fixed(Fault::Dependency);
    let bad = |range: std::ops::Range<usize>| dependency.minutes[range].iter().map(|minute| minute.bad).sum::<u64>();
    assert!(bad(0..29) < 500 && bad(31..42) > 1_000, "{} {}", bad(0..29), bad(31..42));
    let drain = fixed(Fault::NodeDrain);
    let ready: Vec<i32> = drain.points.iter().map(|point| point.ready).collect();
    assert!(ready[30..34].iter().min() < ready[..30].iter().min() && ready[40] == ready[20], "{ready:?}");
    for fault in [Fault::MaxReplicas, Fault::NoCapacity] {
        let (limited, free) =
            (made(Shape::Ramp, fault, Policy::HpaCpu), made(Shape::Ramp, Fault::None, Policy::HpaCpu));
        let most = |run: &Outcome| run.points.iter().map(|point| point.ready).max();
        assert!(most(&limited) < most(&free), "{fault:?}");
        assert_eq!(limited.at_max > 0, fault == Fault::MaxReplicas, "{fault:?}");
    }
}

#[test]
fn a_rollout_replaces_every_pod_and_keeps_most_of_them_serving() {
    let run = made(Shape::Steady, Fault::Release13, Policy::StaticPeak);
    let replicas = run.points[0].replicas;
    assert!(run.points.iter().all(|point| point.ready >= replicas - replicas / 4), "{:?}", run.points);
    assert_eq!(run.points.last().unwrap().ready, replicas);
    // No more pod time than the surge: 60 minutes of all, and a quarter of them for a few.
    let all = f64::from(replicas);
    assert!(run.pod_hours() > all && run.pod_hours() < all * 1.1, "{}", run.pod_hours());
}
