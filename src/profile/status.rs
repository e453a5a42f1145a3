//! The status: what is seen, what was done, and why. Pure.

use k8s_openapi::jiff::Timestamp;

use super::{
    children::{Applied, Children, Outcome},
    enforcer::Decided,
    evaluation::Evaluation,
    observe::{Observed, TargetState},
    overlay::Overlay,
    poolers::Summary,
    validate::{Part, Profile, RuleKind, RulesPlan, blocked, workload},
};
use crate::api::{
    conditions, reasons,
    v1alpha1::{ChildStatus, PerformanceProfile, PerformanceProfileStatus, ScalingStatus},
};

mod autoscaling;
mod enforcement;
mod maintenance;
mod objectives;
mod pooling;
#[cfg(test)]
mod tests;
mod transitions;
mod verdict;

pub use autoscaling::grace_ends_in;
pub use maintenance::changes_in as maintenance_changes_in;
pub use transitions::{Transition, transitions};
pub use verdict::{Truth, Verdict};

/// Everything that a status is made from.
pub struct Facts<'a> {
    /// The profile as declared, with its old status.
    pub profile: &'a PerformanceProfile,
    /// The profile as checked.
    pub checked: &'a Profile,
    /// The cluster as seen.
    pub observed: &'a Observed,
    /// What became of the children.
    pub applied: &'a Children<Applied>,
    /// What Prometheus says.
    pub evaluation: &'a Evaluation,
    /// What enforcement has decided last.
    pub decided: Option<&'a Decided>,
    /// How the adopted autoscaler stands.
    pub overlay: Option<&'a Overlay>,
    /// The poolers as last seen; nothing before the first look.
    pub poolers: Option<&'a Summary>,
}

/// The new status.
pub fn status(facts: &Facts<'_>, now: Timestamp) -> PerformanceProfileStatus {
    let generation = facts.profile.metadata.generation;
    let old = facts.profile.status.clone().unwrap_or_default();
    let objectives = objectives::objectives(facts, &old);
    let met = objectives::met(&objectives);
    let poolers = pooling::status(facts);
    let found = facts.checked.findings.iter().map(ToString::to_string);
    let findings = found.chain(pooling::vulnerabilities(poolers.as_ref())).collect();
    PerformanceProfileStatus {
        observed_generation: generation,
        conditions: verdicts(facts, now)
            .into_iter()
            .map(|verdict| verdict.at(&old.conditions, generation, now))
            .collect(),
        objectives_met: met,
        worst: objectives::worst(&objectives),
        objectives,
        maintenance: maintenance::status(&facts.checked.maintenance, now),
        scaling: scaling(facts).map(|mut scaling| {
            enforcement::size(facts, &mut scaling);
            scaling
        }),
        enforcement: enforcement::status(facts, &old),
        pooling: poolers,
        children: children(facts.applied),
        findings,
    }
}

/// Every condition, `Ready` first: it is the first of those it is made of that is not true.
fn verdicts(facts: &Facts<'_>, now: Timestamp) -> Vec<Verdict> {
    let Children { autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler: _ } = facts.applied;
    // While one rule object takes the place of another, the one that is wanted speaks.
    let rules = match &facts.checked.rules {
        Part::Wanted(RulesPlan { kind: RuleKind::PrometheusRule, .. }) => rule,
        Part::Wanted(RulesPlan { kind: RuleKind::VMRule, .. }) => vm_rule,
        Part::Wanted(RulesPlan { kind: RuleKind::ConfigMap, .. }) => rule_file,
        Part::Held(_) | Part::Unwanted(_) => {
            let speaks = |outcome: &&Outcome| outcome.state.is_some() || outcome.why.is_some();
            [rule, vm_rule].into_iter().find(speaks).unwrap_or(rule_file)
        }
    };
    let mut parts = vec![
        active(facts),
        target_found(facts),
        autoscaling::verdict(child(conditions::AUTOSCALING_READY, &facts.checked.autoscaler, autoscaler), facts, now),
        child(conditions::DISRUPTION_READY, &facts.checked.disruption_budget, disruption_budget),
        child(conditions::RULES_READY, &facts.checked.rules, rules),
    ];
    parts.extend(pooling::ready(facts));
    let ready = match parts.iter().find(|part| part.truth != Truth::True) {
        None => Verdict::new(conditions::READY, Truth::True, reasons::AS_DECLARED, "everything is as declared"),
        Some(part) => {
            Verdict::new(conditions::READY, part.truth, part.reason, format!("{}: {}", part.type_, part.message))
        }
    };
    let beside = [objectives::verdicts(facts), enforcement::verdicts(facts), pooling::verdicts(facts)];
    [ready].into_iter().chain(parts).chain(beside.into_iter().flatten()).collect()
}

fn active(facts: &Facts<'_>) -> Verdict {
    match blocked(facts.profile, facts.observed) {
        Some(why) if why.reason == reasons::PAUSED => {
            Verdict::new(conditions::ACTIVE, Truth::False, why.reason, why.message)
        }
        _ => Verdict::new(conditions::ACTIVE, Truth::True, reasons::AS_DECLARED, "the operator keeps the profile"),
    }
}

fn target_found(facts: &Facts<'_>) -> Verdict {
    let target = &facts.profile.spec.target_ref;
    let why = match blocked(facts.profile, facts.observed) {
        Some(why) if why.reason == reasons::TARGET_CLAIMED => Some(why),
        _ => workload(target, &facts.observed.target).err(),
    };
    match why {
        None => {
            let message = format!("{} {} exists and can be scaled", target.kind, target.name);
            Verdict::new(conditions::TARGET_FOUND, Truth::True, reasons::AS_DECLARED, message)
        }
        Some(why) => Verdict::new(conditions::TARGET_FOUND, Truth::False, why.reason, why.message),
    }
}

/// What one child's outcome says.
fn child<T>(type_: &'static str, part: &Part<T>, outcome: &Outcome) -> Verdict {
    match (part, &outcome.why) {
        (_, Some(why)) | (Part::Held(why), None) => Verdict::new(type_, Truth::False, why.reason, why.message.clone()),
        (Part::Unwanted(why), None) => Verdict::new(type_, Truth::True, why.reason, why.message.clone()),
        (Part::Wanted(_), None) => {
            let message = format!("{} {} is as declared", outcome.kind, outcome.name);
            Verdict::new(type_, Truth::True, reasons::AS_DECLARED, message)
        }
    }
}

fn scaling(facts: &Facts<'_>) -> Option<ScalingStatus> {
    let TargetState::Found(workload) = &facts.observed.target else { return None };
    let live = facts.observed.live.autoscaler.as_ref();
    let wanted = match &facts.checked.autoscaler {
        Part::Wanted(plan) => Some((plan.min_replicas, plan.max_replicas)),
        Part::Unwanted(_) => None,
        Part::Held(_) => {
            let declared = facts.profile.spec.autoscaling.clone().unwrap_or_default();
            Some((declared.min_replicas, declared.max_replicas))
        }
    };
    Some(ScalingStatus {
        current: workload.replicas,
        ready: workload.ready,
        desired: live
            .and_then(|live| live.status.as_ref())
            .map(|status| status.desired_replicas)
            .filter(|_| wanted.is_some()),
        declared_min: wanted.map_or(workload.replicas, |(min, _)| min),
        max: wanted.map_or(workload.replicas, |(_, max)| max),
        floor: None,
        unclamped_demand: None,
        capacity_per_pod: None,
        headroom: None,
    })
}

fn children(applied: &Children<Applied>) -> Vec<ChildStatus> {
    let Children { autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler } = applied;
    [autoscaler, disruption_budget, rule, vm_rule, rule_file]
        .into_iter()
        .chain(pooler.outcomes())
        .filter_map(|outcome| {
            Some(ChildStatus {
                kind: outcome.kind.to_owned(),
                name: outcome.name.clone(),
                state: outcome.state?,
                message: outcome.why.as_ref().map(|why| why.message.clone()),
            })
        })
        .collect()
}
