//! A freeze of rollouts, as it stands in the status of the profile.
//!
//! The status is all that there is to it: the admission policies of the chart (`templates/freeze-policy.yaml`) have the profiles of
//! the namespace as their parameters. So a freeze goes with its profile, and it ends at its `until` with or without an operator.
//!
//! An override, a reason in an annotation of the workload, holds until the end that the freeze had when the reason was given, so at
//! most for `spec.enforcement.freeze.longest`. A reason that was there before the freeze is worth nothing, and so is one that has run
//! out: another one is asked for. So none opens a workload for ever, and `kubectl annotate` before `kubectl set image` is all that
//! there is to do.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use crate::{
    api::v1alpha1::{FreezeAction, FreezeOverride, FreezeStatus},
    enforce::Freeze,
};

/// Most sets of images that are written: as many as the schema takes.
const MOST_IMAGES: usize = 10;

/// What to write into the status. `written` is the freeze as it stands there, `annotation` the reason on the workload.
pub fn freeze_status(
    action: FreezeAction,
    freeze: &Freeze,
    written: Option<&FreezeStatus>,
    annotation: Option<&str>,
) -> FreezeStatus {
    let mut good_images: Vec<String> = Vec::new();
    for set in freeze.good.iter().rev().filter(|set| !set.is_empty()) {
        if good_images.len() < MOST_IMAGES && !good_images.contains(set) {
            good_images.push(set.clone());
        }
    }
    FreezeStatus {
        action,
        reason: freeze.reason.clone(),
        since: time(freeze.since),
        until: time(freeze.until),
        good_images,
        overridden: overridden(freeze, written, annotation),
    }
}

fn overridden(freeze: &Freeze, written: Option<&FreezeStatus>, annotation: Option<&str>) -> Option<FreezeOverride> {
    let reason = annotation.map(str::trim).filter(|reason| !reason.is_empty())?;
    let since = time(freeze.since);
    let until = match written.filter(|written| written.since == since) {
        // The freeze begins now: what is there already is older than it.
        None => since,
        Some(written) => match &written.overridden {
            Some(noted) if noted.reason == reason => noted.until.clone(),
            _ => written.until.clone(),
        },
    };
    Some(FreezeOverride { reason: reason.to_owned(), until })
}

/// The override that was given between two statuses: worth an event and a count, once.
pub fn given<'a>(before: Option<&FreezeStatus>, now: Option<&'a FreezeStatus>) -> Option<&'a FreezeOverride> {
    let now = now?;
    let given = now.overridden.as_ref()?;
    let noted = before.and_then(|before| before.overridden.as_ref());
    (given.until > now.since && noted != Some(given)).then_some(given)
}

fn time(seconds: i64) -> Time {
    Time(Timestamp::from_second(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests;
