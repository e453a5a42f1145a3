//! The resource itself.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    Alerting, Autoscaling, Disruption, Enforcement, Maintenance, Objective, PerformanceProfileStatus, Pooling,
    RuleObject, Telemetry,
};

/// What a workload promises and how it may scale. A profile with nothing but a `targetRef` is a sound one: every other
/// field has a default.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "plimsoll.dev",
    version = "v1alpha1",
    kind = "PerformanceProfile",
    plural = "performanceprofiles",
    shortname = "pprofile",
    category = "plimsoll",
    namespaced,
    status = "PerformanceProfileStatus",
    derive = "PartialEq",
    doc = "One workload's objectives and how it may scale. The operator reconciles its HorizontalPodAutoscaler, PodDisruptionBudget and Prometheus rules, evaluates its error budget, and reports in the status.",
    selectable = ".spec.targetRef.name",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRef.name", description = "Workload that the profile is for"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.scaling.current", description = "Pods that the workload has now"),
    printcolumn(name = "Objectives", type_ = "string", json_path = ".status.objectivesMet", description = "Objectives that are met, of all"),
    printcolumn(name = "Budget", type_ = "string", json_path = ".status.worst.budgetRemaining", description = "Error budget that is left of the worst objective, per cent"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Floor", type_ = "integer", priority = 1, json_path = ".status.scaling.floor", description = "Replicas below which the autoscaler does not go now"),
    printcolumn(name = "Enforcing", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Enforcing\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 52").message("metadata.name must be at most 52 characters: the names of the children are made from it"),
    validation = Rule::new("!self.metadata.name.contains('.')").message("metadata.name must not contain dots: it becomes a label value and part of metric labels")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.telemetry) || !has(self.objectives) || self.objectives.all(o, !has(o.indicator.availability) && (!has(o.indicator.latency) || has(o.indicator.latency.histogram)) && (!has(o.indicator.throughput) || has(o.indicator.throughput.counter)))").message("availability, a latency without a histogram and a throughput without a counter need spec.telemetry: name a preset there, or the metric in the objective"))]
pub struct PerformanceProfileSpec {
    /// The workload: anything with a scale subresource. It cannot be changed; make a new profile instead.
    #[x_kube(validation = Rule::new("self == oldSelf").message("targetRef is immutable: create another profile for another workload"))]
    pub target_ref: TargetRef,

    /// How the workload scales. Default: a HorizontalPodAutoscaler from 3 to 10 replicas at 70 % CPU and 80 % memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// How many pods may be away during voluntary disruptions such as node drains. Default: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Disruption>,

    /// Metrics under names that are known, so that objectives need not name them. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,

    /// What the service promises: at most 20 objectives, each with a name of its own. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub objectives: Vec<Objective>,

    /// Announced maintenance, which counts for nothing and in which alerts are quiet: at most 20 windows. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub maintenance: Vec<Maintenance>,

    /// What alerts carry. Default: severity `critical` for pages and `warning` for tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerting: Option<Alerting>,

    /// What the operator may do while an error budget burns. Default: nothing; with `enforcement: {}` it says what it would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,

    /// Pools of connections to the databases that the service uses. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,

    /// The object that holds the Prometheus rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RuleObject>,
}

/// The workload that a profile is for, in the profile's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Group and version of the workload's kind. Default: `apps/v1`.
    #[serde(default = "default_api_version")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$')").message("apiVersion is written GROUP/VERSION, like apps/v1"))]
    pub api_version: String,

    /// Kind of the workload. Default: `Deployment`.
    #[serde(default = "default_kind")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z][A-Za-z0-9]*$')").message("kind is written in CamelCase, like Deployment"))]
    pub kind: String,

    /// Name of the workload, as in `azora-auth`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')").message("name must be a DNS name in lower case, as Kubernetes names are"))]
    pub name: String,
}

fn default_api_version() -> String {
    "apps/v1".to_owned()
}

fn default_kind() -> String {
    "Deployment".to_owned()
}
