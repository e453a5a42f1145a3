//! SQL for the database's owner: the function that looks users up, and the role that the agent asks as. It is printed, and never run
//! by Plimsoll.

use std::fmt::Write as _;

use serde_json::Value;

mod quote;

use quote::{connect, identifier, literal, tag};

use super::ini::{NameError, auth_query, check_dbname, check_user};

/// The function where none is named.
pub const FUNCTION: &str = "plimsoll.user_lookup";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The user who looks up, and the function, as `schema.name`.
    pub lookup: Option<(String, String)>,
    /// The role of the agents.
    pub monitor: Option<String>,
    /// Databases that the function is made in; where psql is connected if there are none.
    pub databases: Vec<String>,
}

/// What a profile asks for, if it looks users up; and what is not in it. It is taken as written, checked or not.
pub fn of_profile(profile: &Value) -> Option<(Asked, Vec<String>)> {
    let postgres = profile.pointer("/spec/pooling/postgres")?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let query = postgres.pointer("/auth/authQuery");
    let lookup = query.and_then(|query| {
        let function = text(query, "function").unwrap_or_else(|| FUNCTION.to_owned());
        Some((text(query, "user")?, function))
    });
    let databases = if let Some(database) = query.and_then(|query| text(query, "database")) {
        vec![database]
    } else {
        let all = postgres.get("databases").and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|database| text(database, "dbname").or_else(|| text(database, "name"))).collect()
    };
    let mut notes = vec![];
    let secret = postgres.pointer("/monitoring/secretRef/name").and_then(Value::as_str);
    // Without one of its own the agents ask as the user who looks up.
    let shared = lookup.as_ref().filter(|_| query.is_some_and(|query| query.get("passwordSecretRef").is_some()));
    let monitor = if let Some(secret) = secret {
        notes.push(format!(
            "the name of the monitoring user is in the Secret {secret}: add --monitor NAME for its role"
        ));
        None
    } else {
        shared.map(|(user, _)| user.clone())
    };
    (lookup.is_some() || secret.is_some()).then_some((Asked { lookup, monitor, databases }, notes))
}

/// The SQL, for psql.
pub fn sql(asked: &Asked) -> Result<String, NameError> {
    let mut text = String::from(
        "-- For psql, as a superuser or as a role that may create roles and read pg_authid. It can be run again.\n\\set ON_ERROR_STOP on\n",
    );
    if let Some(user) = &asked.monitor {
        check_user(user)?;
        text.push_str(&monitor(user));
    }
    if let Some((user, function)) = &asked.lookup {
        check_user(user)?;
        auth_query(function)?;
        text.push_str(&role(user, "Looks up users for PgBouncer"));
        let _ = writeln!(
            text,
            "-- It can call the function and nothing else. Give it a password: \\password {}",
            identifier(user)
        );
        for database in &asked.databases {
            check_dbname(database)?;
            let _ = write!(text, "\n{}\n{}", connect(database), lookup(user, function));
        }
        if asked.databases.is_empty() {
            let _ = write!(text, "\n-- In each database in which users are looked up:\n{}", lookup(user, function));
        }
    }
    Ok(text)
}

/// A role that can log in and has no rights, if it is not there.
fn role(name: &str, comment: &str) -> String {
    let (quoted, tag) = (identifier(name), tag(&[name]));
    format!(
        "\nDO {tag}\nBEGIN\n  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN\n    \
         CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;\n  END IF;\n  \
         IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name} AND (rolsuper OR rolreplication OR rolbypassrls OR rolcreaterole)) THEN\n    \
         RAISE EXCEPTION 'role % is there and has more rights than it may have', {name};\n  END IF;\nEND\n{tag};\n\
         COMMENT ON ROLE {quoted} IS {comment};\n",
        name = literal(name),
        comment = literal(comment),
    )
}

/// The agent's own: settings, statistics and the position of replay, and nothing of anybody's data.
fn monitor(name: &str) -> String {
    let quoted = identifier(name);
    format!(
        "{}GRANT pg_monitor TO {quoted};\nALTER ROLE {quoted} SET default_transaction_read_only = on;\n\
         ALTER ROLE {quoted} SET statement_timeout = '5s';\n-- Give it a password: \\password {quoted}\n",
        role(name, "Plimsoll's agents: connections in use, and how far replicas are behind"),
    )
}

/// The function. Whoever owns the schema could put another function in its place, so the owner is looked at.
fn lookup(user: &str, function: &str) -> String {
    let (schema, name) = function.split_once('.').unwrap_or(("public", function));
    let (quoted_schema, user) = (identifier(schema), identifier(user));
    let function = format!("{quoted_schema}.{}", identifier(name));
    let checks = tag(&[schema, name]);
    let (own_schema, schema_rights) = if schema == "public" {
        (String::new(), String::new())
    } else {
        (
            format!("CREATE SCHEMA IF NOT EXISTS {quoted_schema};\n"),
            format!("REVOKE ALL ON SCHEMA {quoted_schema} FROM PUBLIC;\n"),
        )
    };
    format!(
        "BEGIN;\n{own_schema}DO {checks}\nBEGIN\n  \
         IF EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner\n             \
         WHERE n.nspname = {schema} AND NOT r.rolsuper AND r.rolname NOT IN (CURRENT_USER, 'pg_database_owner')) THEN\n    \
         RAISE EXCEPTION 'schema % belongs to somebody else', {schema};\n  END IF;\n  \
         IF EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace\n             \
         JOIN pg_catalog.pg_roles r ON r.oid = p.proowner\n             \
         WHERE n.nspname = {schema} AND p.proname = {name} AND NOT r.rolsuper AND r.rolname <> CURRENT_USER) THEN\n    \
         RAISE EXCEPTION 'function % belongs to somebody else', {name};\n  END IF;\nEND\n{checks};\n\
         CREATE OR REPLACE FUNCTION {function}(wanted text, OUT username text, OUT secret text)\n  \
         RETURNS SETOF record\n  LANGUAGE sql STABLE STRICT SECURITY DEFINER\n  \
         -- Nobody's search_path decides what the names in it mean.\n  \
         SET search_path = pg_catalog, pg_temp\n  \
         AS $lookup$\n    \
         SELECT a.rolname::text, a.rolpassword\n    FROM pg_catalog.pg_authid AS a\n    \
         WHERE a.rolname = wanted\n      AND a.rolcanlogin\n      \
         AND NOT (a.rolsuper OR a.rolreplication OR a.rolbypassrls)\n      AND a.rolpassword IS NOT NULL\n      \
         AND (a.rolvaliduntil IS NULL OR a.rolvaliduntil > pg_catalog.now())\n  $lookup$;\n\
         REVOKE ALL ON FUNCTION {function}(text) FROM PUBLIC;\n{schema_rights}\
         GRANT USAGE ON SCHEMA {quoted_schema} TO {user};\n\
         GRANT EXECUTE ON FUNCTION {function}(text) TO {user};\nCOMMIT;\n",
        schema = literal(schema),
        name = literal(name),
    )
}

#[cfg(test)]
mod tests;
