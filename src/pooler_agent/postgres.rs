//! Connections of the agent's own to Postgres, each step within a limit of time.

use std::{future::Future, time::Duration};

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::console::Row;
use crate::pooler::wanted::Endpoint;

mod fault;
mod tls;

pub use fault::{Fault, Kind, Role};
pub use tls::{Mode, Tls};

/// Longest time for a connection: name, TCP, TLS and authentication together.
pub const CONNECT: Duration = Duration::from_secs(2);
/// Longest time for an answer.
pub const ANSWER: Duration = Duration::from_secs(2);
/// How the agent is seen in `pg_stat_activity`.
pub const APPLICATION: &str = "plimsoll-pooler-agent";

/// Who asks, where, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// The user.
    pub user: String,
    /// The password; absent where the server asks for none, or for a certificate.
    pub password: Option<String>,
    /// The database.
    pub database: String,
    /// TLS towards servers.
    pub tls: Tls,
}

/// The password is in no log.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, database, tls, password: _ } = self;
        f.debug_struct("Access")
            .field("user", user)
            .field("database", database)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// An open connection. It is closed when it is dropped.
pub struct Connection {
    client: Client,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects.
    pub async fn open(endpoint: &Endpoint, access: &Access) -> Result<Self, Fault> {
        let within = |mode| limited("the connection", CONNECT, connect(endpoint, access, mode));
        match access.tls.mode {
            Mode::Disable => within(SslMode::Disable).await,
            Mode::Prefer => within(SslMode::Prefer).await,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => within(SslMode::Require).await,
            // A server that takes no plain connection says so in place of asking for a password.
            Mode::Allow => match within(SslMode::Disable).await {
                Err(Fault { kind: Kind::AuthenticationFailed, .. }) => within(SslMode::Require).await,
                other => other,
            },
        }
    }

    /// Asks, in the simple protocol: one round trip, and all values as texts.
    pub async fn ask(&self, query: &str) -> Result<Vec<Row>, Fault> {
        let messages = limited("an answer", ANSWER, async { Ok(self.client.simple_query(query).await?) }).await?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => {
                let columns = row.columns().iter().enumerate();
                Some(columns.map(|(index, column)| (column.name(), row.try_get(index).ok().flatten())).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye, so that the server frees the connection at once.
    pub async fn close(self) {
        let Self { client, _driver: driver } = self;
        drop(client);
        // The driver ends by itself when it has said so; if it cannot, it is ended.
        let _ = tokio::time::timeout(Duration::from_millis(200), driver).await;
    }
}

async fn limited<T>(what: &str, limit: Duration, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(limit, step).await.unwrap_or_else(|_| Err(Fault::late(what, limit)))
}

async fn connect(endpoint: &Endpoint, access: &Access, mode: SslMode) -> Result<Connection, Fault> {
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.port)
        .user(&access.user)
        .dbname(&access.database)
        .application_name(APPLICATION)
        .ssl_mode(mode)
        .tcp_user_timeout(ANSWER);
    if let Some(password) = &access.password {
        config.password(password);
    }
    if mode == SslMode::Disable {
        let (client, driver) = config.connect(NoTls).await?;
        return Ok(drive(client, driver));
    }
    let (client, driver) = config.connect(MakeRustlsConnect::new(access.tls.config()?)).await?;
    Ok(drive(client, driver))
}

/// Runs what moves the connection's bytes. Its end is seen by whoever asks.
fn drive<E>(client: Client, driver: impl Future<Output = Result<(), E>> + Send + 'static) -> Connection {
    let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(driver.await) }));
    Connection { client, _driver: driver }
}
