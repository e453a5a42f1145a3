//! What `PgBouncer` must show once it runs with a file: `RELOAD` says nothing of lines that it passed over.

use std::{collections::BTreeMap, fmt::Write as _};

use super::quote;
use crate::pooler::{
    keys::{Reloadable, key, same_value},
    version::Version,
    wanted::Endpoint,
};

/// A row of the console, by the names of its columns. What is null is empty.
pub type Row = BTreeMap<String, String>;

/// An entry of `[databases]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedDatabase {
    /// The name that clients use.
    pub name: String,
    /// Where it goes.
    pub hosts: Vec<String>,
    /// The port there.
    pub port: u16,
    /// The name there.
    pub database: String,
    /// `pool_size`.
    pub pool_size: u32,
    /// `reserve_pool_size`.
    pub reserve_pool_size: u32,
    /// `max_db_connections`; absent where there is no bound.
    pub max_connections: Option<u32>,
    /// `max_db_client_connections`; absent where there is no bound.
    pub max_client_connections: Option<u32>,
}

impl ExpectedDatabase {
    /// Its line in the file.
    pub(super) fn line(&self, version: Version) -> String {
        let since_24 = version >= Version::new(1, 24, 0);
        let reserve = if since_24 { "reserve_pool_size" } else { "reserve_pool" };
        let mut line = format!(
            "{} = host={} port={} dbname={} pool_size={} {reserve}={}",
            self.name,
            quote::value(&self.hosts.join(",")),
            self.port,
            quote::value(&self.database),
            self.pool_size,
            self.reserve_pool_size,
        );
        if let Some(most) = self.max_connections {
            let _ = write!(line, " max_db_connections={most}");
        }
        if let Some(most) = self.max_client_connections.filter(|_| since_24) {
            let _ = write!(line, " max_db_client_connections={most}");
        }
        if since_24 && self.hosts.len() > 1 {
            line.push_str(" load_balance_hosts=round-robin");
        }
        line
    }
}

/// What must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `SHOW CONFIG`: each key that was written, with its value.
    pub config: BTreeMap<String, String>,
    /// `SHOW DATABASES`: these and the console.
    pub databases: Vec<ExpectedDatabase>,
    /// `SHOW PEERS`: by `peer_id`.
    pub peers: BTreeMap<u32, Endpoint>,
}

/// Something that is not shown as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// Only a start of the process can change it: the operator rolls the pods.
    pub needs_restart: bool,
}

fn column<'a>(row: &'a Row, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| row.get(*name)).map_or("", String::as_str)
}

impl Expected {
    /// Where the rows of `SHOW CONFIG`, `SHOW DATABASES` and `SHOW PEERS` are not what was written.
    pub fn differences(&self, config: &[Row], databases: &[Row], peers: &[Row]) -> Vec<Difference> {
        let mut all = self.config_differences(config);
        let loaded = |what| Difference { what, needs_restart: false };
        all.extend(self.database_differences(databases).into_iter().map(loaded));
        all.extend(self.peer_differences(peers).into_iter().map(loaded));
        all
    }

    fn config_differences(&self, rows: &[Row]) -> Vec<Difference> {
        let shown: BTreeMap<&str, &str> =
            rows.iter().map(|row| (column(row, &["key"]), column(row, &["value"]))).collect();
        let differs = |(name, written): (&String, &String)| {
            let key = key(name)?;
            let found = shown.get(name.as_str()).copied();
            if found.is_some_and(|found| same_value(key, written, found)) {
                return None;
            }
            let found = found.map_or("not there".to_owned(), |found| format!("{found:?}"));
            let needs_restart = key.reload == Reloadable::Restart;
            Some(Difference { what: format!("{name} is {found} and not {written:?}"), needs_restart })
        };
        self.config.iter().filter_map(differs).collect()
    }

    fn database_differences(&self, rows: &[Row]) -> Vec<String> {
        let mut all = vec![];
        for wanted in &self.databases {
            let Some(row) = rows.iter().find(|row| column(row, &["name"]) == wanted.name) else {
                all.push(format!("database {} is not there", wanted.name));
                continue;
            };
            let most = wanted.max_connections.unwrap_or(0);
            let columns = [
                (&["host"][..], wanted.hosts.join(",")),
                (&["port"], wanted.port.to_string()),
                (&["database"], wanted.database.clone()),
                (&["pool_size"], wanted.pool_size.to_string()),
                (&["reserve_pool_size", "reserve_pool"], wanted.reserve_pool_size.to_string()),
                (&["max_connections"], most.to_string()),
            ];
            for (names, written) in columns {
                let found = column(row, names);
                if found != written {
                    let name = names.first().copied().unwrap_or_default();
                    all.push(format!("{name} of database {} is {found:?} and not {written:?}", wanted.name));
                }
            }
        }
        let further = rows.iter().map(|row| column(row, &["name"])).filter(|name| *name != "pgbouncer");
        let further = further.filter(|name| self.databases.iter().all(|wanted| wanted.name != **name));
        all.extend(further.map(|name| format!("database {name} is there and was not written")));
        all
    }

    fn peer_differences(&self, rows: &[Row]) -> Vec<String> {
        let shown: BTreeMap<&str, (&str, &str)> = rows
            .iter()
            .map(|row| (column(row, &["peer_id"]), (column(row, &["host"]), column(row, &["port"]))))
            .collect();
        let written: BTreeMap<String, (&str, String)> =
            self.peers.iter().map(|(id, peer)| (id.to_string(), (peer.host.as_str(), peer.port.to_string()))).collect();
        let same = written.len() == shown.len()
            && written.iter().all(|(id, (host, port))| shown.get(id.as_str()) == Some(&(*host, port.as_str())));
        if same { vec![] } else { vec![format!("the peers are {shown:?} and not {written:?}")] }
    }
}
