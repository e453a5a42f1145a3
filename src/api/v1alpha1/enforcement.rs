//! `spec.enforcement`: what the operator may do while an error budget burns.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Once, Recurring};
use crate::api::Duration;

/// What the operator does while an error budget burns. Every action is bounded, explained in the status, and given back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Enforcement {
    /// `Observe` (default): say in status, events and metrics what would be done, and write nothing. `Enforce`: do it.
    /// `Disabled`: neither.
    #[serde(default)]
    pub mode: EnforcementMode,

    /// Most actions that are begun in an hour, from 1 to 120. What recovers is never held up by it. Default: 20.
    #[serde(default = "default_actions")]
    #[schemars(range(min = 1, max = 120))]
    pub max_actions_per_hour: i32,

    /// Nothing new is begun until then; open actions recover as usual, and a freeze is lifted. Default: not paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,

    /// Floors, holds, and what they rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<EnforcedScaling>,

    /// What happens to rollouts when a budget is exhausted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
}

impl Default for Enforcement {
    fn default() -> Self {
        Self {
            mode: EnforcementMode::default(),
            max_actions_per_hour: default_actions(),
            pause: None,
            scaling: None,
            freeze: None,
        }
    }
}

/// How far enforcement goes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnforcementMode {
    /// Nothing is decided or written.
    Disabled,
    /// Everything is decided and shown; nothing is written.
    #[default]
    Observe,
    /// What is decided is done.
    Enforce,
}

/// A pause with an end.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When it ends, as in `2026-12-01T04:00:00Z`.
    pub until: Time,

    /// Who paused it. Default: not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub by: Option<String>,

    /// Why. Default: not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub reason: Option<String>,
}

/// Floors under the autoscaler, and what they rest on.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnforcedScaling {
    /// `Managed` (default): raise the floor and hold scale-down while a budget burns for want of pods. `Disabled`: do neither.
    #[serde(default)]
    pub mode: super::Management,

    /// `Managed` (default): keep the floor at the demand that is measured, burn or none, once what a pod can do is known.
    /// `Disabled`: raise the floor only while a budget burns.
    #[serde(default)]
    pub feed_forward: super::Management,

    /// Requests that one pod works on at the same time, such as its threads or workers. Default: learned from the pods' CPU, or
    /// from the most that they have carried well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency: Option<i32>,

    /// Minimum replicas at known times: at most 20. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub floors: Vec<ScheduledFloor>,

    /// A floor from the same hour of past days. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seasonal: Option<Seasonal>,

    /// Connections to a database that pods hold: the floor never goes beyond what it allows. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,

    /// PromQL of how many requests wait for something that more pods do not help, such as a connection of a pool, like
    /// `sum(pgbouncer_pools_client_waiting_connections{database="auth"})`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub dependency_waiting: Option<String>,
}

impl Default for EnforcedScaling {
    fn default() -> Self {
        Self {
            mode: super::Management::Managed,
            feed_forward: super::Management::Managed,
            concurrency: None,
            floors: Vec::new(),
            seasonal: None,
            connections: None,
            dependency_waiting: None,
        }
    }
}

/// A minimum of replicas at known times. Exactly one of `once` and `recurring`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.once) != has(self.recurring)").message("a scheduled floor is exactly one of once and recurring"))]
pub struct ScheduledFloor {
    /// Name of the floor, a DNS label such as `monday-morning`.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("the name of a floor is a DNS label: lower case letters, digits and dashes, like monday-morning"))]
    pub name: String,

    /// Fewest replicas in that time; never beyond the autoscaler's maximum.
    #[schemars(range(min = 1, max = 100_000))]
    pub min_replicas: i32,

    /// One stretch of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,

    /// The same stretch again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring: Option<Recurring>,
}

/// A floor from the same hour of past days.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Seasonal {
    /// Past days that are looked at, from 1 to 14; the second highest of them counts, so that one odd day does not. Default: 7.
    #[serde(default = "default_days")]
    #[schemars(range(min = 1, max = 14))]
    pub days: i32,
}

/// Connections to a database that pods hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.maximum - self.reserve >= self.perPod").message("maximum less reserve must leave room for the connections of one pod"))]
pub struct Connections {
    /// Connections that one pod opens at most.
    #[schemars(range(min = 1, max = 100_000))]
    pub per_pod: i32,

    /// Connections that the database takes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub maximum: i32,

    /// Of these, kept free for others. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub reserve: i32,
}

/// What happens to rollouts when a budget is exhausted, or a release burns it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// `Deny` (default): changes of the pod template are denied, except for going back and for an override. `Warn`: they get a
    /// warning. `Disabled`: only the gate and the metric say it.
    #[serde(default)]
    pub action: FreezeAction,

    /// Longest time for which a freeze is written at once, from 10m to 24h; it is renewed while its reason lasts, and ends by
    /// itself where the operator is gone. Default: `2h`.
    #[serde(default = "default_longest")]
    #[x_kube(validation = Rule::new("self.matches('^([1-9]|1[0-9]|2[0-4])h$') || self.matches('^([1-9][0-9]|[1-9][0-9][0-9]|1[0-3][0-9][0-9]|14[0-3][0-9]|1440)m$')").message("longest is a time in whole hours or minutes from 10m to 24h, like 2h or 90m"))]
    pub longest: Duration,
}

impl Default for Freeze {
    fn default() -> Self {
        Self { action: FreezeAction::default(), longest: default_longest() }
    }
}

/// What a freeze does.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FreezeAction {
    /// Nothing at admission.
    Disabled,
    /// A warning at admission.
    Warn,
    /// A refusal at admission.
    #[default]
    Deny,
}

const fn default_actions() -> i32 {
    20
}

const fn default_days() -> i32 {
    7
}

fn default_longest() -> Duration {
    Duration::from_secs(7_200)
}
