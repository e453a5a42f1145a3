//! Every key of `[pgbouncer]`: what it takes, since when it is there, whether it can be reloaded, and whose it is.
//!
//! A user's `parameters` are checked against this table before anything is written, for `PgBouncer` refuses a whole file for one
//! wrong line, and takes some wrong values without a word.

use super::version::Version;

mod reference;
mod table;
mod value;

pub use reference::markdown;
pub use table::KEYS;
pub use value::same_value;

/// A key of `[pgbouncer]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The value that `PgBouncer` 1.24 has without it.
    pub default: &'static str,
    /// The version that it came with.
    pub since: Version,
    /// Whether `RELOAD` takes a new value.
    pub reload: Reloadable,
    /// Whose it is.
    pub owner: Owner,
}

/// Whether a change needs new pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloadable {
    /// `RELOAD` takes it.
    Reload,
    /// Only a start of the process does.
    Restart,
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user's, by `parameters`.
    Free,
    /// Set by this field of the profile, below `spec.pooling.postgres`.
    Typed(&'static str),
    /// Nobody's but the operator's, for this reason.
    Reserved(&'static str),
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// 0 or 1.
    Bool,
    /// A whole number.
    Int(u32, u32),
    /// A number of seconds, with a fraction if need be.
    Seconds(f64, f64),
    /// A number of bytes.
    Bytes(u32, u32),
    /// A file mode in octal digits.
    Mode,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words, divided by commas.
    Choices(&'static [&'static str]),
    /// Names of letters, digits and `_` and `.`, divided by commas; perhaps none.
    List,
    /// Names of ciphers and curves, in OpenSSL's way.
    Ciphers,
    /// A name.
    Name,
    /// A sentence for people.
    Text,
    /// SQL, on one line.
    Sql,
    /// A file or a directory.
    Path,
}

/// A parameter that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// There is no such key.
    #[error("PgBouncer has no setting {key}{}", nearest.as_ref().map(|near| format!("; is it {near}?")).unwrap_or_default())]
    Unknown {
        /// As it was written.
        key: String,
        /// A key that is written nearly so.
        nearest: Option<&'static str>,
    },
    /// The version does not have it yet.
    #[error(
        "{key} came with PgBouncer {since}, and the version is {version}: raise version and image, or leave it away"
    )]
    NotYet {
        /// The key.
        key: &'static str,
        /// When it came.
        since: Version,
        /// What there is.
        version: Version,
    },
    /// A field of the profile sets it.
    #[error("{key} is set by spec.pooling.postgres.{field}: set it there")]
    Typed {
        /// The key.
        key: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The operator sets it.
    #[error("{key} cannot be set: {reason}")]
    Reserved {
        /// The key.
        key: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The value is not what it takes.
    #[error("{key} cannot be {value:?}: it takes {allowed}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, shortened.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}

/// The key of this name.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Checks a user's parameter against a version of `PgBouncer`, and says whether a change of it needs new pods.
pub fn check_parameter(version: Version, name: &str, value: &str) -> Result<Reloadable, ParameterError> {
    let Some(key) = key(name) else {
        return Err(ParameterError::Unknown { key: shortened(name), nearest: nearest(name) });
    };
    match key.owner {
        Owner::Typed(field) => return Err(ParameterError::Typed { key: key.name, field }),
        Owner::Reserved(reason) => return Err(ParameterError::Reserved { key: key.name, reason }),
        Owner::Free => {}
    }
    if version < key.since {
        return Err(ParameterError::NotYet { key: key.name, since: key.since, version });
    }
    match value::check(key.kind, value) {
        Ok(()) => Ok(key.reload),
        Err(allowed) => Err(ParameterError::Value { key: key.name, value: shortened(value), allowed }),
    }
}

/// The key that was meant, if one is written nearly so.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase().replace('-', "_");
    let near = KEYS.iter().map(|key| (strsim::jaro_winkler(&name, key.name), key.name));
    near.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// What a user wrote, short enough for a message.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
