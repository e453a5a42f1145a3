use super::*;
use crate::pooler_agent::{
    postgres::{Fault, Kind},
    sample::Server,
};

/// What each look saw: a server by its start, `r` in recovery, `-` no answer.
struct Looks {
    primary: Primary,
    start: Instant,
    number: u64,
}

impl Looks {
    fn new() -> Self {
        Self { primary: Primary::default(), start: Instant::now(), number: 0 }
    }

    fn see(&mut self, host: &str, saw: Option<(i64, bool)>) -> Act {
        self.number += 1;
        let server = |(started, in_recovery)| Server {
            in_recovery,
            identity: Identity { started, system: Some(1), ..Identity::default() },
            ..Server::default()
        };
        let result = saw.map(server).ok_or_else(|| Fault::new(Kind::Unreachable, "no answer"));
        let at = self.start + Duration::from_secs(self.number);
        let look = Look { at, number: self.number, failures: 0, result };
        self.primary.see(&Endpoint { host: host.to_owned(), port: 5432 }, Some(&look))
    }

    fn all(&mut self, looks: &[Option<(i64, bool)>]) -> Vec<Act> {
        looks.iter().map(|saw| self.see("db", *saw)).collect()
    }
}

type Saw = Option<(i64, bool)>;

#[expect(clippy::unnecessary_wraps, reason = "it stands beside looks without an answer")]
const fn writes(started: i64) -> Saw {
    Some((started, false))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside looks without an answer")]
const fn replays(started: i64) -> Saw {
    Some((started, true))
}

#[test]
fn the_same_server_is_left_by_nobody() {
    let mut looks = Looks::new();
    assert_eq!(looks.all(&[writes(1), None, None, writes(1), writes(1)]), [Act::Nothing; 5]);
    assert_eq!(looks.primary.problem(), None);
}

#[test]
fn another_server_under_the_same_name_is_followed_at_its_first_look() {
    let mut looks = Looks::new();
    assert_eq!(
        looks.all(&[writes(1), None, writes(2), writes(2)]),
        [Act::Nothing, Act::Nothing, Act::OtherServer, Act::Nothing]
    );
    assert_eq!(looks.primary.problem(), None);
}

#[test]
fn a_replica_under_the_name_is_no_primary_until_it_is_promoted() {
    let mut looks = Looks::new();
    assert_eq!(looks.all(&[writes(1), replays(2), replays(2)]), [Act::Nothing; 3]);
    assert!(looks.primary.problem().unwrap().message.contains("is in recovery"));
    assert_eq!(looks.see("db", writes(2)), Act::OtherServer);
    assert_eq!(looks.primary.problem(), None);
}

#[test]
fn another_name_is_followed_before_it_answers() {
    let mut looks = Looks::new();
    looks.all(&[writes(1)]);
    assert_eq!(looks.see("other", None), Act::Named);
    assert_eq!(looks.see("other", writes(2)), Act::Nothing, "the pools were told already");
    let endpoint = Endpoint { host: "third".to_owned(), port: 5432 };
    assert_eq!(looks.primary.see(&endpoint, None), Act::Named);
}

#[test]
fn one_look_counts_once() {
    let mut looks = Looks::new();
    looks.all(&[writes(1)]);
    let at = looks.start;
    let server = Server { identity: Identity { started: 2, ..Identity::default() }, ..Server::default() };
    let look = Look { at, number: 7, failures: 0, result: Ok(server) };
    let endpoint = Endpoint { host: "db".to_owned(), port: 5432 };
    assert_eq!(looks.primary.see(&endpoint, Some(&look)), Act::OtherServer);
    assert_eq!(looks.primary.see(&endpoint, Some(&look)), Act::Nothing);
}

#[test]
fn servers_by_turns_do_not_make_the_pools_reconnect_in_a_loop() {
    let mut looks = Looks::new();
    let turns: Vec<_> = (0..60).map(|look| writes(1 + look % 3)).collect();
    let acts = looks.all(&turns);
    assert_eq!(acts.iter().filter(|act| **act == Act::OtherServer).count(), 2, "once to each");
    assert!(looks.primary.problem().unwrap().message.contains("by turns"));
}

#[test]
fn one_that_comes_back_and_stays_is_followed() {
    let mut looks = Looks::new();
    let acts = looks.all(&[writes(1), writes(2), writes(1), writes(1), writes(1), writes(1), writes(1), writes(1)]);
    assert_eq!(acts[6], Act::OtherServer, "{acts:?}");
    assert_eq!(acts.iter().filter(|act| **act == Act::OtherServer).count(), 2);
}
