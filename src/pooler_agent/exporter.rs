//! The metrics of one pooler: those of `PgBouncer` under the names of `pgbouncer_exporter`, and the agent's own.

use std::collections::BTreeMap;

use super::console::{Console, ConsoleError, Row};
use crate::pooler::report::Report;

mod columns;
mod own;
mod text;

use columns::Column;
use text::{Labels, Metrics};

/// What the answer is, for the header of the same name.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Most series of clients by application: the name is what clients say, and they can say anything.
const APPLICATIONS: usize = 200;
/// The name of all applications beyond that.
const OTHERS: &str = "<others>";

/// What `PgBouncer` says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// `SHOW VERSION`
    pub version: Vec<Row>,
    /// `SHOW STATS`
    pub stats: Vec<Row>,
    /// `SHOW POOLS`
    pub pools: Vec<Row>,
    /// `SHOW DATABASES`
    pub databases: Vec<Row>,
    /// `SHOW LISTS`
    pub lists: Vec<Row>,
    /// `SHOW CONFIG`
    pub config: Vec<Row>,
    /// `SHOW CLIENTS`
    pub clients: Vec<Row>,
}

impl Answers {
    /// Asks for all of it.
    pub async fn ask(console: &Console) -> Result<Self, ConsoleError> {
        Ok(Self {
            version: console.ask("SHOW VERSION").await?,
            stats: console.ask("SHOW STATS").await?,
            pools: console.ask("SHOW POOLS").await?,
            databases: console.ask("SHOW DATABASES").await?,
            lists: console.ask("SHOW LISTS").await?,
            config: console.ask("SHOW CONFIG").await?,
            clients: console.ask("SHOW CLIENTS").await?,
        })
    }
}

/// Which pooler it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "fields are the labels of its series")]
pub struct Pooler {
    /// Namespace of the profile.
    pub namespace: String,
    /// Name of the profile.
    pub profile: String,
    /// Name of the pod.
    pub pooler: String,
    /// Whether clients are to be sent here.
    pub ready: bool,
}

/// The exposition. Without answers `PgBouncer` is down, and the agent's own metrics are there still.
pub fn exposition(pooler: &Pooler, answers: Option<&Answers>, report: &Report) -> String {
    let mut metrics = Metrics::default();
    let up = f64::from(u8::from(answers.is_some()));
    metrics.gauge("pgbouncer_up", "1 while PgBouncer answers, else 0", vec![], up);
    if let Some(answers) = answers {
        pgbouncer(&mut metrics, answers);
    }
    own::Own { metrics: &mut metrics, pooler }.write(answers, report);
    metrics.text()
}

fn pgbouncer(metrics: &mut Metrics, answers: &Answers) {
    for version in answers.version.iter().filter_map(|row| row.get("version")) {
        let labels = vec![("version", version.to_owned())];
        metrics.gauge("pgbouncer_version_info", "Version of PgBouncer", labels, 1.0);
    }
    rows(metrics, "pgbouncer_databases_", &answers.databases, columns::DATABASE_LABELS, columns::DATABASES);
    rows(metrics, "pgbouncer_stats_totals_", &answers.stats, &["database"], columns::STATS);
    rows(metrics, "pgbouncer_pools_", &answers.pools, &["database", "user"], columns::POOLS);
    pairs(metrics, &answers.lists, ("list", "items"), columns::LISTS);
    pairs(metrics, &answers.config, ("key", "value"), columns::CONFIG);
    clients(metrics, &answers.clients);
}

/// Each row is one series of each metric. What the version does not say, or what is no number, is absent.
fn rows(metrics: &mut Metrics, prefix: &str, rows: &[Row], labels: &[&'static str], columns: &[Column]) {
    for row in rows {
        let labels: Labels = labels.iter().map(|label| (*label, row.text(label).to_owned())).collect();
        for column in columns {
            let value = column.names.iter().find_map(|name| row.get(name)?.parse::<f64>().ok());
            if let Some(value) = value {
                let name = format!("{prefix}{}", column.metric);
                metrics.put(name.into(), column.help, column.kind, labels.clone(), value * column.factor);
            }
        }
    }
}

/// Each row is a name and a value.
fn pairs(
    metrics: &mut Metrics,
    rows: &[Row],
    (name, value): (&str, &str),
    known: &[(&'static str, &'static str, &'static str)],
) {
    for row in rows {
        let found = known.iter().find(|(item, ..)| row.get(name) == Some(item));
        let number = row.get(value).and_then(|value| value.parse::<f64>().ok());
        if let (Some((_, metric, help)), Some(number)) = (found, number) {
            metrics.gauge(*metric, help, vec![], number);
        }
    }
}

/// Clients counted by what they are.
fn clients(metrics: &mut Metrics, rows: &[Row]) {
    const LABELS: [&str; 4] = ["application_name", "database", "state", "user"];
    let mut counts: BTreeMap<[&str; 4], u32> = BTreeMap::new();
    for row in rows {
        *counts.entry(LABELS.map(|label| row.text(label))).or_default() += 1;
    }
    // The applications with the most clients keep their names.
    let mut by_count: Vec<_> = counts.into_iter().collect();
    by_count.sort_by(|(one, few), (two, many)| many.cmp(few).then(one.cmp(two)));
    let mut shown: BTreeMap<[&str; 4], u32> = BTreeMap::new();
    for (place, ([application, database, state, user], count)) in by_count.into_iter().enumerate() {
        let application = if place < APPLICATIONS { application } else { OTHERS };
        *shown.entry([application, database, state, user]).or_default() += count;
    }
    let help = "Clients by database, user, application name and state";
    for (values, count) in shown {
        let labels = LABELS.into_iter().zip(values.map(str::to_owned)).collect();
        metrics.gauge("pgbouncer_client_connections", help, labels, f64::from(count));
    }
}

#[cfg(test)]
mod tests;
