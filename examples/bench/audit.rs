//! What the operator has asked of the API server, as that has written it down.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use serde_json::Value;

/// Requests of one verb for one resource.
pub type Counts = BTreeMap<(String, String), usize>;

/// The audit log, from a moment on.
pub struct Since {
    path: String,
    from: String,
}

impl Since {
    /// From now on.
    pub fn now(path: &str) -> Self {
        // As the API server writes it: microseconds, UTC, so that texts compare as times do.
        let now = jiff::Timestamp::now();
        Self { path: path.to_owned(), from: format!("{now:.6}") }
    }

    /// The operator's requests since then, watches aside; also from the file that was rotated away.
    pub fn requests(&self) -> Result<Counts> {
        let mut counts = Counts::new();
        let folder = std::path::Path::new(&self.path).parent().context("the audit log has no folder")?;
        let stem = std::path::Path::new(&self.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(stem)) {
                self.count(&fs::read_to_string(path)?, &mut counts);
            }
        }
        Ok(counts)
    }

    fn count(&self, log: &str, counts: &mut Counts) {
        for line in log.lines().filter(|line| line.contains("\"userAgent\":\"plimsoll/")) {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            if text("/requestReceivedTimestamp") < self.from || text("/verb") == "watch" {
                continue;
            }
            let subresource = text("/objectRef/subresource");
            let separator = if subresource.is_empty() { "" } else { "/" };
            let resource = format!("{}{separator}{subresource}", text("/objectRef/resource"));
            *counts.entry((text("/verb"), resource)).or_default() += 1;
        }
    }
}

/// How many of them change something.
pub fn writes(counts: &Counts) -> usize {
    counts.iter().filter(|((verb, _), _)| !matches!(&**verb, "get" | "list")).map(|(_, count)| count).sum()
}

/// As a text.
pub fn text(counts: &Counts) -> String {
    let parts = counts.iter().map(|((verb, resource), count)| format!("{verb} {resource} {count}"));
    parts.collect::<Vec<_>>().join(", ")
}
