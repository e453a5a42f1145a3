//! More clients with long queries than there are server connections: the ones beyond must wait, and none may be told by the server that
//! there are too many.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// Clients at once
    #[arg(long, default_value_t = 300)]
    clients: u32,
    /// Time that each query holds its server connection
    #[arg(long, default_value = "200ms", value_parser = run::duration)]
    hold: Duration,
    /// Time after which the run ends, for example 1m; without it, at SIGTERM
    #[arg(long, value_parser = run::duration)]
    duration: Option<Duration>,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let stop = run::until(args.duration)?;
    let names = ["answered", "failed", "refused", "closed_idle", "connections"];
    let (target, tally) = (Arc::new(target), Arc::new(Tally::new(&names)));
    let query: Arc<str> = format!("select pg_sleep({})", args.hold.as_secs_f64()).into();
    let mut clients = JoinSet::new();
    for _ in 0..args.clients {
        let (slot, tally, stop, query) =
            (Slot::new(&target, &tally), Arc::clone(&tally), stop.clone(), Arc::clone(&query));
        clients.spawn(async move { client(&query, slot, &tally, &stop).await });
    }
    run::all(clients).await?;
    Ok(tally.report("crowd").into())
}

async fn client(query: &str, mut slot: Slot, tally: &Tally, stop: &CancellationToken) {
    while let Some(client) = slot.take(stop).await {
        match client.simple_query(query).await {
            Ok(_) => tally.count("answered"),
            Err(error) => {
                tally.count("failed");
                tally.error("query", &error);
                slot.discard();
            }
        }
    }
}
