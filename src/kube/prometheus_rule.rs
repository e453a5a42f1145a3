//! The `PrometheusRule` of the Prometheus Operator, as far as we write it.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{RuleGroups, Written, rule_groups::with_groups};

/// Rules that the Prometheus Operator hands to the Prometheus servers whose `ruleSelector` matches.
/// Source of the shape: the `monitoring.coreos.com/v1` API of the Prometheus Operator.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "PrometheusRule",
    plural = "prometheusrules",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
pub struct PrometheusRuleSpec {
    /// Every group of rules.
    #[serde(default)]
    pub groups: RuleGroups,
}

impl Written for PrometheusRule {
    fn json(&self) -> serde_json::Result<Vec<u8>> {
        let without = Self { metadata: self.metadata.clone(), spec: PrometheusRuleSpec::default() };
        with_groups(&self.spec.groups, &without)?.map_or_else(|| serde_json::to_vec(self), Ok)
    }
}
