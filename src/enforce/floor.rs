//! The floor that is raised while a budget burns for want of pods: raised in one step, proved, and given back step by step.
//!
//! `minReplicas` never enters the autoscaler's recommendations: dropped at once, it may cut to what low metrics asked for while the
//! floor held. So the floor is lowered here, by 5 % every 15 s.

use super::{
    Kind, Objective, attribution,
    decide::{Turn, Words},
    memory::Experiment,
    per_cent, pods, sizing, trust,
};

/// A burn over one minute above this is fast, if five minutes burn as well, and rest on enough events.
const FAST: f64 = 6.0;
const ENOUGH_EVENTS: f64 = 300.0;
/// Seconds between two raises: what the first did is not seen before.
const RAISE_EVERY: i64 = 60;
/// Unless the need has grown by this since: then the first was made for less, and nothing has to be seen.
const GREW: f64 = 1.25;
/// Raised to the need times this.
const MARGIN: f64 = 1.15;
/// A queue that has grown is worked off with more, but with the margin no more than so many times the need.
const MOST_DRAIN: f64 = 1.5;
/// Where the pods are saturated although they are as many as needed, the model is wrong: so many times the pods.
const STEP: f64 = 1.25;
/// While pods start, no more are asked for, unless it takes longer than this (seconds).
const STARTING: i64 = 180;
/// Near the target: this share of it.
const NEAR: f64 = 0.9;
/// Seconds after a raise, and after the pods have become ready, when its effect is looked at.
const PROVE_AFTER: i64 = 150;
const PROVE_AFTER_READY: i64 = 75;
/// Seconds after which a raise that made no pods ready is not looked at any more.
const NEVER_READY: i64 = 600;
/// A raise that leaves more than this share of the bad events did not help.
const HELPED: f64 = 0.7;
/// Seconds without raises after one that did not help; twice as long each time that this happens again soon after.
const LATCH: i64 = 600;
const LONGEST_LATCH: i64 = 4_800;
/// Beyond the target by this factor the autoscaler is behind: it keeps its metric near the target always.
const BEYOND: f64 = 1.1;
/// A burn that has lasted this long, in seconds, fills the five minutes that tell what is usual.
const LONG_BURN: i64 = 300;
/// Seconds without a burn before the floor is lowered, at first and at most.
const RELAX: i64 = 120;
const LONGEST_RELAX: i64 = 2_100;
/// A burn again within this time after the floor was lowered makes that time four times as long.
const AGAIN: i64 = 1_500;
/// The floor is multiplied by this every 15 s.
pub(super) const DECAY: f64 = 0.95;
/// The same for a floor that did not help.
const FAST_DECAY: f64 = 0.80;

/// Whether the budget burns so fast that it is acted on.
fn fast(objective: &Objective) -> bool {
    let early = objective.burn_1m().is_some_and(|burn| burn > FAST)
        && objective.burn_5m().is_some_and(|burn| burn > 1.0)
        && objective.five_minutes.is_some_and(|rates| rates.total * 300.0 >= ENOUGH_EVENTS);
    // A page lasts for minutes after its cause: the last minute must burn as well.
    early || objective.pages && attribution::burn_now(objective).is_some_and(|burn| burn > 1.0)
}

/// Evidence that the pods have too much to do, in words.
fn saturation(turn: &Turn<'_>, near: f64) -> Option<String> {
    turn.evidence()?;
    if let Some(pressure) = turn.sizing.pressure.filter(|pressure| *pressure >= near) {
        return Some(format!(
            "{pressure:.2} times the requests in flight that {} pods carry well",
            turn.signals.workload.ready
        ));
    }
    let busy = turn.signals.autoscaler.cpu.filter(|(now, target)| *now >= target * near);
    busy.map(|(now, target)| format!("CPU at {now:.0} % of its requests, with a target of {target:.0} %"))
}

/// Looks at what a raise has brought.
pub(super) fn prove(turn: &mut Turn<'_>) {
    let now = turn.now;
    let key = format!("{} {}", turn.settings.generation, turn.signals.workload.revision);
    if turn.memory.latched_for != key {
        (turn.memory.latched_until, turn.memory.latch_seconds) = (0, 0);
        turn.memory.latched_for.clone_from(&key);
    }
    let Some(mut experiment) = turn.memory.experiment else { return };
    let Some(measured) = turn.evidence() else { return };
    let ready = turn.signals.workload.ready;
    if experiment.grown_at == 0 && ready * 10 >= experiment.ready * 11 {
        experiment.grown_at = now;
    }
    turn.memory.experiment = Some(experiment);
    if experiment.grown_at == 0 {
        if now - experiment.at >= NEVER_READY {
            turn.memory.experiment = None;
            turn.saw(Kind::RaiseFloor, "not proved: within 10 minutes no more pods were ready".to_owned());
        }
        return;
    }
    if now < (experiment.at + PROVE_AFTER).max(experiment.grown_at + PROVE_AFTER_READY) {
        return;
    }
    turn.memory.experiment = None;
    let bad = measured
        .objectives
        .iter()
        .filter_map(|objective| objective.minute)
        .map(super::Rates::bad_share)
        .fold(0.0, f64::max);
    let burns = attribution::highest(turn).is_some_and(|burn| burn > 1.0);
    let seen = format!(
        "bad events went from {} to {} while ready pods went from {} to {ready}",
        per_cent(experiment.bad_share),
        per_cent(bad),
        experiment.ready
    );
    // Less than by chance, and the pods have time to spare: it is not for want of them that it burns.
    let spare = saturation(turn, NEAR).is_none() && bad > experiment.usual_share * HELPED;
    if burns && (bad > experiment.bad_share * HELPED || spare) {
        let again = now - turn.memory.latched_until <= AGAIN && turn.memory.latch_seconds > 0;
        let length = if again { (turn.memory.latch_seconds * 2).min(LONGEST_LATCH) } else { LATCH };
        (turn.memory.latched_until, turn.memory.latch_seconds) = (now + length, length);
        turn.saw(Kind::RaiseFloor, format!("ScalingIneffective: {seen}"));
    } else {
        turn.saw(Kind::RaiseFloor, seen);
    }
}

/// Whether more pods are not asked for because they did not help.
pub(super) fn latched(turn: &Turn<'_>) -> bool {
    turn.now < turn.memory.latched_until
}

/// Whether something speaks against more pods.
pub(super) fn in_vain(turn: &Turn<'_>) -> bool {
    latched(turn)
        || attribution::release_suspected(turn)
        || attribution::dependency_limited(turn)
        || attribution::capacity_unavailable(turn)
}

/// Raises the floor where the budget burns fast for want of pods.
pub(super) fn raise(turn: &mut Turn<'_>) {
    let now = turn.now;
    let Some(evidence) = saturation(turn, NEAR) else { return };
    // Requests that wait for a dependency are in flight as well: they do not show that pods are saturated.
    if saturation(turn, BEYOND).is_some() && !attribution::dependency_limited(turn) {
        turn.memory.saturated_at = now;
    }
    let soon = now - turn.memory.raised_at < RAISE_EVERY && !grew(turn);
    if !turn.settings.scaling || in_vain(turn) || soon {
        return;
    }
    let Some(measured) = turn.evidence() else { return };
    let Some(worst) = measured.objectives.iter().filter(|objective| fast(objective)).max_by(|one, other| {
        let burn = |objective: &Objective| attribution::burn_now(objective).unwrap_or(0.0);
        burn(one).total_cmp(&burn(other))
    }) else {
        return;
    };
    let (replicas, ready) = (turn.signals.workload.replicas, turn.signals.workload.ready);
    let Some(wanted) = wanted(turn, replicas, ready) else { return };
    let floor = wanted.min(turn.most());
    if floor <= replicas.max(pods(turn.memory.floor)) || !turn.may_begin() {
        return;
    }
    let again = turn.memory.lowered_at > turn.memory.raised_at;
    turn.memory.relax = match (again, now - turn.memory.lowered_at <= AGAIN) {
        (true, true) => (turn.memory.relax.max(RELAX) * 4).min(LONGEST_RELAX),
        (false, _) if turn.memory.floor > 0.0 => turn.memory.relax.max(RELAX),
        _ => RELAX,
    };
    turn.memory.peak_need = turn.memory.peak_need.max(turn.sizing.need.unwrap_or(0));
    turn.memory.floor = f64::from(floor);
    turn.memory.raised_at = now;
    turn.memory.saturated_at = now;
    let share = worst.minute.map_or(0.0, super::Rates::bad_share);
    // Of a burn that has just begun five minutes are mostly the time before it: they tell nothing of what is usual.
    let old = now - turn.memory.burning_since >= LONG_BURN;
    let usual_share = worst.five_minutes.filter(|_| old).map_or(share, super::Rates::bad_share).min(share);
    if turn.memory.experiment.is_none() {
        turn.memory.experiment = Some(Experiment { at: now, ready, bad_share: share, usual_share, grown_at: 0 });
    }
    let words = Words {
        trigger: format!(
            "objective {} burns its budget at {:.1} times its rate over 1m and {:.1} over 5m",
            worst.name,
            worst.burn_1m().unwrap_or(0.0),
            worst.burn_5m().unwrap_or(0.0)
        ),
        evidence,
        bound: format!("at most {} replicas; one raise a minute, unless the need grows", turn.most()),
        expected: format!(
            "{floor} pods instead of {replicas}, and at most 0.7 of the bad share of {}",
            per_cent(share)
        ),
    };
    turn.act(Kind::RaiseFloor, None, Some(now + PROVE_AFTER), words);
}

/// Whether more is needed than the last raise was made for.
fn grew(turn: &Turn<'_>) -> bool {
    let before = f64::from(turn.memory.peak_need);
    before > 0.0 && turn.sizing.need.is_some_and(|need| f64::from(need) > before * GREW)
}

/// Whether pods that are missing were lost, to a drain or a crash: a drain has just been seen, or nobody has asked for more pods and
/// there is no rollout.
fn lost(turn: &Turn<'_>) -> bool {
    let (now, memory) = (turn.now, &turn.memory);
    let recent = |at: i64| now - at < STARTING;
    recent(memory.pods.drained_at) || !recent(memory.pods.grown_at) && !recent(memory.release.since)
}

/// The pods to ask for; nothing while those that start, or come back, are enough, and while nothing is seen yet of what they do. For pods
/// that start the need counts with its margin; pods that come back were enough before, so only a need beyond them is one for more.
fn wanted(turn: &Turn<'_>, replicas: i32, ready: i32) -> Option<i32> {
    let (now, memory) = (turn.now, &turn.memory);
    let early = now - memory.raised_at.max(memory.burning_since) < STARTING;
    let unseen = |at: i64| now - at < sizing::COUNTED;
    let back = early && lost(turn) && unseen(memory.pods.missing_at);
    // In a rollout there are new pods all the time.
    let fresh = unseen(memory.pods.more_at) && now - memory.release.since >= STARTING;
    let starting = early && (ready < replicas || fresh);
    let margin = (turn.sizing.slowdown.unwrap_or(1.0).max(1.0) * MARGIN).min(MOST_DRAIN);
    let need = turn.sizing.need.map(|need| need.max(memory.peak_need.min(need * 2)));
    let needed = need.map(|need| pods(f64::from(need) * margin));
    if back || starting {
        let counts = if back { need } else { needed };
        return needed.filter(|_| counts.is_some_and(|pods| pods > replicas));
    }
    Some(needed.map_or(pods(f64::from(ready.max(1)) * 1.5), |needed| needed.max(pods(f64::from(ready) * STEP))))
}

/// Lowers the floor after the burn, step by step.
pub(super) fn lower(turn: &mut Turn<'_>) {
    if turn.memory.floor <= 0.0 {
        return;
    }
    let now = turn.now;
    let given_up = !turn.trusted && !trust::is_dark(turn) || !turn.settings.scaling;
    if !given_up && turn.static_now() {
        return;
    }
    let clean = now - turn.memory.burned_at.max(turn.memory.raised_at) >= turn.memory.relax.max(RELAX);
    // Pods that a dependency does not need are given back while it burns.
    if !(given_up || latched(turn) || attribution::dependency_limited(turn) || clean) {
        return;
    }
    let decay = if latched(turn) { FAST_DECAY } else { DECAY };
    turn.memory.floor = lowered(turn.memory.floor, decay, now - turn.memory.lowered_at.max(turn.memory.raised_at));
    turn.memory.lowered_at = now;
    if pods(turn.memory.floor) <= turn.settings.min || turn.memory.floor < 1.0 {
        turn.memory.floor = 0.0;
        turn.memory.peak_need = 0;
        turn.memory.experiment = None;
        turn.finish(Kind::RaiseFloor, "given back: the floor is at what is declared again");
    }
}

/// A floor after some seconds of decay; a look that comes late makes no large step.
pub(super) fn lowered(floor: f64, decay: f64, seconds: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 30 seconds")]
    let steps = seconds.clamp(1, 30) as f64 / 15.0;
    floor * decay.powf(steps)
}
