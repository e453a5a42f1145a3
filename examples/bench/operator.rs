//! The operator as a process, and what it costs.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Where its metrics and probes are.
const ADDRESS: &str = "127.0.0.1:18099";

/// Clock ticks a second of `/proc/PID/stat`: 100 on every Linux that Rust runs on (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;

/// A running operator.
pub struct Operator {
    child: Child,
    /// From the start of the process until it was ready.
    pub ready_after: Duration,
}

impl Operator {
    /// Starts the binary for all namespaces, and waits until it is ready.
    pub async fn start(binary: &str, kubeconfig: &str, log: &str) -> Result<Self> {
        if let Some(folder) = Path::new(log).parent() {
            fs::create_dir_all(folder)?;
        }
        let log = fs::File::create(log)?;
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["run", "--leader-elect=false", "--metrics-address", ADDRESS, "--log-format", "json"])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {binary}: run `make image` first"))?;
        let mut operator = Self { child, ready_after: Duration::ZERO };
        while http("/readyz").await.is_err() {
            if started.elapsed() > Duration::from_mins(1) {
                bail!("the operator is not ready after a minute");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        operator.ready_after = started.elapsed();
        Ok(operator)
    }

    /// Seconds of CPU so far.
    pub fn cpu(&self) -> Result<f64> {
        cpu(self.child.id())
    }

    /// Resident memory in MB: now, and at its highest.
    pub fn memory(&self) -> Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
        };
        Ok((field("VmRSS:"), field("VmHWM:")))
    }

    /// The sum of a metric over its labels.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let text = http("/metrics").await?;
        let samples = text.lines().filter(|line| line.starts_with(name));
        Ok(samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Ends it as a kubelet would.
    pub async fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        for _ in 0..300 {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.child.kill()?;
        bail!("the operator did not end within 30 s")
    }
}

/// Seconds of CPU that a process has taken.
pub fn cpu(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything; the numbers begin after it. utime and stime are fields 14 and 15 (proc(5)).
    let numbers: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| numbers.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / TICKS)
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn http(path: &str) -> Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(ADDRESS).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {ADDRESS}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.lines().next().unwrap_or_default().contains(" 200 ") {
        bail!("{path}: {}", answer.lines().next().unwrap_or_default());
    }
    Ok(answer)
}
