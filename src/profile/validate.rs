//! Profile and observations in, something that cannot be wrong any more out.
//!
//! A part that is wrong is held with a reason; the other parts go on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::{
    api::autoscaling::v2::{HorizontalPodAutoscalerBehavior, MetricSpec},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference},
};
use kube::{Resource, ResourceExt};

use super::{
    children::Why,
    finding::{Finding, Level},
    observe::{Observed, TargetState, Workload},
    overlay::Scaler,
    rules::Rules,
    settings::Settings,
};
use crate::{
    api::{
        annotations, reasons,
        v1alpha1::{Autoscaling, AutoscalingMode, Disruption, Management, PerformanceProfile, TargetRef},
    },
    slo,
};

mod enforcement;
mod indicators;
mod metrics;
mod objectives;
mod pooling;
mod rule_object;
mod schedule;
mod tenancy;
#[cfg(test)]
mod tests;

pub use enforcement::{EnforcementPlan, enforcement};
pub use objectives::alerting;
pub use pooling::{Document, PoolingPlan, Secrets, declared as declared_pooling};
pub use schedule::{Stretch, calendar, maintenance_between, spans};

/// A profile that has been checked against the cluster.
#[derive(Debug)]
pub struct Profile {
    /// Namespace of the profile and of everything that belongs to it.
    pub namespace: String,
    /// Name of the profile.
    pub name: String,
    /// Makes the children go when the profile goes.
    pub owner: Option<OwnerReference>,
    /// The workload.
    pub target: TargetRef,
    /// The autoscaler to write.
    pub autoscaler: Part<AutoscalerPlan>,
    /// The disruption budget to write.
    pub disruption_budget: Part<DisruptionPlan>,
    /// The rules to write.
    pub rules: Part<RulesPlan>,
    /// The objectives that are sound, rules held or not: what is evaluated.
    pub objectives: Vec<slo::Objective>,
    /// Announced maintenance from yesterday until eight days from now, by its start.
    pub maintenance: Vec<Stretch>,
    /// What enforcement may do; nothing where it is not asked for.
    pub enforcement: Option<EnforcementPlan>,
    /// The poolers to run.
    pub pooling: Part<PoolingPlan>,
    /// What is wrong, or could be better.
    pub findings: Vec<Finding>,
}

impl Profile {
    /// A number for all that the object with the rules follows from, within this process: with the same number the object is the same.
    pub fn rules_recipe(&self) -> Option<u64> {
        let Part::Wanted(RulesPlan { rules, labels, kind }) = &self.rules else { return None };
        let owner = self.owner.as_ref().map(|owner| (&owner.uid, &owner.name));
        let mut hasher = DefaultHasher::new();
        (rules, labels, kind, owner).hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// One part of the profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<T> {
    /// It is wanted, like this.
    Wanted(T),
    /// It is not wanted, for this reason.
    Unwanted(Why),
    /// Something is wrong: what exists stays as it is.
    Held(Why),
}

/// The content of the autoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalerPlan {
    /// Fewest replicas.
    pub min_replicas: i32,
    /// Most replicas.
    pub max_replicas: i32,
    /// What to scale on, never empty.
    pub metrics: Vec<MetricSpec>,
    /// How fast to scale.
    pub behavior: HorizontalPodAutoscalerBehavior,
}

/// The content of the disruption budget.
#[derive(Debug, Clone, PartialEq)]
pub struct DisruptionPlan {
    /// The target's pods; never empty, for an empty selector would select every pod of the namespace.
    pub selector: LabelSelector,
    /// What may be away, or what must stay.
    pub bound: DisruptionBound,
}

/// The bound of a disruption budget.
#[derive(Debug, Clone, PartialEq)]
pub enum DisruptionBound {
    /// Pods that may be away.
    MaxUnavailable(IntOrString),
    /// Share of the pods that must stay.
    MinAvailable(String),
}

/// The content of the rules.
#[derive(Debug, Clone)]
pub struct RulesPlan {
    /// What every rule group follows from.
    pub rules: Arc<Rules>,
    /// Labels of the object that holds them.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The kind of that object.
    pub kind: RuleKind,
}

/// The kind of the object that holds the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// Of the Prometheus Operator.
    PrometheusRule,
    /// Of the VictoriaMetrics operator.
    VMRule,
    /// A rule file.
    ConfigMap,
}

/// Checks everything that the schema cannot see.
pub fn validate(profile: &PerformanceProfile, observed: &Observed, settings: &Settings) -> Profile {
    let mut findings = Vec::new();
    let spec = &profile.spec;
    let autoscaling = spec.autoscaling.clone().unwrap_or_default();
    let disruption = spec.disruption.clone().unwrap_or_default();
    let blocked = blocked(profile, observed);
    let workload = workload(&spec.target_ref, &observed.target);

    let autoscaler = part(blocked.as_ref(), || autoscaler(&autoscaling, &workload, observed, &mut findings));
    let disruption_budget = part(blocked.as_ref(), || disruption_budget(&disruption, &workload, observed));
    let maintenance = schedule::maintenance(profile, observed.now);
    let (sound, rules) = objectives::rules(profile, &autoscaling, observed, settings, &maintenance, &mut findings);
    let rules = part(blocked.as_ref(), || rules);
    findings.extend(enforcement::findings(profile, &sound, observed.now));
    let pooling = pooling::pooling(profile, observed, settings, &mut findings);
    let pooling = part(blocked.as_ref(), || pooling);

    Profile {
        namespace: profile.namespace().unwrap_or_default(),
        name: profile.name_any(),
        owner: profile.controller_owner_ref(&()),
        target: spec.target_ref.clone(),
        autoscaler,
        disruption_budget,
        rules,
        objectives: sound,
        maintenance: maintenance.0,
        // The older of two profiles for one target enforces.
        enforcement: enforcement::enforcement(profile, observed.now).filter(|_| observed.rivals.profile.is_none()),
        pooling,
        findings,
    }
}

fn part<T>(blocked: Option<&Why>, otherwise: impl FnOnce() -> Part<T>) -> Part<T> {
    match blocked {
        Some(why) => Part::Held(why.clone()),
        None => otherwise(),
    }
}

/// Whether the annotation pauses the profile.
pub fn is_paused(profile: &PerformanceProfile) -> bool {
    profile.annotations().get(annotations::PAUSED).is_some_and(|value| value == "true")
}

/// What keeps every write back.
pub fn blocked(profile: &PerformanceProfile, observed: &Observed) -> Option<Why> {
    if is_paused(profile) {
        return Some(Why::new(
            reasons::PAUSED,
            format!("paused by the annotation {}: remove it, and the operator goes on", annotations::PAUSED),
        ));
    }
    observed.rivals.profile.as_ref().map(|other| {
        Why::new(
            reasons::TARGET_CLAIMED,
            format!("the older profile {other} has the same targetRef: delete one of the two; nothing is written for this one"),
        )
    })
}

/// The workload, or why it cannot be scaled.
pub fn workload<'a>(target: &TargetRef, state: &'a TargetState) -> Result<&'a Workload, Why> {
    let TargetRef { api_version, kind, name } = target;
    match state {
        TargetState::Found(workload) => Ok(workload),
        TargetState::Missing => Err(Why::new(
            reasons::TARGET_NOT_FOUND,
            format!("{kind} {name} does not exist in this namespace: create it, or correct targetRef in a new profile"),
        )),
        TargetState::UnknownKind => Err(Why::new(
            reasons::UNKNOWN_KIND,
            format!(
                "the API server serves no {kind} in {api_version}: correct targetRef in a new profile, or install that API"
            ),
        )),
        TargetState::NotScalable => Err(Why::new(
            reasons::NOT_SCALABLE,
            format!(
                "{kind} in {api_version} has no scale subresource: only kinds such as Deployment and StatefulSet can be scaled"
            ),
        )),
        TargetState::Unreadable(message) => Err(Why::new(
            reasons::APPLY_FAILED,
            format!("{kind} {name} cannot be read: {message}; grant it with the chart's value rbac.extraTargets"),
        )),
    }
}

fn autoscaler(
    autoscaling: &Autoscaling,
    workload: &Result<&Workload, Why>,
    observed: &Observed,
    findings: &mut Vec<Finding>,
) -> Part<AutoscalerPlan> {
    if autoscaling.mode == AutoscalingMode::Disabled {
        return Part::Unwanted(Why::new(reasons::DISABLED, "autoscaling.mode is Disabled: scaling is left alone"));
    }
    if let Err(why) = workload {
        return Part::Held(why.clone());
    }
    if autoscaling.mode == AutoscalingMode::Adopt {
        return adopted(observed.adoptable.scaler.as_ref());
    }
    if let Some(other) = observed.rivals.autoscalers.first() {
        return Part::Held(Why::new(
            reasons::SECOND_AUTOSCALER,
            format!(
                "HorizontalPodAutoscaler {other} already scales this target, and two would fight: delete it, or set \
                 autoscaling.mode: Adopt to use it, or Disabled to leave scaling alone"
            ),
        ));
    }
    if autoscaling.min_replicas > autoscaling.max_replicas {
        let message = format!(
            "minReplicas {} is above maxReplicas {}: raise maxReplicas or lower minReplicas",
            autoscaling.min_replicas, autoscaling.max_replicas
        );
        findings.push(Finding::new(Level::Error, "/spec/autoscaling/minReplicas", message.clone()));
        return Part::Held(Why::new(reasons::INVALID, message));
    }
    let metrics = metrics::metrics(autoscaling);
    if metrics.is_empty() {
        let message = "cpu and memory are disabled and metrics is empty: nothing is left to scale on".to_owned();
        findings.push(Finding::new(Level::Error, "/spec/autoscaling", message.clone()));
        return Part::Held(Why::new(reasons::INVALID, message));
    }
    Part::Wanted(AutoscalerPlan {
        min_replicas: autoscaling.min_replicas,
        max_replicas: autoscaling.max_replicas,
        metrics,
        behavior: autoscaling.behavior.clone().unwrap_or_else(metrics::default_behavior),
    })
}

/// An adopted autoscaler is not ours to write. One of ours is removed only where there is another to take its place.
fn adopted(found: Option<&Result<Scaler, Why>>) -> Part<AutoscalerPlan> {
    match found {
        Some(Ok(scaler)) => Part::Unwanted(Why::new(
            reasons::ADOPTED,
            format!("{scaler} scales the target and is adopted: its own bounds and metrics stay"),
        )),
        Some(Err(why)) => Part::Held(why.clone()),
        None => Part::Unwanted(Why::new(reasons::ADOPTED, "what scales the target already is adopted")),
    }
}

fn disruption_budget(
    disruption: &Disruption,
    workload: &Result<&Workload, Why>,
    observed: &Observed,
) -> Part<DisruptionPlan> {
    if disruption.mode == Management::Disabled {
        return Part::Unwanted(Why::new(reasons::DISABLED, "disruption.mode is Disabled: no PodDisruptionBudget"));
    }
    let workload = match workload {
        Ok(workload) => workload,
        Err(why) => return Part::Held(why.clone()),
    };
    let Some(selector) = workload.selector.clone() else {
        return Part::Held(Why::new(
            reasons::NO_SELECTOR,
            "the target names no selector for its pods, and an empty one would select every pod of the namespace: give \
             the target a selector, or set disruption.mode: Disabled",
        ));
    };
    if let Some(other) = observed.rivals.disruption_budgets.first() {
        return Part::Held(Why::new(
            reasons::SECOND_BUDGET,
            format!(
                "PodDisruptionBudget {other} already selects the target's pods, and with two no pod could be evicted at \
                 all: delete it, or set disruption.mode: Disabled"
            ),
        ));
    }
    let bound = match (&disruption.min_available, &disruption.max_unavailable) {
        (Some(share), _) => DisruptionBound::MinAvailable(share.clone()),
        (None, Some(bound)) => DisruptionBound::MaxUnavailable(bound.clone()),
        (None, None) => DisruptionBound::MaxUnavailable(IntOrString::Int(1)),
    };
    Part::Wanted(DisruptionPlan { selector, bound })
}
