//! The admin console of `PgBouncer`, over the unix socket: as user `pgbouncer`, whom it knows by the uid that it shares with the agent.
//!
//! The console speaks the simple query protocol only, and its columns change between versions: they are found by name.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::UnixStream, sync::Mutex};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Longest wait for an answer that needs nobody but the console.
pub const ANSWER: Duration = Duration::from_secs(3);

/// The console's own user and database.
const CONSOLE: &str = "pgbouncer";

/// Why the console gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The socket is not there or refuses.
    #[error("the console of PgBouncer at {path} cannot be reached: {source}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The console refused, or the connection broke.
    #[error("the console of PgBouncer: {}", said(.0))]
    Failed(#[from] tokio_postgres::Error),
    /// No answer in time.
    #[error("the console of PgBouncer has not answered `{command}` within {} s", .limit.as_secs_f64())]
    Late {
        /// What was asked.
        command: String,
        /// How long the answer was waited for.
        limit: Duration,
    },
}

/// The library's own text for an error of the server is only "db error".
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |server| server.message().to_owned())
}

/// One row of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(Vec<(String, Option<String>)>);

impl Row {
    /// A column by its name; nothing where the version has no such column, or no value in it.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == column).and_then(|(_, value)| value.as_deref())
    }

    /// A column by its name, as a text that is empty where there is none.
    pub fn text(&self, column: &str) -> &str {
        self.get(column).unwrap_or_default()
    }

    /// A column by its name as a number; 0 where it is none.
    pub fn number<T: std::str::FromStr + Default>(&self, column: &str) -> T {
        self.get(column).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Names and values in the order of the answer.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, Option<V>)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, Option<V>)>>(columns: I) -> Self {
        Self(columns.into_iter().map(|(name, value)| (name.into(), value.map(Into::into))).collect())
    }
}

/// A way to the console. One connection is kept, and made again when it is lost: while `PgBouncer` shuts down it takes no new ones, and
/// still answers on those that it has.
pub struct Console {
    socket: PathBuf,
    kept: Mutex<Option<Client>>,
}

impl Console {
    /// The console of the `PgBouncer` that has its socket in the directory.
    pub fn new(directory: &Path, port: u16) -> Self {
        Self { socket: directory.join(format!(".s.PGSQL.{port}")), kept: Mutex::default() }
    }

    /// Asks on the kept connection.
    pub async fn ask(&self, command: &str) -> Result<Vec<Row>, ConsoleError> {
        let mut kept = self.kept.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            match answer(client, command, ANSWER).await {
                // The process behind the connection may have been replaced by another one.
                Err(ConsoleError::Failed(error)) if error.is_closed() => {}
                // A connection with an answer outstanding is of no use to the next question.
                Err(late @ ConsoleError::Late { .. }) => {
                    *kept = None;
                    return Err(late);
                }
                other => return other,
            }
        }
        *kept = None;
        let client = kept.insert(connect(&self.socket).await?);
        answer(client, command, ANSWER).await
    }

    /// Asks on a connection of its own, for commands that take their time: `PAUSE` answers when the last transaction has ended.
    pub async fn ask_apart(&self, command: &str, limit: Duration) -> Result<Vec<Row>, ConsoleError> {
        let client = connect(&self.socket).await?;
        answer(&client, command, limit).await
    }
}

async fn connect(socket: &Path) -> Result<Client, ConsoleError> {
    let connecting = async {
        let unreachable = |source| ConsoleError::Unreachable { path: socket.to_owned(), source };
        let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
        let mut config = tokio_postgres::Config::new();
        config.user(CONSOLE).dbname(CONSOLE).application_name("plimsoll");
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        // Ends with the client. What it ends with, the client's next question says too.
        tokio::spawn(connection);
        Ok(client)
    };
    let late = || ConsoleError::Late { command: "connect".to_owned(), limit: ANSWER };
    tokio::time::timeout(ANSWER, connecting).await.map_err(|_| late())?
}

async fn answer(client: &Client, command: &str, limit: Duration) -> Result<Vec<Row>, ConsoleError> {
    let late = || ConsoleError::Late { command: command.to_owned(), limit };
    let messages = tokio::time::timeout(limit, client.simple_query(command)).await.map_err(|_| late())??;
    Ok(messages.iter().filter_map(row).collect())
}

fn row(message: &SimpleQueryMessage) -> Option<Row> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let columns = row.columns().iter().enumerate();
    Some(columns.map(|(index, column)| (column.name(), row.try_get(index).ok().flatten())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_whatever_their_place() {
        let row: Row =
            [("database", Some("app")), ("cl_active", Some("3")), ("load_balance_hosts", None)].into_iter().collect();
        assert_eq!(row.number::<u32>("cl_active"), 3);
        assert_eq!(row.get("load_balance_hosts"), None);
        assert_eq!(row.number::<u32>("cl_unheard_of"), 0);
        assert_eq!(row.text("database"), "app");
    }
}
