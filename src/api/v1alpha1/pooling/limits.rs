//! How much of the primary the poolers take, and when a replica is behind.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many of the primary's connections all poolers together may take.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionBudget {
    /// Share of the connections that are left when the server's reserved ones and those of others are counted, from `1 %` to `100 %`.
    /// Default: `90 %`.
    #[serde(default = "default_share")]
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^([1-9][0-9]?|100) ?%$')").message("share is a whole percentage from 1 % to 100 %, like 90 %"))]
    pub share: String,

    /// `max_connections` of the primary, where it is not to be asked, from 10 to 100000. Default: it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 100_000))]
    pub max_connections: Option<i32>,
}

impl Default for ConnectionBudget {
    fn default() -> Self {
        Self { share: default_share(), max_connections: None }
    }
}

/// When a replica is behind, and where reads go while too few keep up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaLag {
    /// Most write-ahead log that a replica may not have replayed, from `1Ki` to `999Gi`. Default: `16Mi`.
    #[serde(default = "default_bytes")]
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]{0,3}(Ki|Mi|Gi)$') && !self.matches('^[1-9][0-9]{3}Gi$')").message("maxBytes is a whole number of Ki, Mi or Gi from 1Ki to 999Gi, like 16Mi"))]
    pub max_bytes: String,

    /// Most seconds that a replica may be behind, from 1 to 86400; they count only while bytes are missing. Default: 30.
    #[serde(default = "default_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_seconds: i32,

    /// Fewest replicas that reads go to, from 1 to 16: with fewer that keep up, `whenNone` decides. Default: 1.
    #[serde(default = "default_min_replicas")]
    #[schemars(range(min = 1, max = 16))]
    pub min_replicas: i32,

    /// Where reads go then. `primary` (default): to the primary, with at most `spilloverConnections`; `stale`: to replicas although they
    /// are behind; `fail`: nowhere, clients are refused.
    #[serde(default)]
    pub when_none: ReplicaLagAction,

    /// Most connections that one pooler and database take of the primary for reads then, from 1 to 1000. Default: 5.
    #[serde(default = "default_spillover")]
    #[schemars(range(min = 1, max = 1_000))]
    pub spillover_connections: i32,
}

impl Default for ReplicaLag {
    fn default() -> Self {
        Self {
            max_bytes: default_bytes(),
            max_seconds: default_seconds(),
            min_replicas: default_min_replicas(),
            when_none: ReplicaLagAction::default(),
            spillover_connections: default_spillover(),
        }
    }
}

/// Where reads go while too few replicas keep up.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ReplicaLagAction {
    /// To the primary, within a bound.
    #[default]
    Primary,
    /// To replicas although they are behind.
    Stale,
    /// Nowhere: clients are refused.
    Fail,
}

fn default_share() -> String {
    "90 %".to_owned()
}

fn default_bytes() -> String {
    "16Mi".to_owned()
}

const fn default_seconds() -> i32 {
    30
}

const fn default_min_replicas() -> i32 {
    1
}

const fn default_spillover() -> i32 {
    5
}
