//! Single steps, and a world in which replicas come, go, hang and count differently.

use proptest::prelude::*;

use super::*;

const LASTS: Duration = Duration::from_secs(15);

fn set(shards: &[u16]) -> Set {
    shards.iter().copied().collect()
}

fn found(version: u32, holder: &str, rows: &[(&str, &str, &[u16])]) -> Found {
    let table = rows.iter().map(|(name, stamp, shards)| ((*name).to_owned(), row(stamp, set(shards)))).collect();
    Found { version: version.to_string(), holder: holder.to_owned(), lasts: LASTS, table }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The shards of a replica in what it would write.
fn own(step: &Step, name: &str) -> Vec<u16> {
    let Step::Write(table) = step else { panic!("{step:?}") };
    table[name].shards.iter().copied().collect()
}

#[test]
fn who_comes_says_so_first_and_takes_what_is_fair() {
    let mut a = Mind::new("a", 4, LASTS);
    assert_eq!(own(&a.step(&Found::default(), &set(&[]), at(0), "1"), "a"), [0_u16; 0]);
    let alone = found(1, "shards/4", &[("a", "1", &[])]);
    assert_eq!(own(&a.step(&alone, &set(&[]), at(2), "2"), "a"), [0, 1, 2, 3]);
    let two = found(1, "shards/4", &[("a", "1", &[]), ("b", "1", &[])]);
    assert_eq!(own(&a.step(&two, &set(&[]), at(2), "2"), "a"), [0], "b has none yet");
    let second = found(2, "shards/4", &[("a", "1", &[]), ("b", "2", &[0, 1])]);
    assert_eq!(own(&a.step(&second, &set(&[]), at(2), "2"), "a"), [2, 3]);
}

#[test]
fn shards_of_one_that_says_nothing_are_taken_when_the_lease_has_run_out() {
    let mut a = Mind::new("a", 2, LASTS);
    let lease = |stamp| found(1, "shards/2", &[("a", "1", &[0]), ("b", stamp, &[1])]);
    let running = set(&[0]);
    assert_eq!(own(&a.step(&lease("1"), &running, at(0), ""), "a"), [0]);
    assert_eq!(own(&a.step(&lease("2"), &running, at(14), ""), "a"), [0], "it is alive");
    assert_eq!(own(&a.step(&lease("2"), &running, at(28), ""), "a"), [0]);
    let step = a.step(&lease("2"), &running, at(29), "");
    assert_eq!(own(&step, "a"), [0, 1]);
    assert!(matches!(step, Step::Write(table) if !table.contains_key("b")));
}

#[test]
fn what_is_given_up_stays_ours_while_it_is_worked_on() {
    let mut a = Mind::new("a", 4, LASTS);
    let all = set(&[0, 1, 2, 3]);
    let lease = |own: &[u16], stamp| found(1, "shards/4", &[("a", "1", own), ("b", stamp, &[])]);
    let run = |a: &Mind, step: &Step| match step {
        Step::Write(table) => a.to_run(table),
        other => panic!("{other:?}"),
    };
    let step = a.step(&lease(&[0, 1, 2, 3], "1"), &all, at(0), "");
    assert_eq!(run(&a, &step), all, "it may be over in a moment");
    let step = a.step(&lease(&[0, 1, 2, 3], "2"), &all, at(10), "");
    assert_eq!((run(&a, &step), own(&step, "a")), (set(&[0, 1]), vec![0, 1, 2, 3]));
    let step = a.step(&lease(&[0, 1, 2, 3], "3"), &all, at(12), "");
    assert_eq!((run(&a, &step), own(&step, "a")), (set(&[0, 1]), vec![0, 1, 2, 3]), "controllers end");
    for _ in 0..2 {
        let step = a.step(&lease(&[0, 1, 2, 3], "4"), &set(&[0, 1]), at(14), "");
        assert_eq!((run(&a, &step), own(&step, "a")), (set(&[0, 1]), vec![0, 1]), "also when the write was in vain");
    }
    let step = a.step(&lease(&[0, 1], "5"), &set(&[0, 1]), at(16), "");
    assert_eq!(own(&step, "a"), [0, 1], "they are for b");
}

#[test]
fn who_counts_otherwise_waits_until_the_last_has_gone() {
    let mut a = Mind::new("a", 2, LASTS);
    let others = |version| found(version, "shards/4", &[("x", "1", &[0, 1, 2, 3])]);
    assert_eq!(a.step(&others(1), &set(&[]), at(0), ""), Step::Wait);
    assert_eq!(a.step(&others(2), &set(&[]), at(14), ""), Step::Wait);
    assert_eq!(a.step(&others(2), &set(&[]), at(28), ""), Step::Wait);
    assert_eq!(own(&a.step(&others(2), &set(&[]), at(29), ""), "a"), [0_u16; 0]);
    // One that leads alone is one of these, too.
    assert_eq!(Mind::new("a", 2, LASTS).step(&found(1, "pod", &[]), &set(&[]), at(0), ""), Step::Wait);
    assert!(matches!(Mind::new("a", 2, LASTS).step(&found(1, "", &[]), &set(&[]), at(0), ""), Step::Write(_)));
}

#[test]
fn what_is_not_in_the_lease_is_lost() {
    let running = set(&[0]);
    for (holder, rows) in [
        ("shards/2", &[("b", "1", &[0_u16] as &[u16])] as &[(&str, &str, &[u16])]),
        ("shards/2", &[("a", "1", &[1])]),
        ("shards/4", &[("a", "1", &[0])]),
        ("", &[]),
    ] {
        let mut a = Mind::new("a", 2, LASTS);
        assert_eq!(a.step(&found(1, holder, rows), &running, at(0), ""), Step::Lost, "{holder} {rows:?}");
    }
}

#[test]
fn the_last_leaves_nothing() {
    let table = found(1, "", &[("a", "1", &[0]), ("b", "1", &[1])]).table;
    let left = without(table, "a").unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(without(left, "b"), None);
}

mod world;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever replicas do, no shard is worked on by two, nor are shards counted in two ways; and when all is calm again, all are
    /// worked on, evenly.
    #[test]
    fn no_shard_has_two_workers(seed: u64) {
        world::World::new(seed).run();
    }
}
