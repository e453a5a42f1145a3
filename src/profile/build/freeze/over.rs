//! For how long a reason on the workload overrides a freeze.
//!
//! It holds until the end that the freeze had when the reason was given, so at most `spec.enforcement.freeze.longest`. A reason that
//! was there before the freeze is worth nothing, and so is one that has run out: another reason is asked for. So none opens a
//! workload for ever, and `kubectl annotate` before `kubectl set image` is all that there is to do.

use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};

use super::{keys, rfc3339, text, time, whole_seconds};

/// A reason that was seen on the workload while it was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The reason, as it stands in the annotation.
    pub reason: String,
    /// Until when it holds; in the past for one that is older than the freeze.
    pub until: Timestamp,
}

/// What to note of the annotation. `written` is the `ConfigMap` as it is in the cluster; `until` is the freeze's end as it was
/// written then, or will be now.
pub fn follow(
    written: Option<&ConfigMap>,
    annotation: Option<&str>,
    since: Timestamp,
    until: Timestamp,
) -> Option<Override> {
    let reason = annotation.map(str::trim).filter(|reason| !reason.is_empty())?.to_owned();
    // A freeze of its own: what it noted counts. Of an earlier one nothing does.
    let Some(written) = written.filter(|map| text(map, keys::SINCE) == Some(&rfc3339(since))) else {
        return Some(Override { reason, until: whole_seconds(since) });
    };
    let noted = text(written, keys::OVERRIDE).filter(|noted| *noted == reason);
    let until = match noted {
        Some(_) => time(written, keys::OVERRIDE_UNTIL).unwrap_or(since),
        None => time(written, keys::UNTIL).unwrap_or(until),
    };
    Some(Override { reason, until })
}

/// Whether an override was given since the freeze was written: worth an event, once.
pub fn is_news(written: Option<&ConfigMap>, now: Option<&Override>, since: Timestamp) -> bool {
    let Some(Override { reason, until }) = now else { return false };
    let noted = written.and_then(|map| text(map, keys::OVERRIDE));
    *until > since && noted != Some(reason)
}
