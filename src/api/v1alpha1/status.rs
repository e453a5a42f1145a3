//! `status`: what the operator sees, did, and why.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod pooling;

pub use crate::slo::evaluate::State as ObjectiveState;
pub use pooling::{PoolingClients, PoolingReplica, PoolingStatus};

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

    /// What enforcement does, or would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<EnforcementStatus>,

    /// The poolers as seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<PoolingStatus>,

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
    /// Replicas below which the autoscaler does not go now: `declaredMin`, or what enforcement has raised it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<i32>,
    /// Pods that the measured demand needs, whatever the bounds are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclamped_demand: Option<i32>,
    /// Requests a second that one pod carries within the objectives, as `212 req/s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_per_pod: Option<String>,
    /// How much more load the ready pods could carry, as `58 %`; negative where it is too much already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<String>,
}

/// What enforcement does, or would do.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnforcementStatus {
    /// How far it goes.
    pub mode: super::EnforcementMode,
    /// Replicas below which the autoscaler may not go; absent while that is what is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<i32>,
    /// Whether scale-down is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holding: bool,
    /// The freeze of rollouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeStatus>,
    /// Open actions, oldest first, and after them the last ten that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionStatus>,
    /// What a restarted operator goes on with; for the operator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// A freeze of rollouts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FreezeStatus {
    /// What happens at admission.
    pub action: super::FreezeAction,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Time,
    /// When it ends by itself, unless it is renewed.
    pub until: Time,
    /// Images that were good, the newest first, each set as `container=image,container=image`: going back to them is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub good_images: Vec<String>,
    /// The reason that the workload gives for rollouts in spite of it.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<FreezeOverride>,
}

/// A reason for rollouts in spite of a freeze, from the workload's annotation `plimsoll.dev/override`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FreezeOverride {
    /// The reason, as it stands there.
    pub reason: String,
    /// Until when it holds: the end that the freeze had when the reason was given. After it another reason is asked for, as
    /// it is for one that is older than the freeze.
    pub until: Time,
}

/// One action of enforcement, explained.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ActionStatus {
    /// What is done: `RaiseFloor`, `FollowDemand`, `ScheduledFloor`, `HoldScaleDown`, `FreezeRollouts`,
    /// `StrictDisruptionBudget` or `SurgeForDrain`.
    pub kind: String,
    /// Where it is.
    pub state: ActionState,
    /// When it began.
    pub since: Time,
    /// When it ends by itself at the latest, unless what began it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// What began it.
    pub trigger: String,
    /// What it rests on.
    pub evidence: String,
    /// How far it can go.
    pub bound: String,
    /// What it is to bring about.
    pub expected: String,
    /// When that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prove_by: Option<Time>,
    /// What was seen then, or why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// How it is taken back.
    pub undo: String,
}

/// Where an action is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionState {
    /// It goes on.
    Open,
    /// It would go on, were the mode `Enforce`.
    Proposed,
    /// It is over.
    Ended,
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
