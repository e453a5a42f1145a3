//! `status`: what the operator sees, did, and why.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::slo::evaluate::State as ObjectiveState;

/// What the operator sees and did.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceProfileStatus {
    /// Generation of the spec that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Conditions, all positive: `True` is the good state.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// Objectives that are met, of all, as `2/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives_met: Option<String>,

    /// The objective with the least budget left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<WorstStatus>,

    /// Every objective, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<ObjectiveStatus>,

    /// Announced maintenance, now and next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceStatus>,

    /// The workload's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,

    /// The objects that belong to the profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildStatus>,

    /// What the profile asks for that cannot be done as written, or can be done better; each says what to change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// The objective with the least budget left.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorstStatus {
    /// Name of the objective.
    pub objective: String,
    /// Values of the labels that it is grouped by, of its worst group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, String>,
    /// Error budget that is left, per cent of the whole; negative when overspent.
    pub budget_remaining: String,
}

/// One objective as measured.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveStatus {
    /// Name of the objective.
    pub name: String,
    /// Target, per cent.
    pub target: String,
    /// Share of good events over the window, per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<String>,
    /// The error budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetStatus>,
    /// Burn rates by window: 1 spends the budget in exactly the objective's window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub burn: Vec<BurnStatus>,
    /// Verdict. A grouped objective stands as its worst group.
    pub state: ObjectiveState,
    /// How much history the numbers rest on, as `19d of 30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// The numbers over each additional window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowStatus>,
    /// The worst five groups of a grouped objective.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupStatus>,
    /// How many groups are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_followed: Option<i64>,
    /// How many groups are not followed, because there are more than the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_left_out: Option<i64>,
    /// When the numbers were measured; it moves only when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Time>,
}

/// An error budget.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BudgetStatus {
    /// What is left, per cent of the whole; negative when overspent.
    pub remaining: String,
    /// Bad events in the window, as `1.21k`.
    pub consumed_events: String,
    /// All events in the window, as `3.2M`.
    pub total_events: String,
    /// When the budget will be spent at the present burn, as `11d4h`; absent while it does not shrink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhausted_in: Option<String>,
}

/// One objective over an additional window.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WindowStatus {
    /// Length of the window.
    pub window: String,
    /// Share of good events over it, per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<String>,
    /// Error budget that is left, per cent of the whole; negative when overspent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining: Option<String>,
    /// Verdict by this budget alone.
    pub state: ObjectiveState,
    /// How much history the numbers rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
}

/// One group of a grouped objective.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GroupStatus {
    /// Values of the labels that the objective is grouped by.
    pub labels: BTreeMap<String, String>,
    /// Share of good events over the window, per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<String>,
    /// Error budget that is left, per cent of the group's; negative when overspent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining: Option<String>,
    /// Verdict.
    pub state: ObjectiveState,
}

/// Announced maintenance.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceStatus {
    /// Maintenance that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<UpcomingMaintenance>,
    /// The next one within the coming week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<UpcomingMaintenance>,
}

/// One stretch of maintenance.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UpcomingMaintenance {
    /// Name of the window.
    pub name: String,
    /// When it begins.
    pub start: Time,
    /// When it is over.
    pub end: Time,
}

/// The burn rate over one window.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BurnStatus {
    /// Length of the window.
    pub window: String,
    /// Burn rate: 1 spends the budget in exactly the objective's window.
    pub rate: String,
}

/// The workload's size.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// Pods that the workload has.
    pub current: i32,
    /// Pods that are ready, where the workload's kind tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<i32>,
    /// Pods that the autoscaler wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
    /// Fewest replicas, as declared.
    pub declared_min: i32,
    /// Most replicas.
    pub max: i32,
}

/// One object that belongs to the profile.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ChildStatus {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// What became of it.
    pub state: ChildState,
    /// Why it is not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a child.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// As declared.
    Applied,
    /// Left as it is: the profile is paused, or a finding keeps it from being written.
    Held,
    /// An object of that name, or with that task, is not ours.
    Refused,
    /// The API server did not take it.
    Failed,
}
