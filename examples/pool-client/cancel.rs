//! A query cancel arrives at whatever pooler the Service picks, not at the one that has the query. Here it is sent to another one on purpose.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::connect::Target;
use crate::run;

#[derive(clap::Args)]
pub struct Args {
    /// Host or address that the request to cancel goes to; the port is that of the connection
    #[arg(long)]
    other: String,
    /// Time that the query would take
    #[arg(long, default_value = "30s", value_parser = run::duration)]
    query: Duration,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let client = target.connect().await.context("no connection")?;
    let token = client.cancel_token();
    let sleeping = format!("select pg_sleep({})", args.query.as_secs_f64());
    let query = tokio::spawn(async move { client.simple_query(&sleeping).await.map(|_| ()) });
    sleep(Duration::from_millis(500)).await;
    if query.is_finished() {
        bail!("the query has ended before it was cancelled: {:?}", query.await?);
    }
    let stream = TcpStream::connect((args.other.as_str(), target.port)).await.context("the other address")?;
    let begun = Instant::now();
    token.cancel_query_raw(stream, NoTls).await?;
    let cancelled = match query.await? {
        Ok(()) => false,
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => true,
        Err(error) => return Err(error).context("the query has failed in another way"),
    };
    Ok(json!({"mode": "cancel", "cancelled": cancelled, "milliseconds": begun.elapsed().as_millis()}))
}
