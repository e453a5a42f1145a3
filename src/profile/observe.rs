//! What the cluster looks like to one profile.

use std::collections::BTreeMap;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::LabelSelector, jiff::Timestamp};

use super::{
    adoption::Adoptable,
    children::{Children, Live},
};
use crate::kube::RuleApis;

mod kinds;
mod matters;
mod pooler;
mod read;
mod selector;
mod stores;

pub use kinds::{Kind, TargetKinds};
pub use read::Reader;
pub use stores::{Claim, Stores, owner_of, packed_autoscaler, packed_budget, prune, same_target};

/// Everything that a decision about one profile rests on.
pub struct Observed {
    /// When it was looked at: maintenance and calendar windows begin and end.
    pub now: Timestamp,
    /// The workload.
    pub target: TargetState,
    /// Others that claim the same.
    pub rivals: Rivals,
    /// The children as they are now.
    pub live: Children<Live>,
    /// Which APIs for rule objects the cluster serves.
    pub rule_apis: RuleApis,
    /// What scales the target and can be adopted.
    pub adoptable: Adoptable,
}

/// The workload as found.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetState {
    /// It exists and can be scaled.
    Found(Workload),
    /// Its kind is known, and there is none of that name.
    Missing,
    /// The API server does not know the kind.
    UnknownKind,
    /// The kind has no scale subresource.
    NotScalable,
    /// The operator may not read it, or the read failed.
    Unreadable(String),
}

/// A workload that can be scaled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workload {
    /// Pods that it has, as its scale subresource says.
    pub replicas: i32,
    /// Pods that are ready, where its kind tells.
    pub ready: Option<i32>,
    /// Selector of its pods; nothing where it names none or an empty one.
    pub selector: Option<LabelSelector>,
    /// Labels of its pods, where its kind has a pod template.
    pub pod_labels: BTreeMap<String, String>,
    /// Why its rollouts should go on in spite of a freeze, as its annotation says.
    pub override_reason: Option<String>,
}

/// Others that claim the same workload; each is a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    /// An older profile with the same target.
    pub profile: Option<String>,
    /// Autoscalers of the target that do not belong to the profile.
    pub autoscalers: Vec<String>,
    /// Disruption budgets of the target's pods that do not belong to the profile.
    pub disruption_budgets: Vec<String>,
}
