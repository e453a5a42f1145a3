//! Servers that turn `PgBouncer` away, as its log has them: no command of the console tells of them. They are known so without a user
//! of the agent's own, and they are those of the clients' users.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::prepare::problem;
use crate::pooler::report::Problem;

/// How long one holds. While clients wait, `PgBouncer` tries again every second or few.
const HOLDS: Duration = Duration::from_secs(20);
/// Most that are kept.
const MOST: usize = 10;

/// What went wrong between `PgBouncer` and a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Complaint {
    /// `database/user`
    pool: String,
    /// `host:port`
    server: String,
    reason: String,
}

/// What was found in the log lately.
#[derive(Clone, Default)]
pub struct Complaints(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// What a server said to the login that was tried last; the next line says which server.
    refused: Option<String>,
    found: BTreeMap<Complaint, Instant>,
}

impl Complaints {
    /// Takes a line of the log.
    pub fn read(&self, message: &str, now: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = message.strip_prefix("server login failed: ") {
            kept.refused = said.split_once(' ').map(|(_, text)| text.to_owned());
            return;
        }
        let Some(complaint) = closed(message) else { return };
        if ["connect failed", "connect timeout", "server DNS lookup failed"].contains(&complaint.reason.as_str())
            || kept.refused.take_if(|said| *said == complaint.reason).is_some()
        {
            kept.found.retain(|_, at| now.saturating_duration_since(*at) < HOLDS);
            if kept.found.len() < MOST || kept.found.contains_key(&complaint) {
                kept.found.insert(complaint, now);
            }
        }
    }

    /// What holds now. `on_primary` says whether a database goes to the primary.
    pub fn problems(&self, now: Instant, on_primary: impl Fn(&str) -> bool) -> Vec<Problem> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holding = kept.found.iter().filter(|(_, at)| now.saturating_duration_since(**at) < HOLDS);
        holding.map(|(complaint, _)| complaint.problem(&on_primary)).collect()
    }
}

impl Complaint {
    fn problem(&self, on_primary: impl Fn(&str) -> bool) -> Problem {
        let Self { pool, server, reason } = self;
        let database = pool.rsplit_once('/').map_or(pool.as_str(), |(database, _)| database);
        let said = |word: &str| reason.contains(word);
        let (kind, advice) = if said("authentication failed") || said("pg_hba.conf") {
            (
                "AuthenticationFailed",
                "the secret in the list of users must be the server's own, and pg_hba.conf must let the poolers in",
            )
        } else if said("too many clients") || said("connection slots") || said("too many connections") {
            ("PoolOversubscribed", "lower the share of the connection budget, or raise max_connections")
        } else if on_primary(database) {
            ("PrimaryUnreachable", "check primary.host and primary.port, network policies, and whether the server runs")
        } else {
            ("ReplicaUnreachable", "check the replica's host and port, network policies, and whether the server runs")
        };
        problem(kind, format!("{server} turns away {pool}: {reason}; {advice}"))
    }
}

/// `S-0x55: app/app@127.0.0.1:5432 closing because: connect failed (age=0s)`: the servers' side of a connection that was closed.
fn closed(message: &str) -> Option<Complaint> {
    let (who, why) = message.strip_prefix("S-")?.split_once(" closing because: ")?;
    let (pool, server) = who.split_once(": ")?.1.rsplit_once('@')?;
    let (reason, _) = why.rsplit_once(" (age=")?;
    // Without an address the name was not found.
    let server = if server.starts_with('(') { "the server's name" } else { server };
    Some(Complaint { pool: pool.to_owned(), server: server.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(lines: &[&str]) -> Vec<(String, String)> {
        let (complaints, now) = (Complaints::default(), Instant::now());
        for line in lines {
            complaints.read(line, now);
        }
        assert!(complaints.problems(now + HOLDS, |_| true).is_empty(), "none holds for ever");
        let found = complaints.problems(now, |database| !database.ends_with("_ro"));
        found.into_iter().map(|problem| (problem.reason, problem.message)).collect()
    }

    #[test]
    fn servers_that_turn_clients_away_are_named() {
        let found = problems(&[
            "server login failed: FATAL password authentication failed for user \"app\"",
            "C-0x1: app/app@127.0.0.1:34302 closing because: password authentication failed for user \"app\" (age=0s)",
            "S-0x2: app/app@10.0.0.1:5432 closing because: password authentication failed for user \"app\" (age=0s)",
            "S-0x2: app/app@10.0.0.1:5432 closing because: connect failed (age=0s)",
            "S-0x2: app_ro/app@(bad-af):0 closing because: server DNS lookup failed (age=0s)",
            "server login failed: FATAL sorry, too many clients already",
            "S-0x2: app/app@10.0.0.1:5432 closing because: sorry, too many clients already (age=0s)",
        ]);
        let reasons: Vec<&str> = found.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(reasons, ["PrimaryUnreachable", "AuthenticationFailed", "PoolOversubscribed", "ReplicaUnreachable"]);
        assert!(
            found[1].1.starts_with("10.0.0.1:5432 turns away app/app: password authentication failed"),
            "{found:?}"
        );
        assert!(found[3].1.starts_with("the server's name turns away app_ro/app"), "{found:?}");
    }

    #[test]
    fn connections_that_are_closed_on_purpose_are_none() {
        let found = problems(&[
            "S-0x2: app/app@10.0.0.1:5432 closing because: pause mode (age=0s)",
            "S-0x2: app/app@10.0.0.1:5432 closing because: server idle timeout (age=600s)",
            "S-0x2: app/app@10.0.0.1:5432 closing because: terminating connection due to administrator command (age=6s)",
            "S-0x2: new connection to server (from 10.0.0.9:5)",
            "server login failed: FATAL x",
            "C-0x1: app/app@127.0.0.1:34302 closing because: x (age=0s)",
        ]);
        assert_eq!(found, []);
    }
}
