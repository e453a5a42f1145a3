//! The primary moves: as planned, by a failure, and behind the same name.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    clients::{Clients, connect},
    postgres::Postgres,
    rig::{Agent, document},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_planned_switchover_costs_no_error_and_no_row() {
    let mut old = Postgres::start("").await;
    let new = old.replica().await;
    let mut wanted = document(old.port);
    let agent = Agent::start(&wanted, &old.userlist().await);
    let writers = Clients::start(agent.port, 10, Duration::from_millis(5));
    tokio::time::sleep(Duration::from_secs(1)).await;

    wanted["pause"] = json!({"id": "move-1", "limitSeconds": 30});
    let begun = Instant::now();
    agent.wants(&wanted);
    agent.wait("paused", |agent| agent.status()["paused"] == "move-1");
    println!("paused after {:?}", begun.elapsed());
    assert!(agent.get("/readyz").starts_with("ok"), "clients may come, and wait");
    old.stop();
    new.sql("postgres", "SELECT pg_promote(true, 20)").await;
    wanted["pause"] = json!(null);
    wanted["primary"] = json!({"host": "127.0.0.1", "port": new.port});
    let resumed = Instant::now();
    agent.load(&wanted);
    agent.wait("resumed", |agent| agent.status()["phase"] == "Running");
    let held = begun.elapsed();
    println!("resumed after {:?}; {held:?} in all", resumed.elapsed());

    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = writers.stop().await;
    println!("{} transactions, worst {:?}", tally.transactions, tally.worst);
    assert_eq!((&tally.refused, &tally.cut, tally.found_closed), (&vec![], &vec![], 0));
    let rows = new.sql("app", "SELECT count(*) FROM written").await.unwrap();
    assert_eq!(rows.parse::<usize>().unwrap(), tally.acknowledged.len());
    // How long it is held is up to the servers and the machine; no write waits for something else, such as the next login (15 s).
    assert!(tally.worst < held + Duration::from_secs(5), "{:?}, held {held:?}", tally.worst);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_pause_ends_by_itself_at_its_limit() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    let agent = Agent::start(&wanted, &postgres.userlist().await);
    let client = connect(agent.port).await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    wanted["pause"] = json!({"id": "one", "limitSeconds": 2});
    agent.wants(&wanted);
    agent.wait("paused", |agent| agent.status()["paused"] == "one");
    let begun = Instant::now();
    client.batch_execute("SELECT 1").await.expect("it waits, and goes on");
    let took = begun.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_millis(2500)).contains(&took), "{took:?}");
    agent.wait("said", |agent| agent.reasons() == ["PauseEnded"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(agent.status()["phase"], "Running", "the same pause is not begun again");

    // Another one is, also over a transaction that does not end; and it is forgotten when it is taken back.
    client.batch_execute("BEGIN").await.unwrap();
    wanted["pause"] = json!({"id": "two", "limitSeconds": 20});
    agent.wants(&wanted);
    agent.wait("seen", |agent| agent.reasons().is_empty());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(agent.status()["paused"], json!(null), "not everybody is held yet");
    client.batch_execute("SELECT 1").await.expect("an open transaction goes on");
    client.batch_execute("COMMIT").await.unwrap();
    agent.wait("paused", |agent| agent.status()["paused"] == "two");
    wanted["pause"] = json!(null);
    agent.load(&wanted);
    agent.wait("resumed", |agent| agent.status()["phase"] == "Running");
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(agent.reasons().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_pause_is_held_by_a_pgbouncer_that_is_started_again() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    wanted["pause"] = json!({"id": "one", "limitSeconds": 30});
    let agent = Agent::start(&wanted, &postgres.userlist().await);
    agent.wait("paused", |agent| agent.status()["paused"] == "one");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(agent.pgbouncer()), nix::sys::signal::Signal::SIGKILL).unwrap();
    agent.wait("started again", |agent| agent.status()["restarts"] == 1);
    agent.wait("paused again", |agent| agent.status()["paused"] == "one");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn after_a_failure_the_pools_follow_the_primary_that_is_named() {
    let mut old = Postgres::start("").await;
    let new = old.replica().await;
    let mut wanted = document(old.port);
    let agent = Agent::start(&wanted, &old.userlist().await);
    let clients = Clients::start(agent.port, 5, Duration::from_millis(5));
    tokio::time::sleep(Duration::from_secs(1)).await;
    old.kill();
    new.sql("postgres", "SELECT pg_promote(true, 20)").await;
    wanted["primary"] = json!({"host": "127.0.0.1", "port": new.port});
    let begun = Instant::now();
    agent.wants(&wanted);
    let before = new.sql("app", "SELECT count(*) FROM written").await;
    while new.sql("app", "SELECT count(*) FROM written").await == before {
        assert!(begun.elapsed() < Duration::from_secs(5), "{}", agent.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("the first write {:?} after the new primary was named", begun.elapsed());
    drop(clients.stop().await);
}
