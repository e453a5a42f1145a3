//! What the console says of clients and servers, for the report.

use super::Agent;
use crate::{
    pooler::report::{Clients, Report, Servers},
    pooler_agent::console::Row,
};

/// Looks in a row without an answer after which no more clients are to come: one can be a moment of much work.
const FAILED: u32 = 3;

/// The last look.
#[derive(Default)]
pub(super) struct Looking {
    clients: Clients,
    servers: Servers,
    /// Sums of times, in microseconds: waiting for a server, and in queries.
    times: Option<(u64, u64)>,
    failed: u32,
}

impl Looking {
    /// Whether the console has answered lately.
    pub(super) fn answers(&self) -> bool {
        self.failed < FAILED
    }

    /// Adds what was seen to the report.
    pub(super) fn fill(&self, report: &mut Report) {
        report.clients = self.clients.clone();
        report.servers = self.servers.clone();
    }

    fn see(&mut self, pools: &[Row], stats: &[Row], on_primary: impl Fn(&str) -> bool) {
        let (mut clients, mut servers) = (Clients::default(), Servers::default());
        for pool in pools.iter().filter(|pool| pool.text("database") != "pgbouncer") {
            clients.active += pool.number::<u32>("cl_active");
            clients.waiting += pool.number::<u32>("cl_waiting");
            let waited = pool.number::<f64>("maxwait") + pool.number::<f64>("maxwait_us") / 1e6;
            clients.max_wait_seconds = clients.max_wait_seconds.max(waited);
            let open: u32 = SERVERS.iter().map(|column| pool.number::<u32>(column)).sum();
            servers.active += pool.number::<u32>("sv_active");
            if on_primary(pool.text("database")) {
                servers.primary += open;
            } else {
                servers.replicas += open;
            }
        }
        let of_clients = stats.iter().filter(|row| row.text("database") != "pgbouncer");
        let times = of_clients.fold((0, 0), |(waiting, working), row| {
            (waiting + row.number::<u64>("total_wait_time"), working + row.number::<u64>("total_query_time"))
        });
        clients.waiting_share = self.times.and_then(|before| share(before, times));
        *self = Self { clients, servers, times: Some(times), failed: 0 };
    }
}

/// Columns of `SHOW POOLS` with server connections.
const SERVERS: [&str; 7] =
    ["sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login"];

/// Share of the time between two looks that was waiting. A process that was started anew counts from zero.
#[expect(clippy::cast_precision_loss, reason = "a share of microseconds needs no more")]
fn share(before: (u64, u64), now: (u64, u64)) -> Option<f64> {
    let (waiting, working) = (now.0.checked_sub(before.0)?, now.1.checked_sub(before.1)?);
    let all = waiting + working;
    (all > 0).then(|| (waiting as f64 / all as f64 * 1000.0).round() / 1000.0)
}

impl Agent {
    /// Looks.
    pub(super) async fn look(&mut self) {
        let console = &self.setup.console;
        let seen = match console.ask("SHOW POOLS").await {
            Ok(pools) => console.ask("SHOW STATS").await.map(|stats| (pools, stats)),
            Err(error) => Err(error),
        };
        match seen {
            Ok((pools, stats)) => {
                let names = self.loading.on_primary();
                self.looking.see(&pools, &stats, |database| names.iter().any(|name| name == database));
            }
            Err(error) => {
                self.looking.failed = self.looking.failed.saturating_add(1);
                tracing::debug!(%error, "cannot look at the pools");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        columns.iter().map(|(name, value)| (*name, Some(*value))).collect()
    }

    #[test]
    fn pools_are_summed_and_the_consoles_own_is_not() {
        let pools = [
            row(&[
                ("database", "app"),
                ("cl_active", "2"),
                ("cl_waiting", "1"),
                ("maxwait", "1"),
                ("maxwait_us", "500000"),
                ("sv_active", "2"),
                ("sv_idle", "3"),
            ]),
            row(&[("database", "app_ro"), ("cl_active", "1"), ("sv_used", "1")]),
            row(&[("database", "pgbouncer"), ("cl_active", "1")]),
        ];
        let stats = |wait, query| [row(&[("database", "app"), ("total_wait_time", wait), ("total_query_time", query)])];
        let mut looking = Looking { failed: 2, ..Looking::default() };
        looking.see(&pools, &stats("100", "100"), |name| name == "app");
        assert_eq!(looking.clients.waiting_share, None);
        looking.see(&pools, &stats("130", "190"), |name| name == "app");
        assert_eq!((looking.clients.active, looking.clients.waiting), (3, 1));
        assert!((looking.clients.max_wait_seconds - 1.5).abs() < 1e-9);
        assert_eq!(looking.clients.waiting_share, Some(0.25));
        assert_eq!(looking.servers, Servers { primary: 5, replicas: 1, active: 2 });
        assert!(looking.answers());
        looking.see(&pools, &stats("1", "1"), |_| true);
        assert_eq!(looking.clients.waiting_share, None, "another process counts from zero");
    }
}
