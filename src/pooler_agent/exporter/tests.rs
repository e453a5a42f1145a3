use std::fmt::Write as _;

use super::*;
use crate::pooler::{
    report::{Clients, Phase, PrimarySeen, Problem, ReadsGo, ReplicaSeen, Servers, Split},
    wanted::Endpoint,
};

/// An answer as `psql -A -F'|' -P null=NULL` prints it.
fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines().map(|line| line.split('|').collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    let value = |value: &'static str| (value != "NULL").then_some(value);
    let leaked = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    lines.map(|line| columns.iter().zip(line).map(|(name, field)| (*name, value(leaked(field)))).collect()).collect()
}

/// What `PgBouncer` 1.24.1 answered under load.
fn real() -> Answers {
    Answers {
        version: rows(include_str!("tests/pgbouncer-1.24.1/version.txt")),
        stats: rows(include_str!("tests/pgbouncer-1.24.1/stats.txt")),
        pools: rows(include_str!("tests/pgbouncer-1.24.1/pools.txt")),
        databases: rows(include_str!("tests/pgbouncer-1.24.1/databases.txt")),
        lists: rows(include_str!("tests/pgbouncer-1.24.1/lists.txt")),
        config: rows(include_str!("tests/pgbouncer-1.24.1/config.txt")),
        clients: rows(include_str!("tests/pgbouncer-1.24.1/clients.txt")),
    }
}

fn lines(answers: &Answers) -> Vec<String> {
    let text = exposition(&Pooler::default(), Some(answers), &Report::default());
    let about = |line: &&str| line.starts_with("pgbouncer_") || line.starts_with("# TYPE pgbouncer_");
    text.lines().filter(about).map(str::to_owned).collect()
}

/// What the exporter said of the same `PgBouncer` a moment before, without its help texts.
#[test]
fn it_says_what_the_exporter_says() {
    // What has changed in the moment between: who looks is a client too, and the clients went on waiting.
    let moves = |line: &str| {
        line.starts_with("pgbouncer_pools_client_maxwait_seconds{")
            || line.starts_with("pgbouncer_free_clients ")
            || line.starts_with("pgbouncer_used_clients ")
            || line.contains("database=\"pgbouncer\"")
    };
    let sorted = |lines: Vec<String>| {
        let parsed = lines.iter().map(|line| {
            let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
                return (line.clone(), String::new());
            };
            // Their factors are multiplied in another order.
            let value = if moves(line) { "moves".to_owned() } else { format!("{:.6e}", value.parse::<f64>().unwrap()) };
            (series.to_owned(), value)
        });
        // Who looks has a name of its own in each of the two.
        let looker = |series: &str| {
            series.starts_with("pgbouncer_client_connections{") && series.contains("database=\"pgbouncer\"")
        };
        parsed.filter(|(series, _)| !looker(series)).collect::<std::collections::BTreeSet<_>>()
    };
    let theirs = include_str!("tests/pgbouncer-1.24.1/exporter-0.12.1.txt").lines().map(str::to_owned).collect();
    let (ours, theirs) = (sorted(lines(&real())), sorted(theirs));
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "ours alone");
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "theirs alone");
    assert!(ours.len() > 150, "{}", ours.len());
}

#[test]
fn counters_that_have_counted_are_compared() {
    let said = lines(&real());
    for name in
        ["binds", "client_parses", "server_parses", "server_assignments", "client_wait_seconds", "received_bytes"]
    {
        let series = format!("pgbouncer_stats_totals_{name}_total{{database=\"azora\"}} ");
        let value = said.iter().find_map(|line| line.strip_prefix(&series)).unwrap();
        assert!(value.parse::<f64>().unwrap() > 0.0, "{series}{value}");
    }
}

#[test]
fn columns_of_other_versions_are_found_by_their_names() {
    // 1.21: no counts of statements and assignments, `reserve_pool`.
    let old = Answers {
        stats: rows(
            "database|total_xact_count|total_query_count|total_received|total_sent|total_xact_time|total_query_time|total_wait_time|avg_xact_count\napp|7|9|100|200|3000000|2000000|1000000|1",
        ),
        databases: rows(
            "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|server_lifetime|pool_mode|max_connections|current_connections|paused|disabled\napp|db|5432|app|NULL|20|0|5|3600|NULL|0|3|1|0",
        ),
        pools: rows(
            "database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode\napp|web|1|2|0|0|3|0|0|4|0|0|0|5|0|session",
        ),
        ..Answers::default()
    };
    let said = lines(&old).join("\n");
    assert!(said.contains("pgbouncer_databases_reserve_pool{database=\"app\",force_user=\"\",host=\"db\",name=\"app\",pool_mode=\"\",port=\"5432\"} 5"));
    assert!(said.contains("pgbouncer_stats_totals_client_wait_seconds_total{database=\"app\"} 1\n"), "{said}");
    assert!(said.contains("pgbouncer_pools_server_idle_connections{database=\"app\",user=\"web\"} 4"));
    assert!(!said.contains("binds") && !said.contains("assignments"), "{said}");

    // 1.26: further columns before, between and after those that are known, a new state of clients, NULLs.
    let new = Answers {
        stats: rows(
            "database|total_new_thing|total_query_count|total_server_assignment_count|total_bind_count|total_query_time|total_tracked|avg_query_count\napp|1|9|NULL|4|2500000|x|3",
        ),
        pools: rows(
            "database|user|cl_active|cl_idle|cl_waiting|maxwait|pool_mode|load_balance_hosts\napp|web|1|6|NULL|0|transaction|round-robin",
        ),
        clients: rows(
            "type|user|database|state|application_name|id\nC|web|app|idle|job|1\nC|web|app|idle|job|2\nC|web|app|active|NULL|3",
        ),
        lists: rows("list|items\nnew_list|1\nused_servers|2"),
        config: rows(
            "key|value|default|changeable|source\nmax_client_conn|100|100|yes|file\nmax_user_connections|unlimited|0|yes|file",
        ),
        ..Answers::default()
    };
    let said = lines(&new).join("\n");
    assert!(said.contains("pgbouncer_stats_totals_queries_duration_seconds_total{database=\"app\"} 2.5"));
    assert!(said.contains("pgbouncer_stats_totals_binds_total{database=\"app\"} 4"));
    assert!(!said.contains("assignments") && !said.contains("client_waiting_connections"), "{said}");
    assert!(said.contains(
        "pgbouncer_client_connections{application_name=\"job\",database=\"app\",state=\"idle\",user=\"web\"} 2"
    ));
    assert!(said.contains(
        "pgbouncer_client_connections{application_name=\"\",database=\"app\",state=\"active\",user=\"web\"} 1"
    ));
    assert!(said.contains("pgbouncer_used_servers 2") && said.contains("pgbouncer_config_max_client_connections 100"));
    assert!(!said.contains("max_user_connections") && !said.contains("new_list"));
}

#[test]
fn names_that_clients_make_up_are_bounded() {
    let mut text = "user|database|state|application_name\n".to_owned();
    for index in 0..1_000 {
        let _ = writeln!(text, "web|app|active|made up {index}");
    }
    text.push_str("web|app|active|many\nweb|app|active|many\n");
    let said = lines(&Answers { clients: rows(&text), ..Answers::default() });
    let series: Vec<_> = said.iter().filter(|line| line.starts_with("pgbouncer_client_connections{")).collect();
    assert_eq!(series.len(), APPLICATIONS + 1);
    assert!(series.iter().any(|line| line.contains("application_name=\"many\"") && line.ends_with(" 2")));
    assert!(series.iter().any(|line| line.contains("application_name=\"<others>\"") && line.ends_with(" 801")));
}

/// A report with everything in it.
fn report() -> Report {
    let replica = |host: &str, in_rotation, bytes, seconds| ReplicaSeen {
        endpoint: Endpoint { host: host.to_owned(), port: 5432 },
        in_rotation,
        lag_bytes: bytes,
        lag_seconds: seconds,
    };
    Report {
        ordinal: 1,
        version: Some("1.24.1".to_owned()),
        phase: Phase::Running,
        seen: Some("aa".to_owned()),
        loaded: Some("bb".to_owned()),
        paused: None,
        problems: vec![Problem { reason: "ReplicaUnreachable".to_owned(), message: "…".to_owned() }; 2],
        clients: Clients { active: 3, waiting: 2, max_wait_seconds: 0.25, waiting_share: Some(0.5) },
        servers: Servers { primary: 4, replicas: 2, active: 3 },
        split: Some(Split {
            max_connections: 100,
            reserved: 3,
            direct: 7,
            instances: 2,
            per_instance: 39,
            declared: 60,
            pool_size: 19,
            reserve_pool_size: 0,
            shrunk: true,
        }),
        primary: Some(PrimarySeen { reachable: true, in_recovery: false }),
        replicas: vec![replica("r1", true, Some(16), Some(0.5)), replica("r2", false, None, None)],
        reads: Some(ReadsGo::Replicas),
        restarts: 1,
    }
}

fn pooler() -> Pooler {
    Pooler {
        namespace: "shop".to_owned(),
        profile: "auth".to_owned(),
        pooler: "auth-pgbouncer-1".to_owned(),
        ready: true,
    }
}

#[test]
fn the_agents_own_metrics_carry_the_profile() {
    let text = exposition(&pooler(), None, &report());
    assert!(
        text.contains("pgbouncer_up 0\n")
            && text.contains("plimsoll_pooler_up{namespace=\"shop\",profile=\"auth\",pooler=\"auth-pgbouncer-1\"} 0\n")
    );
    let labels = "namespace=\"shop\",profile=\"auth\",pooler=\"auth-pgbouncer-1\"";
    for line in text.lines().filter(|line| line.starts_with("plimsoll_")) {
        assert!(line.contains(&format!("{{{labels}")), "{line}");
    }
    for line in [
        format!("plimsoll_pooler_config_loaded{{{labels}}} 0"),
        format!("plimsoll_pooler_clients{{{labels},state=\"waiting\"}} 2"),
        format!("plimsoll_pooler_waiting_share_ratio{{{labels}}} 0.5"),
        format!("plimsoll_pooler_server_connections_limit{{{labels}}} 39"),
        format!("plimsoll_pooler_replica_in_rotation{{{labels},replica=\"r2:5432\"}} 0"),
        format!("plimsoll_pooler_problem{{{labels},reason=\"ReplicaUnreachable\"}} 1"),
        format!("plimsoll_pooler_reads{{{labels},to=\"Replicas\"}} 1"),
        format!("plimsoll_pooler_restarts_total{{{labels}}} 1"),
    ] {
        assert_eq!(text.lines().filter(|known| *known == line).count(), 1, "{line}\n{text}");
    }
    assert!(!text.contains(
        "plimsoll_pooler_replica_lag_bytes{namespace=\"shop\",profile=\"auth\",pooler=\"auth-pgbouncer-1\",replica=\"r2"
    ));
}

#[test]
fn clients_and_their_limit_carry_the_profile_too() {
    let text = exposition(&pooler(), Some(&real()), &report());
    let labels = "namespace=\"shop\",profile=\"auth\",pooler=\"auth-pgbouncer-1\"";
    assert!(text.contains(&format!("plimsoll_pooler_client_connections{{{labels}}} 8\n")), "{text}");
    assert!(text.contains(&format!("plimsoll_pooler_client_connections_limit{{{labels}}} 200\n")), "{text}");
}

/// `promtool check metrics` is asked where it is installed.
#[test]
fn promtool_finds_nothing() {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };
    let program = std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let started = Command::new(program).args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = started else { return };
    let text = exposition(&pooler(), Some(&real()), &report());
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
