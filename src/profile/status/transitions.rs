//! What changed between two statuses that is worth an event.

use crate::api::{
    conditions, reasons,
    v1alpha1::{ObjectiveState, PerformanceProfileStatus},
};

/// Something that changed and that people should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// For the worse.
    pub warning: bool,
    /// Reason of the event.
    pub reason: String,
    /// Note of the event.
    pub note: String,
}

/// The events between two statuses: conditions that turned, and objectives that changed their state.
pub fn transitions(old: &PerformanceProfileStatus, new: &PerformanceProfileStatus) -> Vec<Transition> {
    let mut all = super::enforcement::transitions(old, new);
    for condition in &new.conditions {
        let before = old.conditions.iter().find(|before| before.type_ == condition.type_);
        // `Ready` repeats the first of the others that is not true, and `ObjectivesMet` the objectives below.
        let repeated = condition.status == "False" && condition.type_ == conditions::READY
            || condition.type_ == conditions::OBJECTIVES_MET;
        let turned = before.is_none_or(|before| before.status != condition.status || before.reason != condition.reason);
        // Rules take a while to be loaded and to bring their first samples: only their loss is news.
        let new = matches!(&*condition.type_, conditions::RULES_LOADED | conditions::METRICS_AVAILABLE)
            && before.is_none_or(|before| before.status == "Unknown");
        if repeated || new || !turned {
            continue;
        }
        match (&*condition.status, before.map(|before| &*before.status)) {
            ("False", _) => all.push(Transition {
                // What is meant, or is on its way, is no cause for alarm.
                warning: !matches!(
                    &*condition.reason,
                    reasons::PAUSED | reasons::OBSERVING | reasons::ROLLING_OUT | reasons::NOT_LOADED
                ),
                reason: condition.reason.clone(),
                note: format!("{}: {}", condition.type_, condition.message),
            }),
            ("True", Some("False")) => all.push(Transition {
                warning: false,
                reason: condition.type_.clone(),
                note: condition.message.clone(),
            }),
            // A new profile that is in place is what everybody expects: its status says so, and thousands of them bring no
            // thousands of events.
            _ => {}
        }
    }
    for objective in &new.objectives {
        let before = old.objectives.iter().find(|before| before.name == objective.name).map(|before| before.state);
        let expected = before == Some(ObjectiveState::Unknown)
            && matches!(objective.state, ObjectiveState::Met | ObjectiveState::LowTraffic);
        let known = objective.state != ObjectiveState::Unknown;
        if before.is_some_and(|before| before != objective.state) && known && !expected {
            let left = objective.budget.as_ref().map_or("unknown", |budget| &budget.remaining);
            all.push(Transition {
                warning: matches!(
                    objective.state,
                    ObjectiveState::AtRisk | ObjectiveState::Burning | ObjectiveState::Exhausted
                ),
                reason: format!("Objective{:?}", objective.state),
                note: format!("objective {}: {left} % of its error budget left", objective.name),
            });
        }
    }
    all
}
