//! Loading: write, `RELOAD`, read back. What `PgBouncer` does not show to have is put back as it was.

use std::time::Duration;

use super::{Agent, Document};
use crate::{
    pooler::{
        budget::{Shares, split},
        ini::{Difference, Expected, ExpectedDatabase, Row, console_name, on_primary},
        report::{Problem, Report},
        rotation::Decision,
        wanted::Wanted,
    },
    pooler_agent::{
        console::{self, Console, ConsoleError},
        files,
        prepare::{Prepared, prepare, problem},
    },
};

/// Longest wait for the console of a process that was just started.
const START: Duration = Duration::from_secs(5);
/// Time between two tries to reach it.
const TRY: Duration = Duration::from_millis(20);
/// Most differences that a message names.
const NAMED: usize = 5;

/// What is in the files, and what `PgBouncer` is known to run with.
#[derive(Default)]
pub(super) struct Loading {
    /// What is in the files.
    good: Option<Good>,
    /// The process that was read back, by how many were started; 0 before the first.
    read_back: u32,
    /// Hash of the document that it was found to run with.
    loaded: Option<String>,
    /// What stands against what was seen last.
    problems: Vec<Problem>,
    /// What is worth saying of what is loaded.
    remarks: Vec<Problem>,
    /// The console did not answer: what is in the files is to be loaded again.
    open: bool,
}

/// What is in the files.
struct Good {
    wanted: Wanted,
    prepared: Prepared,
    shares: Shares,
    reads: Decision,
}

impl Loading {
    /// What stands against what was seen last, and what is worth saying of what runs.
    pub(super) fn problems(&self) -> Vec<Problem> {
        self.problems.iter().chain(&self.remarks).cloned().collect()
    }

    /// What stands against what was seen last.
    pub(super) fn refused(&self) -> Option<&Problem> {
        self.problems.first()
    }

    /// Whether it is to be tried again without anything new.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether any process has been found to run with what it was given.
    pub(super) fn ever(&self) -> bool {
        self.read_back > 0
    }

    /// Hash of the document that runs.
    pub(super) fn loaded(&self) -> Option<&String> {
        self.loaded.as_ref()
    }

    /// Databases that go to the primary as things are.
    pub(super) fn on_primary(&self) -> Vec<String> {
        self.good.as_ref().map(|good| on_primary(&good.wanted, good.reads.reads)).unwrap_or_default()
    }

    /// Adds to the report what is known of the division of connections and of the reads.
    pub(super) fn fill(&self, report: &mut Report) {
        let Some(good) = &self.good else { return };
        report.split.clone_from(&good.shares.split);
        if !good.wanted.replicas.is_empty() {
            report.reads = Some(good.reads.reads);
            report.replicas.clone_from(&good.reads.seen);
        }
    }
}

impl Agent {
    /// Loads what is wanted, if it is not loaded already.
    pub(super) async fn load(&mut self) {
        if self.document_problem.is_some() {
            self.loading.problems.clear();
            return;
        }
        let Some(Document { wanted, hash }) = self.document.clone() else { return };
        self.loading.problems.clear();
        if let Err(error) = self.gate(&wanted) {
            self.loading.problems.push(problem("VersionTooOld", error));
            return;
        }
        let limits = self.sensing.limits(&wanted);
        let shares = split(&wanted, limits.as_ref());
        let reads = self.sensing.reads(&wanted);
        let mounted = self.setup.mounted.borrow().clone();
        let prepared = match prepare(&mounted, &wanted, &shares, &reads, &self.setup.fixed) {
            Ok(prepared) => prepared,
            Err(problems) => {
                self.loading.problems = problems;
                return;
            }
        };
        self.loading.remarks.clone_from(&prepared.remarks);
        self.loading.remarks.extend(budget_remark(&shares));
        let same = self.loading.good.as_ref().is_some_and(|good| good.prepared.files == prepared.files);
        let before = self.loading.good.take();
        let good = Good { wanted, prepared, shares, reads };
        if same && !self.loading.open && self.loading.loaded.is_some() {
            // Nothing that PgBouncer reads has changed.
            self.loading.loaded = Some(hash);
            self.loading.good = Some(good);
            return;
        }
        if let Err(error) = files::write_all(&self.setup.run, &good.prepared.files) {
            let message = format!("cannot write to {}: {error}", self.setup.run.display());
            self.loading.problems.push(problem("SettingRejected", message));
            self.loading.good = before;
            return;
        }
        // A process that starts reads the files by itself; that it has is looked at then.
        if !self.is_up() {
            self.loading.good = Some(good);
            return;
        }
        self.reload(good, before, hash).await;
    }

    async fn reload(&mut self, good: Good, before: Option<Good>, hash: String) {
        let console = self.setup.console.clone();
        self.loading.open = false;
        match reload(&console, &good.prepared.rendered.expect).await {
            Ok(differences) if differences.is_empty() => {
                tracing::info!(hash, "loaded");
                let moved = moved(before.as_ref(), &good);
                self.loading.good = Some(good);
                self.loading.loaded = Some(hash);
                self.reconnect(&moved).await;
            }
            Ok(differences) => {
                let message = format!(
                    "PgBouncer has not taken what was written, and runs on with what it had: {}",
                    differences.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ")
                );
                tracing::error!(hash, "{message}");
                self.loading.problems.push(problem("SettingRejected", message));
                self.put_back(before, good).await;
            }
            Err(error) => {
                tracing::warn!(hash, %error, "cannot load");
                self.loading.problems.push(problem("ProcessFailed", error));
                self.loading.good = Some(good);
                self.loading.open = true;
            }
        }
    }

    /// Puts back what was in the files before.
    async fn put_back(&mut self, before: Option<Good>, refused: Good) {
        let Some(before) = before else {
            self.loading.good = Some(refused);
            return;
        };
        if let Err(error) = files::write_all(&self.setup.run, &before.prepared.files) {
            tracing::error!(%error, "cannot put back what was loaded before");
        }
        let again = reload(&self.setup.console, &before.prepared.rendered.expect).await;
        self.loading.open = again.is_err();
        self.loading.good = Some(before);
    }

    /// A process that was started has read the files by itself.
    pub(super) async fn started_anew(&mut self) {
        let Some(health) = self.process.as_ref().map(|process| process.health().borrow().clone()) else { return };
        if health.pid.is_none() || health.starts == self.loading.read_back {
            return;
        }
        let tries = async {
            while self.setup.console.ask("SHOW VERSION").await.is_err() {
                tokio::time::sleep(TRY).await;
            }
        };
        if tokio::time::timeout(START, tries).await.is_err() {
            // It has died, or will be looked at again: the next start is news too.
            tracing::warn!("PgBouncer has been started and does not answer");
            self.loading.open = true;
            return;
        }
        self.loading.open = false;
        if let (Some(good), Some(document)) = (&self.loading.good, &self.document) {
            match read_back(&self.setup.console, &good.prepared.rendered.expect).await {
                Ok(differences) if differences.is_empty() => {
                    tracing::info!(hash = document.hash, starts = health.starts, "started");
                    if self.loading.refused().is_none() && self.document_problem.is_none() {
                        self.loading.loaded = Some(document.hash.clone());
                    }
                }
                Ok(differences) => {
                    let message =
                        format!("PgBouncer runs with other settings than were written: {}", differences.join("; "));
                    self.loading.problems.push(problem("SettingRejected", message));
                }
                Err(_) => self.loading.open = true,
            }
        }
        self.loading.read_back = health.starts;
        self.look().await;
        self.hold_or_release().await;
    }

    /// Has server connections replaced, each at the end of its transaction.
    pub(super) async fn reconnect(&self, databases: &[String]) {
        for database in databases {
            let command = format!("RECONNECT {}", console_name(database));
            match self.setup.console.ask(&command).await {
                Ok(_) => tracing::info!(database, "connections are made anew"),
                Err(error) => tracing::warn!(database, %error, "connections cannot be made anew"),
            }
        }
    }

    fn is_up(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.health().borrow().pid.is_some())
    }
}

fn budget_remark(shares: &Shares) -> Option<Problem> {
    if shares.split.is_none() {
        return Some(problem("BudgetUnknown", &shares.sentence));
    }
    shares.oversubscribed.then(|| problem("PoolOversubscribed", &shares.sentence))
}

/// Databases that go elsewhere than before.
fn moved(before: Option<&Good>, now: &Good) -> Vec<String> {
    let Some(before) = before else { return Vec::new() };
    let goes = |database: &ExpectedDatabase| (database.hosts.clone(), database.port, database.database.clone());
    let earlier = &before.prepared.rendered.expect.databases;
    let elsewhere = |database: &&ExpectedDatabase| {
        earlier.iter().any(|other| other.name == database.name && goes(other) != goes(database))
    };
    now.prepared.rendered.expect.databases.iter().filter(elsewhere).map(|database| database.name.clone()).collect()
}

async fn reload(console: &Console, expect: &Expected) -> Result<Vec<String>, ConsoleError> {
    console.ask("RELOAD").await?;
    read_back(console, expect).await
}

/// Where it runs with something else. What needs another start is the operator's to do, and is no difference here.
async fn read_back(console: &Console, expect: &Expected) -> Result<Vec<String>, ConsoleError> {
    let config = rows(&console.ask("SHOW CONFIG").await?);
    let databases = rows(&console.ask("SHOW DATABASES").await?);
    let peers = rows(&console.ask("SHOW PEERS").await?);
    let differences = expect.differences(&config, &databases, &peers);
    let reloadable = differences.into_iter().filter(|Difference { needs_restart, .. }| !needs_restart);
    Ok(reloadable.map(|difference| difference.what).collect())
}

fn rows(rows: &[console::Row]) -> Vec<Row> {
    let columns = |row: &console::Row| {
        row.columns().map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_owned())).collect()
    };
    rows.iter().map(columns).collect()
}
