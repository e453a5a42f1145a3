//! `spec.autoscaling`: the bounds and metrics of the `HorizontalPodAutoscaler`.

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscalerBehavior, MetricSpec};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the operator manages a part of the workload.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Management {
    /// The operator writes it.
    #[default]
    Managed,
    /// The operator leaves it alone, and removes what it wrote before.
    Disabled,
}

/// Who scales the workload.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoscalingMode {
    /// The operator writes a HorizontalPodAutoscaler.
    #[default]
    Managed,
    /// The `HorizontalPodAutoscaler` or KEDA `ScaledObject` that exists stays as it is; only while enforcement acts a floor and a
    /// hold are written to it, and given back after.
    Adopt,
    /// Scaling is left alone, and what was written before is removed.
    Disabled,
}

/// How the workload scales.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas").message("minReplicas must not be above maxReplicas (defaults: 3 and 10)"),
    validation = Rule::new("self.minReplicas > 0 || self.metrics.exists(m, m.type == 'External' || m.type == 'Object')").message("minReplicas 0 needs a metric of type External or Object in metrics: nothing else can be measured without pods"),
    validation = Rule::new("self.mode != 'Managed' || !has(self.cpu) || !has(self.memory) || self.cpu.mode != 'Disabled' || self.memory.mode != 'Disabled' || size(self.metrics) > 0").message("cpu and memory are both disabled and metrics is empty: nothing is left to scale on; to leave scaling alone, set mode: Disabled")
)]
pub struct Autoscaling {
    /// `Managed` (default): the operator writes a HorizontalPodAutoscaler. `Adopt`: the HorizontalPodAutoscaler or the
    /// `ScaledObject` of KEDA that scales the target already stays, with its own bounds and metrics; while enforcement acts, its floor and
    /// its hold are written to it, and given back after. `Disabled`: scaling is left alone.
    #[serde(default)]
    pub mode: AutoscalingMode,

    /// Fewest replicas. Default 3. 0 needs a metric of type External or Object.
    #[serde(default = "default_min")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: i32,

    /// Most replicas. Default 10.
    #[serde(default = "default_max")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: i32,

    /// CPU utilization to hold, as a percentage of the pods' requests. Default: 70 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ResourceTarget>,

    /// Memory utilization to hold, as a percentage of the pods' requests. Default: 80 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ResourceTarget>,

    /// Further metrics, as in `autoscaling/v2`, handed on as they are. Default: none.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub metrics: Vec<MetricSpec>,

    /// Scaling behaviour, as in `autoscaling/v2`, handed on as it is. Default: up by at most the smaller of 100 % and 2 pods
    /// every 30 s, at once; down by at most 50 % every 60 s, on the highest need of the last 300 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self {
            mode: AutoscalingMode::Managed,
            min_replicas: default_min(),
            max_replicas: default_max(),
            cpu: None,
            memory: None,
            metrics: Vec::new(),
            behavior: None,
        }
    }
}

/// A utilization that the autoscaler holds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTarget {
    /// `Managed` (default): scale on this resource. `Disabled`: do not.
    #[serde(default)]
    pub mode: Management,

    /// Mean utilization over all pods, as a percentage of their requests. Default: 70 for CPU, 80 for memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub average_utilization: Option<i32>,

    /// Measure this container only, so that a sidecar does not dilute the figure. Default: the whole pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
}

const fn default_min() -> i32 {
    3
}

const fn default_max() -> i32 {
    10
}
