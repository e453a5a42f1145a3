//! The hold of scale-down: while the budget burns no pod goes, and while the numbers are dark neither.

use super::{
    Kind, Objective, attribution,
    decide::{Turn, Words},
    floor::latched,
    trust,
};

/// Longest time in seconds that a hold lasts after the last burn.
const LONGEST: i64 = 1_800;
/// Saturation within this time, in seconds, makes a burn one for want of pods: the longest window that a burn is looked at over.
const SATURATED_WITHIN: i64 = 3_600;
/// A burn that goes on for this long, in seconds, while the pods have time to spare is not for want of them.
const IN_VAIN: i64 = 600;
/// A load below this share of the highest that there was while it was held is low.
const LOW: f64 = 0.7;
/// One that has been low for so long, in seconds, without a burn, is known to be low: a peak that comes again sooner finds its pods.
const LOW_FOR: i64 = 900;

/// Holds scale-down, or lets it go.
pub(super) fn hold(turn: &mut Turn<'_>) {
    let now = turn.now;
    if !turn.settings.scaling {
        return turn.finish(Kind::HoldScaleDown, "scaling is not enforced any more");
    }
    if trust::is_dark(turn) {
        return dark(turn);
    }
    if !turn.trusted {
        return turn
            .finish(Kind::HoldScaleDown, "the numbers have not been trusted for 2h: the autoscaler is on its own");
    }
    if let Some((objective, window, burn)) = burning(turn)
        && now - turn.memory.saturated_at <= SATURATED_WITHIN
        && !latched(turn)
        && !attribution::dependency_limited(turn)
    {
        begin(turn, objective, window, burn);
    }
    if turn.memory.open(Kind::HoldScaleDown).is_none() {
        (turn.memory.held_rate, turn.memory.needed_at) = (0.0, 0);
        return;
    }
    let low = low(turn);
    if turn.static_now() {
        return;
    }
    if latched(turn) {
        turn.finish(Kind::HoldScaleDown, "more pods did not help");
    } else if attribution::dependency_limited(turn) {
        turn.memory.saturated_at = 0;
        turn.finish(Kind::HoldScaleDown, "it burns for want of a dependency, not of pods");
    } else if low {
        turn.memory.saturated_at = 0;
        turn.finish(Kind::HoldScaleDown, "no burn, and less than 0.7 of the load that there was, for 15 minutes");
    } else if calm(turn) {
        turn.finish(Kind::HoldScaleDown, "5m and 1h burn below 0.7");
    } else if burns_in_vain(turn) {
        // What was evidence for it is none any more.
        turn.memory.saturated_at = 0;
        turn.finish(
            Kind::HoldScaleDown,
            "it burns, and the pods have had time to spare for 10 minutes: not for want of pods",
        );
    } else if now >= turn.memory.hold_until {
        turn.finish(Kind::HoldScaleDown, "no burn for want of pods for 30 minutes");
    }
}

fn begin<'a>(turn: &mut Turn<'a>, objective: &'a Objective, window: &str, burn: f64) {
    let open = turn.memory.open(Kind::HoldScaleDown).is_some();
    // Below the floor nothing could go: there is nothing to hold.
    let could_go = turn.signals.workload.replicas > turn.settings.min;
    if !open && (!could_go || !turn.may_begin()) {
        return;
    }
    // Renewed by the minute, and only while it burns now: nothing is written at every look.
    let burns_now = attribution::burn_now(objective).is_some_and(|burn| burn > 1.0);
    if open && (turn.paused() || !burns_now || turn.now + LONGEST - turn.memory.hold_until < 60) {
        return;
    }
    let until = turn.now + LONGEST;
    turn.memory.hold_until = until;
    if let Some(open) = turn.open(Kind::HoldScaleDown) {
        open.until = Some(until);
        return;
    }
    let words = Words {
        trigger: format!("objective {} burns its budget at {burn:.1} times its rate over {window}", objective.name),
        evidence: "the pods were saturated within the last hour".to_owned(),
        bound: "30 minutes after the last burn".to_owned(),
        expected: "no pod goes while the budget burns".to_owned(),
    };
    turn.act(Kind::HoldScaleDown, Some(until), None, words);
}

/// Fail-static: numbers that are gone never scale a service down.
fn dark(turn: &mut Turn<'_>) {
    let until = turn.memory.trust.dark_since + trust::LONGEST_DARK;
    // That the demand is low is not known.
    turn.memory.needed_at = turn.now;
    if turn.memory.open(Kind::HoldScaleDown).is_some() || turn.paused() {
        return;
    }
    let words = Words {
        trigger: format!("the numbers cannot be trusted: {}", turn.memory.trust.why),
        evidence: "no evidence: this keeps things as they are".to_owned(),
        bound: "2h, then the autoscaler is on its own".to_owned(),
        expected: "no pod goes for want of numbers".to_owned(),
    };
    turn.act(Kind::HoldScaleDown, Some(until), None, words);
}

/// The objective that burns fastest over any window, with the window.
fn burning<'a>(turn: &Turn<'a>) -> Option<(&'a Objective, &'static str, f64)> {
    let objectives = &turn.evidence()?.objectives;
    let all = objectives.iter().flat_map(|objective| {
        let windows = [
            ("1m", objective.burn_1m()),
            ("5m", objective.burn_5m()),
            ("30m", objective.burn_30m),
            ("1h", objective.burn_1h),
        ];
        windows.into_iter().filter_map(move |(window, burn)| Some((objective, window, burn?)))
    });
    all.filter(|(_, _, burn)| *burn > 1.0).max_by(|one, other| one.2.total_cmp(&other.2))
}

/// Whether the demand has been low for long, and nothing has burned. It must be seen to be low: a load that is not known is no low one.
fn low(turn: &mut Turn<'_>) -> bool {
    let rate = turn.evidence().and_then(|measured| measured.load).map(|load| load.rate);
    let memory = &mut turn.memory;
    memory.held_rate = memory.held_rate.max(rate.unwrap_or(0.0));
    if memory.needed_at == 0 || rate.is_none_or(|rate| rate >= memory.held_rate * LOW) {
        memory.needed_at = turn.now;
    }
    turn.now - memory.needed_at.max(memory.burned_at) >= LOW_FOR
}

fn calm(turn: &Turn<'_>) -> bool {
    turn.evidence().is_some_and(|measured| {
        let below = |burn: Option<f64>| burn.is_some_and(|burn| burn < attribution::CLEAN);
        !measured.objectives.is_empty()
            && measured.objectives.iter().all(|objective| below(objective.burn_5m()) && below(objective.burn_1h))
    })
}

/// Whether it has burned for ten minutes in which the pods had time to spare. A burn that has just begun again is another.
fn burns_in_vain(turn: &Turn<'_>) -> bool {
    let began = turn.memory.burning_since;
    let lasts = began > 0 && turn.now - began > IN_VAIN;
    lasts && turn.now - turn.memory.saturated_at > IN_VAIN
}
