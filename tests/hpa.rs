//! The port of the HorizontalPodAutoscaler controller's algorithm against the controller itself: random cases, the same
//! for both, and every answer must be the same.
//!
//! `HPA_ORACLE` is the program that answers with the controller's own code (tests/lab/hpa-oracle). `HPA_CALCULATIONS` and
//! `HPA_SEQUENCES` say how many cases there are, `HPA_SEED` from which number on: case and seed are one number.

// Helpers of tests are tests: what they unwrap fails them, and they are read where they are used.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "hpa/behavior.rs"]
mod behavior;
#[path = "hpa/calculation.rs"]
mod calculation;
#[path = "hpa/cluster.rs"]
mod cluster;
#[path = "hpa/oracle.rs"]
mod oracle;
#[path = "hpa/random.rs"]
mod random;
#[path = "hpa/sequence.rs"]
mod sequence;
#[path = "hpa/simulation.rs"]
mod simulation;
#[path = "hpa/specification.rs"]
mod specification;
#[path = "hpa/world.rs"]
mod world;

use std::collections::BTreeMap;

use calculation::Calculation;
use oracle::Oracle;
use random::Random;
use sequence::Sequence;

/// How many cases are on their way at a time.
const BATCH: u64 = 500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// How often each of what a fuzz must reach was reached.
type Reached = BTreeMap<String, u64>;

/// Says what was reached, and fails if something was not.
fn must_reach(what: &str, cases: u64, reached: &Reached, expected: &[&str]) {
    let counts: Vec<_> = reached.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("{what}: {cases} cases, no difference; {}", counts.join(", "));
    let missed: Vec<_> = expected.iter().filter(|name| !reached.contains_key(**name)).collect();
    assert!(missed.is_empty() || cases < 300, "{what}: none of {cases} cases has reached {missed:?}");
}

#[test]
fn one_metric_asks_for_as_much_as_the_controller_says() {
    let (seed, cases) = (number("HPA_SEED", 1), number("HPA_CALCULATIONS", 10_000));
    let mut oracle = Oracle::start();
    let mut reached = Reached::new();
    for first in (seed..seed + cases).step_by(usize::try_from(BATCH).unwrap()) {
        let seeds = first..(first + BATCH).min(seed + cases);
        let all: Vec<_> = seeds.clone().map(|seed| Calculation::random(&mut Random::new(seed))).collect();
        let answers = oracle.answers(all.iter().map(Calculation::json));
        for ((seed, case), theirs) in seeds.zip(&all).zip(answers) {
            if let Some(difference) = case.difference(&theirs) {
                let (small, difference) = case.shrink(&mut oracle, difference);
                panic!("HPA_SEED={seed} HPA_CALCULATIONS=1: {difference}\n{}", small.json());
            }
            for name in case.reaches() {
                *reached.entry(name).or_default() += 1;
            }
        }
    }
    must_reach("calculations", cases, &reached, &calculation::MUST_REACH);
}

#[test]
fn a_controller_does_the_same_over_time() {
    let (seed, cases) = (number("HPA_SEED", 1), number("HPA_SEQUENCES", 400));
    let mut oracle = Oracle::start();
    let mut reached = Reached::new();
    for first in (seed..seed + cases).step_by(usize::try_from(BATCH / 10).unwrap()) {
        let seeds = first..(first + BATCH / 10).min(seed + cases);
        let all: Vec<_> = seeds.clone().map(|seed| Sequence::random(&mut Random::new(seed))).collect();
        let answers = oracle.answers(all.iter().map(|sequence| sequence.json(usize::MAX)));
        for ((seed, case), theirs) in seeds.zip(&all).zip(answers) {
            if let Some((step, difference)) = case.difference(&theirs) {
                panic!("HPA_SEED={seed} HPA_SEQUENCES=1, step {step}: {difference}\n{}", case.json(step + 1));
            }
            for name in case.reaches() {
                *reached.entry(name).or_default() += 1;
            }
        }
    }
    must_reach("sequences", cases, &reached, &sequence::MUST_REACH);
}
