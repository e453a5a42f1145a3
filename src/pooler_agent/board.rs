//! What the agent shows of itself: one writer, and readers that never wait for it.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::exporter::Pooler;
use crate::pooler::report::Report;

/// An agent that has shown nothing for so long hangs: every step of it is bounded by less.
const ALIVE: Duration = Duration::from_mins(1);

/// What is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The report.
    pub report: Report,
    /// Which pooler it is, for its metrics.
    pub pooler: Pooler,
    /// Why no clients are to be sent here; nothing when they are.
    pub unready: Option<String>,
    at: Instant,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            report: Report::default(),
            pooler: Pooler::default(),
            unready: Some("the agent is starting".to_owned()),
            at: Instant::now(),
        }
    }
}

impl Shown {
    /// Whether whoever shows it still does.
    pub fn alive(&self) -> bool {
        self.at.elapsed() < ALIVE
    }
}

/// Where it is shown.
#[derive(Default)]
pub struct Board(watch::Sender<Shown>);

impl Board {
    /// Shows what is now.
    pub fn show(&self, report: Report, mut pooler: Pooler, unready: Option<String>) {
        pooler.ready = unready.is_none();
        self.0.send_replace(Shown { report, pooler, unready, at: Instant::now() });
    }

    /// For readers.
    pub fn readers(&self) -> watch::Receiver<Shown> {
        self.0.subscribe()
    }
}
