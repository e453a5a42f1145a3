//! The `PrometheusRule` of the Prometheus Operator, as far as we write it.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::RuleGroups;

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
