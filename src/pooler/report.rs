//! What an agent says of its pooler: the answer to `GET /status`. No secrets, bounded in size.

use serde::{Deserialize, Serialize};

use super::wanted::Endpoint;

/// What an agent says of its pooler.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The pod's ordinal.
    pub ordinal: u32,
    /// Version of `PgBouncer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the pooler is.
    pub phase: Phase,
    /// Hash of the last document that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Hash of the document that `PgBouncer` was read back to run with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<String>,
    /// The pause that is held, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// What is wrong now; each says what to do. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Clients, over all pools but the console's.
    pub clients: Clients,
    /// Server connections, over all pools.
    pub servers: Servers,
    /// How the connections are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The primary as last seen; absent without a user to ask as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<PrimarySeen>,
    /// Each replica as last seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ReplicaSeen>,
    /// Where the `_ro` databases go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<ReadsGo>,
    /// Times that `PgBouncer` had to be started again.
    pub restarts: u32,
}

/// Where a pooler is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not serving yet.
    #[default]
    Starting,
    /// Serves.
    Running,
    /// Holds its clients.
    Paused,
    /// Lets its clients go.
    Draining,
}

/// Something that is wrong.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// One of the condition reasons for poolers, in CamelCase.
    pub reason: String,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// Clients of one pooler.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Linked to a server.
    pub active: u32,
    /// Waiting for one.
    pub waiting: u32,
    /// How long the first of them has waited, in seconds.
    pub max_wait_seconds: f64,
    /// Share of the time since the last look, over all clients' queries, that was waiting for a server: 0 to 1; absent without traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_share: Option<f64>,
}

/// Server connections of one pooler.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Servers {
    /// All that are open to the primary.
    pub primary: u32,
    /// All that are open to replicas.
    pub replicas: u32,
    /// Of all of them those in use.
    pub active: u32,
}

/// How the primary's connections are divided: the arithmetic, to be shown.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// `max_connections` of the primary.
    pub max_connections: u32,
    /// `superuser_reserved_connections` and `reserved_connections` together.
    pub reserved: u32,
    /// Connections of others than the poolers, as last counted.
    pub direct: u32,
    /// Poolers that it is divided by.
    pub instances: u32,
    /// Connections that one pooler may open to the primary.
    pub per_instance: u32,
    /// Connections that one pooler would open at most as declared.
    pub declared: u32,
    /// `default_pool_size` in force.
    pub pool_size: u32,
    /// `reserve_pool_size` in force.
    pub reserve_pool_size: u32,
    /// Whether less is in force than is declared.
    pub shrunk: bool,
}

/// The primary as seen.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PrimarySeen {
    /// Whether it answers.
    pub reachable: bool,
    /// Whether it is in recovery, which a primary is not.
    pub in_recovery: bool,
}

/// A replica as seen.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSeen {
    /// The server.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Whether reads go there.
    pub in_rotation: bool,
    /// Bytes of write-ahead log that it has not replayed; absent where not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_bytes: Option<u64>,
    /// Seconds that it is behind; 0 where no bytes are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
}

/// Where the `_ro` databases go.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadsGo {
    /// To the replicas in rotation.
    Replicas,
    /// To replicas that are behind.
    Stale,
    /// To the primary.
    Primary,
    /// Nowhere.
    Nowhere,
}
