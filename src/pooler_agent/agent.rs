//! The agent itself: one loop that owns everything, so that no two things are done to `PgBouncer` at once.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::pki_types::UnixTime;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    certificates,
    complaints::Complaints,
    console::Console,
    exporter::Pooler,
    mounted::Mounted,
    peers,
    prepare::{Fixed, INI, problem},
    process::Process,
};
use crate::pooler::{
    report::{Phase, Problem, Report},
    version::{self, VersionError},
    wanted::{Wanted, hash},
};

mod draining;
mod load;
mod look;
mod pausing;
mod sensing;

use draining::Draining;
use load::Loading;
use look::Looking;
use pausing::Pausing;
use sensing::Sensing;

/// Time between two looks at the pools.
const LOOK: Duration = Duration::from_secs(1);
/// Most problems that are reported.
const MOST_PROBLEMS: usize = 20;

/// What the agent is started with.
pub struct Setup {
    /// What does not change.
    pub fixed: Fixed,
    /// Directory of what it makes.
    pub run: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// The console.
    pub console: Arc<Console>,
    /// Where it shows what is.
    pub board: Arc<Board>,
    /// How long it goes on serving once it is to stop.
    pub endpoints: Duration,
    /// What is mounted.
    pub mounted: watch::Receiver<Arc<Mounted>>,
}

/// The document, as it was understood.
#[derive(Clone)]
struct Document {
    wanted: Wanted,
    hash: String,
}

/// The agent.
pub struct Agent {
    setup: Setup,
    begun: Instant,
    /// The text that was seen last, by its hash, whether or not it was understood.
    seen: Option<String>,
    /// The last one that was understood.
    document: Option<Document>,
    /// What is wrong with the one that was seen last.
    document_problem: Option<Problem>,
    process: Option<Process>,
    complaints: Complaints,
    loading: Loading,
    looking: Looking,
    pausing: Pausing,
    sensing: Sensing,
    draining: Option<Draining>,
}

impl Agent {
    /// An agent that has done nothing yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            begun: Instant::now(),
            seen: None,
            document: None,
            document_problem: None,
            process: None,
            complaints: Complaints::default(),
            loading: Loading::default(),
            looking: Looking::default(),
            pausing: Pausing::default(),
            sensing: Sensing::default(),
            draining: None,
        }
    }

    /// Runs until told to stop, and until the clients have gone then.
    pub async fn run(mut self, stop: CancellationToken) {
        let started = tokio::select! {
            () = stop.cancelled() => false,
            () = self.start() => true,
        };
        // Nobody has come in yet.
        if started {
            self.serve(stop).await;
        }
    }

    /// Time since it was started.
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Waits until it may start `PgBouncer`, and does.
    async fn start(&mut self) {
        // A container that was started again finds what its predecessor had loaded: better than nothing while what is mounted is wrong.
        let predecessor = self.setup.run.join(INI).exists();
        loop {
            self.read_document();
            self.follow_servers();
            self.first_looks().await;
            self.load().await;
            match self.hindrance() {
                None => break,
                Some(_) if predecessor && self.is_wrong() => break,
                Some(why) => self.show_unready(why),
            }
            tokio::select! {
                changed = self.setup.mounted.changed() => if changed.is_err() { return },
                () = sleep(LOOK) => {}
            }
        }
        if let Some(Document { wanted, hash }) = self.document.clone() {
            self.show_unready("the other poolers have not loaded the document yet".to_owned());
            peers::wait(&wanted, &hash, self.setup.fixed.ordinal).await;
        }
        self.process =
            Some(Process::start(self.setup.program.clone(), self.setup.run.join(INI), self.complaints.clone()));
    }

    /// Whether something stands against what is mounted.
    fn is_wrong(&self) -> bool {
        self.document_problem.is_some() || self.loading.refused().is_some()
    }

    /// Why `PgBouncer` is not started yet.
    fn hindrance(&self) -> Option<String> {
        let Some(Document { wanted, .. }) = &self.document else { return Some("there is no document yet".to_owned()) };
        if let Some(first) = self.loading.refused() {
            return Some(first.message.clone());
        }
        let ordinal = self.setup.fixed.ordinal;
        (wanted.instances <= ordinal).then(|| {
            format!("connections are divided by {} poolers, and this one is number {}", wanted.instances, ordinal + 1)
        })
    }

    async fn serve(&mut self, stop: CancellationToken) {
        let Some(process) = self.process.clone() else { return };
        let mut health = process.health();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.show();
            let pause_ends = self.pause_ends();
            let next_step = self.draining.as_ref().map(Draining::next);
            tokio::select! {
                () = stop.cancelled(), if self.draining.is_none() => self.begin_draining(),
                () = sleep(next_step.unwrap_or_default()), if next_step.is_some() => {
                    if self.drain().await { break }
                }
                Ok(()) = self.setup.mounted.changed() => {
                    self.read_document();
                    self.load().await;
                    self.hold_or_release().await;
                    self.follow_servers();
                }
                Ok(()) = health.changed() => self.started_anew().await,
                () = self.sensing.changed() => self.sensed().await,
                () = self.pausing.answered() => self.hold_or_release().await,
                () = sleep(pause_ends.unwrap_or_default()), if pause_ends.is_some() => self.hold_or_release().await,
                _ = looks.tick() => {
                    self.look().await;
                    if self.see_replicas() || self.loading.is_open() {
                        self.load().await;
                    }
                    self.hold_or_release().await;
                }
            }
        }
        self.show();
    }

    /// Reads the document that is there now.
    fn read_document(&mut self) {
        let mounted = self.setup.mounted.borrow_and_update().clone();
        let Some(text) = &mounted.document else {
            let missing = "the ConfigMap with pooler.json is not mounted, or is empty";
            self.document_problem = Some(problem("SecretMissing", missing));
            return;
        };
        let hash = hash(text);
        if self.seen.as_ref() == Some(&hash) {
            return;
        }
        self.seen = Some(hash.clone());
        self.document_problem = match serde_json::from_str::<Wanted>(text) {
            Ok(wanted) => {
                self.document = Some(Document { wanted, hash });
                None
            }
            Err(error) => Some(problem("SettingRejected", format!("pooler.json cannot be read: {error}"))),
        };
    }

    /// Whether the program may be used for this document.
    fn gate(&self, wanted: &Wanted) -> Result<(), VersionError> {
        version::gate(self.setup.fixed.version, version::wanted(&wanted.version)?)
    }

    fn report(&self) -> Report {
        let health = self.process.as_ref().map(|process| process.health().borrow().clone()).unwrap_or_default();
        let mut problems: Vec<Problem> = self.document_problem.iter().cloned().collect();
        problems.extend(self.loading.problems().iter().cloned());
        problems.extend(self.pausing.problem());
        problems.extend(self.sensing.problems());
        let mounted = self.setup.mounted.borrow().clone();
        let sides = [("client", &mounted.client_tls), ("server", &mounted.server_tls)];
        problems.extend(certificates::remarks(sides, UnixTime::now()));
        let names = self.loading.on_primary();
        let said = self.complaints.problems(Instant::now(), |database| names.iter().any(|name| name == database));
        problems.extend(said);
        if let Some(failure) = health.failure.filter(|_| health.pid.is_none() && !health.ended) {
            problems.push(problem("ProcessFailed", failure));
        }
        problems.truncate(MOST_PROBLEMS);
        let paused = self.pausing.held();
        let phase = match (&self.draining, self.loading.ever(), &paused) {
            (Some(_), ..) => Phase::Draining,
            (None, false, _) => Phase::Starting,
            (None, true, Some(_)) => Phase::Paused,
            (None, true, None) => Phase::Running,
        };
        let mut report = Report {
            ordinal: self.setup.fixed.ordinal,
            version: Some(self.setup.fixed.version.to_string()),
            phase,
            seen: self.seen.clone(),
            loaded: self.loading.loaded().cloned(),
            paused,
            problems,
            restarts: health.starts.saturating_sub(1),
            ..Report::default()
        };
        self.looking.fill(&mut report);
        self.loading.fill(&mut report);
        self.sensing.fill(&mut report);
        report
    }

    /// Why no clients are to be sent here.
    fn unready(&self) -> Option<String> {
        if self.draining.is_some() {
            return Some("the pooler is stopping".to_owned());
        }
        if !self.loading.ever() {
            return Some("PgBouncer has not loaded its configuration yet".to_owned());
        }
        let runs = self.process.as_ref().is_some_and(|process| process.health().borrow().pid.is_some());
        (!runs || !self.looking.answers()).then(|| "PgBouncer does not answer".to_owned())
    }

    fn show(&self) {
        self.setup.board.show(self.report(), self.pooler(), self.unready());
    }

    fn show_unready(&self, why: String) {
        self.setup.board.show(self.report(), self.pooler(), Some(why));
    }

    fn pooler(&self) -> Pooler {
        let Some(Document { wanted, .. }) = &self.document else { return Pooler::default() };
        Pooler {
            namespace: wanted.namespace.clone(),
            profile: wanted.profile.clone(),
            pooler: format!("{}-{}", wanted.name, self.setup.fixed.ordinal),
            ready: false,
        }
    }
}
