//! What enforcement does, or would do, as a status says it.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::{Facts, Truth, Verdict};
use crate::{
    api::{
        conditions, reasons,
        v1alpha1::{
            ActionState, ActionStatus, AutoscalingMode, EnforcementMode, EnforcementStatus, FreezeAction,
            FreezeOverride, PerformanceProfileStatus, ScalingStatus,
        },
    },
    enforce::{self, Action, FreezeLevel, Verdict as Said},
    profile::{
        enforcer::Decided,
        freeze::{freeze_status, given},
        observe::TargetState,
        overlay::State,
        validate::{EnforcementPlan, is_paused},
    },
};

/// The plan and the decision, where there are both.
fn decided<'a>(facts: &Facts<'a>) -> Option<(&'a EnforcementPlan, Option<&'a Decided>)> {
    let plan = facts.checked.enforcement.as_ref()?;
    Some((plan, facts.decided.filter(|decided| decided.mode == plan.mode)))
}

/// What enforcement does. Before the first decision of a process it is what was written before.
pub fn status(facts: &Facts<'_>, old: &PerformanceProfileStatus) -> Option<EnforcementStatus> {
    let (plan, decided) = decided(facts)?;
    // Paused by its annotation, it stands as it stood.
    let decided = decided.filter(|_| !is_paused(facts.profile));
    let before = old.enforcement.as_ref().filter(|before| before.mode == plan.mode);
    let Some(decided) = decided else {
        let nothing = EnforcementStatus {
            mode: plan.mode,
            floor: None,
            holding: false,
            freeze: None,
            actions: Vec::new(),
            memory: None,
        };
        return Some(before.cloned().unwrap_or(nothing));
    };
    let decision = &decided.decision;
    let state = if plan.mode == EnforcementMode::Enforce { ActionState::Open } else { ActionState::Proposed };
    let (open, ended): (Vec<_>, Vec<_>) = decision.memory.actions.iter().partition(|action| action.is_open());
    let newest_first = ended.into_iter().rev();
    Some(EnforcementStatus {
        mode: plan.mode,
        floor: decision.floor,
        holding: decision.hold,
        freeze: decision.freeze.as_ref().map(|freeze| {
            let action = match (plan.freeze, freeze.level) {
                (FreezeAction::Disabled, _) => FreezeAction::Disabled,
                (_, FreezeLevel::Warn) => FreezeAction::Warn,
                (_, FreezeLevel::Deny) => FreezeAction::Deny,
            };
            let written = before.and_then(|before| before.freeze.as_ref());
            freeze_status(action, freeze, written, override_reason(facts))
        }),
        actions: open.into_iter().chain(newest_first).map(|one| action(one, state)).collect(),
        memory: Some(decision.memory.written(before.and_then(|before| before.memory.as_deref()))),
    })
}

/// The reason on the workload for rollouts in spite of a freeze.
fn override_reason<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    match &facts.observed.target {
        TargetState::Found(workload) => workload.override_reason.as_deref(),
        _ => None,
    }
}

fn action(action: &Action, open: ActionState) -> ActionStatus {
    ActionStatus {
        kind: action.kind.as_str().to_owned(),
        state: if action.is_open() { open } else { ActionState::Ended },
        since: time(action.since),
        until: action.until.map(time),
        ended: action.ended.map(time),
        trigger: action.trigger.clone(),
        evidence: action.evidence.clone(),
        bound: action.bound.clone(),
        expected: action.expected.clone(),
        prove_by: action.prove_by.map(time),
        observed: action.observed.clone(),
        undo: action.kind.undo().to_owned(),
    }
}

fn time(seconds: i64) -> Time {
    Time(Timestamp::from_second(seconds).unwrap_or_default())
}

/// Fills in what enforcement knows of the workload's size.
pub fn size(facts: &Facts<'_>, scaling: &mut ScalingStatus) {
    let Some((plan, Some(decided))) = decided(facts) else { return };
    let enforced = decided.decision.floor.filter(|_| plan.mode == EnforcementMode::Enforce);
    if facts.profile.spec.autoscaling.as_ref().is_some_and(|autoscaling| autoscaling.mode == AutoscalingMode::Adopt) {
        (scaling.declared_min, scaling.max) = decided.bounds;
    }
    scaling.floor = Some(enforced.unwrap_or(scaling.declared_min));
    let shown = &decided.shown;
    scaling.unclamped_demand = shown.need;
    scaling.capacity_per_pod = shown.capacity_per_pod.map(|capacity| format!("{} req/s", short(capacity)));
    scaling.headroom = shown.headroom.map(|headroom| format!("{:.0} %", (headroom * 10.0).round() * 10.0));
}

/// A positive number with three significant digits at most.
fn short(number: f64) -> String {
    if number >= 100.0 {
        format!("{number:.0}")
    } else if number >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

/// The conditions of enforcement; none where the profile asks for none.
pub fn verdicts(facts: &Facts<'_>) -> Vec<Verdict> {
    let Some((plan, decided)) = decided(facts) else { return Vec::new() };
    let all = [conditions::ENFORCING, conditions::CAPACITY_SUFFICIENT, conditions::ROLLOUT_ALLOWED];
    let Some(decided) = decided else {
        return all.map(|kind| Verdict::new(kind, Truth::Unknown, reasons::PENDING, "not looked at yet")).to_vec();
    };
    vec![enforcing(facts, plan, decided), capacity(decided), rollout(plan, decided)]
}

fn enforcing(facts: &Facts<'_>, plan: &EnforcementPlan, decided: &Decided) -> Verdict {
    let decision = &decided.decision;
    if let Some((field, by)) = contended(facts) {
        let words = format!(
            "{by} sets {field} of the adopted autoscaler to something else again and again: it has been left to it; let it \
             leave the field alone, or use the admission policy for floors"
        );
        return Verdict::new(conditions::ENFORCING, Truth::False, reasons::CONTENDED, words);
    }
    let stopped = decision.verdicts.iter().find_map(|said| match said {
        Said::MetricsNotTrusted(words) => Some((reasons::METRICS_NOT_TRUSTED, words)),
        Said::Paused(words) => Some((reasons::PAUSED, words)),
        Said::ScalingIneffective(words) => Some((reasons::SCALING_INEFFECTIVE, words)),
        Said::ReleaseSuspected(words) => Some((reasons::RELEASE_SUSPECTED, words)),
        Said::DependencyLimited(words) => Some((reasons::DEPENDENCY_LIMITED, words)),
        Said::ActionsLimited(words) => Some((reasons::ACTIONS_LIMITED, words)),
        Said::Saturated(_) | Said::CapacityUnavailable(_) => None,
    });
    if let Some((reason, words)) = stopped {
        return Verdict::new(conditions::ENFORCING, Truth::False, reason, words.clone());
    }
    let open: Vec<&str> =
        decision.memory.actions.iter().filter(|action| action.is_open()).map(|action| action.kind.as_str()).collect();
    let actions = if open.is_empty() { "nothing needs to be done".to_owned() } else { open.join(", ") };
    match plan.mode {
        EnforcementMode::Enforce if open.is_empty() => {
            Verdict::new(conditions::ENFORCING, Truth::True, reasons::IDLE, actions)
        }
        EnforcementMode::Enforce => Verdict::new(conditions::ENFORCING, Truth::True, reasons::ACTING, actions),
        EnforcementMode::Observe | EnforcementMode::Disabled => Verdict::new(
            conditions::ENFORCING,
            Truth::False,
            reasons::OBSERVING,
            format!("mode is Observe, and nothing is written; what would be done: {actions}"),
        ),
    }
}

/// The field of an adopted autoscaler that was left to another, and to whom.
fn contended(facts: &Facts<'_>) -> Option<(&'static str, String)> {
    let overlay = facts.overlay?;
    let fields = [("the minimum of replicas", &overlay.floor), ("scale-down", &overlay.hold)];
    fields.into_iter().find_map(|(field, state)| match state {
        State::Contended(contention) => Some((field, contention.by.clone())),
        _ => None,
    })
}

fn capacity(decided: &Decided) -> Verdict {
    let decision = &decided.decision;
    let short = decision.verdicts.iter().find_map(|said| match said {
        Said::CapacityUnavailable(words) => Some((reasons::CAPACITY_UNAVAILABLE, words)),
        Said::Saturated(words) => Some((reasons::SATURATED, words)),
        _ => None,
    });
    let untrusted = decision.verdicts.iter().any(|said| matches!(said, Said::MetricsNotTrusted(_)));
    match short {
        Some((reason, words)) => {
            let need = decided.shown.need.map_or_else(String::new, |need| format!(" (the demand needs {need} pods)"));
            Verdict::new(conditions::CAPACITY_SUFFICIENT, Truth::False, reason, format!("{words}{need}"))
        }
        None if untrusted => {
            let words = "the numbers that the demand is measured by cannot be trusted";
            Verdict::new(conditions::CAPACITY_SUFFICIENT, Truth::Unknown, reasons::METRICS_NOT_TRUSTED, words)
        }
        None => {
            let words = "the demand fits below the maximum of replicas";
            Verdict::new(conditions::CAPACITY_SUFFICIENT, Truth::True, reasons::AS_DECLARED, words)
        }
    }
}

fn rollout(plan: &EnforcementPlan, decided: &Decided) -> Verdict {
    let type_ = conditions::ROLLOUT_ALLOWED;
    let freeze = decided.decision.freeze.as_ref();
    let stops = freeze.filter(|freeze| freeze.cause.stops());
    match (stops, freeze) {
        (Some(freeze), _) if plan.mode == EnforcementMode::Enforce => {
            let reason = reason(freeze);
            Verdict::new(
                type_,
                Truth::False,
                reason,
                format!("{}; until {} unless renewed", freeze.reason, time(freeze.until).0),
            )
        }
        (Some(freeze), _) => Verdict::new(
            type_,
            Truth::True,
            reasons::OBSERVING,
            format!("with mode Enforce it would not be: {}", freeze.reason),
        ),
        (None, Some(freeze)) => Verdict::new(type_, Truth::True, reasons::BUDGET_BURNING, freeze.reason.clone()),
        (None, None) => Verdict::new(type_, Truth::True, reasons::AS_DECLARED, "the error budgets allow it"),
    }
}

fn reason(freeze: &enforce::Freeze) -> &'static str {
    if freeze.cause == enforce::Cause::Release { reasons::RELEASE_SUSPECTED } else { reasons::BUDGET_EXHAUSTED }
}

/// Events of actions that began or ended.
pub fn transitions(old: &PerformanceProfileStatus, new: &PerformanceProfileStatus) -> Vec<super::Transition> {
    let Some(enforcement) = &new.enforcement else { return Vec::new() };
    let before = old.enforcement.as_ref().map(|before| before.actions.as_slice()).unwrap_or_default();
    let mut all = Vec::new();
    for action in &enforcement.actions {
        let known = before.iter().find(|other| other.kind == action.kind && other.since == action.since);
        let ActionStatus { kind, trigger, evidence, expected, bound, observed, .. } = action;
        let told = match (action.state, known.map(|known| known.state)) {
            (ActionState::Open, None) => {
                Some((true, format!("{trigger}; {evidence}; expected: {expected}; bound: {bound}")))
            }
            (ActionState::Proposed, None) => {
                Some((true, format!("would be done: {trigger}; {evidence}; expected: {expected}")))
            }
            (ActionState::Ended, Some(ActionState::Open | ActionState::Proposed)) => {
                Some((false, format!("ended: {}", observed.as_deref().unwrap_or("as expected"))))
            }
            (ActionState::Open, Some(ActionState::Open)) if known.is_some_and(|known| known.observed != *observed) => {
                observed.as_ref().map(|observed| (false, format!("observed: {observed}")))
            }
            _ => None,
        };
        all.extend(told.map(|(warning, note)| super::Transition { warning, reason: kind.clone(), note }));
    }
    let frozen = old.enforcement.as_ref().and_then(|before| before.freeze.as_ref());
    if let Some(FreezeOverride { reason, until }) = given(frozen, enforcement.freeze.as_ref()) {
        let note = format!("the workload overrides the freeze until {}: {reason}", until.0);
        all.push(super::Transition { warning: true, reason: reasons::FREEZE_OVERRIDDEN.to_owned(), note });
    }
    all
}
