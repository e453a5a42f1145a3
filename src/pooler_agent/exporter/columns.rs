//! Which column of which answer is which metric. Names, types, units and labels are those of `pgbouncer_exporter` 0.12, so that its
//! dashboards and alerts work.

use super::text::Type;

/// A column that is a metric.
pub(super) struct Column {
    /// Names of the column, by version.
    pub(super) names: &'static [&'static str],
    /// What stands behind the prefix of the answer.
    pub(super) metric: &'static str,
    pub(super) kind: Type,
    /// What it is multiplied by: `PgBouncer` counts microseconds.
    pub(super) factor: f64,
    pub(super) help: &'static str,
}

const fn gauge(names: &'static [&'static str], metric: &'static str, help: &'static str) -> Column {
    Column { names, metric, kind: Type::Gauge, factor: 1.0, help }
}

const fn counter(names: &'static [&'static str], metric: &'static str, help: &'static str) -> Column {
    Column { names, metric, kind: Type::Counter, factor: 1.0, help }
}

const fn microseconds(names: &'static [&'static str], metric: &'static str, help: &'static str) -> Column {
    Column { names, metric, kind: Type::Counter, factor: 1e-6, help }
}

/// `SHOW DATABASES`.
pub(super) const DATABASES: &[Column] = &[
    gauge(&["pool_size"], "pool_size", "Most server connections of one user"),
    gauge(&["reserve_pool_size", "reserve_pool"], "reserve_pool", "Most further server connections of one user"),
    gauge(&["max_connections"], "max_connections", "Most server connections of the database; 0 is without a limit"),
    gauge(&["current_connections"], "current_connections", "Server connections of the database"),
    gauge(&["paused"], "paused", "1 while the database is paused, else 0"),
    gauge(&["disabled"], "disabled", "1 while the database is disabled, else 0"),
];

/// Labels of `SHOW DATABASES`.
pub(super) const DATABASE_LABELS: &[&str] = &["database", "force_user", "host", "name", "pool_mode", "port"];

/// `SHOW STATS`; `SHOW STATS_TOTALS` has the same columns without `total_`, and other names for two.
pub(super) const STATS: &[Column] = &[
    counter(&["total_query_count", "query_count"], "queries_pooled_total", "SQL queries"),
    microseconds(
        &["total_query_time", "query_time"],
        "queries_duration_seconds_total",
        "Time that servers were busy with queries, in seconds",
    ),
    counter(&["total_received", "bytes_received"], "received_bytes_total", "Bytes that were received"),
    counter(&["total_requests", "requests"], "queries_total", "SQL requests, before PgBouncer 1.8"),
    counter(&["total_sent", "bytes_sent"], "sent_bytes_total", "Bytes that were sent"),
    microseconds(
        &["total_wait_time", "wait_time"],
        "client_wait_seconds_total",
        "Time that clients waited for a server, in seconds",
    ),
    counter(&["total_xact_count", "xact_count"], "sql_transactions_pooled_total", "SQL transactions"),
    microseconds(
        &["total_xact_time", "xact_time"],
        "server_in_transaction_seconds_total",
        "Time that servers were in a transaction, busy or idle, in seconds",
    ),
    counter(
        &["total_client_parse_count", "client_parse_count"],
        "client_parses_total",
        "Prepared statements that clients have asked for",
    ),
    counter(
        &["total_server_parse_count", "server_parse_count"],
        "server_parses_total",
        "Prepared statements that were made on servers",
    ),
    counter(&["total_bind_count", "bind_count"], "binds_total", "Prepared statements that were bound to be executed"),
    counter(
        &["total_server_assignment_count", "server_assignment_count"],
        "server_assignments_total",
        "Times that a server was given to a client",
    ),
];

/// `SHOW POOLS`.
pub(super) const POOLS: &[Column] = &[
    gauge(&["cl_active"], "client_active_connections", "Clients that are linked to a server or have nothing to ask"),
    gauge(&["cl_waiting"], "client_waiting_connections", "Clients that wait for a server"),
    gauge(
        &["cl_active_cancel_req"],
        "client_active_cancel_connections",
        "Clients whose cancel request was sent on and not yet answered",
    ),
    gauge(
        &["cl_waiting_cancel_req"],
        "client_waiting_cancel_connections",
        "Clients whose cancel request was not yet sent on",
    ),
    gauge(&["sv_active"], "server_active_connections", "Servers that are linked to a client"),
    gauge(&["sv_active_cancel"], "server_active_cancel_connections", "Servers that send a cancel request on"),
    gauge(
        &["sv_being_canceled"],
        "server_being_canceled_connections",
        "Servers that stay in use until a cancel request for them has ended",
    ),
    gauge(&["sv_idle"], "server_idle_connections", "Servers that are free for a client"),
    gauge(&["sv_used"], "server_used_connections", "Servers that are free and are checked before they are used again"),
    gauge(&["sv_tested"], "server_testing_connections", "Servers that are checked or reset"),
    gauge(&["sv_login"], "server_login_connections", "Servers that are logging in"),
    gauge(&["maxwait"], "client_maxwait_seconds", "How long the first of the waiting clients has waited, in seconds"),
];

/// `SHOW LISTS`: item, metric, help.
pub(super) const LISTS: &[(&str, &str, &str)] = &[
    ("databases", "pgbouncer_databases", "Databases"),
    ("users", "pgbouncer_users", "Users"),
    ("pools", "pgbouncer_pools", "Pools"),
    ("free_clients", "pgbouncer_free_clients", "Places for clients that are allocated and free"),
    ("used_clients", "pgbouncer_used_clients", "Clients"),
    ("login_clients", "pgbouncer_login_clients", "Clients that are logging in"),
    ("free_servers", "pgbouncer_free_servers", "Places for servers that are allocated and free"),
    ("used_servers", "pgbouncer_used_servers", "Servers"),
    ("dns_names", "pgbouncer_cached_dns_names", "Host names in the cache"),
    ("dns_zones", "pgbouncer_cached_dns_zones", "DNS zones in the cache"),
    ("dns_queries", "pgbouncer_in_flight_dns_queries", "DNS queries that are under way"),
];

/// `SHOW CONFIG`: key, metric, help.
pub(super) const CONFIG: &[(&str, &str, &str)] = &[
    ("max_client_conn", "pgbouncer_config_max_client_connections", "Most clients, as configured"),
    (
        "max_user_connections",
        "pgbouncer_config_max_user_connections",
        "Most server connections of one user, as configured; 0 is without a limit",
    ),
];
