//! The objects that belong to a profile, as a table with one field for each kind.
//!
//! The same table goes through the pipeline with another content at each stage. It is always taken apart without `..`: a
//! kind that is added and forgotten somewhere does not compile.

use std::sync::Arc;

use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler, core::v1::ConfigMap, policy::v1::PodDisruptionBudget,
};

mod pooler;

pub use pooler::PoolerChildren;

use crate::{
    api::v1alpha1::ChildState,
    kube::{PrometheusRule, Stub, VMRule},
};

/// What a child is at some stage of the pipeline.
pub trait Stage {
    /// The content of the field for the kind `K`.
    type Of<K>;
    /// The content of the field for a kind `K` of which only the metadata are watched.
    type Stub<K>;
}

/// Every child of a profile at one stage.
pub struct Children<S: Stage> {
    /// Scales the target.
    pub autoscaler: S::Of<HorizontalPodAutoscaler>,
    /// Bounds voluntary disruptions of the target.
    pub disruption_budget: S::Of<PodDisruptionBudget>,
    /// Recording and alerting rules, where the API of the Prometheus Operator is served.
    pub rule: S::Stub<PrometheusRule>,
    /// The same rules for the VictoriaMetrics operator.
    pub vm_rule: S::Stub<VMRule>,
    /// The same rules as a file in a `ConfigMap`, where neither API is served.
    pub rule_file: S::Stub<ConfigMap>,
    /// Everything that runs the poolers.
    pub pooler: PoolerChildren<S>,
}

/// As found in the cluster.
pub struct Live;
impl Stage for Live {
    type Of<K> = Option<Arc<K>>;
    type Stub<K> = Option<Arc<Stub<K>>>;
}

impl Default for Children<Live> {
    /// None of them there.
    fn default() -> Self {
        Self {
            autoscaler: None,
            disruption_budget: None,
            rule: None,
            vm_rule: None,
            rule_file: None,
            pooler: PoolerChildren::default(),
        }
    }
}

/// As it should be.
pub struct Desired;
impl Stage for Desired {
    type Of<K> = Plan<K>;
    type Stub<K> = Plan<K>;
}

/// As it is after the apply.
pub struct Applied;
impl Stage for Applied {
    type Of<K> = Outcome;
    type Stub<K> = Outcome;
}

/// What to do about one child.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan<K> {
    /// It shall be just so.
    Apply(Box<K>),
    /// It shall not exist; one of ours is removed.
    Absent,
    /// Leave it as it is, whatever that is.
    Hold(Why),
}

/// Why a child is left as it is: a reason for conditions, and a message that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// One of [`crate::api::reasons`].
    pub reason: &'static str,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Why {
    /// A reason with its message.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// What became of one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The child's kind.
    pub kind: &'static str,
    /// The child's name.
    pub name: String,
    /// Its state, or nothing where it is not wanted and not there.
    pub state: Option<ChildState>,
    /// Why it is not as declared.
    pub why: Option<Why>,
}
