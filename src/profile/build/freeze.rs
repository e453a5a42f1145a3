//! The `ConfigMap` that freezes the rollouts of one workload.
//!
//! It is the parameter of the admission policy in the chart (`templates/freeze-policy.yaml`), which reads every key of [`keys`] and
//! no other. It ends by itself at `until`: the policy takes the time from the request, so a freeze outlives no operator for long.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};

use super::metadata;
use crate::{
    api::{
        labels,
        v1alpha1::{FreezeAction, TargetRef},
    },
    profile::validate::Profile,
};

mod images;
mod over;

pub use images::ImageSet;
pub use over::{Override, follow, is_news};

/// Keys of the data, as the policy reads them.
pub mod keys {
    /// API version of the workload.
    pub const API_VERSION: &str = "apiVersion";
    /// Kind of the workload.
    pub const KIND: &str = "kind";
    /// Name of the workload.
    pub const NAME: &str = "name";
    /// Name of the profile.
    pub const PROFILE: &str = "profile";
    /// Why, in one line.
    pub const REASON: &str = "reason";
    /// Since when, as in RFC 3339; for the operator alone.
    pub const SINCE: &str = "since";
    /// When the freeze ends by itself, as in RFC 3339.
    pub const UNTIL: &str = "until";
    /// One line for each set of images that was good, the newest first.
    pub const GOOD_IMAGES: &str = "goodImages";
    /// The override that was seen on the workload.
    pub const OVERRIDE: &str = "override";
    /// Until when that override holds, as in RFC 3339.
    pub const OVERRIDE_UNTIL: &str = "overrideUntil";
}

/// Most sets of images that are written.
const MOST_IMAGES: usize = 10;

/// Longest reason in the message of a refusal, in characters: the message may have 5 KiB.
const LONGEST_REASON: usize = 600;

/// A freeze as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezePlan {
    /// What admission does. `Disabled` writes nothing.
    pub action: FreezeAction,
    /// Which objective, and how its budget stands, as in `objective availability has spent its error budget (-12 % left)`.
    pub reason: String,
    /// Since when the freeze lasts; renewals do not move it.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Images that were good, the newest first: to go back to them is allowed.
    pub good_images: Vec<ImageSet>,
    /// The override on the workload, from [`follow`].
    pub override_: Option<Override>,
}

/// Name of the `ConfigMap`.
pub fn freeze_name(profile: &str) -> String {
    format!("{profile}-freeze")
}

/// The `ConfigMap` as it should be, or nothing where admission is to do nothing.
pub fn freeze(profile: &Profile, plan: &FreezePlan) -> Option<ConfigMap> {
    let action = match plan.action {
        FreezeAction::Disabled => return None,
        FreezeAction::Warn => "warn",
        FreezeAction::Deny => "deny",
    };
    let TargetRef { api_version, kind, name } = &profile.target;
    let mut images: Vec<String> = Vec::new();
    for set in plan.good_images.iter().filter(|set| !set.is_empty()).map(ToString::to_string) {
        if images.len() < MOST_IMAGES && !images.contains(&set) {
            images.push(set);
        }
    }
    let mut data = BTreeMap::from([
        (keys::API_VERSION, api_version.clone()),
        (keys::KIND, kind.clone()),
        (keys::NAME, name.clone()),
        (keys::PROFILE, profile.name.clone()),
        (keys::REASON, one_line(&plan.reason)),
        (keys::SINCE, rfc3339(plan.since)),
        (keys::UNTIL, rfc3339(plan.until)),
        (keys::GOOD_IMAGES, images.join("\n")),
    ]);
    if let Some(Override { reason, until }) = &plan.override_ {
        data.insert(keys::OVERRIDE, reason.clone());
        data.insert(keys::OVERRIDE_UNTIL, rfc3339(*until));
    }
    let mut metadata = metadata(profile, freeze_name(&profile.name));
    metadata.labels.get_or_insert_default().insert(labels::FREEZE.to_owned(), action.to_owned());
    Some(ConfigMap {
        metadata,
        data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ..ConfigMap::default()
    })
}

/// The end of a freeze that goes on: what is written, while more than half of `longest` is left, so that not every look is a write.
pub fn renewed(written: Option<&ConfigMap>, now: Timestamp, longest: std::time::Duration) -> Timestamp {
    let end = |length: std::time::Duration| now.checked_add(length).unwrap_or(Timestamp::MAX);
    let (half, full) = (end(longest / 2), end(longest));
    let before = written.and_then(|map| time(map, keys::UNTIL));
    before.filter(|before| (half..=full).contains(before)).unwrap_or(full)
}

fn text<'a>(map: &'a ConfigMap, key: &str) -> Option<&'a str> {
    map.data.as_ref()?.get(key).map(String::as_str)
}

fn time(map: &ConfigMap, key: &str) -> Option<Timestamp> {
    text(map, key)?.parse().ok()
}

/// The API server writes times in whole seconds, and so does the `ConfigMap`.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A message of several lines would not be shown at all.
fn one_line(reason: &str) -> String {
    let words: Vec<_> = reason.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
