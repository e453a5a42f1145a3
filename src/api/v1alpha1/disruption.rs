//! `spec.disruption`: the `PodDisruptionBudget`.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Management;

/// How many pods may be away during voluntary disruptions such as node drains.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.maxUnavailable) || !has(self.minAvailable)").message("set maxUnavailable or minAvailable, not both"),
    validation = Rule::new("!has(self.maxUnavailable) || string(self.maxUnavailable).matches('^([1-9][0-9]?|100)%$') || (string(self.maxUnavailable) != self.maxUnavailable && string(self.maxUnavailable).matches('^[1-9][0-9]{0,5}$'))").message("maxUnavailable is a number of pods from 1, or a percentage from 1% to 100%: 0 would block every node drain"),
    validation = Rule::new("!has(self.minAvailable) || (self.minAvailable.matches('^[0-9]{1,2}%$'))").message("minAvailable is a percentage from 0% to 99%, like 75%: a number of pods does not follow the autoscaler, and 100% would block every node drain")
)]
pub struct Disruption {
    /// `Managed` (default): the operator writes a PodDisruptionBudget. `Disabled`: none.
    #[serde(default)]
    pub mode: Management,

    /// Pods that may be away at once: a number, or a percentage such as `25%`. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,

    /// Share of the pods that must stay, as a percentage such as `75%`. Default: not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub min_available: Option<String>,
}
