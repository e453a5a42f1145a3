//! Stopping: what to do is decided by [`crate::pooler::drain`].

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Agent;
use crate::{
    pooler::drain::{Client, Drain, EVERY, PASS, Seen, Step},
    pooler_agent::{console::Row, process::Health},
};

/// How long clients have to leave by themselves where no document says so.
const LIMIT: Duration = Duration::from_secs(30);

/// A client that is not let in yet: it has just come, and to end now would be to refuse it.
const LOGGING_IN: Client = Client { linked: true, idle: Duration::ZERO, age: Duration::ZERO };

/// A pooler on its way out.
pub(super) struct Draining {
    memory: Drain,
    next: Instant,
}

impl Draining {
    /// How long until there is something to do.
    pub(super) fn next(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }
}

impl Agent {
    /// Begins to stop.
    pub(super) fn begin_draining(&mut self) {
        let wanted = self.document.as_ref().map(|document| &document.wanted);
        let limit = wanted.map_or(LIMIT, |wanted| Duration::from_secs(wanted.drain_seconds.into()));
        tracing::info!(limit_seconds = limit.as_secs(), "stopping: no more clients are to be sent here");
        let memory = Drain::begin(self.now(), self.setup.endpoints, limit);
        self.draining = Some(Draining { memory, next: Instant::now() });
    }

    /// Does what is to be done now. True when nothing is left to do.
    pub(super) async fn drain(&mut self) -> bool {
        let (Some(process), Some(mut draining)) = (self.process.clone(), self.draining.take()) else { return true };
        let health = process.health().borrow().clone();
        let seen = match health {
            Health { ended: true, .. } => Seen::Ended,
            // It dies again and again, and has no clients that could be waited for.
            Health { pid: None, .. } => Seen::Clients(vec![]),
            Health { .. } => self.clients().await,
        };
        let step = draining.memory.step(self.now(), &seen);
        let wait = match step {
            Step::Done => return true,
            Step::Wait(wait) => wait,
            Step::Release(idle) => {
                self.release(idle).await;
                PASS
            }
            Step::Interrupt => {
                process.signal(Signal::SIGINT).await;
                EVERY
            }
            Step::Quit => {
                tracing::warn!("transactions have not ended in time");
                process.signal(Signal::SIGQUIT).await;
                EVERY
            }
        };
        draining.next = Instant::now() + wait;
        self.draining = Some(draining);
        false
    }

    async fn clients(&self) -> Seen {
        let console = &self.setup.console;
        let seen = match console.ask("SHOW CLIENTS").await {
            Ok(rows) => console.ask("SHOW LISTS").await.map(|lists| (rows, lists)),
            Err(error) => Err(error),
        };
        match seen {
            Ok((rows, lists)) => {
                let mut all = clients(&rows);
                all.extend(std::iter::repeat_n(LOGGING_IN, logging_in(&lists)));
                Seen::Clients(all)
            }
            Err(_) => Seen::Nothing,
        }
    }

    async fn release(&self, idle: Duration) {
        let command = format!("SET client_idle_timeout = '{:.6}'", idle.as_secs_f64());
        if let Err(error) = self.setup.console.ask(&command).await {
            tracing::debug!(%error, "clients are not sent away");
        }
    }
}

/// How many are logging in: they belong to no database yet.
fn logging_in(lists: &[Row]) -> usize {
    lists.iter().find(|row| row.text("list") == "login_clients").map_or(0, |row| row.number("items"))
}

/// Clients of all databases but the console's, whose own row says what time it is.
fn clients(rows: &[Row]) -> Vec<Client> {
    let (console, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.text("database") == "pgbouncer");
    let now = console.iter().filter_map(|row| seconds(row.text("request_time"))).max();
    let since = |row: &Row, column: &str| {
        let then = seconds(row.text(column));
        let past = now.zip(then).map_or(0, |(now, then)| now.saturating_sub(then));
        Duration::from_secs(u64::try_from(past).unwrap_or(0))
    };
    let client = |row: &Row| Client {
        linked: !row.text("link").is_empty(),
        idle: since(row, "request_time"),
        age: since(row, "connect_time"),
    };
    others.into_iter().map(client).collect()
}

/// `2026-11-24 12:00:00 UTC`; the zone is the same for all.
fn seconds(time: &str) -> Option<i64> {
    let (time, _zone) = time.rsplit_once(' ')?;
    let time: jiff::civil::DateTime = time.parse().ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consoles_own_row_is_the_clock() {
        let row = |database, request, connect, link| {
            let columns =
                [("database", database), ("request_time", request), ("connect_time", connect), ("link", link)];
            columns.into_iter().map(|(name, value)| (name, Some(value))).collect::<Row>()
        };
        let rows = [
            row("app", "2026-11-24 11:59:57 UTC", "2026-11-24 11:00:00 UTC", ""),
            row("pgbouncer", "2026-11-24 12:00:00 UTC", "2026-11-24 11:00:00 UTC", ""),
            row("app", "2026-11-24 12:00:00 UTC", "2026-11-24 11:59:59 UTC", "0x55"),
        ];
        let s = Duration::from_secs;
        let expected =
            [Client { linked: false, idle: s(3), age: s(3600) }, Client { linked: true, idle: s(0), age: s(1) }];
        assert_eq!(clients(&rows), expected);
    }
}
