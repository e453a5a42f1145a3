//! A PgBouncer that runs for a test.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use plimsoll::pooler::ini::Row;

/// The program of an environment variable, or the one that is found; none where it is not there.
pub fn program(variable: &str, name: &str) -> Option<Command> {
    let usual = || {
        let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|place| format!("{place}/{name}"));
        let found = places.into_iter().find(|path| Path::new(path).exists());
        // As root it would refuse to run, and nobody has said as whom it can.
        found.filter(|_| std::env::var("USER").is_ok_and(|user| user != "root"))
    };
    let line = std::env::var(variable).ok().or_else(usual)?;
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next()?);
    command.args(words).stdin(Stdio::null());
    Some(command)
}

/// A directory of a test's own, which every user can write to: the program runs as another one.
pub fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("plimsoll-pooler-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    path
}

/// A PgBouncer that runs; it ends with the test.
pub struct Running {
    child: Child,
    directory: PathBuf,
    port: u16,
}

impl Running {
    pub fn start(directory: &Path, port: u16, ini: &str) -> Self {
        write(directory, ini);
        let users = directory.join("userlist.txt");
        std::fs::write(&users, "\"app\" \"x\"\n").unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let child = program("PGBOUNCER", "pgbouncer")
            .unwrap()
            .arg(directory.join("pgbouncer.ini"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut running = Self { child, directory: directory.to_owned(), port };
        let socket = directory.join(format!(".s.PGSQL.{port}"));
        let begun = Instant::now();
        while !socket.exists() {
            let ended = running.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(10),
                "{ended:?}\n{ini}\n{}",
                running.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Loads another file; the log has no complaint about it.
    pub fn reload(&self, ini: &str) {
        let before = self.log().len();
        write(&self.directory, ini);
        self.console("RELOAD");
        let said = self.log()[before..].to_owned();
        // A database that is gone is a warning, and meant.
        let complaint =
            |line: &&str| line.contains("ERROR") || line.contains("WARNING") && !line.contains("dropping database");
        assert_eq!(said.lines().find(complaint), None, "{ini}");
    }

    /// A command of the console, and its rows.
    pub fn console(&self, command: &str) -> Vec<Row> {
        let output = program("PSQL", "psql")
            .unwrap()
            .args(["-X", "-A", "-F", "\u{1}", "-R", "\u{2}", "-P", "footer=off", "-h"])
            .arg(&self.directory)
            .args(["-p", &self.port.to_string(), "-U", "pgbouncer", "-d", "pgbouncer", "-c", command])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let mut lines = text.trim_end_matches('\n').split('\u{2}').map(|line| line.split('\u{1}').map(str::to_owned));
        let names: Vec<String> = lines.next().unwrap().collect();
        lines.map(|cells| names.iter().cloned().zip(cells).collect::<BTreeMap<_, _>>()).collect()
    }
}

/// Replaces the file as an agent does, so that no half of it is ever read.
fn write(directory: &Path, ini: &str) {
    let new = directory.join("pgbouncer.ini.new");
    std::fs::write(&new, ini).unwrap();
    std::fs::rename(new, directory.join("pgbouncer.ini")).unwrap();
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // What a failed test leaves behind says why.
        if std::thread::panicking() {
            return;
        }
        drop(std::fs::remove_file(self.directory.join(format!(".s.PGSQL.{}", self.port))));
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
