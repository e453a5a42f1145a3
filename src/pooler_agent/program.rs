//! The program `PgBouncer`: where it is in an image, and which version it is.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use crate::pooler::version::{Version, VersionError};

/// Its name.
const NAME: &str = "pgbouncer";
/// Where images have it beside the directories of `PATH`.
const FURTHER: [&str; 5] =
    ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/bitnami/pgbouncer/bin", "/opt/pgbouncer/bin"];
/// Longest wait for its version.
const ANSWER: Duration = Duration::from_secs(5);

/// Why there is no program to run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is nowhere.
    #[error("no pgbouncer in PATH nor in {}: use an image with PgBouncer, or say where it is with --pgbouncer", FURTHER.join(", "))]
    Nowhere,
    /// It cannot be run.
    #[error("{} cannot be run: {source}", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It does not say its version.
    #[error("{}: {source}", path.display())]
    Version {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: VersionError,
    },
}

/// Finds it, and asks for its version.
pub async fn find(given: Option<&Path>) -> Result<(PathBuf, Version), ProgramError> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => search().ok_or(ProgramError::Nowhere)?,
    };
    let unusable = |source| ProgramError::Unusable { path: path.clone(), source };
    let asked = Command::new(&path).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let late = |_| unusable(io::Error::from(io::ErrorKind::TimedOut));
    let output = tokio::time::timeout(ANSWER, asked).await.map_err(late)?.map_err(unusable)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match Version::from_program(&text) {
        Ok(version) => Ok((path, version)),
        Err(source) => Err(ProgramError::Version { path, source }),
    }
}

fn search() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(FURTHER.iter().map(PathBuf::from));
    directories.map(|directory| directory.join(NAME)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_pgbouncer_is_refused() {
        assert!(matches!(find(Some(Path::new("/bin/true"))).await, Err(ProgramError::Version { .. })));
        assert!(matches!(find(Some(Path::new("/nonexistent"))).await, Err(ProgramError::Unusable { .. })));
    }
}
