//! How a pooler is stopped without a transaction cut or a connection refused.
//!
//! ```text
//! TERM ─► Unready    say so, keep serving until the endpoints have followed
//!      ─► Releasing  send idle clients away, a few at a time, so that they come back elsewhere and not all at once
//!      ─► Finishing  INT: PgBouncer lets open transactions end, then stops
//!      ─► Gone       nothing left to do
//! ```
//!
//! A signal too many would be an immediate stop, so it is sent once. `PgBouncer` before 1.24 cannot send a client away: there the
//! clients are left alone until the deadline, or until they have gone by themselves.

use std::time::Duration;

/// How long a pooler goes on serving after it has said that it does not: endpoints take a moment to follow.
pub const ENDPOINTS: Duration = Duration::from_secs(5);
/// Time between two looks at the clients.
pub const EVERY: Duration = Duration::from_millis(100);
/// Fewest clients that are sent away at one look, where there are as many.
const FEW: usize = 3;
/// Time that is kept before the deadline for open transactions to end after INT.
const FINISH: Duration = Duration::from_secs(5);

/// A client, as `SHOW CLIENTS` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Column `id`: what `KILL_CLIENT` takes.
    pub id: String,
    /// Column `link` is not empty: a transaction (or, in session mode, a session) is under way.
    pub linked: bool,
    /// Column `state` is `waiting`, or `wait`/`wait_us` say that it waits: it has sent something.
    pub waiting: bool,
    /// Column `request_time`: when it last asked for something, in whatever form.
    pub request_time: String,
}

/// What is seen at a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Every client but those of the console.
    Clients(Vec<Client>),
    /// The console did not answer.
    Nothing,
    /// The process has ended.
    Ended,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Look again after this time.
    Wait(Duration),
    /// Send these clients away (`KILL_CLIENT id`, one by one), then look again after this time.
    Kill(Vec<String>, Duration),
    /// Send INT, then look again after this time.
    Interrupt(Duration),
    /// Time is over: send QUIT.
    Quit,
    /// The process has ended.
    Done,
}

/// A pooler on its way out. Times are since any fixed moment, and do not go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    begun: Duration,
    /// Until when clients may leave by themselves.
    deadline: Duration,
    /// Whether clients can be sent away.
    can_kill: bool,
    interrupted: Option<Duration>,
    /// Each client at the last look, by its last request.
    last: Vec<(String, String)>,
}

impl Drain {
    /// Begins: the pooler is to say from now on that it is not ready. `limit` is `Wanted.drain_seconds`.
    pub fn begin(now: Duration, limit: Duration, can_kill: bool) -> Self {
        // A limit that leaves no time for the endpoints would refuse connections.
        let limit = limit.max(ENDPOINTS + FINISH);
        Self { begun: now, deadline: now + limit, can_kill, interrupted: None, last: vec![] }
    }

    /// What to do now.
    pub fn step(&mut self, now: Duration, seen: &Seen) -> Step {
        if *seen == Seen::Ended {
            return Step::Done;
        }
        if let Some(at) = self.interrupted {
            // INT ends by itself as soon as the last transaction does; a transaction that does not end is cut at last.
            return if now >= at.max(self.deadline) + FINISH { Step::Quit } else { Step::Wait(EVERY) };
        }
        let serving_until = self.begun + ENDPOINTS;
        if now < serving_until {
            self.remember(seen);
            return Step::Wait(EVERY.min(serving_until.saturating_sub(now)));
        }
        let empty = matches!(seen, Seen::Clients(clients) if clients.is_empty());
        if empty || now + FINISH >= self.deadline {
            self.interrupted = Some(now);
            return Step::Interrupt(EVERY);
        }
        let chosen = self.chosen(now, seen);
        self.remember(seen);
        if chosen.is_empty() { Step::Wait(EVERY) } else { Step::Kill(chosen, EVERY) }
    }

    /// The clients that are sent away at this look.
    ///
    /// At first those that have asked for nothing since the last look: nothing of theirs is on its way. Clients that never rest
    /// are sent away between two transactions, in the second half of the time.
    fn chosen(&self, now: Duration, seen: &Seen) -> Vec<String> {
        let Seen::Clients(clients) = seen else { return vec![] };
        if !self.can_kill {
            return vec![];
        }
        let start = self.begun + ENDPOINTS;
        let end = self.deadline.saturating_sub(FINISH);
        let half = start + end.saturating_sub(start) / 2;
        let at_rest = |client: &&Client| {
            now >= half || self.last.iter().any(|(id, request)| *id == client.id && *request == client.request_time)
        };
        let looks_left = (end.saturating_sub(now).as_millis() / EVERY.as_millis()).max(1);
        let share = clients.len().div_ceil(usize::try_from(looks_left).unwrap_or(usize::MAX));
        let idle = clients.iter().filter(|client| !client.linked && !client.waiting);
        idle.filter(at_rest).take(share.max(FEW)).map(|client| client.id.clone()).collect()
    }

    fn remember(&mut self, seen: &Seen) {
        if let Seen::Clients(clients) = seen {
            self.last = clients.iter().map(|client| (client.id.clone(), client.request_time.clone())).collect();
        }
    }
}

#[cfg(test)]
mod tests;
