//! What the operator wants of every pooler of one profile: the document in the `ConfigMap` that the agents follow.
//!
//! It holds no secrets: users, passwords and keys are mounted from what the profile names.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Key of the document in the `ConfigMap`.
pub const KEY: &str = "pooler.json";

/// What every pooler of one profile is to do.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// Namespace of the profile.
    pub namespace: String,
    /// Name of the profile; it becomes part of host names and of metrics' labels.
    pub profile: String,
    /// Name of the `StatefulSet`: pod `i` is `<name>-<i>`.
    pub name: String,
    /// Name of the headless `Service`, under which every pod has a host name, ready or not.
    pub service: String,
    /// Poolers that connections are divided by now: at least as many as there are or are about to be. A pooler whose ordinal is not
    /// below it waits with its start until it is counted.
    pub instances: u32,
    /// Most poolers that there can be.
    pub max_instances: u32,
    /// Oldest `PgBouncer` that is accepted, as `1.24` or `1.24.1`.
    pub version: String,
    /// Settings of `PgBouncer`.
    pub settings: Settings,
    /// Where writes go.
    pub primary: Endpoint,
    /// Where reads of the `_ro` databases go while they keep up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Endpoint>,
    /// Databases that clients can name.
    pub databases: Vec<Database>,
    /// How clients are known.
    pub auth: Auth,
    /// Whether a user of the agent's own is mounted, see [`paths::MONITOR`].
    pub monitor: bool,
    /// TLS towards clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<Tls>,
    /// TLS towards servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_tls: Option<Tls>,
    /// How many connections the poolers may take of the primary's.
    pub budget: Budget,
    /// When a replica is out of rotation.
    pub lag: Lag,
    /// Hold all clients: a switchover is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Longest time for clients to leave on their own when a pooler is stopped, in seconds.
    pub drain_seconds: u32,
}

impl Wanted {
    /// The document's text, the same for the same content.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// Name of a document's text: the first 16 hexadecimal digits of its SHA-256. What is wanted and what is loaded are compared by it.
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Settings of `PgBouncer`, under the names of its own configuration.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// `pool_mode`: `session`, `transaction` or `statement`.
    pub pool_mode: String,
    /// `max_client_conn` of each pooler.
    pub max_client_conn: u32,
    /// `default_pool_size` as declared; the budget may ask for less.
    pub default_pool_size: u32,
    /// `reserve_pool_size` as declared; the budget may ask for less.
    pub reserve_pool_size: u32,
    /// `server_lifetime` in seconds.
    pub server_lifetime: u64,
    /// `server_idle_timeout` in seconds.
    pub server_idle_timeout: u64,
    /// `max_prepared_statements`.
    pub max_prepared_statements: u32,
    /// Any further key of `[pgbouncer]` with its value, both checked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// A server.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A database that clients can name. With replicas there is a second one beside it, `<name>_ro`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// The name that clients use.
    pub name: String,
    /// Its name on the server.
    pub dbname: String,
    /// `pool_size` of this database instead of the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_size: Option<u32>,
}

/// How clients are known.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether a list of users is mounted, see [`paths::USERLIST`].
    pub userlist: bool,
    /// Users are looked up in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<AuthQuery>,
}

/// Users are looked up in the database, by a function that the database's owner has made.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AuthQuery {
    /// `auth_user`: who looks up.
    pub user: String,
    /// The function, as `schema.name`; it takes a user's name and gives name and secret.
    pub function: String,
    /// `auth_dbname`: where it is; the database that the client asks for where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Whether the looking-up user's password is mounted, see [`paths::AUTH_USER`]; else the list of users has it.
    pub password: bool,
}

/// TLS on one side.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`.
    pub mode: String,
    /// Whether files are mounted, see [`paths`].
    pub files: bool,
}

/// How many connections the poolers may take of the primary's.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Per cent of what is left for clients, from 1 to 100.
    pub share_percent: u32,
    /// `max_connections` where the server is not to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
}

/// When a replica is out of rotation.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Most bytes of write-ahead log that a replica may be behind.
    pub max_bytes: u64,
    /// Most seconds that it may be behind while it is behind at all.
    pub max_seconds: u32,
    /// Fewest replicas in rotation before the reads go elsewhere.
    pub min_replicas: u32,
    /// Where they go then.
    pub when_none: WhenNone,
    /// Most connections of one pooler and one database that reads take of the primary.
    pub spill_connections: u32,
}

/// Where reads go while too few replicas keep up.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum WhenNone {
    /// To the primary, within a bound.
    Primary,
    /// To the replicas although they are behind.
    Stale,
    /// Nowhere: clients are refused.
    Fail,
}

/// Hold all clients.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// A name for this one pause: an agent that has ended it at its limit does not begin it again.
    pub id: String,
    /// Longest time that an agent holds its clients, in seconds from when it began.
    pub limit_seconds: u32,
}

/// Where things are in a pooler pod. Directories are mounted; files are the keys of the secret.
pub mod paths {
    /// Directory of the `ConfigMap` with [`super::KEY`].
    pub const CONFIG: &str = "/etc/plimsoll/pooler";
    /// Directory of the list of users; its file is `userlist.txt`.
    pub const USERLIST: &str = "/etc/plimsoll/userlist";
    /// Directory of the looking-up user's password; its file is `password`.
    pub const AUTH_USER: &str = "/etc/plimsoll/auth-user";
    /// Directory of the agent's own user: `username` and `password`.
    pub const MONITOR: &str = "/etc/plimsoll/monitor";
    /// Directory of `tls.crt`, `tls.key` and, to know clients by certificates, `ca.crt`.
    pub const CLIENT_TLS: &str = "/etc/plimsoll/client-tls";
    /// Directory of `ca.crt` and, where servers ask for it, `tls.crt` and `tls.key`.
    pub const SERVER_TLS: &str = "/etc/plimsoll/server-tls";
    /// Writable directory (in memory) of what the agent makes: `pgbouncer.ini`, `userlist.txt`, the socket.
    pub const RUN: &str = "/run/plimsoll";
    /// Directory of the operator's binary, copied in by the init container.
    pub const BINARY: &str = "/plimsoll";
}

/// Port for clients.
pub const CLIENT_PORT: u16 = 5432;
/// Port of the agent: probes, metrics and report.
pub const AGENT_PORT: u16 = 9127;
