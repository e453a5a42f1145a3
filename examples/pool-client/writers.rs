//! Writers that remember what was acknowledged. A write that fails is tried again until it is acknowledged or the run ends, and its time is
//! that from the first attempt on: what a user of the application waits.

use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use tokio_util::sync::CancellationToken;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

/// Longest time for one attempt.
const PATIENCE: Duration = Duration::from_mins(1);
/// From this time on a write is told of.
const SLOW: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Args {
    /// Writers at once
    #[arg(long, default_value_t = 10)]
    clients: i32,
    /// Time between two writes of a writer
    #[arg(long, default_value = "5ms", value_parser = run::duration)]
    think: Duration,
    /// Time after which the run ends, for example 1m; without it, at SIGTERM
    #[arg(long, value_parser = run::duration)]
    duration: Option<Duration>,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let stop = run::until(args.duration)?;
    let names = ["acknowledged", "failed", "refused", "closed_idle", "connections"];
    let (target, tally) = (Arc::new(target), Arc::new(Tally::new(&names)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let name = Arc::new(format!("{}-{}", now.as_micros(), std::process::id()));
    let mut clients = JoinSet::new();
    for number in 0..args.clients {
        let (slot, tally, stop, name) =
            (Slot::new(&target, &tally), Arc::clone(&tally), stop.clone(), Arc::clone(&name));
        clients.spawn(async move { writer(&name, number, args.think, slot, &tally, &stop).await });
    }
    let acknowledged = run::all(clients).await?.into_iter().flatten();
    let mut report = tally.report("writers");
    let there = rows(&name, Slot::new(&target, &tally)).await?;
    let lost: Vec<_> = acknowledged.filter(|row| !there.contains(row)).collect();
    report.insert("rows".to_owned(), json!(there.len()));
    report.insert("lost".to_owned(), json!(lost.len()));
    report.insert("first_lost".to_owned(), json!(lost.iter().min_by_key(|(_, sequence)| sequence)));
    Ok(report.into())
}

async fn writer(
    run: &str,
    number: i32,
    think: Duration,
    mut slot: Slot,
    tally: &Tally,
    stop: &CancellationToken,
) -> Vec<(i32, i64)> {
    let mut acknowledged = Vec::new();
    let mut sequence = 0;
    let mut begun = Instant::now();
    while let Some(client) = slot.take(stop).await {
        match timeout(PATIENCE, write(client, run, number, sequence)).await {
            Ok(Ok(())) => {
                tally.count("acknowledged");
                tally.time("write", begun.elapsed());
                slow(number, begun.elapsed());
                acknowledged.push((number, sequence));
                sequence += 1;
                run::pause(stop, think).await;
                begun = Instant::now();
            }
            Ok(Err(error)) => {
                tally.count("failed");
                tally.error("write", &error);
                slot.discard();
            }
            Err(_) => {
                tally.count("failed");
                tally.failure("write", "timeout", "no answer in time");
                slot.discard();
            }
        }
    }
    acknowledged
}

/// A write that took long is told when it is acknowledged, by the clock that others go by.
fn slow(writer: i32, took: Duration) {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if took >= SLOW {
        println!("{}", json!({"writer": writer, "at": at.as_secs_f64(), "slow_ms": took.as_millis()}));
    }
}

/// A second attempt may find the row of the first one, whose answer was lost.
async fn write(client: &Client, run: &str, number: i32, sequence: i64) -> Result<(), Error> {
    let text = "insert into event (run, writer, sequence) values ($1, $2, $3) on conflict do nothing";
    client.query_typed(text, &[(&run, Type::TEXT), (&number, Type::INT4), (&sequence, Type::INT8)]).await.map(|_| ())
}

async fn rows(run: &str, mut slot: Slot) -> anyhow::Result<HashSet<(i32, i64)>> {
    let Some(client) = slot.take(&CancellationToken::new()).await else { return Ok(HashSet::new()) };
    let rows = client.query_typed("select writer, sequence from event where run = $1", &[(&run, Type::TEXT)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
