//! An agent with a real PgBouncer, outside a pod.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

/// The user that everything runs as when the tests are run by root: PgBouncer and Postgres refuse root.
pub const NOBODY: u32 = 65_534;

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A directory of a test's own, of whom everything runs as.
fn directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("plimsoll-agent-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    path
}

/// The program of `PGBOUNCER`, perhaps with words before it, as one file. What makes it another user is left away: the agent is it already.
fn pgbouncer(directory: &Path) -> PathBuf {
    let line = std::env::var("PGBOUNCER").expect("set PGBOUNCER to the program");
    let mut words = line.split_whitespace().peekable();
    if words.peek().is_some_and(|word| word.ends_with("setpriv")) {
        words.next();
        while words.peek().is_some_and(|word| word.starts_with("--")) {
            words.next();
        }
    }
    let script = directory.join("pgbouncer");
    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", words.collect::<Vec<_>>().join(" "))).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// A document for one pooler and the database `app` of a server.
pub fn document(port: u16) -> Value {
    json!({
        "namespace": "test", "profile": "auth", "name": "auth-pgbouncer", "service": "auth-pgbouncer-pods",
        "instances": 1, "maxInstances": 2, "version": "1.24",
        "settings": {
            "poolMode": "transaction", "maxClientConn": 200, "defaultPoolSize": 10, "reservePoolSize": 2,
            "serverLifetime": 3600, "serverIdleTimeout": 600, "maxPreparedStatements": 200
        },
        "primary": {"host": "127.0.0.1", "port": port},
        "databases": [{"name": "app", "dbname": "app"}],
        "auth": {"userlist": true},
        "monitor": false,
        "budget": {"sharePercent": 90, "maxConnections": 100},
        "lag": {"maxBytes": 16_777_216, "maxSeconds": 30, "minReplicas": 1, "whenNone": "primary", "spillConnections": 5},
        "drainSeconds": 20
    })
}

/// An agent that runs; it ends with the test, and PgBouncer with it.
pub struct Agent {
    directory: PathBuf,
    pub port: u16,
    pub http: u16,
    child: Option<Child>,
}

impl Agent {
    /// Starts an agent with this document and list of users, and waits until it is ready.
    pub fn start(document: &Value, userlist: &str) -> Self {
        let agent = Self::prepare(document, userlist);
        agent.ready()
    }

    /// Makes the files and starts it.
    pub fn prepare(document: &Value, userlist: &str) -> Self {
        let directory = directory();
        for below in ["config", "secrets/userlist", "secrets/monitor", "run"] {
            std::fs::create_dir_all(directory.join(below)).unwrap();
        }
        std::fs::set_permissions(directory.join("run"), std::fs::Permissions::from_mode(0o777)).unwrap();
        // The way that it comes into a pod.
        let installed = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["pooler-agent", "--install"])
            .arg(directory.join("bin"))
            .stdout(Stdio::null())
            .status();
        assert!(installed.unwrap().success());
        pgbouncer(&directory);
        let mut agent = Self { directory, port: free_port(), http: free_port(), child: None };
        agent.put("config/pooler.json", &document.to_string());
        agent.put("secrets/userlist/userlist.txt", userlist);
        agent.put("secrets/monitor/username", "monitor");
        agent.put("secrets/monitor/password", "monitor\n");
        agent.run();
        agent
    }

    /// Starts the process.
    pub fn run(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.directory.join("log")).unwrap();
        let mut command = Command::new(self.directory.join("bin/plimsoll"));
        command
            .arg("pooler-agent")
            .arg("--pgbouncer")
            .arg(self.directory.join("pgbouncer"))
            .arg("--config-dir")
            .arg(self.directory.join("config"))
            .arg("--secrets-dir")
            .arg(self.directory.join("secrets"))
            .arg("--run-dir")
            .arg(self.directory.join("run"))
            .args(["--listen-address", "127.0.0.1", "--listen-port", &self.port.to_string()])
            .args(["--agent-address", &format!("127.0.0.1:{}", self.http)])
            .args([
                "--ordinal",
                "0",
                "--no-watch",
                "--look-every",
                "50ms",
                "--endpoints",
                "1500ms",
                "--log-format",
                "text",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        self.child = Some(command.spawn().unwrap());
    }

    fn ready(self) -> Self {
        self.wait("ready", |agent| agent.get("/readyz").starts_with("ok"));
        self
    }

    /// Replaces a file as kubelet does.
    pub fn put(&self, name: &str, content: &str) {
        let path = self.directory.join(name);
        let fresh = path.with_extension("fresh");
        std::fs::write(&fresh, content).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }

    /// Replaces the document; answers its hash.
    pub fn wants(&self, document: &Value) -> String {
        let text = document.to_string();
        self.put("config/pooler.json", &text);
        plimsoll::pooler::wanted::hash(&text)
    }

    /// Replaces the document, and waits until it is loaded.
    pub fn load(&self, document: &Value) {
        let hash = self.wants(document);
        self.wait("loaded", |agent| {
            let status = agent.status();
            status["loaded"] == hash.as_str() && status["seen"] == hash.as_str()
        });
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Asks the agent; empty when it does not answer.
    pub fn get(&self, path: &str) -> String {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.http))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
        };
        ask().unwrap_or_default()
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.get("/status")).unwrap_or_default()
    }

    /// The reasons of all problems.
    pub fn reasons(&self) -> Vec<String> {
        let problems = self.status()["problems"].as_array().cloned().unwrap_or_default();
        problems.iter().map(|problem| problem["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until something holds; answers how long that took.
    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < Duration::from_secs(30), "not {what}: {}\n{}", self.status(), self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    /// The agent's children: PgBouncer, or the shell that is about to be it.
    fn children(&self) -> Vec<i32> {
        // A child belongs to whichever thread has started it.
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
    }

    /// PgBouncer's process.
    pub fn pgbouncer(&self) -> i32 {
        self.children()[0]
    }

    /// Begins the drain.
    pub fn terminate(&self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGTERM).unwrap();
    }

    /// Waits until the agent has ended, and answers whether it was content.
    pub fn ended(&mut self) -> bool {
        let mut child = self.child.take().unwrap();
        child.wait().unwrap().success()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.is_some() {
            // An agent that is killed takes PgBouncer along only as the first process of a container.
            let children = self.children();
            if let Some(mut child) = self.child.take() {
                drop(child.kill());
                drop(child.wait());
            }
            for pid in children {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
