//! Configuration: what is wanted is loaded and read back, and what is wrong changes nothing.

use std::{process::Command, time::Duration};

use serde_json::json;

use crate::{
    clients::connect,
    postgres::Postgres,
    rig::{Agent, document, is_root},
};

fn pool_size(agent: &Agent) -> Option<f64> {
    let metrics = agent.get("/metrics");
    metrics
        .lines()
        .find(|line| line.starts_with("pgbouncer_databases_pool_size") && line.contains("name=\"app\""))?
        .rsplit_once(' ')?
        .1
        .parse()
        .ok()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn it_serves_and_loads_what_is_wanted_without_a_restart() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    let agent = Agent::start(&wanted, &postgres.userlist().await);
    connect(agent.port).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    let pid = agent.pgbouncer();
    assert_eq!(pool_size(&agent), Some(10.0));

    wanted["settings"]["defaultPoolSize"] = json!(7);
    wanted["settings"]["parameters"] = json!({"query_wait_timeout": "44"});
    agent.load(&wanted);
    assert_eq!(pool_size(&agent), Some(7.0));
    let status = agent.status();
    assert_eq!((&status["restarts"], &status["seen"]), (&json!(0), &status["loaded"]));
    assert_eq!(agent.pgbouncer(), pid, "the process is the same");

    // What only a start can change is the operator's to do: everything else is loaded, and nothing is restarted.
    wanted["settings"]["parameters"] = json!({"query_wait_timeout": "45", "tcp_defer_accept": "1"});
    agent.load(&wanted);
    assert_eq!(agent.pgbouncer(), pid, "the process is the same");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn what_is_wrong_is_said_and_what_runs_stays() {
    let postgres = Postgres::start("").await;
    let wanted = document(postgres.port);
    let users = postgres.userlist().await;
    let agent = Agent::start(&wanted, &users);
    let loaded = agent.status()["loaded"].clone();
    let serves = || async { connect(agent.port).await.unwrap().batch_execute("SELECT 1").await.unwrap() };

    agent.put("secrets/userlist/userlist.txt", "app secret\n");
    agent.wait("refused", |agent| agent.reasons() == ["UserlistInvalid"]);
    serves().await;
    agent.put("secrets/userlist/userlist.txt", &users);
    agent.wait("content", |agent| agent.reasons().is_empty());

    agent.put("config/pooler.json", "{");
    agent.wait("refused", |agent| agent.reasons() == ["SettingRejected"]);
    serves().await;

    let mut bad = wanted.clone();
    bad["settings"]["parameters"] = json!({"query_wait_timeout": "soon"});
    agent.wants(&bad);
    agent.wait("refused", |agent| agent.status()["problems"].to_string().contains("query_wait_timeout cannot be"));
    serves().await;

    let mut tls = wanted.clone();
    tls["clientTls"] = json!({"mode": "require", "files": true});
    agent.wants(&tls);
    agent.wait("refused", |agent| agent.reasons() == ["SecretMissing"]);
    assert_eq!(agent.status()["loaded"], loaded);
    assert!(agent.get("/readyz").starts_with("ok"), "a pooler that serves is ready");
    serves().await;

    agent.load(&wanted);
    assert!(agent.reasons().is_empty());
    assert_eq!(agent.status()["restarts"], 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_container_that_is_started_again_serves_although_what_is_mounted_is_wrong() {
    let postgres = Postgres::start("").await;
    let wanted = document(postgres.port);
    let mut agent = Agent::start(&wanted, &postgres.userlist().await);
    agent.terminate();
    assert!(agent.ended());
    agent.put("config/pooler.json", "{");
    agent.run();
    agent.wait("ready", |agent| agent.get("/readyz").starts_with("ok"));
    connect(agent.port).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    assert_eq!(agent.status()["loaded"], json!(null));
    agent.load(&wanted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_pooler_that_is_not_counted_does_not_start() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    wanted["instances"] = json!(0);
    let agent = Agent::prepare(&wanted, &postgres.userlist().await);
    agent.wait("waiting", |agent| agent.get("/readyz").contains("this one is number 1"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(connect(agent.port).await.is_err());
    wanted["instances"] = json!(1);
    agent.load(&wanted);
    connect(agent.port).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_pgbouncer_that_is_older_than_wanted_is_not_started() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    wanted["version"] = json!("1.99");
    let agent = Agent::prepare(&wanted, &postgres.userlist().await);
    agent.wait("refused", |agent| agent.reasons() == ["VersionTooOld"]);
    assert!(agent.get("/livez").starts_with("ok"), "to start it again would not help");
    assert!(agent.get("/readyz").contains("1.99"));
}

#[test]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
fn it_does_not_run_as_root() {
    if !is_root() {
        return;
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["pooler-agent", "--ordinal", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not run as root"));
}
