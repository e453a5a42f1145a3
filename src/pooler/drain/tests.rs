use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn client(id: usize, linked: bool, waiting: bool, request: &str) -> Client {
    Client { id: id.to_string(), linked, waiting, request_time: request.to_owned() }
}

/// Plays a drain: clients that `busy` says are in a transaction at that time; answers the time of INT and those cut by it.
fn play(
    limit: Duration,
    can_kill: bool,
    count: usize,
    busy: impl Fn(usize, Duration) -> bool,
) -> (Duration, BTreeSet<usize>, Vec<usize>) {
    let (mut drain, mut now) = (Drain::begin(ms(1_000), limit, can_kill), ms(1_000));
    let mut here: BTreeSet<usize> = (0..count).collect();
    let mut batches = vec![];
    loop {
        let look = |&id: &usize| {
            client(id, busy(id, now), false, &format!("{}", if busy(id, now) { now.as_millis() } else { 0 }))
        };
        let step = drain.step(now, &Seen::Clients(here.iter().map(look).collect()));
        match step {
            Step::Wait(time) => now += time,
            Step::Kill(ids, time) => {
                assert!(now >= ms(6_000), "nobody is sent away before the endpoints have followed");
                batches.push(ids.len());
                for id in ids {
                    let id: usize = id.parse().unwrap();
                    assert!(!busy(id, now), "client {id} is in a transaction");
                    assert!(here.remove(&id));
                }
                now += time;
            }
            Step::Interrupt(_) => return (now, here, batches),
            Step::Quit | Step::Done => panic!("{step:?} before INT"),
        }
    }
}

#[test]
fn idle_clients_go_a_few_at_a_time_and_then_it_stops() {
    let (at, left, batches) = play(ms(60_000), true, 30, |_, _| false);
    assert!(left.is_empty());
    assert!(batches.iter().all(|&size| size <= FEW), "{batches:?}");
    assert!(at >= ms(6_000) && at < ms(8_000), "{at:?}");
}

#[test]
fn without_clients_it_waits_for_the_endpoints_all_the_same() {
    let (at, ..) = play(ms(60_000), true, 0, |_, _| false);
    assert_eq!(at, ms(6_000));
}

#[test]
fn a_client_in_a_transaction_is_left_alone_until_the_deadline() {
    let (at, left, _) = play(ms(30_000), true, 3, |id, _| id == 1);
    assert_eq!(left, BTreeSet::from([1]));
    assert_eq!(at, ms(26_000), "time for it to end is kept");
}

#[test]
fn hot_clients_are_sent_away_between_transactions() {
    // Each is in a transaction at four looks of five, and never asks for nothing between two looks.
    let (_, left, _) = play(ms(60_000), true, 30, |id, now| (now.as_millis() / 100 + id as u128) % 5 != 0);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn many_clients_are_gone_in_time() {
    let (at, left, batches) = play(ms(20_000), true, 5_000, |_, _| false);
    assert!(left.is_empty(), "{} left", left.len());
    assert!(at <= ms(16_000) && batches.iter().all(|&size| size <= 60), "{at:?} {:?}", batches.iter().max());
}

#[test]
fn an_old_version_only_waits() {
    let (at, left, batches) = play(ms(20_000), false, 4, |_, _| false);
    assert_eq!((at, left.len(), batches.len()), (ms(16_000), 4, 0));
}

#[test]
fn the_signal_is_sent_once_and_what_hangs_is_ended() {
    let mut drain = Drain::begin(ms(0), ms(20_000), true);
    let hung = Seen::Clients(vec![client(1, true, false, "x")]);
    assert_eq!(drain.step(ms(15_000), &hung), Step::Interrupt(EVERY));
    assert_eq!(drain.step(ms(15_100), &hung), Step::Wait(EVERY));
    assert_eq!(drain.step(ms(24_900), &Seen::Nothing), Step::Wait(EVERY));
    assert_eq!(drain.step(ms(25_000), &Seen::Nothing), Step::Quit);
    assert_eq!(drain.step(ms(25_100), &Seen::Ended), Step::Done);
}

#[test]
fn waiting_clients_have_asked_for_something() {
    let mut drain = Drain::begin(ms(0), ms(60_000), true);
    let seen = Seen::Clients(vec![client(1, false, true, "x"), client(2, false, false, "x")]);
    drain.step(ms(4_900), &seen);
    assert_eq!(drain.step(ms(5_000), &seen), Step::Kill(vec!["2".to_owned()], EVERY));
}

#[test]
fn a_console_that_does_not_answer_kills_nobody() {
    let mut drain = Drain::begin(ms(0), ms(20_000), true);
    assert_eq!(drain.step(ms(6_000), &Seen::Nothing), Step::Wait(EVERY));
    assert_eq!(drain.step(ms(15_000), &Seen::Nothing), Step::Interrupt(EVERY), "the deadline holds all the same");
}

proptest! {
    /// Whatever the clients do: nobody in a transaction is sent away, and INT comes in time.
    #[test]
    fn it_ends(limit in 0u64..120, count in 0usize..200, period in 1u128..20, on in 0u128..20, kill: bool) {
        let limit = Duration::from_secs(limit);
        let (at, ..) = play(limit, kill, count, |id, now| (now.as_millis() / 100 + id as u128) % period < on.min(period));
        prop_assert!(at >= ms(1_000) + ENDPOINTS);
        prop_assert!(at <= ms(1_000) + limit.max(ENDPOINTS + FINISH));
    }
}
