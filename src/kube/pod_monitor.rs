//! The `PodMonitor` of the Prometheus Operator, as far as we write it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Pods that the Prometheus Operator has scraped by the Prometheus servers whose `podMonitorSelector` matches.
/// Source of the shape: the `monitoring.coreos.com/v1` API of the Prometheus Operator.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "PodMonitor",
    plural = "podmonitors",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitorSpec {
    /// Which pods.
    #[serde(default)]
    pub selector: LabelSelector,
    /// What of them, as JSON: what a person has written into one of ours must not keep it from being read.
    #[serde(default)]
    pub pod_metrics_endpoints: Vec<serde_json::Value>,
}
