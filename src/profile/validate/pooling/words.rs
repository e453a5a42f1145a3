//! The texts of `spec.pooling`. The schema has refused what is wrong with them; an object that was stored before the schema had its
//! rules, or by a server without them, is refused here: these texts become configuration of another program.

use std::collections::HashSet;

use crate::{
    api::v1alpha1::{DatabaseServer, PostgresPooling},
    profile::finding::{Finding, Level},
};

use super::PLACE;

/// Everything that is wrong with texts and numbers on their own, or could be better.
pub fn findings(postgres: &PostgresPooling) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut wrong = |ok: bool, path: &str, message: String| {
        if !ok {
            all.push(Finding::new(Level::Error, format!("{PLACE}{path}"), message));
        }
    };
    wrong(is_server(&postgres.primary), "/primary", "host is one host name or address, and port a number".to_owned());
    for (index, replica) in postgres.replicas.iter().enumerate() {
        let path = format!("/replicas/{index}");
        wrong(is_server(replica), &path, "host is one host name or address, and port a number".to_owned());
    }
    let mut names = HashSet::new();
    for (index, database) in postgres.databases.iter().enumerate() {
        let name = &database.name;
        let sound = is_name(name) && name != "pgbouncer" && database.dbname.as_deref().is_none_or(is_name);
        wrong(sound, &format!("/databases/{index}"), "the name of a database is letters, digits, dashes and underscores".to_owned());
        wrong(names.insert(name), &format!("/databases/{index}/name"), format!("two databases are named {name}"));
        let taken = !postgres.replicas.is_empty() && name.ends_with("_ro");
        let message = format!("{name} ends in _ro, which is how databases for reads are named: give it another name, and dbname: {name}");
        wrong(!taken, &format!("/databases/{index}/name"), message);
    }
    if let Some(query) = &postgres.auth.auth_query {
        let function = query.function.split_once('.').is_some_and(|(schema, name)| is_name(schema) && is_name(name));
        wrong(function, "/auth/authQuery/function", "function is written SCHEMA.NAME".to_owned());
        let user = is_name(&query.user.replace('.', "_")) && query.database.as_deref().is_none_or(is_name);
        wrong(user, "/auth/authQuery", "user and database are letters, digits, dashes and underscores".to_owned());
    }
    let known = postgres.auth.auth_query.is_some() || postgres.auth.userlist_secret_ref.is_some();
    wrong(known, "/auth", "auth needs userlistSecretRef, authQuery, or both".to_owned());
    let instances = postgres.instances.clone().unwrap_or_default();
    wrong(instances.min <= instances.max, "/instances", "instances.min is above instances.max".to_owned());
    if let Some(budget) = &postgres.connection_budget {
        wrong(share(&budget.share).is_some(), "/connectionBudget/share", "share is a percentage from 1 % to 100 %".to_owned());
    }
    if let Some(lag) = &postgres.replica_lag {
        wrong(bytes(&lag.max_bytes).is_some(), "/replicaLag/maxBytes", "maxBytes is a number of Ki, Mi or Gi".to_owned());
    }
    all.extend(warnings(postgres));
    all
}

fn warnings(postgres: &PostgresPooling) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut warn = |path: &str, message: &str| {
        all.push(Finding::new(Level::Warning, format!("{PLACE}{path}"), message));
    };
    if postgres.instances.as_ref().is_some_and(|instances| instances.min == 1) {
        warn("/instances/min", "with one pooler nothing serves while it is replaced: 2 is the least for a rollout that nobody notices");
    }
    let can_look = postgres.monitoring.is_some()
        || postgres.auth.auth_query.as_ref().is_some_and(|query| query.password_secret_ref.is_some());
    if !can_look && !postgres.replicas.is_empty() {
        warn(
            "/replicas",
            "there is no user to look at the replicas with, so their lag cannot be looked at: name monitoring.secretRef, or \
             auth.authQuery.passwordSecretRef",
        );
    }
    let states = postgres.connection_budget.as_ref().is_some_and(|budget| budget.max_connections.is_some());
    if !can_look && !states {
        warn(
            "/connectionBudget",
            "there is no user to ask the primary with how many connections it has, so nothing keeps the poolers within them: name \
             monitoring.secretRef, or state connectionBudget.maxConnections",
        );
    }
    all
}

/// A share such as `90 %`.
pub fn share(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end().parse::<u32>().ok()?;
    (1..=100).contains(&number).then_some(number)
}

/// A number of bytes such as `16Mi`.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let shift = match unit {
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|number| (1..10_000).contains(number)).map(|number| number << shift)
}

fn is_server(server: &DatabaseServer) -> bool {
    let host = server.host.as_str();
    let edges = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.ends_with(|c: char| c.is_ascii_alphanumeric());
    let name = edges && !host.contains("..") && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let address = host.matches(':').count() >= 2 && host.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
    host.len() <= 253 && (name || address) && (1..=65_535).contains(&server.port)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
