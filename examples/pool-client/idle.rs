//! Many connections that do little: the usual state of a service's own pools.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// Connections
    #[arg(long, default_value_t = 1000)]
    clients: u32,
    /// Time over which they are opened
    #[arg(long, default_value = "5s", value_parser = run::duration)]
    ramp: Duration,
    /// Time between two queries of a connection
    #[arg(long, default_value = "3s", value_parser = run::duration)]
    every: Duration,
    /// Time after which the run ends, for example 1m; without it, at SIGTERM
    #[arg(long, value_parser = run::duration)]
    duration: Option<Duration>,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let stop = run::until(args.duration)?;
    let names = ["answered", "failed", "refused", "closed_idle", "connections"];
    let (target, tally) = (Arc::new(target), Arc::new(Tally::new(&names)));
    let mut clients = JoinSet::new();
    for _ in 0..args.clients {
        let (slot, tally, end) = (Slot::new(&target, &tally), Arc::clone(&tally), stop.clone());
        clients.spawn(async move { client(args.every, slot, &tally, &end).await });
        run::pause(&stop, args.ramp / args.clients.max(1)).await;
    }
    run::all(clients).await?;
    Ok(tally.report("idle").into())
}

async fn client(every: Duration, mut slot: Slot, tally: &Tally, stop: &CancellationToken) {
    while let Some(client) = slot.take(stop).await {
        let begun = Instant::now();
        match client.simple_query("select n from counter where id = 1").await {
            Ok(_) => {
                tally.count("answered");
                tally.time("query", begun.elapsed());
            }
            Err(error) => {
                tally.count("failed");
                tally.error("query", &error);
                slot.discard();
            }
        }
        run::pause(stop, every).await;
    }
}
