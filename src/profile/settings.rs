//! What an installation decides for all profiles.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use crate::slo;

/// What an installation decides for all profiles: the same for `run`, `render` and `check`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Labels on every rule object, so that the installation's `ruleSelector` picks it.
    pub rule_labels: BTreeMap<String, String>,
    /// What Thanos Ruler does about stores that do not answer, where a profile does not say it.
    pub partial_response_strategy: Option<slo::PartialResponse>,
    /// Evaluation and scrape intervals.
    pub slo: slo::Options,
    /// What poolers are made of.
    pub pooler: PoolerImages,
    /// The time for which profiles in files are read: calendar and maintenance windows depend on it. The
    /// operator does not use it: it takes the time of each look.
    pub at: Timestamp,
}

/// Images that poolers are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolerImages {
    /// With `PgBouncer`, where a profile names none.
    pub image: Option<String>,
    /// With the operator's own program.
    pub agent_image: Option<String>,
}
