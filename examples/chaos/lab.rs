//! The lab's processes: which they are, signals to them, and their start anew. See `tests/lab/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The lab that this run owns while it lasts: nobody else's work survives in it.
pub struct Lab {
    run: PathBuf,
}

impl Lab {
    /// The lab of `LAB_HOME`, which must be up.
    pub fn find() -> Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cache = || path("XDG_CACHE_HOME").unwrap_or_else(|| path("HOME").unwrap_or_default().join(".cache"));
        let home = path("LAB_HOME").unwrap_or_else(|| cache().join("plimsoll-lab"));
        let lab = Self { run: path("LAB_RUN").unwrap_or_else(|| home.join("run")) };
        lab.pid("kube-apiserver").context("the lab is not up: run `tests/lab/lab up`")?;
        Ok(lab)
    }

    /// A connection as administrator, which gives up on an answer that does not come.
    pub async fn client(&self) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(self.run.join("pki/admin.conf"))?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.connect_timeout = Some(Duration::from_secs(5));
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static("chaos-driver")));
        Ok(Client::try_from(config)?)
    }

    fn pid(&self, component: &str) -> Result<Pid> {
        let file = self.run.join("pid").join(component);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let number = text.split_whitespace().next().unwrap_or_default();
        Ok(Pid::from_raw(number.parse().with_context(|| format!("{}: {text}", file.display()))?))
    }

    /// Sends a signal to a component.
    pub fn signal(&self, component: &str, signal: Signal) -> Result<()> {
        kill(self.pid(component)?, signal).with_context(|| format!("{signal} to {component}"))
    }

    /// Kills a component, and waits until it has gone: until then its port is taken.
    pub async fn kill(&self, component: &str) -> Result<()> {
        let pid = self.pid(component)?;
        self.signal(component, Signal::SIGKILL)?;
        for _ in 0..100 {
            if kill(pid, None).is_err() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{component} does not go")
    }

    /// Starts what does not run, and waits until the API server is ready.
    pub async fn up(&self) -> Result<()> {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
        // Its components inherit what it has: a pipe would stay open for as long as they live.
        let log = std::env::temp_dir().join(format!("chaos-lab-{}.log", std::process::id()));
        let file = fs::File::create(&log)?;
        let status = tokio::process::Command::new(lab)
            .arg("up")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .await?;
        if !status.success() {
            bail!("the lab does not come up: {}", fs::read_to_string(&log).unwrap_or_default());
        }
        let _ = fs::remove_file(&log);
        Ok(())
    }

    /// Where the API server says who wrote what.
    pub fn audit_log(&self) -> PathBuf {
        std::env::var_os("LAB_AUDIT_LOG").map_or_else(|| self.run.join("audit.log"), PathBuf::from)
    }
}
