//! `spec.pooling`: connection pools in front of databases.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Management;
use crate::api::Duration;

mod access;
mod limits;
mod pod;

pub use access::{
    AuthQuery, ClientTls, ClientTlsMode, PasswordSecret, PoolerAuth, PoolerMonitoring, PoolerTls, SecretName,
    ServerTls, ServerTlsMode, UserlistSecret,
};
pub use limits::{ConnectionBudget, ReplicaLag, ReplicaLagAction};
pub use pod::{PoolerInstances, PoolerPod};

/// Pools of connections that the service goes through.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Pooling {
    /// PgBouncer in front of a Postgres and its replicas. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresPooling>,
}

/// Poolers in front of a Postgres: clients connect to the Service `<profile>-pgbouncer`, port 5432. Nothing is restarted for a change
/// that PgBouncer can take while it runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.replicas) || size(self.replicas) == 0 || self.databases.all(d, !d.name.endsWith('_ro'))").message("with replicas every database has a second one named with _ro at its end, for reads: give no database a name that ends in _ro"),
    validation = Rule::new("!has(self.replicas) || self.replicas.all(r, r.host != self.primary.host || r.port != self.primary.port)").message("the primary is not to be named among the replicas: reads would count it as one that keeps up"),
    validation = Rule::new("!has(self.replicaLag) || !has(self.replicas) || self.replicaLag.minReplicas <= size(self.replicas)").message("replicaLag.minReplicas must not be above the number of replicas"),
    validation = Rule::new("!has(self.replicaLag) || (has(self.replicas) && size(self.replicas) > 0)").message("replicaLag needs replicas: name them, or leave replicaLag out")
)]
pub struct PostgresPooling {
    /// `Managed` (default): the operator runs the poolers. `Disabled`: none, and what was made before is removed.
    #[serde(default)]
    pub mode: Management,

    /// Oldest PgBouncer that is accepted, from 1.21, like `1.24` or `1.24.1`. Default: `1.24`.
    #[serde(default = "default_version")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^1[.](2[1-9]|[3-9][0-9])([.](0|[1-9][0-9]?))?$')").message("version is the oldest PgBouncer that is accepted, from 1.21 (before it prepared statements fail in transaction mode), like 1.24 or 1.24.1"))]
    pub version: String,

    /// Image with PgBouncer, such as `registry.example.com/pgbouncer:1.26.1`: any that has the program. The operator's own program
    /// is copied in beside it. Default: the one that the operator was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][-A-Za-z0-9._/:@]*$')").message("image is the name of an image without spaces, like registry.example.com/pgbouncer:1.26.1"))]
    pub image: Option<String>,

    /// How many poolers. Default: from 2 to 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<PoolerInstances>,

    /// Requests and limits of one pooler. One PgBouncer uses one core at most. Default: requests of 250m CPU and 64Mi memory, limits
    /// of 1 CPU and 256Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<k8s_openapi::api::core::v1::ResourceRequirements>,

    /// Where the poolers' pods run. Default: spread over zones and nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PoolerPod>,

    /// The server that takes writes: a name that follows the primary, or the primary's own.
    pub primary: DatabaseServer,

    /// Servers that reads may go to, as the databases `<name>_ro`: at most 16. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(r, self.exists_one(o, o.host == r.host && o.port == r.port))").message("a replica is named twice"))]
    pub replicas: Vec<DatabaseServer>,

    /// Databases that clients can name, from 1 to 50, each once.
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub databases: Vec<PooledDatabase>,

    /// How clients are known: a list of users, a lookup in the database, or both.
    pub auth: PoolerAuth,

    /// The user that the poolers look at the servers with: connections, roles, and how far replicas are behind. Default: the user of
    /// `auth.authQuery`, where its password is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<PoolerMonitoring>,

    /// When a server goes back to the pool: after each `transaction` (default), `session` or `statement`.
    #[serde(default)]
    pub pool_mode: PoolMode,

    /// Most clients of one pooler, from 1 to 100000. Default: 1000.
    #[serde(default = "default_max_client_conn")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_client_conn: i32,

    /// Connections to the primary that one pooler keeps for one database and user, from 1 to 10000; fewer where the connection
    /// budget does not have them. Default: 25.
    #[serde(default = "default_pool_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub default_pool_size: i32,

    /// Further ones when clients have to wait, from 0 to 10000. Default: 5.
    #[serde(default = "default_reserve")]
    #[schemars(range(min = 0, max = 10_000))]
    pub reserve_pool_size: i32,

    /// Age at which a server connection is closed once it is unused, from 1m to 7d. Default: `1h`.
    #[serde(default = "default_lifetime")]
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')").message("serverLifetime is a time from 1m to 168h in whole h, m and s, like 1h"))]
    pub server_lifetime: Duration,

    /// Time after which an unused server connection is closed, from 1s to 7d. Default: `10m`.
    #[serde(default = "default_idle")]
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('168h')").message("serverIdleTimeout is a time from 1s to 168h in whole h, m and s, like 10m"))]
    pub server_idle_timeout: Duration,

    /// Prepared statements that are kept for each server connection, from 0 to 10000; with 0 named ones fail in transaction mode.
    /// Default: 200.
    #[serde(default = "default_prepared")]
    #[schemars(range(min = 0, max = 10_000))]
    pub max_prepared_statements: i32,

    /// Further settings of `pgbouncer.ini`, like `query_wait_timeout: "30"`: at most 64, each name and value checked. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64), extend("additionalProperties" = {"type": "string", "maxLength": 512}))]
    #[x_kube(
        validation = Rule::new("self.all(k, k.matches('^[a-z][a-z0-9_]{0,62}$'))").message("a parameter is named as in pgbouncer.ini: lower case letters, digits and underscores, like query_wait_timeout"),
        validation = Rule::new("self.all(k, !self[k].matches('[[:cntrl:]\\'\"%;]'))").message("the value of a parameter must not hold line breaks, quotes, semicolons or percent signs: it is one value, not a piece of configuration")
    )]
    pub parameters: BTreeMap<String, String>,

    /// Encryption towards clients and servers. Default: none towards clients; towards servers where they offer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PoolerTls>,

    /// How many of the primary's connections all poolers together may take. Default: 90 % of what it leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_budget: Option<ConnectionBudget>,

    /// When a replica is behind, and where reads go then. Default: beyond 16 MiB or 30 s; to the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_lag: Option<ReplicaLag>,

    /// Hold all clients at the end of their transactions, for a switchover: set it, promote, then name the new primary and take it
    /// back in one apply. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,

    /// Longest time that clients are held, from 1s to 5m; after it the poolers go on by themselves. Default: `30s`.
    #[serde(default = "default_pause")]
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]{1,2}m)?([0-9]{1,3}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('5m')").message("pauseLimit is a time from 1s to 5m in whole m and s, like 30s"))]
    pub pause_limit: Duration,

    /// Longest time for clients to leave a pooler that is stopped, from 1s to 1h. Default: `60s`.
    #[serde(default = "default_drain")]
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]h)?([0-9]{1,3}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')").message("drainTimeout is a time from 1s to 1h in whole h, m and s, like 60s"))]
    pub drain_timeout: Duration,
}

/// When a server goes back to the pool.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// After the client has left.
    Session,
    /// After each transaction.
    #[default]
    Transaction,
    /// After each statement: transactions of several statements are refused.
    Statement,
}

/// A Postgres server, by name or address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseServer {
    /// Host name or address, like `auth-db-rw.azora-production.svc`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("(self.matches('^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$') && !self.contains('..')) || self.matches('^[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*$')").message("host is one host name or address, like auth-db-rw.azora-production.svc: no port, no list, no spaces or quotes"))]
    pub host: String,

    /// Port. Default: 5432.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,
}

/// A database that clients can name. With replicas there is a second one beside it, `<name>_ro`, for reads.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PooledDatabase {
    /// The name that clients use, like `azora`.
    #[schemars(length(min = 1, max = 60))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z_][-A-Za-z0-9_]*$')").message("the name of a database is letters, digits, dashes and underscores, and begins with a letter or an underscore, like azora"),
        validation = Rule::new("self != 'pgbouncer'").message("pgbouncer is the poolers' own console: give the database another name, and its name on the server as dbname")
    )]
    pub name: String,

    /// Its name on the server. Default: the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][-A-Za-z0-9_]*$')").message("dbname is letters, digits, dashes and underscores, and begins with a letter or an underscore, like azora"))]
    pub dbname: Option<String>,

    /// Connections for this database instead of `defaultPoolSize`, from 1 to 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub pool_size: Option<i32>,
}

fn default_version() -> String {
    "1.24".to_owned()
}

const fn default_port() -> i32 {
    5432
}

const fn default_max_client_conn() -> i32 {
    1_000
}

const fn default_pool_size() -> i32 {
    25
}

const fn default_reserve() -> i32 {
    5
}

const fn default_prepared() -> i32 {
    200
}

fn default_lifetime() -> Duration {
    Duration::from_secs(3_600)
}

fn default_idle() -> Duration {
    Duration::from_secs(600)
}

fn default_pause() -> Duration {
    Duration::from_secs(30)
}

fn default_drain() -> Duration {
    Duration::from_secs(60)
}
