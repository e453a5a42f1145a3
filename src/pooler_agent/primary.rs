//! Whether the connections of the pools still lead to the primary: what is to be done when it changes.

use std::time::{Duration, Instant};

use super::sample::{Identity, Look};
use crate::pooler::{report::Problem, wanted::Endpoint};

/// How long a server is remembered that has answered to the name.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Looks in a row at a server that has been left before, until it is believed again.
const RETURNED: u32 = 5;

/// What to do with the connections of the pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They are where they should be.
    Nothing,
    /// `RECONNECT`, because another primary is named. What names it is loaded first.
    Named,
    /// `RECONNECT`, because another server answers to the same name.
    OtherServer,
}

/// Which primary the connections of the pools belong to.
#[derive(Clone, Debug, Default)]
pub struct Primary {
    named: Option<Endpoint>,
    /// The last server that took writes.
    current: Option<Identity>,
    /// Servers that have been left, and when.
    left: Vec<(Identity, Instant)>,
    /// A server that was left before and answers again, and how often in a row.
    returned: Option<(Identity, u32)>,
    /// When a server answered last that had been left before.
    by_turns: Option<Instant>,
    /// The number of the look that was seen last: each counts once.
    seen: u64,
    in_recovery: bool,
}

impl Primary {
    /// Sees the last look at the primary that is named.
    ///
    /// A server that does not answer or is in recovery is left by nobody: the connections go on, or end by themselves. A name that leads
    /// to several servers by turns does not make the pools reconnect each time: one that was left within the last minute is believed
    /// only after some looks in a row.
    pub fn see(&mut self, named: &Endpoint, look: Option<&Look>) -> Act {
        if self.named.as_ref() != Some(named) {
            let first = self.named.is_none();
            *self = Self { named: Some(named.clone()), ..Self::default() };
            if !first {
                self.look(look);
                return Act::Named;
            }
        }
        self.look(look)
    }

    fn look(&mut self, look: Option<&Look>) -> Act {
        let Some(look) = look.filter(|look| look.number != self.seen) else { return Act::Nothing };
        self.seen = look.number;
        let Ok(server) = &look.result else { return Act::Nothing };
        self.in_recovery = server.in_recovery;
        if server.in_recovery {
            return Act::Nothing;
        }
        let found = &server.identity;
        let recent = |when: Instant| look.at.saturating_duration_since(when) < REMEMBERED;
        self.left.retain(|(_, when)| recent(*when));
        self.by_turns = self.by_turns.filter(|when| recent(*when));
        let Some(current) = &self.current else {
            self.current = Some(found.clone());
            return Act::Nothing;
        };
        if current.is_same(found) {
            self.returned = None;
            return Act::Nothing;
        }
        if self.left.iter().any(|(left, _)| left.is_same(found)) {
            self.by_turns = Some(look.at);
            if !self.believed(found) {
                return Act::Nothing;
            }
            self.by_turns = None;
        }
        self.returned = None;
        self.left.extend(self.current.replace(found.clone()).map(|left| (left, look.at)));
        Act::OtherServer
    }

    /// Whether a server that was left before has answered often enough.
    fn believed(&mut self, found: &Identity) -> bool {
        let times = self.returned.take().filter(|(known, _)| known.is_same(found)).map_or(0, |(_, times)| times) + 1;
        self.returned = Some((found.clone(), times));
        times >= RETURNED
    }

    /// What is wrong with the primary although it answers.
    pub fn problem(&self) -> Option<Problem> {
        let Endpoint { host, port } = self.named.as_ref()?;
        let message = if self.in_recovery {
            format!("{host}:{port} is in recovery: it takes no writes. Promote it, or name the primary in primary.host")
        } else if self.by_turns.is_some() {
            format!("different servers answer to {host}:{port} by turns. Name one that leads to the primary only")
        } else {
            return None;
        };
        Some(Problem { reason: "PrimaryUnreachable".to_owned(), message })
    }
}

#[cfg(test)]
mod tests;
