use proptest::prelude::*;

use super::*;

fn replica(n: usize) -> Endpoint {
    Endpoint { host: format!("r{n}"), port: 5432 }
}

fn lag(min_replicas: u32, when_none: WhenNone) -> Lag {
    Lag { max_bytes: 16 << 20, max_seconds: 30, min_replicas, when_none, spill_connections: 5 }
}

const WELL: Option<Behind> = Some(Behind { bytes: 0, seconds: 4_000.0 });
const FAR: Option<Behind> = Some(Behind { bytes: 17 << 20, seconds: 1.0 });
const LATE: Option<Behind> = Some(Behind { bytes: 1, seconds: 31.0 });
/// Within the limit and not well.
const BETWEEN: Option<Behind> = Some(Behind { bytes: 12 << 20, seconds: 1.0 });

/// What comes of looks at two replicas.
fn looks(lag: &Lag, looks: &[[Option<Behind>; 2]]) -> Vec<(ReadsGo, Vec<usize>)> {
    let mut memory = Memory::default();
    let number = |endpoint: &Endpoint| endpoint.host[1..].parse().unwrap();
    let sample = |(n, behind): (usize, &Option<Behind>)| Sample { endpoint: replica(n), behind: *behind };
    let decide = |look: &[Option<Behind>; 2]| {
        let decision = memory.decide(&look.iter().enumerate().map(sample).collect::<Vec<_>>(), lag);
        (decision.reads, decision.hosts.iter().map(number).collect())
    };
    looks.iter().map(decide).collect()
}

#[test]
fn one_that_is_behind_is_out_at_once_and_back_after_a_while() {
    for bad in [FAR, LATE] {
        let seen = looks(
            &lag(1, WhenNone::Primary),
            &[[WELL; 2], [bad, WELL], [WELL; 2], [BETWEEN, WELL], [WELL; 2], [WELL; 2], [WELL; 2]],
        );
        let hosts: Vec<_> = seen.into_iter().map(|(_, hosts)| hosts).collect();
        let (both, one) = (vec![0, 1], vec![1]);
        assert_eq!(hosts, [both.clone(), one.clone(), one.clone(), one.clone(), one.clone(), one, both]);
    }
}

#[test]
fn an_idle_primary_makes_nobody_late() {
    assert_eq!(looks(&lag(1, WhenNone::Fail), &[[WELL; 2]; 3])[2].1, [0, 1]);
}

#[test]
fn one_failed_look_is_a_hiccup_and_two_are_not() {
    let seen = looks(&lag(1, WhenNone::Primary), &[[WELL; 2], [None, WELL], [WELL; 2], [None, WELL], [None, WELL]]);
    let counts: Vec<_> = seen.iter().map(|(_, hosts)| hosts.len()).collect();
    assert_eq!(counts, [2, 2, 2, 2, 1]);
}

#[test]
fn one_that_was_never_seen_well_does_not_begin_in_rotation() {
    assert_eq!(looks(&lag(1, WhenNone::Primary), &[[None, WELL]])[0].1, [1]);
    assert_eq!(looks(&lag(1, WhenNone::Primary), &[[LATE, WELL]])[0].1, [1]);
}

#[test]
fn with_too_few_the_reads_go_where_the_profile_says() {
    let bad = [[WELL; 2], [FAR, WELL]];
    let with = |min, when| looks(&lag(min, when), &bad).pop().unwrap();
    assert_eq!(with(1, WhenNone::Primary), (ReadsGo::Replicas, vec![1]));
    assert_eq!(with(2, WhenNone::Primary), (ReadsGo::Primary, vec![]));
    assert_eq!(with(2, WhenNone::Fail), (ReadsGo::Nowhere, vec![]));
    assert_eq!(with(2, WhenNone::Stale), (ReadsGo::Stale, vec![0, 1]));
    let one_gone = looks(&lag(2, WhenNone::Stale), &[[FAR, None]]).pop().unwrap();
    assert_eq!(one_gone, (ReadsGo::Stale, vec![0]), "those that answer");
    let all_gone = looks(&lag(1, WhenNone::Stale), &[[None; 2]]).pop().unwrap();
    assert_eq!(all_gone, (ReadsGo::Stale, vec![0, 1]));
}

#[test]
fn without_a_replica_in_rotation_no_host_is_written_whatever_the_minimum() {
    let seen = looks(&lag(0, WhenNone::Primary), &[[FAR; 2]]).pop().unwrap();
    assert_eq!(seen, (ReadsGo::Primary, vec![]));
}

#[test]
fn the_report_has_no_seconds_where_no_bytes_are_missing() {
    let mut memory = Memory::default();
    let decision = memory.decide(&[Sample { endpoint: replica(0), behind: WELL }], &lag(1, WhenNone::Fail));
    assert_eq!((decision.seen[0].lag_bytes, decision.seen[0].lag_seconds), (Some(0), Some(0.0)));
}

#[test]
fn one_that_is_no_longer_named_is_forgotten() {
    let mut memory = Memory::default();
    let one = |n, behind| [Sample { endpoint: replica(n), behind }];
    memory.decide(&one(0, FAR), &lag(1, WhenNone::Fail));
    memory.decide(&one(1, WELL), &lag(1, WhenNone::Fail));
    assert_eq!(memory.decide(&one(0, WELL), &lag(1, WhenNone::Fail)).hosts, [replica(0)]);
}

fn behind() -> impl Strategy<Value = Option<Behind>> {
    proptest::option::weighted(
        0.8,
        (0u64..40 << 20, 0.0f64..90.0).prop_map(|(bytes, seconds)| Behind { bytes, seconds }),
    )
}

fn when() -> impl Strategy<Value = WhenNone> {
    prop_oneof![Just(WhenNone::Primary), Just(WhenNone::Stale), Just(WhenNone::Fail)]
}

proptest! {
    #[test]
    fn what_always_holds(min in 0u32..4, when in when(), rounds in proptest::collection::vec(proptest::collection::vec(behind(), 3), 1..60)) {
        let (lag, mut memory) = (lag(min, when), Memory::default());
        let (mut out_since, mut well) = ([None::<usize>; 3], [0u32; 3]);
        for (round, samples) in rounds.iter().enumerate() {
            let samples: Vec<_> = samples.iter().enumerate().map(|(n, behind)| Sample { endpoint: replica(n), behind: *behind }).collect();
            let decision = memory.decide(&samples, &lag);
            // Never fewer than the minimum, unless the reads go elsewhere.
            match decision.reads {
                ReadsGo::Replicas => prop_assert!(decision.hosts.len() >= min.max(1) as usize),
                ReadsGo::Stale => prop_assert!(when == WhenNone::Stale && !decision.hosts.is_empty()),
                ReadsGo::Primary => prop_assert!(when == WhenNone::Primary && decision.hosts.is_empty()),
                ReadsGo::Nowhere => prop_assert!(when == WhenNone::Fail && decision.hosts.is_empty()),
            }
            for n in 0..3 {
                let within = decision.seen[n].in_rotation;
                let behind = samples[n].behind;
                // Beyond the limit is out at this very look.
                prop_assert!(!(within && behind.is_some_and(|behind| super::beyond(behind, &lag))));
                well[n] = if behind.is_some_and(|behind| super::well(behind, &lag)) { well[n] + 1 } else { 0 };
                // And it is not back before it has been well at three looks in a row.
                if within && out_since[n].is_some() {
                    prop_assert!(well[n] >= GOOD, "replica {n} back at {round} after {} good looks", well[n]);
                }
                out_since[n] = if within { None } else { out_since[n].or(Some(round)) };
            }
        }
    }
}
