//! What is mounted into the pod: the document, and the secrets that it speaks of.

use std::path::{Path, PathBuf};

use crate::pooler::wanted::{KEY, paths};

/// Longest file that is read: an object of the API server has no more.
const LONGEST: u64 = 2 << 20;

/// Where things are mounted.
#[derive(Clone, Debug)]
pub struct Mounts {
    /// Directory of the document.
    pub config: PathBuf,
    /// Directory whose directories hold the secrets, by the names in [`paths`].
    pub secrets: PathBuf,
}

impl Mounts {
    /// A directory of a secret, by its place in a pod.
    fn of(&self, place: &str) -> PathBuf {
        Path::new(place).file_name().map_or_else(|| self.secrets.clone(), |name| self.secrets.join(name))
    }
}

/// Certificate, key and authorities of one side, each where its file is there.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// `tls.crt`
    pub certificate: Option<Vec<u8>>,
    /// `tls.key`
    pub key: Option<Vec<u8>>,
    /// `ca.crt`
    pub authorities: Option<Vec<u8>>,
}

/// Name and password of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Everything that is mounted, as it was at one moment. It has no `Debug`: what is in it is in no log.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Mounted {
    /// The document.
    pub document: Option<String>,
    /// The list of users.
    pub userlist: Option<String>,
    /// Password of the user who looks up users.
    pub auth_password: Option<String>,
    /// The agent's own user.
    pub monitor: Option<Login>,
    /// Towards clients.
    pub client_tls: TlsFiles,
    /// Towards servers.
    pub server_tls: TlsFiles,
}

impl Mounted {
    /// Reads it. What is not there, or cannot be read, is absent.
    pub async fn read(mounts: &Mounts) -> Self {
        let users = mounts.of(paths::USERLIST).join("userlist.txt");
        let password = mounts.of(paths::AUTH_USER).join("password");
        let monitor = mounts.of(paths::MONITOR);
        let login = match (line(&monitor.join("username")).await, line(&monitor.join("password")).await) {
            (Some(user), Some(password)) => Some(Login { user, password }),
            _ => None,
        };
        Self {
            document: text(&mounts.config.join(KEY)).await,
            userlist: text(&users).await,
            auth_password: line(&password).await,
            monitor: login,
            client_tls: tls(&mounts.of(paths::CLIENT_TLS)).await,
            server_tls: tls(&mounts.of(paths::SERVER_TLS)).await,
        }
    }
}

async fn tls(directory: &Path) -> TlsFiles {
    TlsFiles {
        certificate: bytes(&directory.join("tls.crt")).await,
        key: bytes(&directory.join("tls.key")).await,
        authorities: bytes(&directory.join("ca.crt")).await,
    }
}

async fn bytes(file: &Path) -> Option<Vec<u8>> {
    let size = tokio::fs::metadata(file).await.ok()?.len();
    if size > LONGEST {
        tracing::warn!(file = %file.display(), size, "the file is too large to be what it should be");
        return None;
    }
    tokio::fs::read(file)
        .await
        .inspect_err(|error| tracing::warn!(file = %file.display(), %error, "cannot be read"))
        .ok()
}

async fn text(file: &Path) -> Option<String> {
    String::from_utf8(bytes(file).await?).ok()
}

/// Names and passwords: a newline at the end is the editor's.
async fn line(file: &Path) -> Option<String> {
    text(file).await.map(|text| text.trim_end_matches(['\n', '\r']).to_owned()).filter(|text| !text.is_empty())
}
