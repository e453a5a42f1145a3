//! The operator as users run it: the program, in a process of its own.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use prometheus_http_query::reqwest;
use serde_json::Value;

use super::{Cluster, PATIENCE, Prometheus, Proxy, cluster::operator_kubeconfig, eventually};

/// How an operator is started.
pub struct Launch {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    leader_election: bool,
}

/// A running operator; it is killed when the test ends.
pub struct Operator {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
    http: reqwest::Client,
}

impl Launch {
    /// An operator for the namespace of the test, without leader election.
    pub fn new(cluster: &Cluster) -> Self {
        let arguments =
            ["run", "--metrics-address", "127.0.0.1:0", "--log-format", "json", "--namespace", &cluster.namespace];
        Self { arguments: arguments.map(str::to_owned).to_vec(), environment: Vec::new(), leader_election: false }
    }

    pub fn arguments(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Through a proxy instead of straight to the API server.
    pub fn through(mut self, proxy: &Proxy) -> Self {
        self.environment.push(("KUBECONFIG".to_owned(), proxy.kubeconfig().display().to_string()));
        self
    }

    /// With a Prometheus that is asked every second.
    pub fn asking(self, prometheus: &Prometheus) -> Self {
        self.arguments(&["--prometheus-url", &prometheus.url(), "--evaluation-interval", "1s"])
    }

    /// As a candidate of this name, for a lease in the namespace of the test.
    pub fn candidate(mut self, cluster: &Cluster, name: &str) -> Self {
        self.leader_election = true;
        self.environment.push(("POD_NAME".to_owned(), name.to_owned()));
        self.arguments(&["--lease-namespace", &cluster.namespace])
    }

    /// Starts it and waits until it reconciles.
    pub async fn start(self) -> Operator {
        let operator = self.spawn().await;
        operator.wait_for_log("leading").await;
        operator
    }

    /// Starts it and waits until it serves its probes.
    pub async fn spawn(mut self) -> Operator {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        self.arguments.push(format!("--leader-elect={}", self.leader_election));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("operator-{}-{number}.log", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLIMSOLL_") || name.starts_with("POD_"))
        {
            command.env_remove(name);
        }
        let child = command
            .env("KUBECONFIG", operator_kubeconfig())
            .args(&self.arguments)
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .expect("the program");
        let http = reqwest::Client::builder().tls_certs_only([]).timeout(PATIENCE).build().expect("an HTTP client");
        let mut operator = Operator { child, log, address: SocketAddr::from(([127, 0, 0, 1], 0)), http };
        let line = operator.wait_for_log("serving probes and metrics").await;
        operator.address = line["address"].as_str().and_then(|text| text.parse().ok()).expect("an address in the log");
        operator
    }
}

impl Operator {
    /// An operator for the namespace of the test, with every default.
    pub async fn start(cluster: &Cluster) -> Self {
        Launch::new(cluster).start().await
    }

    /// Every line of its log so far.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))).collect()
    }

    /// The first line of the log with this message.
    pub async fn wait_for_log(&self, message: &str) -> Value {
        eventually(&format!("the log says `{message}`"), PATIENCE, async || {
            let log = self.log();
            let found = log.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains(message)));
            found.cloned().ok_or_else(|| log.last().map(Value::to_string).unwrap_or_default())
        })
        .await
    }

    /// Where it serves.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        self.send(self.http.get(format!("http://{}{path}", self.address))).await
    }

    pub async fn put(&self, path: &str, body: &str) -> (u16, String) {
        self.send(self.http.put(format!("http://{}{path}", self.address)).body(body.to_owned())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let response = request.send().await.unwrap_or_else(|error| panic!("the operator does not answer: {error:?}"));
        let status = response.status().as_u16();
        (status, response.text().await.expect("text"))
    }

    /// The value of a series of its metrics, written as in the exposition: `name` or `name{label="value"}`.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// How many of its reconciles ended in an error so far.
    pub async fn failed_reconciles(&self) -> u64 {
        let (_, text) = self.get("/metrics").await;
        let failed = text
            .lines()
            .filter(|line| line.starts_with("plimsoll_reconciles_total{") && !line.contains("outcome=\"ok\""));
        failed.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Memory that it holds, in MiB.
    pub fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn kill(&self) {
        self.signal("-KILL");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success(), "the operator is gone already");
    }

    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let child = &mut self.child;
        eventually("the operator ends", within, async || child.try_wait().expect("a child").ok_or("it runs".to_owned()))
            .await
    }

    pub fn assert_running(&mut self) {
        let ended = self.child.try_wait().expect("a child");
        assert!(ended.is_none(), "the operator has ended: {ended:?}");
    }

    /// Nothing in the log is a panic.
    pub fn assert_no_panic(&self) {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        assert!(!text.contains("panicked at"), "{text}");
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        if std::thread::panicking() {
            let lines: Vec<_> = text.lines().collect();
            eprintln!(
                "--- the operator's log, its last lines:\n{}",
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        } else {
            let _ = fs::remove_file(&self.log);
        }
    }
}
