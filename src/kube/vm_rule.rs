//! The `VMRule` of the VictoriaMetrics operator, as far as we write it.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{RuleGroups, Written, rule_groups::with_groups};

/// Rules that the VictoriaMetrics operator hands to each `VMAlert` whose `ruleSelector` matches.
/// Source of the shape: the `operator.victoriametrics.com/v1beta1` API. Its groups have the fields of a Prometheus rule file but
/// `partial_response_strategy`, and one field that it does not know keeps the whole object from being read.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "operator.victoriametrics.com",
    version = "v1beta1",
    kind = "VMRule",
    plural = "vmrules",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
pub struct VMRuleSpec {
    /// Every group of rules.
    #[serde(default)]
    pub groups: RuleGroups,
}

impl Written for VMRule {
    fn json(&self) -> serde_json::Result<Vec<u8>> {
        let without = Self { metadata: self.metadata.clone(), spec: VMRuleSpec::default() };
        with_groups(&self.spec.groups, &without)?.map_or_else(|| serde_json::to_vec(self), Ok)
    }
}
