//! For how long a reason on the workload overrides a freeze.
//!
//! It holds until the end that the freeze had when the reason was given, so at most `spec.enforcement.freeze.longest`. A reason that
//! was there before the freeze is worth nothing, and so is one that has run out: another reason is asked for. So none opens a
//! workload for ever, and `kubectl annotate` before `kubectl set image` is all that there is to do.

use k8s_openapi::jiff::Timestamp;

use super::whole_seconds;
use crate::api::v1alpha1::{FreezeOverride, FreezeStatus};

/// What to note of the annotation. `written` is the freeze as the status has it, `since` when the present one began.
pub fn follow(written: Option<&FreezeStatus>, annotation: Option<&str>, since: Timestamp) -> Option<FreezeOverride> {
    let reason = annotation.map(str::trim).filter(|reason| !reason.is_empty())?;
    let since = whole_seconds(since);
    let until = match written.filter(|freeze| freeze.since == since) {
        // The freeze begins now: what is there already is older than it.
        None => since,
        Some(freeze) => match &freeze.overridden {
            Some(noted) if noted.reason == reason => noted.until.clone(),
            _ => freeze.until.clone(),
        },
    };
    Some(FreezeOverride { reason: reason.to_owned(), until })
}

/// Whether the reason was given since the status was written: worth an event and a count, once.
pub fn is_news(written: Option<&FreezeStatus>, now: Option<&FreezeOverride>, since: Timestamp) -> bool {
    let noted = written.and_then(|freeze| freeze.overridden.as_ref());
    now.is_some_and(|now| now.until > whole_seconds(since) && noted != Some(now))
}
