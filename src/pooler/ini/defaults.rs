//! Settings that differ from `PgBouncer`'s own defaults unless the user says otherwise, each with its reason.

use std::collections::BTreeMap;

use crate::pooler::wanted::{Wanted, WhenNone};

/// Keys, values and reasons, in the order of the alphabet.
pub const DEFAULTS: [(&str, &str, &str); 16] = [
    ("auth_type", "scram-sha-256", "The secret never crosses the wire, and SCRAM secrets pass through to the server"),
    ("cancel_wait_timeout", "5", "A cancel that comes later than this is of no use to anybody"),
    ("dns_max_ttl", "1", "A name that leads to a new primary is followed within a second"),
    ("dns_nxdomain_ttl", "1", "A pod or a Service that has just come is found within a second"),
    (
        "ignore_startup_parameters",
        "extra_float_digits,options",
        "Drivers send the first at every start. Without the second PgBouncer before 1.26.1 can be hung by anybody (CVE-2026-107349)",
    ),
    ("log_stats", "0", "The exporter has the same figures"),
    ("query_wait_timeout", "30", "Long enough for a switchover, and short enough to fail before callers have given up"),
    ("server_connect_timeout", "3", "A server that is gone is given up while its clients still wait"),
    // In the other modes a server is given back at the end of a transaction anyway.
    (
        "server_fast_close",
        "1",
        "In session mode: after a change of the primary sessions are taken off the old one at the end of their transactions",
    ),
    ("server_login_retry", "0.2", "With the default of 15 s one login that fails holds a switchover up for 15 s"),
    (
        "server_round_robin",
        "1",
        "With several replicas: reads go to all of them alike, and not to the one that was used last",
    ),
    ("tcp_keepalive", "1", "With the three below: a peer that is gone is noticed within 30 s"),
    ("tcp_keepcnt", "3", "As above"),
    ("tcp_keepidle", "15", "As above"),
    ("tcp_keepintvl", "5", "As above"),
    (
        "tcp_user_timeout",
        "30000",
        "What was sent to a server that is gone is given up after 30 s, and not after a quarter of an hour",
    ),
];

/// Why a setting is not as `PgBouncer` has it.
pub(super) fn reason(key: &str) -> Option<&'static str> {
    DEFAULTS.iter().find(|(name, ..)| *name == key).map(|(_, _, reason)| *reason)
}

/// The settings of one document. Every accepted version knows all of them.
pub(super) fn settings(wanted: &Wanted) -> BTreeMap<&'static str, String> {
    let spread = wanted.replicas.len() > 1 || !wanted.replicas.is_empty() && wanted.lag.when_none == WhenNone::Stale;
    let wants = |key: &str| match key {
        "server_fast_close" => wanted.settings.pool_mode == "session",
        "server_round_robin" => spread,
        _ => true,
    };
    let all = DEFAULTS.iter().filter(|(key, ..)| wants(key));
    all.map(|(key, value, _)| (*key, (*value).to_owned())).collect()
}
