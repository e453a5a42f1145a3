//! Settings that differ from `PgBouncer`'s own defaults unless the user says otherwise, each with its reason.

use std::collections::BTreeMap;

use crate::pooler::{
    version::Version,
    wanted::{Wanted, WhenNone},
};

/// Why a setting is not as `PgBouncer` has it.
pub(super) fn reason(key: &str) -> Option<&'static str> {
    let all = [
        ("auth_type", "The secret never crosses the wire, and SCRAM secrets pass through to the server"),
        ("cancel_wait_timeout", "A cancel that comes later than this is of no use to anybody"),
        ("dns_max_ttl", "A name that leads to a new primary is followed within a second"),
        ("dns_nxdomain_ttl", "A pod or a Service that has just come is found within a second"),
        (
            "ignore_startup_parameters",
            "Drivers send the first at every start. Without the second PgBouncer before 1.26.1 can be hung by anybody (CVE-2026-107349)",
        ),
        ("log_stats", "The exporter has the same figures"),
        ("query_wait_timeout", "Long enough for a switchover, and short enough to fail before callers have given up"),
        ("server_connect_timeout", "A server that is gone is given up while its clients still wait"),
        (
            "server_fast_close",
            "After a change of the primary sessions are taken off the old one at the end of their transactions",
        ),
        ("server_login_retry", "With the default of 15 s a switchover takes at least 15 s"),
        ("server_round_robin", "Reads go to all replicas alike, and not to the one that was used last"),
        ("tcp_keepcnt", "With the two below: a peer that is gone is noticed within 30 s"),
        (
            "tcp_user_timeout",
            "What was sent to a server that is gone is given up after 30 s, and not after a quarter of an hour",
        ),
    ];
    all.into_iter().find(|(name, _)| *name == key).map(|(_, reason)| reason)
}

/// The settings.
pub(super) fn settings(wanted: &Wanted, version: Version) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([
        ("auth_type", "scram-sha-256"),
        ("cancel_wait_timeout", "5"),
        ("dns_max_ttl", "1"),
        ("dns_nxdomain_ttl", "1"),
        ("ignore_startup_parameters", "extra_float_digits,options"),
        ("log_stats", "0"),
        ("query_wait_timeout", "30"),
        ("server_connect_timeout", "3"),
        ("server_login_retry", "1"),
        ("tcp_keepalive", "1"),
        ("tcp_keepcnt", "3"),
        ("tcp_keepidle", "15"),
        ("tcp_keepintvl", "5"),
        ("tcp_user_timeout", "30000"),
    ]);
    let reads_spread =
        !wanted.replicas.is_empty() && (wanted.replicas.len() > 1 || wanted.lag.when_none == WhenNone::Stale);
    if reads_spread {
        all.insert("server_round_robin", "1");
    }
    // In the other modes a server is given back at the end of a transaction anyway.
    if wanted.settings.pool_mode == "session" {
        all.insert("server_fast_close", "1");
    }
    debug_assert!(all.keys().all(|name| crate::pooler::keys::key(name).is_some_and(|key| key.since <= version)));
    all.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
}
