//! Replicas of the operator: the real program, kept running as a kubelet would keep it.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use kube::Client;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::{proxy::Proxy, random::Random};

/// How a replica is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// The namespace that it works in.
    pub namespace: String,
    /// The replica's name, in the lease and in the audit log.
    pub name: String,
    /// Further variables.
    pub environment: Vec<(OsString, OsString)>,
    /// Where its logs go: a new file, or one that is there.
    pub log: PathBuf,
}

/// A replica, which is started again when it ends, until it is dropped.
pub struct Replica {
    /// Its way to the API server.
    pub proxy: Proxy,
    pid: Arc<AtomicI32>,
    ends: Arc<AtomicU32>,
    log: PathBuf,
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

/// The user agent of a replica.
pub fn agent(name: &str) -> String {
    format!("plimsoll-chaos/{name}")
}

impl Replica {
    /// Starts one.
    pub async fn start(launch: Launch, client: Client, random: Random) -> Result<Self> {
        let proxy = Proxy::start(client, &agent(&launch.name), random).await?;
        let mut child = spawn(&launch, proxy.kubeconfig())?;
        let log = launch.log.clone();
        let (pid, ends, stop) = (Arc::new(AtomicI32::new(pid_of(&child))), Arc::default(), CancellationToken::new());
        let keeper = tokio::spawn({
            let (pid, ends, stop) = (Arc::clone(&pid), Arc::<AtomicU32>::clone(&ends), stop.clone());
            let kubeconfig = proxy.kubeconfig().clone();
            async move {
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return drop(child.kill().await),
                        _ = child.wait() => {}
                    }
                    ends.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    match spawn(&launch, &kubeconfig) {
                        Ok(next) => child = next,
                        Err(error) => return eprintln!("chaos: {} is not started again: {error:#}", launch.name),
                    }
                    pid.store(pid_of(&child), Ordering::Relaxed);
                }
            }
        });
        Ok(Self { proxy, pid, ends, log, stop, keeper })
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid()), signal).with_context(|| format!("{signal} to the operator"))
    }

    /// Its node is gone: SIGKILL, and no kubelet starts it again under its name.
    pub fn lose(&self) {
        self.stop.cancel();
    }

    /// The present process.
    pub fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// How often its process has ended so far.
    pub fn ends(&self) -> u32 {
        self.ends.load(Ordering::Relaxed)
    }

    /// Where its logs are.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it for good; it must not have panicked.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        let _ = self.keeper.await;
        // A device has nothing to read, or no end.
        if !fs::metadata(&self.log).is_ok_and(|file| file.is_file()) {
            return Ok(());
        }
        let log = fs::read_to_string(&self.log)?;
        if let Some(line) = log.lines().find(|line| line.contains("panicked at")) {
            bail!("the operator panicked: {line} ({})", self.log.display());
        }
        Ok(())
    }
}

fn pid_of(child: &Child) -> i32 {
    child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default()
}

fn spawn(launch: &Launch, kubeconfig: &Path) -> Result<Child> {
    let file = File::options().create(true).append(true).open(&launch.log)?;
    let mut command = Command::new(&launch.program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("PLIMSOLL_") || name.starts_with("POD_")
    }) {
        command.env_remove(name);
    }
    command
        .args(["run", "--metrics-address", "127.0.0.1:0", "--log-format", "json"])
        .args(["--namespace", &launch.namespace, "--lease-namespace", &launch.namespace])
        // Not as a flag: an earlier version that does not know it must start all the same.
        .env("PLIMSOLL_AGENT_IMAGE", "localhost/none:1")
        .env("KUBECONFIG", kubeconfig)
        .env("POD_NAME", &launch.name)
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| launch.program.display().to_string())
}
