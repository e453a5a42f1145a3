//! The alerts on poolers.

use plimsoll::slo::{Alerting, WorkloadIdentity, pooler_group};
use serde_json::json;

use super::Case;

fn poolers(name: &'static str) -> Case {
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "auth".into() };
    Case::new(name, vec![pooler_group(&identity, true, &Alerting::default(), &[])])
}

/// A series of one pooler, as a scrape with labels of its own leaves it.
fn of(ordinal: u32, name: &str, more: &str) -> String {
    format!(
        "plimsoll_pooler_{name}{{namespace=\"shop\",profile=\"auth\",pooler=\"auth-pgbouncer-{ordinal}\",instance=\"10.0.0.{ordinal}:9127\"{more}}}"
    )
}

#[test]
fn one_pooler_down_is_a_ticket_and_all_down_is_a_page() {
    poolers("pooler-down")
        .gauge(&of(0, "up", ""), "1x10 0x20")
        .gauge(&of(1, "up", ""), "1x30")
        .gauge(&of(0, "ready", ""), "1x10 0x20")
        .gauge(&of(1, "ready", ""), "1x20 0x10")
        .firing(11, r#"alertname=~".+""#, 0)
        .firing(14, r#"alertname="PoolerDown",pooler="auth-pgbouncer-0",severity="warning",profile="auth""#, 1)
        .firing(19, r#"alertname="PoolersAllDown""#, 0)
        .firing(24, r#"alertname="PoolersAllDown",severity="critical""#, 1)
        .run();
}

#[test]
fn poolers_that_are_not_measured() {
    poolers("pooler-absent")
        .gauge(r#"plimsoll_pooler_up{namespace="shop",profile="other",pooler="other-pgbouncer-0"}"#, "1x30")
        .firing(9, r#"alertname=~".+""#, 0)
        .firing(11, r#"alertname="PoolerMetricsAbsent",namespace="shop",profile="auth""#, 1)
        .run();
}

#[test]
fn a_configuration_that_is_not_taken() {
    poolers("pooler-config")
        .gauge(&of(0, "up", ""), "1x40")
        .gauge(&of(0, "config_loaded", ""), "1x5 0x3 1x5 0x27")
        .firing(12, r#"alertname=~".+""#, 0)
        .firing(23, r#"alertname="PoolerConfigNotLoaded",severity="warning""#, 1)
        .run();
}

#[test]
fn clients_wait_but_not_when_they_are_held() {
    poolers("pooler-waiting")
        .gauge(&of(0, "up", ""), "1x40")
        .gauge(&of(0, "client_max_wait_seconds", ""), "0x5 20x5 0x5 20x25")
        .gauge(&of(0, "paused", ""), "0x5 1x5 0x30")
        .firing(14, r#"alertname=~".+""#, 0)
        .alert(
            20,
            "PoolerClientsWaiting",
            &json!({"namespace": "shop", "profile": "auth", "pooler": "auth-pgbouncer-0", "severity": "warning"}),
            &json!({
                "summary": "shop/auth: clients of auth-pgbouncer-0 wait 20s for a connection",
                "description": "All server connections of a pool are in use, and clients have waited longer than 1 s for one for two minutes. Look for long transactions and for a slow database before you make the pool larger.",
            }),
        )
        .run();
}

#[test]
fn pools_are_saturated_and_oversubscribed() {
    poolers("pooler-saturated")
        .gauge(&of(0, "up", ""), "1x60")
        .gauge(&of(0, "waiting_share_ratio", ""), "0.09x20 0.25x40")
        .gauge(&of(0, "problem", r#",reason="PoolOversubscribed""#), "_x20 1x40")
        .gauge(&of(1, "problem", r#",reason="PrimaryUnreachable""#), "1x60")
        .firing(29, r#"alertname=~".+""#, 0)
        .firing(32, r#"alertname="PoolerSaturated",pooler="auth-pgbouncer-0""#, 1)
        .firing(32, r#"alertname="PoolerBudgetOversubscribed",severity="warning""#, 1)
        .run();
}

#[test]
fn clients_near_their_limit() {
    poolers("pooler-clients")
        .gauge(&of(0, "up", ""), "1x30")
        .gauge(&of(0, "client_connections", ""), "900x10 950x20")
        .gauge(&of(0, "client_connections_limit", ""), "1000x30")
        .firing(10, r#"alertname=~".+""#, 0)
        .firing(17, r#"alertname="PoolerClientsNearLimit""#, 1)
        .run();
}

#[test]
fn replicas_leave_and_reads_go_elsewhere() {
    let rotation = |ordinal, replica: &str| of(ordinal, "replica_in_rotation", &format!(",replica=\"{replica}:5432\""));
    poolers("pooler-replicas")
        .gauge(&of(0, "up", ""), "1x40")
        // One pooler alone that does not see a replica is the network's matter.
        .gauge(&rotation(0, "r1"), "0x40")
        .gauge(&rotation(1, "r1"), "1x40")
        .gauge(&rotation(0, "r2"), "1x10 0x30")
        .gauge(&rotation(1, "r2"), "1x10 0x30")
        .gauge(&of(0, "reads", r#",to="Replicas""#), "1x20 0x20")
        .gauge(&of(0, "reads", r#",to="Primary""#), "0x20 1x20")
        .firing(14, r#"alertname=~".+""#, 0)
        .firing(18, r#"alertname="PoolerReplicaOutOfRotation",replica="r2:5432""#, 1)
        .firing(24, r#"alertname="PoolerReadsNotOnReplicas""#, 0)
        .firing(28, r#"alertname="PoolerReadsNotOnReplicas",to="Primary""#, 1)
        .never(40, r#"alertname="PoolerReplicaOutOfRotation",replica="r1:5432""#)
        .run();
}

#[test]
fn no_primary_that_takes_writes() {
    poolers("pooler-primary")
        .gauge(&of(0, "up", ""), "1x40")
        .gauge(&of(0, "primary_reachable", ""), "0x10 1x30")
        .gauge(&of(1, "primary_reachable", ""), "1x40")
        .gauge(&of(0, "primary_in_recovery", ""), "0x20 1x20")
        .gauge(&of(1, "primary_in_recovery", ""), "0x20 1x20")
        .firing(20, r#"alertname=~".+""#, 0)
        .firing(24, r#"alertname="PoolerPrimaryUnavailable",severity="critical""#, 1)
        .run();
}

#[test]
fn a_pooler_that_ends_again_and_again() {
    poolers("pooler-restarts")
        .gauge(&of(0, "up", ""), "1x60")
        .gauge(&of(0, "restarts_total", ""), "0x10 1x20 2 3 4 5x25")
        .firing(25, r#"alertname=~".+""#, 0)
        .firing(36, r#"alertname="PoolerRestarting""#, 1)
        .firing(58, r#"alertname="PoolerRestarting""#, 0)
        .run();
}
