//! What the agent learns from the servers: how many connections there are to divide, and which replicas keep up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    clients::{Clients, connect},
    postgres::Postgres,
    rig::{Agent, document},
};

fn monitored(port: u16) -> Value {
    let mut wanted = document(port);
    wanted["monitor"] = json!(true);
    wanted["budget"] = json!({"sharePercent": 90});
    wanted
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn pools_are_made_to_fit_the_server_and_no_client_is_turned_away() {
    let postgres = Postgres::start("max_connections = 20").await;
    let mut wanted = monitored(postgres.port);
    wanted["settings"]["defaultPoolSize"] = json!(40);
    let agent = Agent::start(&wanted, &postgres.userlist().await);
    let split = agent.status()["split"].clone();
    assert_eq!(
        (&split["maxConnections"], &split["shrunk"], &split["declared"]),
        (&json!(20), &json!(true), &json!(42)),
        "{split}"
    );
    assert!(split["perInstance"].as_u64().unwrap() <= 15, "{split}");
    let clients = Clients::start(agent.port, 30, Duration::ZERO);
    // A client's first password takes a while on a machine with other work.
    let full = |agent: &Agent| {
        agent.status()["servers"]["primary"].as_u64() >= split["perInstance"].as_u64().map(|most| most - 1)
    };
    agent.wait("full", full);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let tally = clients.stop().await;
    assert!(tally.transactions > 100, "{}", tally.transactions);
    assert_eq!((tally.refused, tally.cut), (vec![], vec![]));
    assert!(!postgres.log().contains("too many clients"), "{}", postgres.log());
    // The poolers' own connections are not taken for somebody else's.
    assert_eq!(agent.status()["split"]["direct"], split["direct"], "{}", agent.status());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn a_primary_that_cannot_be_asked_is_said_and_clients_are_served_still() {
    let postgres = Postgres::start("").await;
    let wanted = monitored(postgres.port);
    let agent = Agent::start(&wanted, &postgres.userlist().await);
    assert!(agent.reasons().is_empty(), "{}", agent.status());
    agent.put("secrets/monitor/password", "wrong");
    agent.wait("said", |agent| agent.reasons() == ["AuthenticationFailed"]);
    connect(agent.port).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    assert_eq!(agent.status()["split"]["maxConnections"], 100, "what was known holds");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer and Postgres: PGBOUNCER, POSTGRES_ROOT"]
async fn reads_leave_a_replica_that_is_behind_and_come_back() {
    let primary = Postgres::start("").await;
    let replica = primary.replica().await;
    let mut wanted = monitored(primary.port);
    wanted["replicas"] = json!([{"host": "127.0.0.1", "port": replica.port}]);
    wanted["lag"]["maxBytes"] = json!(100_000);
    let agent = Agent::start(&wanted, &primary.userlist().await);
    agent.wait("measured", |agent| agent.status()["replicas"][0]["lagBytes"].is_u64());
    assert_eq!(agent.status()["reads"], "Replicas", "{}", agent.status());
    let reads_at = || async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(agent.port).user("app").password("app's").dbname("app_ro");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query("SELECT current_setting('port')").await.unwrap();
        let port = rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse::<u16>().ok(),
            _ => None,
        });
        port.unwrap()
    };
    assert_eq!(reads_at().await, replica.port);
    replica.sql("postgres", "SELECT pg_wal_replay_pause()").await;
    primary.sql("app", "CREATE TABLE lag AS SELECT repeat('x', 1000) FROM generate_series(1, 1000)").await;
    let took = agent.wait("elsewhere", |agent| agent.status()["reads"] == "Primary");
    println!("out of rotation after {took:?}");
    assert_eq!(reads_at().await, primary.port);
    assert_eq!(agent.status()["replicas"][0]["inRotation"], json!(false));
    replica.sql("postgres", "SELECT pg_wal_replay_resume()").await;
    let took = agent.wait("back", |agent| agent.status()["reads"] == "Replicas");
    println!("back after {took:?}");
    assert_eq!(reads_at().await, replica.port);
    assert_eq!(agent.status()["restarts"], 0);
}
