//! `PgBouncer` as a child: it is started, started again when it dies, and its log goes on in the agent's.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

use super::complaints::Complaints;

/// Wait before the first new start; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait before a new start.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A process that has run for this long starts the waits anew.
const SOUND: Duration = Duration::from_secs(30);

/// How the process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Its id while it runs.
    pub pid: Option<u32>,
    /// Times that it was started. What was loaded into one is not known to be in the next.
    pub starts: u32,
    /// How it ended last, where that was not asked for.
    pub failure: Option<String>,
    /// It has ended because it was told to.
    pub ended: bool,
}

/// A handle on the process.
#[derive(Clone)]
pub struct Process {
    health: watch::Receiver<Health>,
    signals: mpsc::Sender<Signal>,
}

impl Process {
    /// Starts it, and keeps it running until it is sent a signal.
    pub fn start(program: PathBuf, ini: PathBuf, complaints: Complaints) -> Self {
        let (sender, health) = watch::channel(Health::default());
        let (signals, receiver) = mpsc::channel(4);
        tokio::spawn(supervise(program, ini, complaints, sender, receiver));
        Self { health, signals }
    }

    /// How it is, now and from now on.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Sends a signal. From the first one on it is not started again.
    pub async fn signal(&self, signal: Signal) {
        // The receiver is gone when the process has ended for good.
        let _ = self.signals.send(signal).await;
    }
}

async fn supervise(
    program: PathBuf,
    ini: PathBuf,
    complaints: Complaints,
    health: watch::Sender<Health>,
    mut signals: mpsc::Receiver<Signal>,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let started = Instant::now();
        let failure = match spawn(&program, &ini, &complaints) {
            Ok(mut child) => {
                health.send_modify(|health| {
                    health.pid = child.id();
                    health.starts += 1;
                });
                let (status, told) = run(&mut child, &mut signals).await;
                if told {
                    tracing::info!(%status, "PgBouncer has ended");
                    break;
                }
                format!("PgBouncer ended by itself: {status}")
            }
            Err(error) => format!("PgBouncer cannot be started from {}: {error}", program.display()),
        };
        tracing::error!("{failure}");
        health.send_modify(|health| {
            health.pid = None;
            health.failure = Some(failure);
        });
        reap(None);
        if started.elapsed() >= SOUND {
            wait = FIRST_WAIT;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Told to end while there is nothing to end.
            Some(_) = signals.recv() => break,
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    health.send_modify(|health| {
        health.pid = None;
        health.ended = true;
    });
}

fn spawn(program: &Path, ini: &Path, complaints: &Complaints) -> std::io::Result<Child> {
    let mut child = Command::new(program)
        .arg(ini)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(forward(stdout, complaints.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(forward(stderr, complaints.clone()));
    }
    Ok(child)
}

/// Waits for the end, and hands on signals until then. Whether there was one is the second answer.
async fn run(child: &mut Child, signals: &mut mpsc::Receiver<Signal>) -> (String, bool) {
    let mut told = false;
    // Where signals of children cannot be had there is nobody to let go of either, but when this one ends.
    let mut children = signal(SignalKind::child()).ok();
    loop {
        tokio::select! {
            status = child.wait() => return (in_words(status), told),
            Some(()) = next(&mut children) => reap(child.id()),
            Some(wanted) = signals.recv() => {
                told = true;
                // Until it has been waited for, its id is its own.
                if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                    tracing::info!(signal = %wanted, "PgBouncer is told to end");
                    if let Err(error) = kill(Pid::from_raw(pid), wanted) {
                        tracing::warn!(%error, "cannot signal PgBouncer");
                    }
                }
            }
        }
    }
}

async fn next(children: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match children {
        Some(children) => children.recv().await,
        None => None,
    }
}

fn in_words(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// As the first process of a container the agent inherits orphans; those that have ended are let go.
///
/// `PgBouncer` itself is left to who waits for it. Nothing else in the agent has children by the time that one is supervised.
fn reap(own: Option<u32>) {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
    if std::process::id() != 1 {
        return;
    }
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // Looking does not take the status away from whoever waits for it.
    while let Some(pid) = waitid(Id::All, look).ok().and_then(|status| status.pid()) {
        if own == u32::try_from(pid.as_raw()).ok() {
            return;
        }
        if matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Err(_) | Ok(WaitStatus::StillAlive)) {
            return;
        }
    }
}

/// Its log goes on in the agent's, line by line.
async fn forward(stream: impl AsyncRead + Unpin, complaints: Complaints) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (level, message) = level_and_message(&line);
        complaints.read(message, Instant::now());
        match level {
            "FATAL" | "ERROR" => tracing::error!(target: "pgbouncer", "{message}"),
            "WARNING" => tracing::warn!(target: "pgbouncer", "{message}"),
            "DEBUG" | "NOISE" => tracing::debug!(target: "pgbouncer", "{message}"),
            _ => tracing::info!(target: "pgbouncer", "{message}"),
        }
    }
}

/// `2026-11-24 12:00:00.123 UTC [17] LOG listening on …`: time and process are the agent's own to say.
fn level_and_message(line: &str) -> (&str, &str) {
    line.split_once("] ").and_then(|(_, rest)| rest.split_once(' ')).unwrap_or(("", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_has_a_level() {
        let line = "2026-11-24 12:00:00.123 UTC [17] WARNING C-0x55: app/u@10.0.0.1:1 [x] no";
        assert_eq!(level_and_message(line), ("WARNING", "C-0x55: app/u@10.0.0.1:1 [x] no"));
        assert_eq!(level_and_message("what"), ("", "what"));
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_tried_again_until_told_to_end() {
        let process = Process::start("/nonexistent/pgbouncer".into(), "/nonexistent/ini".into(), Complaints::default());
        let mut health = process.health();
        let failed = health.wait_for(|health| health.failure.is_some()).await.unwrap().clone();
        assert!(failed.failure.unwrap().contains("/nonexistent/pgbouncer"));
        process.signal(Signal::SIGINT).await;
        health.wait_for(|health| health.ended).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_dies_is_started_again_and_one_that_is_told_to_end_is_not() {
        let process = Process::start("/bin/true".into(), "unused".into(), Complaints::default());
        let mut health = process.health();
        health.wait_for(|health| health.starts >= 3).await.unwrap();
        process.signal(Signal::SIGINT).await;
        health.wait_for(|health| health.ended).await.unwrap();
        let starts = health.borrow().starts;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(health.borrow().starts, starts);
    }
}
