//! Ends: of PgBouncer, by accident, and of the pooler, as planned.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    clients::{Clients, Service, connect},
    postgres::Postgres,
    rig::{Agent, document},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_pgbouncer_that_is_killed_is_started_again() {
    let postgres = Postgres::start("").await;
    let agent = Agent::start(&document(postgres.port), &postgres.userlist().await);
    let loaded = agent.status()["loaded"].clone();
    for times in 1..=2 {
        kill(Pid::from_raw(agent.pgbouncer()), Signal::SIGKILL).unwrap();
        let took = agent.wait("started again", |agent| agent.status()["restarts"] == times);
        agent.wait("ready", |agent| agent.get("/readyz").starts_with("ok"));
        println!("restart {times}: seen after {took:?}");
        connect(agent.port).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    }
    agent.wait("content", |agent| agent.reasons().is_empty());
    assert_eq!(agent.status()["loaded"], loaded);
}

/// Restarts of two poolers by turns, under clients that work with this rest between transactions.
async fn restarts(clients: usize, rest: Duration) {
    let postgres = Postgres::start("").await;
    let users = postgres.userlist().await;
    let mut agents = [Agent::start(&document(postgres.port), &users), Agent::start(&document(postgres.port), &users)];
    let service = Service::start(&agents.each_ref().map(|agent| (agent.port, agent.http))).await;
    let working = Clients::start(service.port, clients, rest);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for turn in [0, 1, 0] {
        let agent = &mut agents[turn];
        let begun = std::time::Instant::now();
        agent.terminate();
        assert!(tokio::task::block_in_place(|| agent.ended()));
        println!("drained in {:?}", begun.elapsed());
        agent.run();
        tokio::task::block_in_place(|| agent.wait("ready", |agent| agent.get("/readyz").starts_with("ok")));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let tally = working.stop().await;
    println!(
        "{clients} clients: {} transactions, {} refused, {} cut, {} found closed, worst {:?}",
        tally.transactions,
        tally.refused.len(),
        tally.cut.len(),
        tally.found_closed,
        tally.worst
    );
    assert!(tally.transactions > 100, "{}", tally.transactions);
    assert_eq!((tally.refused, tally.cut), (vec![], vec![]));
    let rows = postgres.sql("app", "SELECT count(*) FROM written").await.unwrap();
    assert_eq!(
        rows.parse::<usize>().unwrap(),
        tally.acknowledged.len(),
        "what was answered is there, and nothing else"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn restarts_under_clients_that_never_rest_cut_and_refuse_nothing() {
    restarts(30, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn restarts_under_clients_that_rest_cut_and_refuse_nothing() {
    restarts(60, Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_long_transaction_ends_before_its_pooler_does() {
    let postgres = Postgres::start("").await;
    let mut agent = Agent::start(&document(postgres.port), &postgres.userlist().await);
    let client = connect(agent.port).await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO written VALUES (0)").await.unwrap();
    agent.terminate();
    agent.wait("unready", |agent| agent.get("/readyz").contains("stopping"));
    assert_eq!(agent.status()["phase"], "Draining");
    connect(agent.port).await.expect("connections are taken until the endpoints have followed");
    client.batch_execute("SELECT pg_sleep(8)").await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert!(agent.ended());
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM written").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_session_that_stays_does_not_keep_its_pooler_for_ever() {
    let postgres = Postgres::start("").await;
    let mut wanted = document(postgres.port);
    wanted["settings"]["poolMode"] = "session".into();
    wanted["drainSeconds"] = 7.into();
    let mut agent = Agent::start(&wanted, &postgres.userlist().await);
    let client = connect(agent.port).await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    let begun = std::time::Instant::now();
    agent.terminate();
    assert!(agent.ended());
    let took = begun.elapsed();
    assert!((Duration::from_secs(11)..Duration::from_secs(15)).contains(&took), "{took:?}");
    assert!(client.batch_execute("SELECT 1").await.is_err());
}
