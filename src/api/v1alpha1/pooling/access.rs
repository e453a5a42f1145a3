//! Who may go through the poolers, and how connections are protected. Secrets are named, never written here.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How clients are known.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.userlistSecretRef) || has(self.authQuery)").message("auth needs userlistSecretRef, authQuery, or both: else no client could log in"))]
pub struct PoolerAuth {
    /// A list of users in PgBouncer's form, one `"name" "SCRAM-SHA-256$…"` a line: the secrets of `pg_authid` pass through as they
    /// are. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userlist_secret_ref: Option<UserlistSecret>,

    /// Users are looked up in the database. Default: not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_query: Option<AuthQuery>,
}

/// A list of users in a Secret of the profile's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UserlistSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')").message("a Secret is named by its name alone: it is one of the profile's own namespace, and those of other namespaces cannot be named"))]
    pub name: String,

    /// Key in it. Default: `userlist.txt`.
    #[serde(default = "default_userlist")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'").message("key is one key of the Secret: letters, digits, dashes, underscores and dots, like userlist.txt"))]
    pub key: String,
}

/// A password in a Secret of the profile's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')").message("a Secret is named by its name alone: it is one of the profile's own namespace, and those of other namespaces cannot be named"))]
    pub name: String,

    /// Key in it. Default: `password`.
    #[serde(default = "default_password")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'").message("key is one key of the Secret: letters, digits, dashes, underscores and dots, like password"))]
    pub key: String,
}

/// A Secret of the profile's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')").message("a Secret is named by its name alone: it is one of the profile's own namespace, and those of other namespaces cannot be named"))]
    pub name: String,
}

/// Users are looked up in the database, by a function that its owner has made: see the guide to pooling for one that is safe.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AuthQuery {
    /// The user that looks up, like `pgbouncer`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][-.A-Za-z0-9_]*$')").message("user is letters, digits, dashes, dots and underscores, and begins with a letter or an underscore, like pooler"))]
    pub user: String,

    /// The function, as `schema.name`; it takes a user's name and gives name and secret. Default: `plimsoll.user_lookup`.
    #[serde(default = "default_function")]
    #[schemars(length(min = 3, max = 127))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z_][a-z0-9_]{0,62}[.][a-z_][a-z0-9_]{0,62}$')").message("function is written SCHEMA.NAME in lower case, like plimsoll.user_lookup: no arguments, no statement"))]
    pub function: String,

    /// The database that the function is in, by its name on the server. Default: the one that the client asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][-A-Za-z0-9_]*$')").message("database is letters, digits, dashes and underscores, and begins with a letter or an underscore, like azora"))]
    pub database: Option<String>,

    /// Password of that user. Default: the list of users has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<PasswordSecret>,
}

/// The user that the poolers look at the servers with; the role `pg_monitor` is enough.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolerMonitoring {
    /// Secret with the keys `username` and `password`.
    pub secret_ref: SecretName,
}

/// Encryption towards clients and servers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolerTls {
    /// Towards clients. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientTls>,

    /// Towards servers. Default: where they offer it, unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerTls>,
}

/// Encryption towards clients.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientTls {
    /// Secret with `tls.crt` and `tls.key`, and `ca.crt` for the modes that look at clients' certificates.
    pub secret_ref: SecretName,

    /// `allow` and `prefer`: clients may; `require` (default): they must; `verify-ca` and `verify-full`: and with a certificate that the
    /// authority has signed.
    #[serde(default)]
    pub mode: ClientTlsMode,
}

/// Whether clients must encrypt. The words are PgBouncer's.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ClientTlsMode {
    /// They may.
    Allow,
    /// They may.
    Prefer,
    /// They must.
    #[default]
    Require,
    /// They must, with a certificate that the authority has signed.
    VerifyCa,
    /// The same.
    VerifyFull,
}

/// Encryption towards servers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.mode in ['verify-ca', 'verify-full']) || has(self.secretRef)").message("tls.server.mode verify-ca and verify-full need secretRef with the authority's ca.crt"))]
pub struct ServerTls {
    /// Secret with `ca.crt` and, where servers ask for a certificate, `tls.crt` and `tls.key`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,

    /// `disable`; `allow` or `prefer`: where the server offers it; `require` (default): or no connection; `verify-ca`: and a certificate that
    /// the authority has signed; `verify-full`: and for the host's name.
    #[serde(default)]
    pub mode: ServerTlsMode,
}

/// Whether connections to servers are encrypted. The words are PgBouncer's.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ServerTlsMode {
    /// Never.
    Disable,
    /// Where the server asks for it.
    Allow,
    /// Where the server offers it.
    Prefer,
    /// Always.
    #[default]
    Require,
    /// Always, with a certificate that the authority has signed.
    VerifyCa,
    /// Always, with a certificate that the authority has signed for the host's name.
    VerifyFull,
}

fn default_userlist() -> String {
    "userlist.txt".to_owned()
}

fn default_password() -> String {
    "password".to_owned()
}

fn default_function() -> String {
    "plimsoll.user_lookup".to_owned()
}
