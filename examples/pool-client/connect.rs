//! A client's connection, as a good pool keeps it: tested when it is taken, and replaced when it is gone.

use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_util::sync::CancellationToken;

use crate::tally::Tally;

/// Longest time for a connection to be there and let in, and for a test of one.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts of one client.
const AGAIN: Duration = Duration::from_millis(50);

/// Where to connect, and as whom.
#[derive(clap::Args, Clone)]
pub struct Target {
    /// Host name or address
    #[arg(long, env = "PGHOST")]
    pub host: String,
    /// Port
    #[arg(long, env = "PGPORT", default_value_t = 5432)]
    pub port: u16,
    /// Database
    #[arg(long, env = "PGDATABASE", default_value = "azora")]
    pub database: String,
    /// User
    #[arg(long, env = "PGUSER", default_value = "azora")]
    pub user: String,
    /// Password
    #[arg(long, env = "PGPASSWORD", hide_env_values = true)]
    pub password: Option<String>,
}

impl Target {
    /// A new connection.
    pub async fn connect(&self) -> Result<Client, Error> {
        let mut config = Config::new();
        config.host(&self.host).port(self.port).dbname(&self.database).user(&self.user);
        config.connect_timeout(PATIENCE).ssl_mode(SslMode::Disable).application_name("pool-client");
        if let Some(password) = &self.password {
            config.password(password);
        }
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// The one connection of one client.
pub struct Slot {
    target: Arc<Target>,
    tally: Arc<Tally>,
    client: Option<Client>,
}

impl Slot {
    pub fn new(target: &Arc<Target>, tally: &Arc<Tally>) -> Self {
        Self { target: Arc::clone(target), tally: Arc::clone(tally), client: None }
    }

    /// A connection that has just answered; a new one where there is none. Nothing once `stop` is there.
    ///
    /// Attempts that fail are counted as `refused`, connections that had been closed in the meantime as `closed_idle`.
    pub async fn take(&mut self, stop: &CancellationToken) -> Option<&Client> {
        if stop.is_cancelled() {
            return None;
        }
        if let Some(client) = self.client.take() {
            match timeout(PATIENCE, client.simple_query("")).await {
                Ok(Ok(_)) => self.client = Some(client),
                _ => self.tally.count("closed_idle"),
            }
        }
        while self.client.is_none() {
            if stop.is_cancelled() {
                return None;
            }
            let begun = Instant::now();
            match timeout(PATIENCE, self.target.connect()).await {
                Ok(Ok(client)) => {
                    self.tally.count("connections");
                    self.tally.time("connect", begun.elapsed());
                    self.client = Some(client);
                }
                Ok(Err(error)) => {
                    self.tally.count("refused");
                    self.tally.error("connect", &error);
                }
                Err(_) => {
                    self.tally.count("refused");
                    self.tally.failure("connect", "timeout", "no connection in time");
                }
            }
            if self.client.is_none() {
                sleep(AGAIN).await;
            }
        }
        self.client.as_ref()
    }

    /// After an error: nobody knows what the connection is in the middle of.
    pub fn discard(&mut self) {
        self.client = None;
    }
}
