//! What clients and servers of a pooler do, from two looks at its console.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::console::Row;
use crate::pooler::report::{Clients, Servers};

/// The console's own database, whose clients are not counted.
const CONSOLE: &str = "pgbouncer";
/// Over how long the share of waiting is taken. A single look would see only what has ended within it.
const WINDOW: Duration = Duration::from_secs(15);

/// Microseconds since the start of `PgBouncer`, over all databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Totals {
    waiting: u64,
    querying: u64,
}

impl Totals {
    fn of(stats: &[Row]) -> Self {
        let sum = |column: &str| clients_of(stats).map(|row| row.number::<u64>(column)).sum();
        Self { waiting: sum("total_wait_time"), querying: sum("total_query_time") }
    }
}

/// Remembers the looks of the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    looks: VecDeque<(Instant, Totals)>,
}

impl Meter {
    /// Sees `SHOW STATS` and `SHOW POOLS` of the same moment.
    pub fn see(&mut self, now: Instant, stats: &[Row], pools: &[Row]) -> Clients {
        let totals = Totals::of(stats);
        let began_again = |last: &Totals| totals.waiting < last.waiting || totals.querying < last.querying;
        if self.looks.back().is_some_and(|(_, last)| began_again(last)) {
            self.looks.clear();
        }
        self.looks.push_back((now, totals));
        // The first look stays that is as old as the window, so that it is always spanned.
        while self.looks.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.looks.pop_front();
        }
        let mut clients = counted(pools);
        clients.waiting_share = self.share(&clients, pools);
        clients
    }

    /// `PgBouncer` adds to the totals when a wait or a query has ended. Where nothing has ended, those that wait and those that are
    /// served now say it.
    fn share(&self, clients: &Clients, pools: &[Row]) -> Option<f64> {
        let ((_, first), (_, last)) = (self.looks.front()?, self.looks.back()?);
        let (waiting, querying) = (last.waiting - first.waiting, last.querying - first.querying);
        if waiting + querying > 0 {
            return Some(ratio(waiting, querying));
        }
        let served: u64 = clients_of(pools).map(|row| row.number::<u64>("sv_active")).sum();
        (clients.waiting > 0).then(|| ratio(clients.waiting.into(), served))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of microseconds")]
fn ratio(part: u64, rest: u64) -> f64 {
    part as f64 / (part + rest) as f64
}

/// The rows of all databases but the console's.
fn clients_of(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| row.get("database") != Some(CONSOLE))
}

fn counted(pools: &[Row]) -> Clients {
    let sum = |column: &str| clients_of(pools).map(|row| row.number::<u32>(column)).sum();
    let wait = |row: &Row| row.number::<f64>("maxwait") + row.number::<f64>("maxwait_us") / 1e6;
    Clients {
        active: sum("cl_active"),
        waiting: sum("cl_waiting"),
        max_wait_seconds: clients_of(pools).map(wait).fold(0.0, f64::max),
        waiting_share: None,
    }
}

/// Server connections of `SHOW POOLS`. `to_replicas` says of a database whether its connections lead to replicas.
pub fn servers(pools: &[Row], to_replicas: impl Fn(&str) -> bool) -> Servers {
    const OPEN: [&str; 7] =
        ["sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login"];
    let mut servers = Servers::default();
    for row in clients_of(pools) {
        let open: u32 = OPEN.iter().map(|column| row.number::<u32>(column)).sum();
        let place = if to_replicas(row.text("database")) { &mut servers.replicas } else { &mut servers.primary };
        *place += open;
        servers.active += row.number::<u32>("sv_active");
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(waiting: u64, querying: u64) -> Vec<Row> {
        let row = |database: &str, waiting: u64, querying: u64| {
            let (waiting, querying) = (waiting.to_string(), querying.to_string());
            [("database", database), ("total_wait_time", &waiting), ("total_query_time", &querying)]
                .map(|(column, value)| (column, Some(value.to_owned())))
                .into_iter()
                .collect()
        };
        vec![
            row("app", waiting / 2, querying),
            row("app_ro", waiting - waiting / 2, 0),
            row("pgbouncer", 10_000_000, 0),
        ]
    }

    fn pool(database: &str, columns: &[(&str, &str)]) -> Row {
        std::iter::once(&("database", database)).chain(columns).map(|&(name, value)| (name, Some(value))).collect()
    }

    fn at(start: Instant, second: u64) -> Instant {
        start + Duration::from_secs(second)
    }

    #[test]
    fn clients_of_all_pools_but_the_consoles_are_counted() {
        let pools = [
            pool("app", &[("cl_active", "5"), ("cl_waiting", "2"), ("maxwait", "1"), ("maxwait_us", "500000")]),
            pool("app_ro", &[("cl_active", "1"), ("cl_waiting", "0"), ("maxwait", "0"), ("maxwait_us", "7")]),
            pool("pgbouncer", &[("cl_active", "9"), ("maxwait", "99")]),
        ];
        let clients = Meter::default().see(Instant::now(), &[], &pools);
        assert_eq!((clients.active, clients.waiting), (6, 2));
        assert!((clients.max_wait_seconds - 1.5).abs() < 1e-9);
    }

    #[test]
    fn the_share_of_waiting_is_that_of_the_last_seconds() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        assert_eq!(meter.see(start, &stats(1_000, 9_000), &[]).waiting_share, None, "one look says nothing");
        assert_eq!(meter.see(at(start, 1), &stats(1_000, 9_000), &[]).waiting_share, None, "no traffic");
        assert_eq!(meter.see(at(start, 2), &stats(4_000, 10_000), &[]).waiting_share, Some(0.75));
        assert_eq!(
            meter.see(at(start, 30), &stats(4_000, 20_000), &[]).waiting_share,
            Some(0.0),
            "the old is forgotten"
        );
        assert_eq!(meter.see(at(start, 31), &stats(0, 100), &[]).waiting_share, None, "PgBouncer was started again");
    }

    #[test]
    fn clients_that_wait_for_what_does_not_end_are_seen() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        let pools = [pool("app", &[("cl_active", "5"), ("cl_waiting", "15"), ("sv_active", "5")])];
        meter.see(start, &stats(1, 1), &pools);
        assert_eq!(meter.see(at(start, 1), &stats(1, 1), &pools).waiting_share, Some(0.75));
    }

    #[test]
    fn servers_are_counted_by_what_they_lead_to() {
        let pools = [
            pool("app", &[("sv_active", "3"), ("sv_idle", "2"), ("sv_login", "1"), ("sv_being_canceled", "1")]),
            pool("app_ro", &[("sv_active", "1"), ("sv_used", "4"), ("sv_tested", "1")]),
            pool("pgbouncer", &[("sv_active", "8")]),
        ];
        let seen = servers(&pools, |database| database.ends_with("_ro"));
        assert_eq!(seen, Servers { primary: 7, replicas: 6, active: 4 });
    }
}
