//! What the console says of clients and servers, for the report.

use std::time::Instant;

use super::Agent;
use crate::{
    pooler::report::{Clients, Report, Servers},
    pooler_agent::clients::{Meter, servers},
};

/// Looks in a row without an answer after which no more clients are to come: one can be a moment of much work.
const FAILED: u32 = 3;

/// The last look.
#[derive(Default)]
pub(super) struct Looking {
    meter: Meter,
    clients: Clients,
    servers: Servers,
    failed: u32,
}

impl Looking {
    /// Whether the console has answered lately.
    pub(super) fn answers(&self) -> bool {
        self.failed < FAILED
    }

    /// Connections that are open to the primary.
    pub(super) fn to_primary(&self) -> u32 {
        self.servers.primary
    }

    /// Adds what was seen to the report.
    pub(super) fn fill(&self, report: &mut Report) {
        report.clients = self.clients.clone();
        report.servers = self.servers.clone();
    }
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
                self.looking.servers = servers(&pools, |database| !names.iter().any(|name| name == database));
                self.looking.clients = self.looking.meter.see(Instant::now(), &stats, &pools);
                self.looking.failed = 0;
            }
            Err(error) => {
                self.looking.failed = self.looking.failed.saturating_add(1);
                tracing::debug!(%error, "cannot look at the pools");
            }
        }
    }
}
