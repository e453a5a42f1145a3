//! Holding the clients while the primary changes.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;

use super::{Agent, Document};
use crate::{
    pooler::{
        ini::console_name,
        report::Problem,
        switchover::{Action, Seen, Switchover},
    },
    pooler_agent::{
        console::{Console, Row},
        prepare::problem,
    },
};

/// Wait before `PAUSE` is asked again after an error, or the limit is looked at again while the console does not answer.
const AGAIN: Duration = Duration::from_millis(100);

/// A pause.
#[derive(Default)]
pub(super) struct Pausing {
    memory: Switchover,
    /// `PAUSE` that has not been answered, on connections of its own.
    asked: Option<JoinHandle<bool>>,
    /// It has been: no transaction is open.
    reached: bool,
    seen: Seen,
}

impl Pausing {
    /// The pause that is held, by its id.
    pub(super) fn held(&self) -> Option<String> {
        self.memory.paused(self.seen).map(str::to_owned)
    }

    /// What is wrong with a pause.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.memory.ended().map(|ended| problem("PauseEnded", ended.message()))
    }

    /// Waits until `PAUSE` has been answered; for ever when none was asked.
    pub(super) async fn answered(&mut self) {
        match &mut self.asked {
            Some(asked) => {
                self.reached = asked.await.unwrap_or(false);
                self.asked = None;
            }
            None => std::future::pending().await,
        }
    }

    fn ask(&mut self, pausing: impl Future<Output = bool> + Send + 'static) {
        self.forget();
        self.asked = Some(tokio::spawn(pausing));
    }

    /// What was asked is given up; databases stay paused until they are resumed.
    fn forget(&mut self) {
        if let Some(asked) = self.asked.take() {
            asked.abort();
        }
        self.reached = false;
    }
}

/// Names of the databases that are paused or are about to be.
fn paused(rows: &[Row]) -> Vec<String> {
    rows.iter().filter(|row| row.text("paused") == "1").map(|row| row.text("name").to_owned()).collect()
}

impl Agent {
    /// How long until a pause ends by itself.
    pub(super) fn pause_ends(&self) -> Option<Duration> {
        let pause = self.document.as_ref().and_then(|document| document.wanted.pause.as_ref());
        self.pausing.memory.remaining(self.now(), pause).map(|remaining| remaining.max(AGAIN))
    }

    /// Holds the clients or lets them go, as the document and the limit want it.
    pub(super) async fn hold_or_release(&mut self) {
        let Some(document) = self.document.clone() else { return };
        // Without a pause and without one before, there is nothing to ask the console.
        let idle = document.wanted.pause.is_none() && self.pausing.memory == Switchover::default();
        if idle && !self.pausing.seen.any_paused && self.pausing.asked.is_none() {
            return;
        }
        let Some(held) = self.see(&document).await else { return };
        let actions = self.pausing.memory.step(self.now(), document.wanted.pause.as_ref(), self.pausing.seen);
        for action in &actions {
            match action {
                Action::Pause => self.pause(&document, &held),
                Action::Load => self.load().await,
                Action::Resume => self.resume(&held).await,
            }
        }
        if !actions.is_empty() {
            self.see(&document).await;
        }
    }

    /// Looks at what is paused.
    async fn see(&mut self, document: &Document) -> Option<Vec<String>> {
        let rows = match self.setup.console.ask("SHOW DATABASES").await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "cannot see what is paused");
                return None;
            }
        };
        let held = paused(&rows);
        let wanted = self.loading.on_primary();
        let all = !wanted.is_empty() && wanted.iter().all(|name| held.contains(name));
        self.pausing.seen = Seen {
            // It is shown as paused from when it was asked to; that transactions have ended only the answer says.
            all_paused: all && self.pausing.reached,
            any_paused: !held.is_empty() || self.pausing.asked.is_some(),
            loaded: self.loading.loaded() == Some(&document.hash),
        };
        Some(held)
    }

    fn pause(&mut self, document: &Document, held: &[String]) {
        let Some(pause) = &document.wanted.pause else { return };
        let databases: Vec<String> =
            self.loading.on_primary().into_iter().filter(|name| !held.contains(name)).collect();
        tracing::info!(id = pause.id, ?databases, "holding the clients");
        let console = self.setup.console.clone();
        let limit = Duration::from_secs(u64::from(pause.limit_seconds) + 1);
        self.pausing.ask(async move {
            let each = databases.iter().map(|database| pause_one(&console, database, limit));
            futures::future::join_all(each).await.into_iter().all(|reached| reached)
        });
    }

    async fn resume(&mut self, held: &[String]) {
        self.pausing.forget();
        for database in held {
            match self.setup.console.ask(&format!("RESUME {}", console_name(database))).await {
                Ok(_) => tracing::info!(database, "the clients go on"),
                Err(error) => tracing::warn!(database, %error, "the clients cannot go on"),
            }
        }
    }
}

async fn pause_one(console: &Console, database: &str, limit: Duration) -> bool {
    match console.ask_apart(&format!("PAUSE {}", console_name(database)), limit).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(database, %error, "the clients are not held yet");
            // It is asked again as soon as this one is answered.
            tokio::time::sleep(AGAIN).await;
            false
        }
    }
}
