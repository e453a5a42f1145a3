//! The table as a page for people.

use std::fmt::Write as _;

use super::{KEYS, Owner, Reloadable, value};
use crate::pooler::{ini::DEFAULTS, version::OLDEST};

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Settings of PgBouncer\n\nGenerated: `UPDATE_GOLDEN=1 cargo test --test pooler`.\n\n\
         Every key of `[pgbouncer]` from version 1.21 to 1.26. Those of the first table go into `spec.pooling.postgres.parameters`; keys and values \
         are checked before anything is written, against the version that runs. A change is loaded without a restart unless it says otherwise.\n\n\
         ## Free\n\n| key | takes | PgBouncer's default | Plimsoll's default, and why |\n| --- | --- | --- | --- |\n",
    );
    for key in KEYS.iter().filter(|key| key.owner == Owner::Free) {
        let mut takes = value::allowed(key.kind);
        if key.since > OLDEST {
            let _ = write!(takes, "; since {}.{}", key.since.major, key.since.minor);
        }
        if key.reload == Reloadable::Restart {
            takes.push_str("; a change rolls the pods");
        }
        let ours = DEFAULTS.iter().find(|(name, ..)| *name == key.name);
        let ours = ours.map_or(String::new(), |(_, value, reason)| format!("`{value}`: {reason}"));
        let _ = writeln!(text, "| `{}` | {takes} | {} | {ours} |", key.name, code(key.default));
    }
    text.push_str(
        "\n## Set by a field of the profile\n\n| key | field below `spec.pooling.postgres` |\n| --- | --- |\n",
    );
    for key in KEYS {
        if let Owner::Typed(field) = key.owner {
            let _ = writeln!(text, "| `{}` | `{field}` |", key.name);
        }
    }
    text.push_str("\n## Not to be set\n\n| key | why |\n| --- | --- |\n");
    for key in KEYS {
        if let Owner::Reserved(reason) = key.owner {
            let _ = writeln!(text, "| `{}` | {reason} |", key.name);
        }
    }
    text
}

fn code(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("`{value}`") }
}
