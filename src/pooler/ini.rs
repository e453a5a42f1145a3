//! The configuration file of `PgBouncer`, and what it must show once it has loaded it.
//!
//! Every value is checked or quoted here, whatever was checked before: a database's name, a host or a parameter can never become
//! another line, section or key.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    budget::{AUTH_CONNECTIONS, AuthEntry, Shares, auth_entry},
    keys::{ParameterError, check_parameter},
    report::ReadsGo,
    rotation::Decision,
    version::Version,
    wanted::{AGENT_PORT, CLIENT_PORT, Database, Endpoint, Tls, Wanted, paths},
};

mod defaults;
mod expect;
mod quote;
#[cfg(test)]
pub(crate) use tests::sample;

pub use defaults::DEFAULTS;
pub use expect::{Difference, Expected, ExpectedDatabase, Row};
pub use quote::{NameError, auth_query, check_database, check_dbname, check_host, check_user, console_name};

/// What is put behind a database's name for reads.
pub const READS: &str = "_ro";

/// Files that are there, as mounted.
#[expect(clippy::struct_excessive_bools, reason = "each is a file of its own, there or not")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Files {
    /// `tls.crt` and `tls.key` towards clients.
    pub client_certificate: bool,
    /// `ca.crt` towards clients.
    pub client_ca: bool,
    /// `tls.crt` and `tls.key` towards servers.
    pub server_certificate: bool,
    /// `ca.crt` towards servers.
    pub server_ca: bool,
}

/// Where things are; a pod's by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Directory of the list of users and of the socket.
    pub run: String,
    /// Directory of the files towards clients.
    pub client_tls: String,
    /// Directory of the files towards servers.
    pub server_tls: String,
    /// Address that clients come in by.
    pub listen_addr: String,
    /// Port that clients come in by, here and at the peers.
    pub port: u16,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            run: paths::RUN.to_owned(),
            client_tls: paths::CLIENT_TLS.to_owned(),
            server_tls: paths::SERVER_TLS.to_owned(),
            listen_addr: "*".to_owned(),
            port: CLIENT_PORT,
        }
    }
}

/// Everything that a pooler's file depends on.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// What the operator wants.
    pub wanted: &'a Wanted,
    /// The program that will read it.
    pub version: Version,
    /// The pod's ordinal.
    pub ordinal: u32,
    /// How the connections are divided.
    pub shares: &'a Shares,
    /// Where reads go; of no account without replicas.
    pub reads: &'a Decision,
    /// Files that are there.
    pub files: Files,
    /// Where things are.
    pub places: &'a Places,
}

/// A file that is rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The text of `pgbouncer.ini`.
    pub ini: String,
    /// What `PgBouncer` shows once it runs with it.
    pub expect: Expected,
}

/// Why a file cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A parameter is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A name is wrong.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A database is there twice.
    #[error("two databases are called {0}: with replicas each database has a second name, with {READS} behind it")]
    Double(String),
    /// `PgBouncer` takes one port for a list of hosts.
    #[error("the replicas have different ports ({0} and {1}): PgBouncer takes one port for all of them")]
    Ports(u16, u16),
    /// Clients are known by certificates that are not looked at.
    #[error("parameters.auth_type cert needs tls.client.mode verify-full: else PgBouncer does not start")]
    NoCertificates,
    /// Before 1.25 the whole list of hosts is looked for in each server's certificate.
    #[error(
        "with several replicas PgBouncer {0} refuses every certificate under tls.server.mode verify-full: use an image with 1.25 or newer, \
         verify-ca, or one replica"
    )]
    HostNames(Version),
    /// Files for TLS are missing.
    #[error("tls.{side}.mode {mode} needs {what} in the Secret of tls.{side}.secretRef")]
    Certificate {
        /// `client` or `server`.
        side: &'static str,
        /// The mode.
        mode: String,
        /// The files.
        what: &'static str,
    },
}

/// Renders the file.
pub fn render(given: &Given<'_>) -> Result<Rendered, RenderError> {
    let databases = databases(given)?;
    let settings = settings(given)?;
    let wanted = given.wanted;
    let mut ini = String::from(
        "; Written by Plimsoll. Changes are overwritten; make them in the PerformanceProfile.\n\n[databases]\n",
    );
    for database in &databases {
        let _ = writeln!(ini, "{}", database.line(given.version));
    }
    ini.push_str("\n[pgbouncer]\n");
    for (key, value) in &settings {
        if let Some(reason) = defaults::reason(key).filter(|_| !wanted.settings.parameters.contains_key(*key)) {
            let _ = writeln!(ini, "; {reason}");
        }
        let _ = writeln!(ini, "{key} = {value}");
    }
    // All that there can ever be, so that nothing changes when their number does.
    ini.push_str("\n[peers]\n");
    let mut peers = BTreeMap::new();
    for ordinal in 0..wanted.max_instances.max(given.ordinal + 1) {
        let host = peer_host(wanted, ordinal);
        check_host(&host)?;
        let _ = writeln!(ini, "{} = host={host} port={}", ordinal + 1, given.places.port);
        peers.insert(ordinal + 1, Endpoint { host, port: given.places.port });
    }
    let config = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Rendered { ini, expect: Expected { config, databases, peers } })
}

/// The host name of a pod, ready or not.
pub fn peer_host(wanted: &Wanted, ordinal: u32) -> String {
    format!("{}-{ordinal}.{}.{}.svc", wanted.name, wanted.service, wanted.namespace)
}

/// Where the agent of a pod answers.
pub fn peer_status_url(wanted: &Wanted, ordinal: u32) -> String {
    format!("http://{}:{AGENT_PORT}/status", peer_host(wanted, ordinal))
}

/// The databases that go to the primary by their names, which are what a pause holds: `<name>_ro` is among them while its reads go there.
pub fn on_primary(wanted: &Wanted, reads: ReadsGo) -> Vec<String> {
    let names = wanted.databases.iter().map(|database| database.name.clone());
    let spilled = !wanted.replicas.is_empty() && reads == ReadsGo::Primary;
    let further = wanted.databases.iter().filter(|_| spilled).map(|database| format!("{}{READS}", database.name));
    let lookup = auth_entry(wanted).filter(|entry| entry.separate).map(|entry| entry.name);
    names.chain(further).chain(lookup).collect()
}

/// The entries of `[databases]`. There is never a `*`: a client's wish makes no database.
fn databases(given: &Given<'_>) -> Result<Vec<ExpectedDatabase>, RenderError> {
    let wanted = given.wanted;
    let primary = std::slice::from_ref(&wanted.primary);
    let mut all = vec![];
    for database in &wanted.databases {
        let Some(share) = given.shares.databases.get(&database.name) else { continue };
        let sized = |hosts: &[Endpoint], name: String, pool_size, reserve_pool_size, max_connections| {
            entry(hosts, name, database, pool_size, reserve_pool_size, max_connections)
        };
        all.push(sized(
            primary,
            database.name.clone(),
            share.pool_size,
            share.reserve_pool_size,
            share.max_connections,
        )?);
        if wanted.replicas.is_empty() {
            continue;
        }
        let reads = format!("{}{READS}", database.name);
        match given.reads.reads {
            ReadsGo::Primary => {
                let spill = share.spill.unwrap_or(1).max(1);
                all.push(sized(primary, reads, spill.min(share.pool_size), 0, Some(spill))?);
            }
            ReadsGo::Replicas | ReadsGo::Stale if !given.reads.hosts.is_empty() => {
                all.push(sized(
                    &given.reads.hosts,
                    reads,
                    share.pool_size,
                    share.reserve_pool_size,
                    share.max_connections,
                )?);
            }
            // An entry that is gone refuses its clients, and lets those go that it has.
            ReadsGo::Replicas | ReadsGo::Stale | ReadsGo::Nowhere => {}
        }
    }
    let dbname = wanted.auth.query.as_ref().and_then(|query| query.database.clone());
    if let (Some(AuthEntry { name, separate: true }), Some(dbname)) = (auth_entry(wanted), dbname) {
        let own = Database { name: name.clone(), dbname, pool_size: None };
        let mut entry = entry(primary, name, &own, 1, 0, Some(AUTH_CONNECTIONS))?;
        // One client at most, so that it cannot keep the other connection from looking up users.
        entry.max_client_connections = (given.version >= Version::new(1, 24, 0)).then_some(1);
        all.push(entry);
    }
    let mut names = std::collections::BTreeSet::new();
    match all.iter().find(|entry| !names.insert(entry.name.as_str())) {
        Some(double) => Err(RenderError::Double(double.name.clone())),
        None => Ok(all),
    }
}

fn entry(
    hosts: &[Endpoint],
    name: String,
    database: &Database,
    pool_size: u32,
    reserve_pool_size: u32,
    max_connections: Option<u32>,
) -> Result<ExpectedDatabase, RenderError> {
    check_database(&name)?;
    check_dbname(&database.dbname)?;
    hosts.iter().try_for_each(|endpoint| check_host(&endpoint.host))?;
    let port = hosts.first().map_or(0, |endpoint| endpoint.port);
    if let Some(other) = hosts.iter().find(|endpoint| endpoint.port != port) {
        return Err(RenderError::Ports(port, other.port));
    }
    Ok(ExpectedDatabase {
        name,
        hosts: hosts.iter().map(|endpoint| endpoint.host.clone()).collect(),
        port,
        database: database.dbname.clone(),
        pool_size,
        reserve_pool_size,
        max_connections,
        max_client_connections: None,
    })
}

/// The settings, in the order of the alphabet: the defaults of the operator, over them the user's parameters, over them what the
/// profile's fields say, over them what the agent needs.
fn settings(given: &Given<'_>) -> Result<BTreeMap<&'static str, String>, RenderError> {
    let Given { wanted, places, .. } = given;
    let own = &wanted.settings;
    let mut all = defaults::settings(wanted);
    for (name, value) in &own.parameters {
        check_parameter(given.version, name, value)?;
        if let Some(key) = super::keys::key(name) {
            all.insert(key.name, value.clone());
        }
    }
    let (pool_size, reserve) = given
        .shares
        .split
        .as_ref()
        .map_or((own.default_pool_size, own.reserve_pool_size), |split| (split.pool_size, split.reserve_pool_size));
    let fields = [
        ("default_pool_size", pool_size.max(1).to_string()),
        ("max_client_conn", own.max_client_conn.to_string()),
        ("max_prepared_statements", own.max_prepared_statements.to_string()),
        ("pool_mode", pool_mode(&own.pool_mode)),
        ("reserve_pool_size", reserve.to_string()),
        ("server_idle_timeout", own.server_idle_timeout.to_string()),
        ("server_lifetime", own.server_lifetime.to_string()),
        // Nobody comes in to the console by the network: the agent is let in by the socket, as the user of the process.
        ("admin_users", String::new()),
        ("auth_file", format!("{}/userlist.txt", places.run)),
        ("listen_addr", places.listen_addr.clone()),
        ("listen_port", places.port.to_string()),
        ("peer_id", (given.ordinal + 1).to_string()),
        ("unix_socket_dir", places.run.clone()),
        ("unix_socket_mode", "0700".to_owned()),
    ];
    all.extend(fields);
    if let Some(query) = &wanted.auth.query {
        check_user(&query.user)?;
        all.insert("auth_user", query.user.clone());
        all.insert("auth_query", auth_query(&query.function)?);
        if let Some(entry) = auth_entry(wanted) {
            check_database(&entry.name)?;
            all.insert("auth_dbname", entry.name);
        }
    }
    all.extend(tls("client", wanted.client_tls.as_ref(), given)?);
    all.extend(tls("server", wanted.server_tls.as_ref(), given)?);
    let is = |name: &str, value: &str| all.get(name).is_some_and(|found| found == value);
    if is("auth_type", "cert") && !is("client_tls_sslmode", "verify-full") {
        return Err(RenderError::NoCertificates);
    }
    if wanted.replicas.len() > 1 && given.version < Version::new(1, 25, 0) && is("server_tls_sslmode", "verify-full") {
        return Err(RenderError::HostNames(given.version));
    }
    Ok(all)
}

/// A mode that is known, for anything could stand in a document that somebody wrote by hand.
fn pool_mode(text: &str) -> String {
    let known = ["session", "transaction", "statement"].into_iter().find(|mode| *mode == text);
    known.unwrap_or("transaction").to_owned()
}

type Settings = Vec<(&'static str, String)>;

/// Modes of TLS.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The settings of TLS on one side: only files that are there, and no mode without the files that it needs.
fn tls(side: &'static str, wanted: Option<&Tls>, given: &Given<'_>) -> Result<Settings, RenderError> {
    let Some(tls) = wanted else { return Ok(vec![]) };
    let clients = side == "client";
    let names = if clients {
        ["client_tls_sslmode", "client_tls_cert_file", "client_tls_key_file", "client_tls_ca_file"]
    } else {
        ["server_tls_sslmode", "server_tls_cert_file", "server_tls_key_file", "server_tls_ca_file"]
    };
    let (files, place) = (given.files, given.places);
    let (certificate, ca, place) = if clients {
        (files.client_certificate, files.client_ca, &place.client_tls)
    } else {
        (files.server_certificate, files.server_ca, &place.server_tls)
    };
    // A mode that is not known is the strictest one.
    let mode = MODES.into_iter().find(|mode| *mode == tls.mode).unwrap_or("verify-full");
    let missing = |what| Err(RenderError::Certificate { side, mode: mode.to_owned(), what });
    if clients && mode != "disable" && !certificate {
        return missing("tls.crt and tls.key");
    }
    if mode.starts_with("verify") && !ca {
        return missing("ca.crt");
    }
    let [sslmode, cert, key, authority] = names;
    let mut all = vec![(sslmode, mode.to_owned())];
    if mode != "disable" && certificate {
        all.push((cert, format!("{place}/tls.crt")));
        all.push((key, format!("{place}/tls.key")));
    }
    if mode != "disable" && ca {
        all.push((authority, format!("{place}/ca.crt")));
    } else if mode != "disable" && clients {
        // Nobody is verified by it. But without any `PgBouncer` loads the system's authorities, and does not start in an image without them.
        all.push((authority, format!("{place}/tls.crt")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
