//! What an installation decides for all profiles.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::{api::v1alpha1::PerformanceProfile, slo};

/// What an installation decides for all profiles: the same for `run`, `render` and `check`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Labels on every rule object, so that the installation's `ruleSelector` picks it.
    pub rule_labels: BTreeMap<String, String>,
    /// What Thanos Ruler does about stores that do not answer, where a profile does not say it.
    pub partial_response_strategy: Option<slo::PartialResponse>,
    /// Evaluation and scrape intervals.
    pub slo: slo::Options,
    /// The label that holds the namespace of a series: every selector of a profile is held to the profile's own. Nothing: not.
    pub namespace_label: Option<String>,
    /// What poolers are made of.
    pub pooler: PoolerImages,
    /// The time for which profiles in files are read: calendar and maintenance windows depend on it. The
    /// operator does not use it: it takes the time of each look.
    pub at: Timestamp,
}

impl Settings {
    /// What every selector of a profile is held to. A file that names no namespace is for that of kubectl.
    pub fn fence(&self, profile: &PerformanceProfile) -> Option<slo::Fence> {
        let label = self.namespace_label.clone()?;
        Some(slo::Fence::new(label, profile.namespace().unwrap_or_else(|| "default".to_owned())))
    }
}

/// Images that poolers are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolerImages {
    /// With `PgBouncer`, where a profile names none.
    pub image: Option<String>,
    /// With the operator's own program.
    pub agent_image: Option<String>,
}
