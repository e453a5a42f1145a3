//! How a pooler is stopped without a transaction cut or a connection refused.
//!
//! ```text
//! TERM ─► Unready    say so, keep serving until the endpoints have followed
//!      ─► Releasing  send idle clients away, a few at a time, so that they come back elsewhere and not all at once
//!      ─► Finishing  INT: PgBouncer takes no new transactions, lets open ones end, then stops
//!      ─► Gone       nothing left to do
//! ```
//!
//! Clients are sent away by `client_idle_timeout`, lowered step by step: `PgBouncer` itself decides, in one moment, that a client has no
//! transaction open and closes its connection. `KILL_CLIENT` cannot do that: between the look at a client and the command it may have
//! begun a transaction, which would be cut. Of thirty clients that hardly rest, half are.
//!
//! A signal too many would be an immediate stop, so each is sent once.

use std::time::Duration;

/// How long a pooler goes on serving after it has said that it does not: endpoints take a moment to follow.
pub const ENDPOINTS: Duration = Duration::from_secs(5);
/// Time between two looks at the clients.
pub const EVERY: Duration = Duration::from_millis(100);
/// Time between two steps of the idle time: `PgBouncer` looks at it three times a second.
pub const PASS: Duration = Duration::from_millis(350);
/// Clients that are sent away at one step, where there is time for it.
const FEW: usize = 5;
/// Fewest steps, where there is time for them: enough for the idle time to come down to nothing.
const FEWEST_PASSES: u32 = 8;
/// Time that is kept before and after the deadline for open transactions to end.
pub const FINISH: Duration = Duration::from_secs(5);
/// The shortest idle time: every client without a transaction has been idle for longer.
const ANY: Duration = Duration::from_micros(1);
/// Ages are known to the second only; below this one they say nothing.
const ROUGH: Duration = Duration::from_secs(2);

/// A client, as `SHOW CLIENTS` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// A server is linked to it: a transaction (or, in session mode, a session) is under way.
    pub linked: bool,
    /// Time since it last asked for something, to the second.
    pub idle: Duration,
    /// Time since it came, to the second.
    pub age: Duration,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look again after this time.
    Wait(Duration),
    /// Send away who has been idle for longer (`SET client_idle_timeout`), then look again after [`PASS`].
    Release(Duration),
    /// Send INT, then look again after [`EVERY`].
    Interrupt,
    /// Time is over: send QUIT, then look again after [`EVERY`].
    Quit,
    /// The process has ended.
    Done,
}

/// A pooler on its way out. Times are since any fixed moment, and do not go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    serving_until: Duration,
    /// From when on no new transactions begin, whatever clients there are.
    last_call: Duration,
    end: Duration,
    releasing: Option<Releasing>,
    interrupted: bool,
    quit: bool,
}

/// Sending clients away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Releasing {
    passes_left: u32,
    idle_time: Duration,
    /// Idle clients at the last step.
    before: usize,
}

impl Drain {
    /// Begins: the pooler is to say from now on that it is not ready. `endpoints` is [`ENDPOINTS`] in a cluster, and `limit` is
    /// `Wanted.drain_seconds`.
    pub fn begin(now: Duration, endpoints: Duration, limit: Duration) -> Self {
        // A limit that leaves no time for the endpoints would refuse connections.
        let limit = limit.max(endpoints + FINISH);
        Self {
            serving_until: now + endpoints,
            last_call: now + limit.saturating_sub(FINISH),
            end: now + limit + FINISH,
            releasing: None,
            interrupted: false,
            quit: false,
        }
    }

    /// What to do now.
    pub fn step(&mut self, now: Duration, seen: &Seen) -> Step {
        if *seen == Seen::Ended {
            return Step::Done;
        }
        if self.quit {
            return Step::Wait(EVERY);
        }
        if now >= self.end {
            self.quit = true;
            return Step::Quit;
        }
        if self.interrupted {
            return Step::Wait(EVERY);
        }
        if now < self.serving_until {
            return Step::Wait(EVERY.min(self.serving_until.saturating_sub(now)));
        }
        if now >= self.last_call {
            return self.interrupt();
        }
        match seen {
            Seen::Clients(clients) => self.release(now, clients),
            _ => Step::Wait(EVERY),
        }
    }

    fn release(&mut self, now: Duration, clients: &[Client]) -> Step {
        let mut idle: Vec<Duration> =
            clients.iter().filter(|client| !client.linked).map(|client| client.idle).collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let time = self.last_call.saturating_sub(now);
        let releasing = self.releasing.get_or_insert_with(|| Releasing::begin(idle.len(), time));
        // Clients still come: endpoints have not followed everywhere, and INT would refuse them.
        let arriving = clients.iter().any(|client| client.age < ROUGH);
        if clients.is_empty() || releasing.passes_left == 0 && !arriving {
            return self.interrupt();
        }
        Step::Release(releasing.next(&idle))
    }

    fn interrupt(&mut self) -> Step {
        self.interrupted = true;
        Step::Interrupt
    }
}

impl Releasing {
    fn begin(idle: usize, time: Duration) -> Self {
        let possible = u32::try_from(time.as_millis() / PASS.as_millis()).unwrap_or(u32::MAX);
        let wanted = u32::try_from(idle.div_ceil(FEW)).unwrap_or(u32::MAX).max(FEWEST_PASSES);
        Self { passes_left: wanted.min(possible).max(1), idle_time: Duration::MAX, before: idle }
    }

    /// The idle time of the next step, with those who are idle now, from the longest to the shortest.
    fn next(&mut self, idle: &[Duration]) -> Duration {
        let share = idle.len().div_ceil(usize::try_from(self.passes_left.max(1)).unwrap_or(usize::MAX));
        let gone = self.before.saturating_sub(idle.len());
        self.before = idle.len();
        let rested = idle.iter().filter(|idle| **idle >= ROUGH).count();
        self.idle_time = if self.passes_left <= 1 {
            ANY
        } else if rested > 0 {
            // So many of those whose age says something; who is within the same second goes by chance.
            let last = share.min(rested).saturating_sub(1);
            idle.get(last).copied().unwrap_or(ROUGH).saturating_sub(Duration::from_millis(500))
        } else if self.idle_time > ROUGH {
            ROUGH / 2
        } else if gone >= share {
            // It has sent away enough, and others have been idle for so long meanwhile.
            self.idle_time
        } else {
            (self.idle_time / 4).max(ANY)
        };
        self.passes_left = self.passes_left.saturating_sub(1);
        self.idle_time
    }
}

#[cfg(test)]
mod tests;
