//! `status.pooling`: the poolers as seen. Numbers are the highest of the last minute and move by steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The poolers as seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolingStatus {
    /// Poolers that there are.
    pub instances: i32,
    /// Of them those that are ready.
    pub ready: i32,
    /// Version of PgBouncer; several while an image is rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Name of the configuration that is wanted: a hash of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Poolers that run with it, read back from PgBouncer, of all, as `2/2`.
    pub loaded: String,
    /// Clients of all poolers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<PoolingClients>,
    /// Connections to the primary, of those that the budget has for all poolers, as `31 of 82`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_connections: Option<String>,
    /// Every replica.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<PoolingReplica>,
    /// Where the databases for reads go: `Replicas`, `Primary`, `Stale` or `Nowhere`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<String>,
    /// Poolers that hold their clients, of all, as `2/2`; absent while none is asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

/// Clients of all poolers.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolingClients {
    /// Those that have a server.
    pub active: i64,
    /// Those that wait for one.
    pub waiting: i64,
}

/// A replica as seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolingReplica {
    /// Its host.
    pub host: String,
    /// Whether reads go there.
    pub in_rotation: bool,
    /// How far it is behind, in steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<String>,
}
