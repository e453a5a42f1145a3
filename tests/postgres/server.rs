//! Postgres servers of a test's own, on loopback.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Where the programs are, and what they see as `/`.
pub struct Programs {
    words: Vec<String>,
    root: PathBuf,
    directory: String,
}

impl Programs {
    /// What `POSTGRES` says, or where Debian has them; nothing where there are none.
    pub fn find() -> Option<Self> {
        let root = env::var("POSTGRES_ROOT").unwrap_or_default();
        let words: Vec<String> = match env::var("POSTGRES") {
            Ok(words) => words.split_whitespace().map(str::to_owned).collect(),
            // As root they would refuse to run, and nobody has said as whom they can.
            Err(_) if !env::var("USER").is_ok_and(|user| user != "root") => return None,
            Err(_) => {
                let usual = (14..=19).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin"));
                vec![usual.into_iter().find(|path| Path::new(path).join("initdb").is_file())?]
            }
        };
        let directory = format!("/tmp/plimsoll-postgres-{}", std::process::id());
        let programs = Self { words, root: PathBuf::from(root), directory };
        fs::create_dir_all(programs.outside("")).unwrap();
        fs::set_permissions(programs.outside(""), fs::Permissions::from_mode(0o777)).unwrap();
        Some(programs)
    }

    fn command(&self, name: &str) -> Command {
        let (directory, before) = self.words.split_last().unwrap();
        let mut words = before.iter().cloned().chain([format!("{directory}/{name}")]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).stdin(Stdio::null());
        command
    }

    /// A file by the name that the programs have for it.
    fn inside(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// The same file by the name that the test has for it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.join(self.inside(name).trim_start_matches('/'))
    }

    fn run(mut command: Command) -> String {
        let output = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?}: {text}");
        text
    }

    /// A primary with a user `monitor` of no privileges, whose password is `watch`, and another, `app`.
    pub fn primary(&self, port: u16, settings: &str) -> Server<'_> {
        let mut initdb = self.command("initdb");
        initdb.args([
            "-D",
            &self.inside("primary"),
            "-U",
            "postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
        ]);
        Self::run(initdb);
        let pool = "host replication all 127.0.0.1/32 trust\n";
        let hba = self.outside("primary/pg_hba.conf");
        fs::write(&hba, format!("{pool}{}", fs::read_to_string(&hba).unwrap())).unwrap();
        let server = self.start("primary", port, settings);
        server.sql(
            "CREATE ROLE monitor LOGIN PASSWORD 'watch'; CREATE ROLE app LOGIN PASSWORD 'apppw'; CREATE DATABASE app",
        );
        server
    }

    /// A replica of the primary on this port.
    pub fn replica(&self, of: u16, port: u16) -> Server<'_> {
        let mut copy = self.command("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-p", &of.to_string(), "-U", "postgres", "-D", &self.inside("replica")]);
        copy.args(["-R", "-c", "fast", "-X", "stream"]);
        Self::run(copy);
        self.start("replica", port, "")
    }

    fn start(&self, name: &'static str, port: u16, settings: &str) -> Server<'_> {
        let conf = self.outside(&format!("{name}/postgresql.conf"));
        let text = fs::read_to_string(&conf).unwrap();
        let sockets = &self.directory;
        let own = format!(
            "{text}\nport={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{sockets}'\nshared_buffers=16MB\n\
             dynamic_shared_memory_type=mmap\nfsync=off\n{settings}\n"
        );
        fs::write(&conf, own).unwrap();
        let server = Server { programs: self, name, port, child: None };
        server.begun()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.outside(""));
    }
}

/// A server that runs until it is dropped.
pub struct Server<'a> {
    programs: &'a Programs,
    name: &'static str,
    port: u16,
    child: Option<Child>,
}

impl Server<'_> {
    fn begun(mut self) -> Self {
        self.begin();
        self
    }

    /// Starts it, and waits until it takes connections.
    pub fn begin(&mut self) {
        let log = fs::File::create(self.programs.outside(&format!("{}.log", self.name))).unwrap();
        let mut postgres = self.programs.command("postgres");
        postgres.args(["-D", &self.programs.inside(self.name)]).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(postgres.spawn().unwrap());
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(100));
            if self.psql("SELECT 1").output().unwrap().status.success() {
                return;
            }
        }
        panic!("{} does not start: {}", self.name, self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.programs.outside(&format!("{}.log", self.name))).unwrap_or_default()
    }

    /// Stops it as a failover does: at once, with all its connections.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let mut stop = self.programs.command("pg_ctl");
            stop.args(["stop", "-m", "immediate", "-D", &self.programs.inside(self.name)]).stdout(Stdio::null());
            let _ = stop.status();
            let _ = child.wait();
        }
    }

    fn psql(&self, sql: &str) -> Command {
        let mut psql = self.programs.command("psql");
        psql.args(["-w", "-At", "-h", &self.programs.directory, "-p", &self.port.to_string(), "-U", "postgres"]);
        for statement in sql.split(';') {
            psql.args(["-c", statement]);
        }
        psql
    }

    /// Runs statements as the superuser, and answers what they say.
    pub fn sql(&self, sql: &str) -> String {
        Programs::run(self.psql(sql))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}
