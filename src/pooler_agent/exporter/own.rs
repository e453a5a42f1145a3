//! The agent's own metrics: what no exporter of `PgBouncer` can know. Each has namespace, profile and pooler as labels, so that alerts
//! find them whatever the scrape adds.

use super::{
    super::console::Row,
    Answers, Pooler,
    text::{Labels, Metrics},
};
use crate::pooler::report::{Phase, ReadsGo, Report, Split};

/// Writes metrics of one pooler.
pub(super) struct Own<'a> {
    pub(super) metrics: &'a mut Metrics,
    pub(super) pooler: &'a Pooler,
}

impl Own<'_> {
    fn labels(&self, more: &[(&'static str, String)]) -> Labels {
        let Pooler { namespace, profile, pooler, .. } = self.pooler;
        let mut labels =
            vec![("namespace", namespace.clone()), ("profile", profile.clone()), ("pooler", pooler.clone())];
        labels.extend(more.iter().cloned());
        labels
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        let labels = self.labels(&[]);
        self.metrics.gauge(name, help, labels, value);
    }

    fn labelled(&mut self, name: &'static str, help: &'static str, label: (&'static str, String), value: f64) {
        let labels = self.labels(&[label]);
        self.metrics.gauge(name, help, labels, value);
    }

    /// One series for each of some words, 1 for that which holds.
    fn one_of(&mut self, name: &'static str, help: &'static str, label: &'static str, words: &[(&str, bool)]) {
        for (word, holds) in words {
            self.labelled(name, help, (label, (*word).to_owned()), flag(*holds));
        }
    }

    /// All of it.
    pub(super) fn write(&mut self, answers: Option<&Answers>, report: &Report) {
        self.gauge("plimsoll_pooler_up", "1 while PgBouncer answers its agent, else 0", flag(answers.is_some()));
        if let Some(answers) = answers {
            self.places(answers);
        }
        let ready = flag(self.pooler.ready);
        self.gauge("plimsoll_pooler_ready", "1 while clients are to be sent here, else 0", ready);
        self.state(report);
        self.clients(report);
        self.servers(report);
        if let Some(split) = &report.split {
            self.split(split);
        }
        if let Some(primary) = &report.primary {
            let (reachable, replays) = (flag(primary.reachable), flag(primary.in_recovery));
            self.gauge("plimsoll_pooler_primary_reachable", "1 while the primary answers the agent, else 0", reachable);
            let help = "1 while what is named as the primary is in recovery and takes no writes, else 0";
            self.gauge("plimsoll_pooler_primary_in_recovery", help, replays);
        }
        self.replicas(report);
    }

    /// Clients, also those that ask nothing now, and how many there can be.
    fn places(&mut self, answers: &Answers) {
        let find = |rows: &[Row], (name, value): (&str, &str), key: &str| {
            rows.iter().find(|row| row.get(name) == Some(key)).and_then(|row| row.get(value)?.parse::<f64>().ok())
        };
        if let Some(used) = find(&answers.lists, ("list", "items"), "used_clients") {
            self.gauge("plimsoll_pooler_client_connections", "Clients, busy or not", used);
        }
        if let Some(most) = find(&answers.config, ("key", "value"), "max_client_conn") {
            self.gauge("plimsoll_pooler_client_connections_limit", "Most clients, as configured", most);
        }
    }

    fn state(&mut self, report: &Report) {
        let version = report.version.clone().unwrap_or_default();
        let loaded = report.loaded.clone().unwrap_or_default();
        let labels = self.labels(&[("version", version), ("loaded", loaded)]);
        let help = "Version of PgBouncer, and the hash of the document that it runs with";
        self.metrics.gauge("plimsoll_pooler_info", help, labels, 1.0);
        let current = report.seen.is_some() && report.seen == report.loaded;
        let help = "1 while PgBouncer runs with the document that was seen last, else 0";
        self.gauge("plimsoll_pooler_config_loaded", help, flag(current));
        let phase = |phase| report.phase == phase;
        self.one_of(
            "plimsoll_pooler_phase",
            "1 for the phase that the pooler is in",
            "phase",
            &[
                ("Starting", phase(Phase::Starting)),
                ("Running", phase(Phase::Running)),
                ("Paused", phase(Phase::Paused)),
                ("Draining", phase(Phase::Draining)),
            ],
        );
        self.gauge(
            "plimsoll_pooler_paused",
            "1 while clients are held for a switchover, else 0",
            flag(report.paused.is_some()),
        );
        let help = "1 for each reason that something is wrong for";
        for problem in &report.problems {
            self.labelled("plimsoll_pooler_problem", help, ("reason", problem.reason.clone()), 1.0);
        }
        let labels = self.labels(&[]);
        let help = "Times that PgBouncer had to be started again";
        self.metrics.counter("plimsoll_pooler_restarts_total", help, labels, f64::from(report.restarts));
    }

    fn clients(&mut self, report: &Report) {
        let clients = &report.clients;
        let help = "Clients by state: linked to a server, or waiting for one";
        self.labelled("plimsoll_pooler_clients", help, ("state", "active".to_owned()), f64::from(clients.active));
        self.labelled("plimsoll_pooler_clients", help, ("state", "waiting".to_owned()), f64::from(clients.waiting));
        let help = "How long the first of the waiting clients has waited";
        self.gauge("plimsoll_pooler_client_max_wait_seconds", help, clients.max_wait_seconds);
        if let Some(share) = clients.waiting_share {
            let help =
                "Share of the time of all clients' queries that was waiting for a server; absent without traffic";
            self.gauge("plimsoll_pooler_waiting_share_ratio", help, share);
        }
    }

    fn servers(&mut self, report: &Report) {
        let servers = &report.servers;
        let help = "Server connections that are open, by what they lead to";
        for (to, open) in [("primary", servers.primary), ("replicas", servers.replicas)] {
            self.labelled("plimsoll_pooler_server_connections", help, ("to", to.to_owned()), f64::from(open));
        }
        let help = "Server connections that are linked to a client";
        self.gauge("plimsoll_pooler_server_connections_active", help, f64::from(servers.active));
    }

    fn split(&mut self, split: &Split) {
        for (name, help, value) in [
            (
                "plimsoll_pooler_server_connections_limit",
                "Server connections to the primary that this pooler may open",
                split.per_instance,
            ),
            (
                "plimsoll_pooler_server_connections_declared",
                "Server connections to the primary that this pooler would open at most as declared",
                split.declared,
            ),
            ("plimsoll_pooler_instances", "Poolers that the primary's connections are divided by", split.instances),
            ("plimsoll_pooler_primary_max_connections", "max_connections of the primary", split.max_connections),
            (
                "plimsoll_pooler_primary_reserved_connections",
                "Connections of the primary that are kept for superusers and roles with the privilege",
                split.reserved,
            ),
            (
                "plimsoll_pooler_primary_direct_connections",
                "Connections of the primary that others than the poolers hold",
                split.direct,
            ),
        ] {
            self.gauge(name, help, f64::from(value));
        }
        let help = "1 while pools are smaller than declared, so that they fit into the budget, else 0";
        self.gauge("plimsoll_pooler_pool_shrunk", help, flag(split.shrunk));
    }

    fn replicas(&mut self, report: &Report) {
        if let Some(reads) = report.reads {
            self.one_of(
                "plimsoll_pooler_reads",
                "1 for where the reads go",
                "to",
                &[
                    ("Replicas", reads == ReadsGo::Replicas),
                    ("Stale", reads == ReadsGo::Stale),
                    ("Primary", reads == ReadsGo::Primary),
                    ("Nowhere", reads == ReadsGo::Nowhere),
                ],
            );
        }
        for replica in &report.replicas {
            let label = || ("replica", format!("{}:{}", replica.endpoint.host, replica.endpoint.port));
            let help = "1 while reads go to the replica, else 0";
            self.labelled("plimsoll_pooler_replica_in_rotation", help, label(), flag(replica.in_rotation));
            if let Some(bytes) = replica.lag_bytes {
                let help = "Bytes of write-ahead log that the replica has not replayed";
                #[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers")]
                self.labelled("plimsoll_pooler_replica_lag_bytes", help, label(), bytes as f64);
            }
            if let Some(seconds) = replica.lag_seconds {
                let help = "Seconds that the replica is behind; 0 where no bytes are missing";
                self.labelled("plimsoll_pooler_replica_lag_seconds", help, label(), seconds);
            }
        }
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
