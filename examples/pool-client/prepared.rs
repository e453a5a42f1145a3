//! Statements that are prepared once for a connection and executed often: what a pool in transaction mode must carry over to whatever
//! server connection the next transaction gets.

use serde_json::Value;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Executions of each client
    #[arg(long, default_value_t = 40)]
    executions: u32,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let (target, tally) = (Arc::new(target), Arc::new(Tally::new(&["executed", "failed", "refused"])));
    let mut clients = JoinSet::new();
    for number in 0..args.clients {
        let (slot, tally) = (Slot::new(&target, &tally), Arc::clone(&tally));
        clients.spawn(async move { client(number, args.executions, slot, &tally).await });
    }
    run::all(clients).await?;
    Ok(tally.report("prepared").into())
}

async fn client(number: u32, executions: u32, mut slot: Slot, tally: &Tally) {
    let Some(client) = slot.take(&CancellationToken::new()).await else { return };
    if let Err(error) = execute(number, executions, client, tally).await {
        tally.count("failed");
        tally.error("prepare", &error);
    }
}

async fn execute(number: u32, executions: u32, client: &Client, tally: &Tally) -> Result<(), tokio_postgres::Error> {
    // One text that all clients share, and one of each client's own.
    let shared = client.prepare("select $1::bigint + 1").await?;
    let own = client.prepare(&format!("select $1::bigint + {number}")).await?;
    for execution in 0..executions {
        let (statement, plus) = if execution % 2 == 0 { (&shared, 1) } else { (&own, i64::from(number)) };
        let given = i64::from(execution);
        match client.query_one(statement, &[&given]).await {
            Ok(row) if row.try_get::<_, i64>(0)? == given + plus => tally.count("executed"),
            Ok(_) => {
                tally.count("failed");
                tally.failure("execute", "wrong", "the answer is another statement's");
            }
            Err(error) => {
                tally.count("failed");
                tally.error("execute", &error);
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
