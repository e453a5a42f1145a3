//! What the status says of the objectives.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Facts, Truth, Verdict};
use crate::{
    api::{
        conditions, reasons,
        v1alpha1::{
            BudgetStatus, BurnStatus, GroupStatus, ObjectiveState, ObjectiveStatus, PerformanceProfileStatus,
            WindowStatus, WorstStatus,
        },
    },
    profile::evaluation::{Evaluation, Freshness, Measured, RulesLoaded},
    prometheus::shown_burn,
    slo::{
        self,
        evaluate::{Group, Report, Shown},
        number::{human_count, percent},
    },
};

/// Every objective in the order of the spec. Where nothing is measured, the last numbers stay, with the state `Unknown`.
pub fn objectives(facts: &Facts<'_>, old: &PerformanceProfileStatus) -> Vec<ObjectiveStatus> {
    let measured = match facts.evaluation {
        Evaluation::Given { objectives, .. } => objectives.as_slice(),
        _ => &[],
    };
    let declared = &facts.profile.spec.objectives;
    declared
        .iter()
        .map(|objective| {
            let before = old.objectives.iter().find(|each| each.name == objective.name);
            let target = objective.target.to_string();
            match measured.iter().find(|each| each.name == objective.name) {
                Some(Measured { report, freshness: Freshness::Fresh(taken), .. })
                    if report.window.budget_remaining.is_some() =>
                {
                    let now = ObjectiveStatus {
                        name: objective.name.clone(),
                        target,
                        indicator: report.window.indicator.map(percent),
                        budget: Some(BudgetStatus {
                            remaining: report.window.budget_remaining.map(percent).unwrap_or_default(),
                            consumed_events: report.window.bad_events.map(human_count).unwrap_or_default(),
                            total_events: report.window.total_events.map(human_count).unwrap_or_default(),
                            exhausted_in: report.exhausted_in.map(|time| time.to_string()),
                        }),
                        burn: report
                            .burn
                            .iter()
                            .map(|(window, rate)| BurnStatus { window: window.to_string(), rate: shown_burn(*rate) })
                            .collect(),
                        state: report.state,
                        coverage: Some(report.window.covered.clone()),
                        windows: report.further.iter().map(window).collect(),
                        groups: report.groups.iter().take(GROUPS_SHOWN).map(group).collect(),
                        groups_followed: (!report.groups.is_empty()).then(|| count(report.groups.len())),
                        groups_left_out: report.groups_left_out.map(whole).filter(|left_out| *left_out > 0),
                        measured_at: Some(Time(*taken)),
                    };
                    with_old_time(now, before)
                }
                _ => ObjectiveStatus { state: ObjectiveState::Unknown, target, ..kept(&objective.name, before) },
            }
        })
        .collect()
}

/// Groups that a status shows: the worst. All of them are in Prometheus.
const GROUPS_SHOWN: usize = 5;

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "a count of series")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

fn window((window, shown, state): &(slo::Window, Shown, ObjectiveState)) -> WindowStatus {
    WindowStatus {
        window: window.to_string(),
        indicator: shown.indicator.map(percent),
        budget_remaining: shown.budget_remaining.map(percent),
        state: *state,
        coverage: Some(shown.covered.clone()),
    }
}

fn group((labels, report): &(Group, Report)) -> GroupStatus {
    GroupStatus {
        labels: labels.clone(),
        indicator: report.window.indicator.map(percent),
        budget_remaining: report.window.budget_remaining.map(percent),
        state: report.state,
    }
}

/// The time moves only when something else does: it alone is no reason to write.
fn with_old_time(now: ObjectiveStatus, before: Option<&ObjectiveStatus>) -> ObjectiveStatus {
    match before {
        Some(before) if (ObjectiveStatus { measured_at: before.measured_at.clone(), ..now.clone() }) == *before => {
            before.clone()
        }
        _ => now,
    }
}

fn kept(name: &str, before: Option<&ObjectiveStatus>) -> ObjectiveStatus {
    before.cloned().unwrap_or_else(|| ObjectiveStatus {
        name: name.to_owned(),
        target: String::new(),
        indicator: None,
        budget: None,
        burn: Vec::new(),
        state: ObjectiveState::Unknown,
        coverage: None,
        windows: Vec::new(),
        groups: Vec::new(),
        groups_followed: None,
        groups_left_out: None,
        measured_at: None,
    })
}

/// `2/3`: objectives that are within their budget, of all.
pub fn met(objectives: &[ObjectiveStatus]) -> Option<String> {
    let met = objectives.iter().filter(|objective| within_budget(objective.state)).count();
    (!objectives.is_empty()).then(|| format!("{met}/{}", objectives.len()))
}

const fn within_budget(state: ObjectiveState) -> bool {
    match state {
        ObjectiveState::Met | ObjectiveState::AtRisk | ObjectiveState::Burning | ObjectiveState::LowTraffic => true,
        ObjectiveState::Exhausted | ObjectiveState::Unknown => false,
    }
}

/// The objective with the least budget left.
pub fn worst(objectives: &[ObjectiveStatus]) -> Option<WorstStatus> {
    objectives
        .iter()
        .flat_map(|objective| {
            let whole = objective.budget.as_ref().map(|budget| (BTreeMap::new(), budget.remaining.clone()));
            let groups = objective
                .groups
                .iter()
                .filter_map(|group| Some((group.labels.clone(), group.budget_remaining.clone()?)));
            whole.into_iter().chain(groups).map(|(group, budget_remaining)| WorstStatus {
                objective: objective.name.clone(),
                group,
                budget_remaining,
            })
        })
        .filter_map(|worst| Some((worst.budget_remaining.parse::<f64>().ok()?, worst)))
        .min_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, worst)| worst)
}

/// The conditions that speak of objectives; none where there are no objectives.
pub fn verdicts(facts: &Facts<'_>) -> Vec<Verdict> {
    let unknown = |reason: &'static str, message: &str| {
        [conditions::RULES_LOADED, conditions::METRICS_AVAILABLE, conditions::OBJECTIVES_MET]
            .map(|type_| Verdict::new(type_, Truth::Unknown, reason, message))
            .to_vec()
    };
    match facts.evaluation {
        Evaluation::NoObjectives => Vec::new(),
        Evaluation::NotConfigured => unknown(
            reasons::NO_PROMETHEUS,
            "the operator was started without a Prometheus: set --prometheus-url (prometheus.url in the chart)",
        ),
        Evaluation::Pending => unknown(reasons::PENDING, "not evaluated yet"),
        Evaluation::Failed(error) => {
            let mut all = unknown(error.reason, &error.message);
            for verdict in &mut all {
                if verdict.type_ == conditions::METRICS_AVAILABLE {
                    verdict.truth = Truth::False;
                }
            }
            all
        }
        Evaluation::Given { objectives, rules } => {
            vec![rules_loaded(rules), metrics_available(objectives), objectives_met(objectives)]
        }
    }
}

fn rules_loaded(rules: &RulesLoaded) -> Verdict {
    let (truth, reason, message) = match rules {
        RulesLoaded::Yes => (Truth::True, reasons::AS_DECLARED, "Prometheus evaluates every rule".to_owned()),
        RulesLoaded::Unknown(message) => (Truth::Unknown, reasons::PENDING, message.clone()),
        RulesLoaded::Missing(message) => (Truth::False, reasons::NOT_SELECTED, message.clone()),
        RulesLoaded::Failing(message) => (Truth::False, reasons::RULE_FAILING, message.clone()),
    };
    Verdict::new(conditions::RULES_LOADED, truth, reason, message)
}

fn metrics_available(objectives: &[Measured]) -> Verdict {
    let wrong = objectives.iter().find_map(|objective| match objective.freshness {
        Freshness::Fresh(_) => None,
        Freshness::Stale(seconds) => Some(format!(
            "the newest sample of objective {} is {seconds} s old: see that Prometheus evaluates its rules in time",
            objective.name
        )),
        Freshness::Absent => Some(format!(
            "Prometheus has no events of objective {}: see that its selectors match series (for a latency, that the \
             threshold is the bound of a bucket), and that the rules are loaded",
            objective.name
        )),
    });
    match wrong {
        None => Verdict::new(
            conditions::METRICS_AVAILABLE,
            Truth::True,
            reasons::AS_DECLARED,
            "every objective has fresh samples",
        ),
        Some(message) => Verdict::new(conditions::METRICS_AVAILABLE, Truth::False, reasons::NO_DATA, message),
    }
}

fn objectives_met(objectives: &[Measured]) -> Verdict {
    let in_state = |state| -> Vec<&str> {
        let those = objectives.iter().filter(|objective| objective.report.state == state);
        those.map(|objective| objective.name.as_str()).collect()
    };
    let exhausted = in_state(ObjectiveState::Exhausted);
    let burning = in_state(ObjectiveState::Burning);
    let unknown = in_state(ObjectiveState::Unknown);
    let (truth, reason, message) = if !exhausted.is_empty() {
        (Truth::False, reasons::BUDGET_EXHAUSTED, format!("the error budget is spent: {}", exhausted.join(", ")))
    } else if !burning.is_empty() {
        (Truth::False, reasons::BUDGET_BURNING, format!("the error budget burns: {}", burning.join(", ")))
    } else if !unknown.is_empty() {
        (Truth::Unknown, reasons::NO_DATA, format!("not known: {}", unknown.join(", ")))
    } else {
        (Truth::True, reasons::AS_DECLARED, "every objective is within its budget".to_owned())
    };
    Verdict::new(conditions::OBJECTIVES_MET, truth, reason, message)
}
