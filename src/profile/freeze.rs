//! A freeze of rollouts, as it stands in the status of the profile.
//!
//! The status is all that there is to it: the admission policy of the chart (`templates/freeze-policy.yaml`) has the profiles of
//! the namespace as its parameters. So a freeze goes with its profile, and it ends at its `until` with or without an operator.

use std::time::Duration;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use crate::api::v1alpha1::{FreezeAction, FreezeOverride, FreezeStatus};

mod images;
mod over;

pub use images::ImageSet;
pub use over::{follow, is_news};

/// Most sets of images that are written.
const MOST_IMAGES: usize = 10;

/// A freeze as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezePlan {
    /// What admission does; with `Disabled`, nothing.
    pub action: FreezeAction,
    /// Which objective, and how its budget stands, as in `objective availability has spent its error budget (-12 % left)`.
    pub reason: String,
    /// Since when the freeze lasts; renewals do not move it.
    pub since: Timestamp,
    /// When it ends by itself, from [`renewed`].
    pub until: Timestamp,
    /// Images that were good, the newest first: going back to them is allowed.
    pub good_images: Vec<ImageSet>,
    /// The reason on the workload, from [`follow`].
    pub overridden: Option<FreezeOverride>,
}

/// What to write into the status.
pub fn freeze_status(plan: &FreezePlan) -> FreezeStatus {
    let mut good_images: Vec<String> = Vec::new();
    for set in plan.good_images.iter().filter(|set| !set.is_empty()).map(ToString::to_string) {
        if good_images.len() < MOST_IMAGES && !good_images.contains(&set) {
            good_images.push(set);
        }
    }
    FreezeStatus {
        action: plan.action,
        reason: plan.reason.clone(),
        since: whole_seconds(plan.since),
        until: whole_seconds(plan.until),
        good_images,
        overridden: plan.overridden.clone(),
    }
}

/// The end of a freeze that goes on: the one that is written, while more than half of `longest` is left, so that not every look is
/// a write.
pub fn renewed(written: Option<&FreezeStatus>, now: Timestamp, longest: Duration) -> Timestamp {
    let end = |length: Duration| now.checked_add(length).unwrap_or(Timestamp::MAX);
    let (half, full) = (end(longest / 2), end(longest));
    let before = written.map(|freeze| freeze.until.0);
    before.filter(|before| (half..=full).contains(before)).unwrap_or(full)
}

/// The API server compares with times in whole seconds.
fn whole_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

#[cfg(test)]
mod tests;
