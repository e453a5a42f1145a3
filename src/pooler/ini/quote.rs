//! Names in the configuration file: which can be written, and how.

/// Longest name in Postgres, in bytes.
const LONGEST: usize = 63;
/// Longest host name, in bytes.
const LONGEST_HOST: usize = 253;

/// A name that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} {wrong}")]
pub struct NameError {
    /// What it names.
    pub what: &'static str,
    /// The name, shortened.
    pub name: String,
    /// What is wrong with it.
    pub wrong: &'static str,
}

fn wrong<T>(what: &'static str, name: &str, wrong: &'static str) -> Result<T, NameError> {
    Err(NameError { what, name: name.chars().take(80).collect(), wrong })
}

/// What holds for every name in Postgres.
fn check_name(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return wrong(what, name, "is empty");
    }
    if name.len() > LONGEST {
        return wrong(what, name, "is longer than 63 bytes");
    }
    if name.chars().any(char::is_control) {
        return wrong(what, name, "has a control character");
    }
    if name.trim() != name {
        return wrong(what, name, "has spaces around it");
    }
    Ok(())
}

/// Whether clients can know a database by this name. The manual of `PgBouncer` says that other names can be quoted; its parser does
/// not read them.
pub fn check_database(name: &str) -> Result<(), NameError> {
    check_name("database", name)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    match name {
        "pgbouncer" => wrong("database", name, "is the console of PgBouncer"),
        "*" => wrong("database", name, "would stand for every name that clients make up"),
        _ if !name.bytes().all(plain) => wrong(
            "database",
            name,
            "cannot be a name for clients: PgBouncer reads letters, digits and _-. alone; give it another name, and this one as dbname",
        ),
        _ => Ok(()),
    }
}

/// Whether a database of the server can have this name.
pub fn check_dbname(name: &str) -> Result<(), NameError> {
    check_name("dbname", name)
}

/// Whether the looking-up user can have this name.
pub fn check_user(name: &str) -> Result<(), NameError> {
    check_name("user", name)?;
    if name.contains('"') {
        return wrong("user", name, "has a double quote");
    }
    Ok(())
}

/// Whether this is the name or the address of one host.
pub fn check_host(host: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    match host {
        "" => wrong("host", host, "is empty"),
        _ if host.len() > LONGEST_HOST => wrong("host", host, "is longer than 253 bytes"),
        _ if !host.chars().all(plain) => {
            wrong("host", host, "is no host name or address: letters, digits and -._: are taken, and one host")
        }
        _ if !host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':') => {
            wrong("host", host, "begins with neither a letter nor a digit")
        }
        _ => Ok(()),
    }
}

/// The query that looks a user up by a function, named as `schema.name` or `name`.
pub fn auth_query(function: &str) -> Result<String, NameError> {
    let parts: Vec<&str> = function.split('.').collect();
    if parts.len() > 2 {
        return wrong("function", function, "has more than one point: write it as schema.name");
    }
    let plain = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    for part in &parts {
        check_name("function", part)?;
    }
    if !parts.iter().all(plain) {
        return wrong("function", function, "has more than letters, digits and _ in it");
    }
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    Ok(format!("SELECT * FROM {}($1)", quoted.join(".")))
}

/// A value in a connection string: in single quotes, a single quote doubled.
pub(super) fn value(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A database's name in a command of the console, as in `PAUSE "a b"`.
pub fn console_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
