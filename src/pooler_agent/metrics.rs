//! The agent's metrics: what `PgBouncer` says, under the names that its exporter has, and a few of the agent's own.

use std::fmt::{Display, Write as _};

use super::{board::Shown, console::Console};
use crate::pooler::report::{Phase, ReadsGo};

/// The exposition, in the Prometheus text format.
pub async fn exposition(shown: &Shown, _console: &Console) -> String {
    own(shown)
}

/// Writes one metric after the other.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.value(name, &[], value);
    }
}

fn own(shown: &Shown) -> String {
    let report = &shown.report;
    let mut text = Text::default();
    text.gauge(
        "plimsoll_pooler_ready",
        "1 while clients are to be sent here, else 0",
        u8::from(shown.unready.is_none()),
    );
    text.head("plimsoll_pooler_phase", "gauge", "1 for the phase that the pooler is in");
    for (name, phase) in [
        ("Starting", Phase::Starting),
        ("Running", Phase::Running),
        ("Paused", Phase::Paused),
        ("Draining", Phase::Draining),
    ] {
        text.value("plimsoll_pooler_phase", &[("phase", name)], u8::from(report.phase == phase));
    }
    let current = report.seen.is_some() && report.seen == report.loaded;
    text.gauge(
        "plimsoll_pooler_config_loaded",
        "1 when PgBouncer runs with the document that was seen last, else 0",
        u8::from(current),
    );
    text.head("plimsoll_pooler_restarts_total", "counter", "Times that PgBouncer had to be started again");
    text.value("plimsoll_pooler_restarts_total", &[], report.restarts);
    text.head("plimsoll_pooler_problem", "gauge", "1 for each reason that something is wrong for");
    let mut reasons: Vec<&str> = report.problems.iter().map(|problem| problem.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        text.value("plimsoll_pooler_problem", &[("reason", reason)], 1);
    }
    if let Some(share) = report.clients.waiting_share {
        text.gauge(
            "plimsoll_pooler_waiting_share_ratio",
            "Share of clients' time that was waiting for a server, since the last look",
            share,
        );
    }
    if let Some(split) = &report.split {
        text.gauge(
            "plimsoll_pooler_connections_limit",
            "Connections that this pooler may open to the primary",
            split.per_instance,
        );
        text.gauge(
            "plimsoll_pooler_connections_declared",
            "Connections that this pooler would open at most as declared",
            split.declared,
        );
        text.gauge(
            "plimsoll_pooler_pool_shrunk",
            "1 while pools are smaller than declared, else 0",
            u8::from(split.shrunk),
        );
    }
    text.gauge(
        "plimsoll_pooler_connections_primary",
        "Connections that are open to the primary",
        report.servers.primary,
    );
    text.gauge(
        "plimsoll_pooler_connections_replicas",
        "Connections that are open to replicas",
        report.servers.replicas,
    );
    replicas(&mut text, shown);
    text.0
}

fn replicas(text: &mut Text, shown: &Shown) {
    let report = &shown.report;
    if let Some(reads) = report.reads {
        text.head("plimsoll_pooler_reads", "gauge", "1 for where reads go");
        for (name, to) in [
            ("Replicas", ReadsGo::Replicas),
            ("Stale", ReadsGo::Stale),
            ("Primary", ReadsGo::Primary),
            ("Nowhere", ReadsGo::Nowhere),
        ] {
            text.value("plimsoll_pooler_reads", &[("to", name)], u8::from(reads == to));
        }
    }
    if report.replicas.is_empty() {
        return;
    }
    let named =
        |replica: &crate::pooler::report::ReplicaSeen| format!("{}:{}", replica.endpoint.host, replica.endpoint.port);
    text.head("plimsoll_pooler_replica_in_rotation", "gauge", "1 while reads go to the replica, else 0");
    for replica in &report.replicas {
        text.value(
            "plimsoll_pooler_replica_in_rotation",
            &[("replica", &named(replica))],
            u8::from(replica.in_rotation),
        );
    }
    text.head(
        "plimsoll_pooler_replica_lag_bytes",
        "gauge",
        "Bytes of write-ahead log that the replica has not replayed",
    );
    for replica in &report.replicas {
        if let Some(bytes) = replica.lag_bytes {
            text.value("plimsoll_pooler_replica_lag_bytes", &[("replica", &named(replica))], bytes);
        }
    }
    text.head(
        "plimsoll_pooler_replica_lag_seconds",
        "gauge",
        "Seconds that the replica is behind; 0 where no bytes are missing",
    );
    for replica in &report.replicas {
        if let Some(seconds) = replica.lag_seconds {
            text.value("plimsoll_pooler_replica_lag_seconds", &[("replica", &named(replica))], seconds);
        }
    }
}
