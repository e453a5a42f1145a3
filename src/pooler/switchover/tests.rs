use proptest::prelude::*;

use super::*;

const HELD: Seen = Seen { all_paused: true, any_paused: true, loaded: true };
const FREE: Seen = Seen { all_paused: false, any_paused: false, loaded: true };
const HALF: Seen = Seen { all_paused: false, any_paused: true, loaded: true };

fn pause(id: &str) -> Pause {
    Pause { id: id.to_owned(), limit_seconds: 30 }
}

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_switchover() {
    let mut it = Switchover::default();
    assert_eq!(it.step(s(0), None, FREE), []);
    assert_eq!(it.step(s(1), Some(&pause("a")), FREE), [Action::Pause]);
    assert_eq!(it.paused(HALF), None, "not all are held");
    assert_eq!(it.step(s(2), Some(&pause("a")), HALF), []);
    assert_eq!(it.step(s(3), Some(&pause("a")), HELD), []);
    assert_eq!(it.paused(HELD), Some("a"));
    assert_eq!(it.remaining(s(3), Some(&pause("a"))), Some(s(28)));
    let loads = it.step(s(5), None, Seen { loaded: false, ..HELD });
    assert_eq!(loads, [Action::Load, Action::Resume]);
    assert_eq!(it.step(s(5), None, FREE), []);
    assert_eq!(it, Switchover::default());
}

#[test]
fn it_ends_at_its_limit_and_is_not_begun_again() {
    let mut it = Switchover::default();
    it.step(s(0), Some(&pause("a")), FREE);
    it.step(s(1), Some(&pause("a")), HELD);
    assert_eq!(it.step(s(29), Some(&pause("a")), HELD), []);
    assert_eq!(it.step(s(30), Some(&pause("a")), HELD), [Action::Resume]);
    assert_eq!(it.step(s(31), Some(&pause("a")), HALF), [Action::Resume], "until it is so");
    assert_eq!(it.step(s(32), Some(&pause("a")), FREE), []);
    let ended = it.ended().unwrap();
    assert!(ended.held && ended.message().contains("30 s"), "{}", ended.message());
    assert_eq!(it.step(s(33), Some(&pause("b")), FREE), [Action::Pause], "another one is");
    assert_eq!(it.ended(), None);
}

#[test]
fn transactions_that_do_not_end_are_said() {
    let mut it = Switchover::default();
    it.step(s(0), Some(&pause("a")), FREE);
    assert_eq!(it.step(s(30), Some(&pause("a")), HALF), [Action::Resume]);
    assert!(it.ended().unwrap().message().contains("did not end"));
}

#[test]
fn a_restarted_pgbouncer_is_paused_again_within_the_same_time() {
    let mut it = Switchover::default();
    it.step(s(0), Some(&pause("a")), FREE);
    it.step(s(1), Some(&pause("a")), HELD);
    assert_eq!(it.step(s(10), Some(&pause("a")), FREE), [Action::Pause]);
    assert_eq!(it.step(s(30), Some(&pause("a")), HELD), [Action::Resume]);
}

#[test]
fn what_somebody_else_paused_is_resumed() {
    assert_eq!(Switchover::default().step(s(0), None, HALF), [Action::Resume]);
}

proptest! {
    /// No client is held for longer than the limit after the pause was asked for, whatever is seen, if RESUME is obeyed.
    #[test]
    fn nobody_is_held_for_longer(limit in 0u32..60, looks in proptest::collection::vec((0u64..5_000, any::<(bool, bool)>()), 1..200)) {
        let wanted = Pause { id: "x".to_owned(), limit_seconds: limit };
        let (mut it, mut now, mut paused) = (Switchover::default(), Duration::ZERO, false);
        for (step, (all, loaded)) in looks {
            let due = now >= Duration::from_secs(limit.into()) && now > Duration::ZERO;
            let seen = Seen { all_paused: paused && all, any_paused: paused, loaded };
            for action in it.step(now, Some(&wanted), seen) {
                paused = action == Action::Pause;
            }
            prop_assert!(!(due && paused), "held at {now:?}");
            now += Duration::from_millis(step);
        }
    }
}
