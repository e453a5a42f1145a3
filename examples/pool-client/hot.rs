//! Short transactions of several statements, one after the other. A transaction is cut when it fails between its BEGIN and the answer
//! to its COMMIT; one whose BEGIN finds the connection closed has not begun, and a pool begins it anew.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use tokio_util::sync::CancellationToken;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

/// Longest time for one transaction.
const PATIENCE: Duration = Duration::from_mins(1);
/// A client that has had an answer within this time is served.
const LATELY: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// Clients at once
    #[arg(long, default_value_t = 30)]
    clients: i32,
    /// Time between two transactions of a client
    #[arg(long, default_value = "10ms", value_parser = run::duration)]
    think: Duration,
    /// Time after which the run ends, for example 1m; without it, at SIGTERM
    #[arg(long, value_parser = run::duration)]
    duration: Option<Duration>,
}

enum Failed {
    Begin(Error),
    Within(Error),
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let stop = run::until(args.duration)?;
    let names = ["transactions", "cut", "refused", "closed_idle", "closed_at_begin", "connections"];
    let (target, tally) = (Arc::new(target), Arc::new(Tally::new(&names)));
    let mut clients = JoinSet::new();
    for number in 0..args.clients {
        let (slot, tally, stop) = (Slot::new(&target, &tally), Arc::clone(&tally), stop.clone());
        clients.spawn(async move { client(number, args.think, slot, &tally, &stop).await });
    }
    let last = run::all(clients).await?;
    let mut report = tally.report("hot");
    // Of the clients those that were served to the end.
    let alive = last.iter().flatten().filter(|served| served.elapsed() < LATELY).count();
    report.insert("alive".to_owned(), json!(alive));
    Ok(report.into())
}

/// Gives when its last transaction succeeded.
async fn client(
    number: i32,
    think: Duration,
    mut slot: Slot,
    tally: &Tally,
    stop: &CancellationToken,
) -> Option<Instant> {
    let mut served = None;
    let mut begun = Instant::now();
    while let Some(client) = slot.take(stop).await {
        match timeout(PATIENCE, transaction(number, client)).await {
            Ok(Ok(())) => {
                served = Some(Instant::now());
                tally.count("transactions");
                tally.time("transaction", begun.elapsed());
            }
            Ok(Err(Failed::Begin(error))) => {
                tally.count("closed_at_begin");
                tally.error("begin", &error);
                slot.discard();
            }
            Ok(Err(Failed::Within(error))) => {
                tally.count("cut");
                tally.error("transaction", &error);
                slot.discard();
            }
            Err(_) => {
                tally.count("cut");
                tally.failure("transaction", "timeout", "no end in time");
                slot.discard();
            }
        }
        run::pause(stop, think).await;
        begun = Instant::now();
    }
    served
}

async fn transaction(number: i32, client: &Client) -> Result<(), Failed> {
    client.batch_execute("begin").await.map_err(Failed::Begin)?;
    let id = number % 100;
    for text in [
        "select n from counter where id = $1",
        "update counter set n = n + 1 where id = $1",
        "select n from counter where id = $1",
    ] {
        client.query_typed(text, &[(&id, Type::INT4)]).await.map_err(Failed::Within)?;
    }
    client.batch_execute("commit").await.map_err(Failed::Within)
}
