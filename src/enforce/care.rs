//! Care in disruptions: a strict disruption budget while the error budget is low, and a spare pod for drains.

use super::{
    Kind,
    decide::{Turn, Words},
    freeze::{LOW, LOW_ENDS, lowest},
    trust,
};

/// Seconds between two changes of a disruption budget: each refuses all evictions until the controller has seen it.
const CHANGE_EVERY: i64 = 600;
/// Longest surge in seconds.
const LONGEST_SURGE: i64 = 7_200;

/// Makes the disruption budget strict, or gives it back.
pub(super) fn disruption(turn: &mut Turn<'_>) {
    let now = turn.now;
    if turn.memory.strict && (!turn.settings.disruption || !turn.trusted && !trust::is_dark(turn)) {
        turn.memory.strict = false;
        turn.memory.strict_changed_at = now;
        turn.finish(Kind::StrictDisruptionBudget, "not wanted, or not known for more than 2h");
    }
    if now - turn.memory.strict_changed_at < CHANGE_EVERY && turn.memory.strict_changed_at > 0 {
        return;
    }
    let Some((lowest, left)) = lowest(turn) else { return };
    if !turn.memory.strict && turn.settings.disruption && left < LOW && turn.may_begin() {
        turn.memory.strict = true;
        turn.memory.strict_changed_at = now;
        let name = &lowest.name;
        let words = Words {
            trigger: format!("less than 25 % of the error budget of objective {name} is left"),
            evidence: "the budget over the objective's window".to_owned(),
            bound: "one pod may always be evicted; one change in 10 minutes".to_owned(),
            expected: "drains take one pod at a time".to_owned(),
        };
        turn.act(Kind::StrictDisruptionBudget, None, None, words);
    } else if turn.memory.strict && left > LOW_ENDS && now >= turn.memory.hold_still_until {
        turn.memory.strict = false;
        turn.memory.strict_changed_at = now;
        turn.finish(Kind::StrictDisruptionBudget, "more than 35 % of the error budget is left");
    }
}

/// One more pod while a node is drained, where the pods are no more than what is needed.
pub(super) fn surge(turn: &mut Turn<'_>) {
    let now = turn.now;
    let (replicas, draining) = (turn.signals.workload.replicas, turn.signals.draining);
    if turn.memory.surge_base > 0 {
        if draining == 0 || now - turn.memory.surge_since >= LONGEST_SURGE || !turn.settings.scaling {
            turn.memory.surge_base = 0;
            // After a surge that lasted its longest time the next drain begins the next one.
            turn.memory.surge_since = if draining == 0 { 0 } else { now };
            turn.finish(Kind::SurgeForDrain, "no pod is on a cordoned node, or 2h are over");
        }
        return;
    }
    let needed = turn.sizing.need.unwrap_or(replicas).max(turn.settings.min);
    let spare = replicas - needed;
    if draining == 0 {
        turn.memory.surge_since = 0;
        return;
    }
    if turn.memory.surge_since > 0 || replicas == 0 || spare > 1 || !turn.settings.scaling || replicas >= turn.most() {
        return;
    }
    if !turn.may_begin() {
        return;
    }
    turn.memory.surge_base = replicas;
    turn.memory.surge_since = now;
    let words = Words {
        trigger: format!("{draining} pods are on nodes that are cordoned"),
        evidence: format!("{replicas} pods, and the demand needs {needed}"),
        bound: "one pod, for at most 2h".to_owned(),
        expected: "a drain takes no pod that is needed".to_owned(),
    };
    turn.act(Kind::SurgeForDrain, Some(now + LONGEST_SURGE), None, words);
}
