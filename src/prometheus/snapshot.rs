//! What the last evaluation found, for all profiles.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
    sync::Arc,
    time::Duration,
};

use super::{ClientError, RuleSelector, answer::Sample, client::RuleGroup};
use crate::{
    shard::Shards,
    slo::{
        Identity,
        evaluate::{Group, Numbers, Samples},
        number,
    },
};
use k8s_openapi::jiff::Timestamp;

/// What the last evaluation found.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was.
    pub at: Timestamp,
    /// What Prometheus said.
    pub answer: Answer,
}

/// What Prometheus said.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The operator was started without a Prometheus.
    NotConfigured,
    /// Not asked yet.
    Pending,
    /// It did not say.
    Failed(ClientError),
    /// It answered.
    Given(Arc<Given>),
}

/// An answer.
#[derive(Debug, Default)]
pub struct Given {
    /// The samples of each objective.
    pub samples: HashMap<Identity, Recorded>,
    /// The rule groups that are loaded.
    pub loaded: Loaded,
}

/// What is recorded of one objective.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// The numbers.
    pub samples: Samples,
    /// When the newest was taken, in seconds since 1970.
    pub newest: Option<f64>,
}

/// The age in seconds up to which samples are fresh: three intervals of the rules and half a minute, for an evaluation may
/// be late once.
pub fn longest_age(interval: Duration) -> i64 {
    i64::try_from(interval.as_secs() * 3 + 30).unwrap_or(i64::MAX)
}

/// Seconds between a sample and a later time.
#[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
pub fn age(taken: f64, at: Timestamp) -> i64 {
    at.as_second() - taken as i64
}

impl Recorded {
    /// Whether there are samples and they may be acted on at this time.
    pub fn is_fresh(&self, at: Timestamp, interval: Duration) -> bool {
        self.newest.is_some_and(|newest| age(newest, at) <= longest_age(interval))
    }

    /// Whether a status shows the same of both: then they are no news.
    pub fn shows_as(&self, other: &Self) -> bool {
        shown_alike(&self.samples, &other.samples)
    }
}

fn shown_alike(one: &Samples, other: &Samples) -> bool {
    let Samples { window, further, burn, bad_rate: _, groups_left_out, groups } = one;
    numbers_alike(window, &other.window)
        && *groups_left_out == other.groups_left_out
        && alike(further, &other.further, numbers_alike)
        && alike(burn, &other.burn, |one, other| {
            one.to_bits() == other.to_bits() || shown_burn(*one) == shown_burn(*other)
        })
        && alike(groups, &other.groups, shown_alike)
}

fn alike<K: PartialEq, V>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>, same: impl Fn(&V, &V) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && same(one.1, other.1))
}

fn numbers_alike(one: &Numbers, other: &Numbers) -> bool {
    let rounded = |numbers: &Numbers| {
        let Numbers { bad_events, total_events, budget_events, objective, budget_remaining, coverage } = *numbers;
        let counts = [bad_events, total_events, budget_events, budget_remaining, coverage];
        (counts.map(|number| number.map(number::round3)), objective.map(number::round_good))
    };
    one == other || rounded(one) == rounded(other)
}

/// A burn rate with two significant digits: enough to act on, and it holds still while traffic is even.
pub fn shown_burn(rate: f64) -> String {
    if rate == 0.0 || !rate.is_finite() {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is a small number")]
    let magnitude = rate.abs().log10().floor() as i32;
    let unit = 10_f64.powi(magnitude - 1);
    let rounded = (rate / unit).round() * unit;
    let decimals = usize::try_from(1 - magnitude).unwrap_or(0).min(6);
    let text = format!("{rounded:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The rule groups that Prometheus has loaded, and how they fare.
#[derive(Debug)]
pub enum Loaded {
    /// It did not say.
    Unknown(String),
    /// By name.
    Groups {
        /// Every group of the operator.
        groups: HashMap<String, GroupState>,
        /// What the installation's Prometheus objects select.
        selectors: Vec<RuleSelector>,
    },
}

/// How one rule group fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// Namespace and name of the profile that it belongs to.
    pub profile: (String, String),
    /// The error of a rule in it; nothing where all are well.
    pub error: Option<String>,
}

impl Default for Loaded {
    fn default() -> Self {
        Self::Groups { groups: HashMap::new(), selectors: Vec::new() }
    }
}

/// Gives a sample to the objective that its labels name, if it is of these shards. What other labels it has are the values that it is
/// grouped by, and what was added on the way.
pub fn distribute<S: BuildHasher>(mut sample: Sample, shards: &Shards, into: &mut HashMap<Identity, Recorded, S>) {
    let Some(name) = sample.take("__name__") else { return };
    if let Some(identity) = identity(&mut sample, shards) {
        let value = sample.value();
        let group = sample.rest().filter(|(label, _)| !Identity::is_own(label));
        let group: Group = group.map(|(label, value)| (label.into_owned(), value)).collect();
        into.entry(identity).or_default().samples.of_group(group).take(&name, value);
    }
}

/// Notes when the newest sample of an objective was taken: a value of a query for `timestamp(…)`, in seconds since 1970.
pub fn distribute_time<S: BuildHasher>(mut time: Sample, shards: &Shards, into: &mut HashMap<Identity, Recorded, S>) {
    if let Some(identity) = identity(&mut time, shards) {
        into.entry(identity).or_default().newest = Some(time.value());
    }
}

/// Nothing where it is in none of these shards.
fn identity(sample: &mut Sample, shards: &Shards) -> Option<Identity> {
    sample.label("namespace").filter(|namespace| shards.hold(namespace))?;
    let mut label = |name| sample.take(name);
    Some(Identity { namespace: label("namespace")?, profile: label("profile")?, objective: label("objective")? })
}

/// The groups by name, with the first error of their rules. Groups that name no profile are not the operator's.
pub fn groups(groups: &[RuleGroup], shards: &Shards) -> HashMap<String, GroupState> {
    let mut all: HashMap<String, GroupState> = HashMap::new();
    for group in groups {
        for rule in &group.rules {
            let label = |name: &str| rule.labels.get(name).cloned();
            let (Some(namespace), Some(profile)) = (label("namespace"), label("profile")) else { continue };
            if !shards.hold(&namespace) {
                continue;
            }
            let failed =
                (rule.health == "err").then(|| rule.last_error.clone().unwrap_or_else(|| "no reason given".to_owned()));
            // The same group may be loaded twice, by two Prometheus behind one address; an error in either is one.
            let state = all
                .entry(group.name.clone())
                .or_insert_with(|| GroupState { profile: (namespace, profile), error: None });
            state.error = state.error.take().or(failed);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burn_rates_have_two_digits() {
        for (rate, shown) in
            [(0.0, "0"), (14.444, "14"), (1.05, "1.1"), (0.996, "1"), (0.0414, "0.041"), (999.0, "1000"), (1e-9, "0")]
        {
            assert_eq!(shown_burn(rate), shown, "{rate}");
        }
    }
}
