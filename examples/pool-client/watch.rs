//! The connections that a server has, looked at directly and often: whether a budget was kept is a matter of the worst moment.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::connect::{Slot, Target};
use crate::run;
use crate::tally::Tally;

const COUNT: &str =
    "select usename::text, count(*) from pg_stat_activity where backend_type = 'client backend' group by 1";

#[derive(clap::Args)]
pub struct Args {
    /// Time between two looks
    #[arg(long, default_value = "100ms", value_parser = run::duration)]
    every: Duration,
    /// Time after which the run ends, for example 1m; without it, at SIGTERM
    #[arg(long, value_parser = run::duration)]
    duration: Option<Duration>,
}

pub async fn run(target: Target, args: Args) -> anyhow::Result<Value> {
    let stop = run::until(args.duration)?;
    let tally = Arc::new(Tally::new(&["looks", "refused", "closed_idle"]));
    let mut slot = Slot::new(&Arc::new(target), &tally);
    let mut most: BTreeMap<String, i64> = BTreeMap::new();
    let mut total = 0;
    while let Some(client) = slot.take(&stop).await {
        match client.query_typed(COUNT, &[]).await {
            Ok(rows) => {
                tally.count("looks");
                let mut sum = 0;
                for row in &rows {
                    let (user, count): (Option<String>, i64) = (row.try_get(0)?, row.try_get(1)?);
                    let seen = most.entry(user.unwrap_or_default()).or_default();
                    *seen = count.max(*seen);
                    sum += count;
                }
                total = sum.max(total);
            }
            Err(error) => {
                tally.error("look", &error);
                slot.discard();
            }
        }
        run::pause(&stop, args.every).await;
    }
    let mut report = tally.report("watch");
    report.insert("most".to_owned(), json!(most));
    report.insert("most_total".to_owned(), json!(total));
    Ok(report.into())
}
