//! Who wrote what, by the API server's own account.

use std::{fs::File, io::BufRead, path::Path};

use anyhow::{Context, Result};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::operator::agent;

/// A write that the API server has accepted from a replica.
#[derive(Debug, Clone)]
pub struct Entry {
    pub replica: String,
    /// When the request arrived.
    pub from: Timestamp,
    /// When it was answered.
    pub to: Timestamp,
    /// Kind and name of the object.
    pub what: String,
    pub lease: bool,
}

/// The accepted writes of all replicas since a time.
pub fn since(log: &Path, start: Timestamp) -> Result<Vec<Entry>> {
    let file = File::open(log).with_context(|| log.display().to_string())?;
    let prefix = agent("");
    let mut entries = Vec::new();
    for line in std::io::BufReader::new(file).lines() {
        let line = line?;
        // Most lines are others'.
        if !line.contains(&prefix) {
            continue;
        }
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        entries.extend(entry(&event, &prefix).filter(|entry| entry.from >= start));
    }
    entries.sort_by_key(|entry| entry.from);
    Ok(entries)
}

fn entry(event: &Value, prefix: &str) -> Option<Entry> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let accepted = event.pointer("/responseStatus/code").and_then(Value::as_u64).is_some_and(|code| code < 300);
    let resource = text("/objectRef/resource")?;
    Some(Entry {
        replica: text("/userAgent")?.strip_prefix(prefix)?.to_owned(),
        from: text("/requestReceivedTimestamp")?.parse().ok()?,
        to: text("/stageTimestamp")?.parse().ok()?,
        what: format!("{resource}/{}", text("/objectRef/name").unwrap_or_default()),
        lease: resource == "leases",
    })
    .filter(|_| accepted)
}
