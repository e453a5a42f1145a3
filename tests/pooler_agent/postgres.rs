//! A real Postgres for a test.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use crate::rig::{NOBODY, free_port, is_root};

/// Postgres that runs; it ends with the test.
pub struct Postgres {
    /// Directory of the cluster and of the socket, as this process sees it.
    directory: PathBuf,
    pub port: u16,
    child: Option<Child>,
}

/// A root directory with Postgres in it, as `lab rootfs` makes; else the machine's own.
fn root() -> Option<PathBuf> {
    std::env::var_os("POSTGRES_ROOT").map(PathBuf::from)
}

/// The directory of Postgres' programs, seen from within the root.
fn programs() -> PathBuf {
    let root = root().unwrap_or_else(|| "/".into());
    let versions = root.join("usr/lib/postgresql");
    let newest = std::fs::read_dir(&versions)
        .expect("no Postgres: set POSTGRES_ROOT")
        .flatten()
        .map(|entry| entry.file_name())
        .max();
    Path::new("/usr/lib/postgresql").join(newest.unwrap()).join("bin")
}

/// Where the directory is, seen from within the root.
fn inside(directory: &Path) -> PathBuf {
    match root() {
        Some(root) => Path::new("/").join(directory.strip_prefix(root).unwrap()),
        None => directory.to_owned(),
    }
}

fn command(program: &str) -> Command {
    let path = programs().join(program);
    let mut command = match root() {
        Some(root) => {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={NOBODY}:{NOBODY}")).arg(root).arg(path);
            command
        }
        None if is_root() => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(path);
            command
        }
        None => Command::new(path),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn fresh_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let base = root().map_or_else(std::env::temp_dir, |root| root.join("tmp"));
    let directory = base.join(format!("plimsoll-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&directory).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    directory
}

impl Postgres {
    /// A new cluster with `settings` added to its configuration, a role `app` with a password and a database `app` of its own, and a
    /// role `monitor`.
    pub async fn start(settings: &str) -> Self {
        let directory = fresh_directory();
        let data = inside(&directory).join("data");
        let made = command("initdb")
            .args([
                "-U",
                "postgres",
                "--auth-host=scram-sha-256",
                "--auth-local=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let hba = directory.join("data/pg_hba.conf");
        let more = "host replication all 127.0.0.1/32 trust\n";
        std::fs::write(&hba, format!("{more}{}", std::fs::read_to_string(&hba).unwrap())).unwrap();
        let postgres = Self::run(directory, settings).await;
        for statement in [
            "CREATE ROLE app LOGIN PASSWORD 'app''s'",
            "CREATE ROLE monitor LOGIN PASSWORD 'monitor' IN ROLE pg_monitor",
            "CREATE DATABASE app OWNER app",
        ] {
            postgres.sql("postgres", statement).await;
        }
        postgres.sql("app", "CREATE TABLE written (id bigint PRIMARY KEY); ALTER TABLE written OWNER TO app").await;
        postgres
    }

    /// A replica of this one.
    pub async fn replica(&self) -> Self {
        let directory = fresh_directory();
        let copied = command("pg_basebackup")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
                "-c",
                "fast",
                "-X",
                "stream",
                "-R",
                "-D",
            ])
            .arg(inside(&directory).join("data"))
            .status()
            .unwrap();
        assert!(copied.success(), "pg_basebackup");
        Self::run(directory, "").await
    }

    async fn run(directory: PathBuf, settings: &str) -> Self {
        let port = free_port();
        let socket = inside(&directory);
        let lines = format!(
            "\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n{settings}\n",
            socket.display()
        );
        let file = directory.join("data/postgresql.conf");
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &lines).unwrap();
        let mut postgres = Self { directory, port, child: None };
        postgres.go().await;
        postgres
    }

    /// Starts it, and waits until it answers.
    async fn go(&mut self) {
        let log = std::fs::File::create(self.directory.join("log")).unwrap();
        let child =
            command("postgres").arg("-D").arg(inside(&self.directory).join("data")).stderr(log).spawn().unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while self.connect("postgres").await.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "Postgres does not start: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    async fn connect(&self, database: &str) -> Option<tokio_postgres::Client> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.directory).port(self.port).user("postgres").dbname(database);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// Runs SQL as the superuser; answers the first column of the first row.
    pub async fn sql(&self, database: &str, statement: &str) -> Option<String> {
        let client = self.connect(database).await.expect("Postgres answers");
        let messages = client.simple_query(statement).await.unwrap();
        messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
    }

    /// The line of the list of users for `app`, with the secret as the server has it.
    pub async fn userlist(&self) -> String {
        let secret = self.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").await.unwrap();
        format!("\"app\" \"{secret}\"\n")
    }

    fn pid(&self) -> Option<i32> {
        let file = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        // In a root of its own it has the same process ids.
        if let Some(pid) = self.pid() {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }

    /// Stops it as a planned switchover does.
    pub fn stop(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGINT);
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
        }
    }

    /// Kills it as a failing machine does.
    pub fn kill(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGQUIT);
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
