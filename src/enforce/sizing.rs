//! How many pods the demand needs.
//!
//! In-flight requests are L = λ·W (Little's law), from the sum of all durations, so queueing is seen in them. The need rests on the
//! work alone, λ·S, with S the time of a request while nothing queues: L would take a queue for work, and run away. One pod is
//! given `c·u*` requests, with c what it works on at the same time, and u* a target utilization learned within 0.55 and 0.80.

use super::{attribution, decide::Turn, pods};

/// Target utilization to begin with, and its bounds.
const TARGET: f64 = 0.72;
const LOWEST: f64 = 0.55;
const HIGHEST: f64 = 0.80;
/// Seconds between two moves of the target.
const MOVE_EVERY: i64 = 60;
/// Events within a minute that a move of the target rests on.
const ENOUGH_EVENTS: f64 = 300.0;
/// Weight of one look in what is learned.
const WEIGHT: f64 = 0.1;
/// Growth is extrapolated by so many seconds: half of the range that the rate is taken over, and the start of a pod.
const AHEAD: f64 = 75.0;
/// And by no more than to so many times the present.
const MOST_AHEAD: f64 = 1.25;
/// CPU below this, per cent of requests, tells nothing of what a pod can do.
const TELLING_CPU: f64 = 20.0;
/// The autoscaler leaves its metric alone within a tenth of the target, so that on the mean it is a little above.
const TOLERANCE: f64 = 1.05;
/// With less than this share of the series that a pod is usually counted in, a part of the load is not seen.
const WHOLE: f64 = 0.8;
/// Looks after which what is learned is relied on: five minutes at ten seconds.
pub(super) const CONFIDENT: u32 = 30;

/// What the demand needs; each is nothing while not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sizing {
    /// Pods that the demand needs, whatever the bounds are.
    pub need: Option<i32>,
    /// Requests in flight of those that the ready pods carry well; 1 is at the target.
    pub pressure: Option<f64>,
    /// Requests a second that one pod carries well.
    pub capacity_per_pod: Option<f64>,
    /// How much more load the ready pods could carry; 0.5 is half as much again.
    pub headroom: Option<f64>,
    /// How the load would be when pods that are asked for now are ready, of the load now; from 1 on.
    pub growth: Option<f64>,
    /// Mean time of a request now, of its time without queueing.
    pub slowdown: Option<f64>,
}

/// Learns, and sizes.
pub(super) fn measure(turn: &mut Turn<'_>) -> Sizing {
    let Some(load) = turn.evidence().and_then(|measured| measured.load) else { return by_cpu(turn) };
    let Some(mean) = load.mean_seconds() else { return by_cpu(turn) };
    learn_service(turn, mean);
    learn_per_pod(turn, load.in_flight);
    let learned = &turn.memory.learned;
    if learned.service_seconds <= 0.0 || learned.per_pod <= 0.0 {
        return by_cpu(turn);
    }
    let ready = f64::from(turn.signals.workload.ready.max(1));
    let pressure = load.in_flight / (ready * learned.per_pod);
    let growth = growth(turn, load.rate);
    let learned = &turn.memory.learned;
    let work = load.rate * growth.min(MOST_AHEAD) * learned.service_seconds;
    // Square-root staffing: with few slots the share that must be idle is larger (Halfin and Whitt, 1981; β = 1).
    let by_root = turn.settings.concurrency.map_or(0.0, |slots| (work + work.sqrt()) / slots);
    let need = pods((work / learned.per_pod).max(by_root)).max(1);
    let capacity = learned.per_pod / learned.service_seconds;
    let sizing = Sizing {
        need: Some(need),
        pressure: Some(pressure),
        capacity_per_pod: Some(capacity),
        headroom: (load.rate > 0.0).then(|| ready * capacity / load.rate - 1.0),
        growth: Some(growth),
        slowdown: Some(mean / learned.service_seconds),
    };
    move_target(turn, pressure);
    sizing
}

/// With nothing but the pods' CPU: what the autoscaler computes, unclamped.
fn by_cpu(turn: &Turn<'_>) -> Sizing {
    let ready = f64::from(turn.signals.workload.ready);
    let need =
        turn.signals.autoscaler.cpu.filter(|(_, target)| *target > 0.0).map(|(now, target)| ready * now / target);
    Sizing { need: need.map(|need| pods(need).max(1)), pressure: None, ..Sizing::default() }
}

/// Whether what is learned may be acted on without a burn.
pub(super) fn confident(turn: &Turn<'_>) -> bool {
    turn.memory.learned.looks >= CONFIDENT
}

fn clean(turn: &Turn<'_>) -> bool {
    attribution::highest(turn).is_some_and(|burn| burn < attribution::CLEAN)
}

/// The time without queueing follows the mean while all is well; under overload it stands still, and only a shorter time counts.
fn learn_service(turn: &mut Turn<'_>, mean: f64) {
    let clean = clean(turn);
    let learned = &mut turn.memory.learned;
    if learned.service_seconds <= 0.0 {
        if clean {
            learned.service_seconds = mean;
        }
    } else if clean {
        learned.service_seconds += WEIGHT * (mean - learned.service_seconds);
    } else {
        learned.service_seconds = learned.service_seconds.min(mean);
    }
}

fn learn_per_pod(turn: &mut Turn<'_>, in_flight: f64) {
    let clean = clean(turn);
    let settled = turn.signals.workload.ready >= turn.signals.workload.replicas && turn.signals.workload.ready > 0;
    let ready = f64::from(turn.signals.workload.ready.max(1));
    let cpu = turn.signals.autoscaler.cpu;
    let concurrency = turn.settings.concurrency;
    let series = turn.evidence().and_then(|measured| measured.series);
    let learned = &mut turn.memory.learned;
    if clean && settled {
        learned.looks = learned.looks.saturating_add(1);
    }
    if let Some(slots) = concurrency {
        if learned.target <= 0.0 {
            learned.target = TARGET;
        }
        learned.per_pod = slots * learned.target;
        return;
    }
    // Where a part of the series is missing, so is a part of the load.
    let part = series.is_some_and(|now| now / ready < learned.series_per_pod * WHOLE);
    if !clean || !settled || in_flight <= 0.0 || part {
        return;
    }
    if let Some(now) = series {
        let known = learned.series_per_pod;
        learned.series_per_pod = if known > 0.0 { known + WEIGHT * (now / ready - known) } else { now / ready };
    }
    let carried = in_flight / ready;
    match cpu {
        // Well below its target the CPU is extrapolated, but not beyond three times what was seen.
        Some((now, target)) if now >= TELLING_CPU => {
            let full = carried * (target / now).min(3.0) * TOLERANCE;
            learned.per_pod =
                if learned.per_pod > 0.0 { learned.per_pod + WEIGHT * (full - learned.per_pod) } else { full };
        }
        // The most that pods have carried well: a bound that is known to hold, and that experience widens.
        _ => learned.per_pod = learned.per_pod.max(carried),
    }
}

/// How the load grows while pods start, where it grows beyond the noise.
fn growth(turn: &mut Turn<'_>, rate: f64) -> f64 {
    let now = turn.now;
    let rates = &mut turn.memory.learned.rates;
    rates.retain(|(at, _)| now - at <= 70 && *at < now);
    rates.push((now, rate));
    let Some((at, before)) = rates.first().copied().filter(|(at, _)| now - at >= 40) else { return 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "at most 70 seconds")]
    let seconds = (now - at) as f64;
    let growth = rate - before;
    // Both are counts over a minute of a Poisson process at the least: their variance is the rate over 60 s.
    let noise = ((rate + before) / 60.0).sqrt();
    if growth > 3.0 * noise && rate > 0.0 { 1.0 + growth / seconds * AHEAD / rate } else { 1.0 }
}

fn move_target(turn: &mut Turn<'_>, pressure: f64) {
    let now = turn.now;
    let Some(measured) = turn.evidence() else { return };
    let events = measured.objectives.iter().filter_map(|objective| objective.minute).map(|rates| rates.total * 60.0);
    let enough = events.fold(0.0, f64::max) >= ENOUGH_EVENTS;
    let settled = turn.signals.workload.ready >= turn.signals.workload.replicas;
    let Some(slots) = turn.settings.concurrency else { return };
    if !enough || !settled || pressure < 0.9 || now - turn.memory.learned.moved_at < MOVE_EVERY {
        return;
    }
    let minute = attribution::highest(turn).unwrap_or(0.0);
    let five = measured.objectives.iter().filter_map(super::Objective::burn_5m).fold(0.0, f64::max);
    let learned = &mut turn.memory.learned;
    if minute > 0.8 {
        learned.bad_target = learned.target;
        learned.target = (learned.target - 0.03).max(LOWEST);
    } else if minute < 0.25 && five < 0.25 {
        let most = if learned.bad_target > 0.0 { (learned.bad_target + 0.005).min(HIGHEST) } else { HIGHEST };
        learned.target = (learned.target + 0.01).min(most).max(learned.target.min(most));
    } else {
        return;
    }
    learned.per_pod = slots * learned.target;
    learned.moved_at = now;
}
