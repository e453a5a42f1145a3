//! What burns the budget: load, a release, a dependency, or the want of nodes. Only load is cured by pods.

use k8s_openapi::jiff::Timestamp;

use super::{Objective, Verdict, decide::Turn, memory::Pods, trust};

/// A burn that begins this soon after a new template is put down to it, in seconds.
const AFTER_RELEASE: i64 = 600;
/// A suspicion ends after so much time without a burn, in seconds.
const RELEASE_CLEAN: i64 = 1_800;
/// With so many times the requests that the release began with, it is the load.
const LOAD_GREW: f64 = 1.3;
/// A set of images that ran this long without a burn did well, in seconds.
const GOOD_AFTER: i64 = 600;
/// Sets of images that are remembered.
const GOOD_SETS: usize = 5;
/// A queue in front of a dependency that lasts this long is no accident, in seconds.
const WAITING: i64 = 20;
/// A dependency is held for the cause until its queue has been gone this long, in seconds.
const WAITING_GONE: i64 = 600;
/// As many of the requests in flight that wait for a dependency are where the time goes.
const WAITING_SHARE: f64 = 0.3;
/// CPU below this share of its target is low.
const LOW_CPU: f64 = 0.7;
/// The need is beyond the maximum for this long before it is said, in seconds.
const BEYOND: i64 = 120;
/// And below 0.9 of it for this long before it is taken back, in seconds.
const BELOW: i64 = 900;
/// Pods that find no node for this long are no accident, in seconds.
const UNSCHEDULABLE: i64 = 60;
/// Burn rates below this are clean.
pub(super) const CLEAN: f64 = 0.7;

/// The burn rate that is looked at from moment to moment.
pub(super) fn burn_now(objective: &Objective) -> Option<f64> {
    objective.burn_1m().or_else(|| objective.burn_5m())
}

/// The highest burn rate now, of all objectives; nothing where none is known.
pub(super) fn highest(turn: &Turn<'_>) -> Option<f64> {
    turn.evidence()?.objectives.iter().filter_map(burn_now).reduce(f64::max)
}

/// Keeps account of since when the budget burns.
pub(super) fn note_burn(turn: &mut Turn<'_>) {
    let Some(burn) = highest(turn) else { return };
    if burn > 1.0 {
        if turn.memory.burning_since == 0 {
            turn.memory.burning_since = turn.now;
        }
        turn.memory.burned_at = turn.now;
    } else if burn >= CLEAN {
        // Neither burning nor clean: nothing is lowered.
        turn.memory.burned_at = turn.now.max(turn.memory.burned_at);
    } else if turn.now - turn.memory.burned_at >= 60 {
        turn.memory.burning_since = 0;
    }
}

/// Keeps account of releases: what ran well, and what a burn began with.
pub(super) fn note_release(turn: &mut Turn<'_>) {
    let now = turn.now;
    let workload = &turn.signals.workload;
    let rate = turn.evidence().and_then(|measured| measured.load).map(|load| load.rate);
    let trusted = turn.trusted;
    let clean = trusted && turn.memory.burning_since == 0;
    let burning_since = turn.memory.burning_since;
    let burned_at = turn.memory.burned_at;
    let release = &mut turn.memory.release;
    if workload.revision.is_empty() {
        return;
    }
    if release.revision != workload.revision {
        let first = release.revision.is_empty();
        release.revision.clone_from(&workload.revision);
        release.images.clone_from(&workload.images);
        // What ran before the operator came is taken to have run for long.
        release.since = if first { 0 } else { now };
        release.rate = rate.unwrap_or(0.0);
        release.suspected.clear();
    }
    let suspected = !release.suspected.is_empty();
    if clean && !suspected && now - release.since >= GOOD_AFTER && release.good.last() != Some(&release.images) {
        release.good.retain(|images| *images != release.images);
        release.good.push(release.images.clone());
        let surplus = release.good.len().saturating_sub(GOOD_SETS);
        release.good.drain(..surplus);
    }
    if !trusted || turn.signals.maintenance {
        return;
    }
    let began_with_it =
        release.since > 0 && burning_since >= release.since && burning_since - release.since <= AFTER_RELEASE;
    let load_grew = rate.is_some_and(|rate| release.rate > 0.0 && rate > release.rate * LOAD_GREW);
    if !suspected && began_with_it && burning_since > 0 && now - burning_since >= 30 && !load_grew {
        release.suspected.clone_from(&release.revision);
    } else if suspected && now - burned_at >= RELEASE_CLEAN {
        release.suspected.clear();
    }
}

/// Whether the present release is suspected.
pub(super) fn release_suspected(turn: &Turn<'_>) -> bool {
    !turn.memory.release.suspected.is_empty()
}

/// Keeps account of a queue in front of a dependency.
pub(super) fn note_dependency(turn: &mut Turn<'_>) {
    let Some(measured) = turn.evidence() else { return };
    let waiting = measured.waiting.unwrap_or(0.0);
    if waiting < 1.0 {
        turn.memory.waiting_since = 0;
        return;
    }
    if turn.memory.waiting_since == 0 {
        turn.memory.waiting_since = turn.now;
    }
    let low = turn.signals.autoscaler.cpu.is_none_or(|(now, target)| now < target * LOW_CPU);
    // An autoscaler that follows the CPU keeps it from being low: where most of the requests in flight wait, that is the cause too.
    let most = measured.load.is_some_and(|load| waiting >= load.in_flight * WAITING_SHARE);
    if most || low && turn.now - turn.memory.waiting_since >= WAITING {
        turn.memory.dependency_until = turn.now + WAITING_GONE;
    }
}

/// Whether a dependency is held for the cause.
pub(super) fn dependency_limited(turn: &Turn<'_>) -> bool {
    turn.now < turn.memory.dependency_until
}

/// Keeps account of the pods.
pub(super) fn note_pods(turn: &mut Turn<'_>) {
    let now = turn.now;
    let workload = &turn.signals.workload;
    let seen = &mut turn.memory.pods;
    if seen.changed_at == 0 {
        // The first look: those that are ready are taken to have been so for long, and those that are not, to have been asked for.
        *seen = Pods {
            replicas: workload.replicas,
            ready: workload.ready,
            grown_at: now,
            changed_at: 1,
            ..Pods::default()
        };
    }
    if workload.replicas > seen.replicas {
        seen.grown_at = now;
    }
    if workload.ready != seen.ready {
        seen.changed_at = now;
    }
    if workload.ready > seen.ready {
        seen.more_at = now;
    }
    if workload.ready < workload.replicas {
        seen.missing_at = now;
    }
    if turn.signals.draining > 0 {
        seen.drained_at = now;
    }
    (seen.replicas, seen.ready) = (workload.replicas, workload.ready);
}

/// Keeps account of pods that find no node, and of a need beyond the maximum.
pub(super) fn note_capacity(turn: &mut Turn<'_>) {
    let now = turn.now;
    if turn.signals.workload.unschedulable == 0 {
        turn.memory.unschedulable_since = 0;
    } else if turn.memory.unschedulable_since == 0 {
        turn.memory.unschedulable_since = now;
    }
    if !turn.trusted {
        return;
    }
    let burns = highest(turn).is_some_and(|burn| burn > 1.0);
    let (max, need) = (turn.settings.max, turn.sizing.need);
    let beyond = need.is_some_and(|need| need > max) || turn.signals.autoscaler.at_max && burns;
    let below = need.is_none_or(|need| f64::from(need) < 0.9 * f64::from(max)) && !turn.signals.autoscaler.at_max;
    let memory = &mut turn.memory;
    memory.beyond_since = since(memory.beyond_since, beyond, now);
    memory.below_since = since(memory.below_since, below, now);
    if beyond && now - memory.beyond_since >= BEYOND {
        memory.saturated = true;
    } else if below && now - memory.below_since >= BELOW {
        memory.saturated = false;
    }
}

const fn since(before: i64, holds: bool, now: i64) -> i64 {
    match (holds, before) {
        (false, _) => 0,
        (true, 0) => now,
        (true, before) => before,
    }
}

/// Whether pods find no node.
pub(super) fn capacity_unavailable(turn: &Turn<'_>) -> bool {
    turn.memory.unschedulable_since > 0 && turn.now - turn.memory.unschedulable_since >= UNSCHEDULABLE
}

/// What stands in the way, in words.
pub(super) fn verdicts(turn: &mut Turn<'_>) {
    let mut all = Vec::new();
    all.extend(trust::verdict(turn));
    if let Some(until) = turn.settings.paused_until.filter(|_| turn.paused()) {
        all.push(Verdict::Paused(format!("nothing is begun until {}; what is open recovers", moment(until))));
    }
    let memory = &turn.memory;
    if turn.now < memory.latched_until {
        all.push(Verdict::ScalingIneffective(format!(
            "more pods did not bring the bad events down: none are asked for until {}, or until the profile or the workload's \
             template changes",
            moment(memory.latched_until)
        )));
    }
    if release_suspected(turn) {
        let images = &memory.release.images;
        let back = memory.release.good.iter().rev().find(|good| *good != images);
        let back = back.map_or_else(String::new, |good| format!("; the last images that did well: {good}"));
        all.push(Verdict::ReleaseSuspected(format!(
            "the burn began within 10 minutes of a new pod template ({images}), and the load had not grown: no pods are added{back}"
        )));
    }
    if dependency_limited(turn) {
        all.push(Verdict::DependencyLimited(
            "requests wait for a dependency while the pods' CPU is low: more pods would only add connections; look at the \
             dependency, or at the size of its pool"
                .to_owned(),
        ));
    }
    if memory.saturated {
        let max = turn.settings.max;
        let short = turn.sizing.need.filter(|need| *need > max);
        let short = short.map_or_else(
            || "the autoscaler would go beyond it".to_owned(),
            |_| "the demand needs more: raise maxReplicas".to_owned(),
        );
        let burns = highest(turn).is_some_and(|burn| burn > 1.0);
        let burn = if burns { "; it costs error budget at this time" } else { "" };
        all.push(Verdict::Saturated(format!("maxReplicas is {max}, and {short}{burn}")));
    }
    if capacity_unavailable(turn) {
        let why = "pods find no node or no quota: no more are asked for; add nodes, or raise the quota";
        all.push(Verdict::CapacityUnavailable(why.to_owned()));
    }
    if turn.now - memory.limited_at < 600 && memory.limited_at > 0 {
        all.push(Verdict::ActionsLimited(format!(
            "{} actions were begun within an hour, which is the limit: see maxActionsPerHour",
            turn.settings.max_actions_per_hour
        )));
    }
    turn.verdicts = all;
}

/// A moment as people read it. The words must not change from look to look, so it is no count of seconds.
fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| "later".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
