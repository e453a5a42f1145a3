//! How many pods the demand needs.
//!
//! In-flight requests are L = λ·W (Little's law), from the sum of all durations, so queueing is seen in them. The need rests on the
//! work alone, λ·S, with S the time of a request while nothing queues: L would take a queue for work, and run away. One pod is
//! given `c·u*` requests, with c what it works on at the same time, and u* a target utilization learned within 0.55 and 0.80; where c is
//! not stated, what it carries at the CPU target, or has carried well.

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
/// Seconds between the first and the last of the scrapes that lie within a range of a minute. Where the range is longer a jump is taken
/// for smaller than it is.
const SPAN: f64 = 45.0;
/// Seconds between two values of a rate: the interval at which the rules are evaluated.
const EVERY: f64 = 15.0;
/// Growth counts only beyond so many deviations of the noise.
const DEVIATIONS: f64 = 3.0;
/// The noise as long as little was measured, and the most that it is taken for, in variances of a Poisson process.
const UNKNOWN_NOISE: f64 = 16.0;
const MOST_NOISE: f64 = 10_000.0;
/// The noise moves by this factor towards the median of what is measured: a median, for jumps are rare and must not count as noise.
const NOISE_STEP: f64 = 1.1;
/// The median of the squared deviation of a normal distribution, as a share of its variance.
const MEDIAN: f64 = 0.455;
/// A pod is counted from its second scrape on, and wholly when the range lies after that: so many seconds after it was ready.
pub(super) const COUNTED: i64 = 75;
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
    /// A part of the series is missing, and so is a part of the load.
    pub partial: bool,
    /// Mean time of a request now, of its time without queueing.
    pub slowdown: Option<f64>,
}

/// Learns, and sizes.
pub(super) fn measure(turn: &mut Turn<'_>) -> Sizing {
    let Some(load) = turn.evidence().and_then(|measured| measured.load) else { return by_cpu(turn) };
    let Some(mean) = load.mean_seconds() else { return by_cpu(turn) };
    let counted = all_counted(turn);
    learn_service(turn, mean);
    // What they carried is work: requests that queue are in flight as well.
    let carried = load.in_flight.min(load.rate * turn.memory.learned.service_seconds);
    learn_per_pod(turn, carried, counted);
    let learned = &turn.memory.learned;
    if learned.service_seconds <= 0.0 || learned.per_pod <= 0.0 {
        return by_cpu(turn);
    }
    let ready = f64::from(turn.signals.workload.ready.max(1));
    let pressure = load.in_flight / (ready * learned.per_pod);
    let work = expected(turn, load.rate, counted) * turn.memory.learned.service_seconds;
    let learned = &turn.memory.learned;
    // Square-root staffing: with few slots the share that must be idle is larger (Halfin and Whitt, 1981; β = 1).
    let by_root = turn.settings.concurrency.map_or(0.0, |slots| (work + work.sqrt()) / slots);
    let need = pods((work / learned.per_pod).max(by_root)).max(1);
    let capacity = learned.per_pod / learned.service_seconds;
    let sizing = Sizing {
        partial: part_missing(turn),
        need: Some(need),
        pressure: Some(pressure),
        capacity_per_pod: Some(capacity),
        headroom: (load.rate > 0.0).then(|| ready * capacity / load.rate - 1.0),
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

/// Whether the pods are counted in fewer series than usual.
fn part_missing(turn: &Turn<'_>) -> bool {
    let series = turn.evidence().and_then(|measured| measured.series);
    let usual = f64::from(turn.signals.workload.ready.max(1)) * turn.memory.learned.series_per_pod;
    series.is_some_and(|now| now < usual * WHOLE)
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

/// Whether the ready pods have been the same for as long as the range looks back: a new pod is not counted at first, and then what
/// it takes over from others looks like growth.
const fn all_counted(turn: &Turn<'_>) -> bool {
    turn.now - turn.memory.pods.changed_at >= COUNTED
}

fn learn_per_pod(turn: &mut Turn<'_>, work: f64, counted: bool) {
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
    // Fewer for long are how it is now: what is usual follows, some tens of minutes behind.
    if let Some(now) = series {
        let known = learned.series_per_pod;
        let weight = if part { WEIGHT / 20.0 } else { WEIGHT };
        learned.series_per_pod = if known > 0.0 { known + weight * (now / ready - known) } else { now / ready };
    }
    if !clean || !settled || !counted || work <= 0.0 || part {
        return;
    }
    let carried = work / ready;
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

/// Requests a second that the pods that are asked for now will get: what comes, what the range of the rate does not show yet, and
/// what it grows to while pods start. Growth is what is beyond the noise, and no more.
fn expected(turn: &mut Turn<'_>, rate: f64, counted: bool) -> f64 {
    let now = turn.now;
    let learned = &mut turn.memory.learned;
    learned.rates.retain(|(at, _)| now - at <= 70 && *at < now);
    let new = learned.rates.last().is_none_or(|(_, last)| last.to_bits() != rate.to_bits());
    let latest = latest(&learned.rates, rate, now);
    learned.rates.push((now, rate));
    // Of a Poisson process: a rate over a span has the variance of the rate by the span. Of the latest the span is that of one value,
    // and twice, for what went out of the range; of growth, that of the range.
    let unit = if learned.noise > 0.0 { learned.noise } else { UNKNOWN_NOISE };
    let deviations = |variance: f64| DEVIATIONS * (variance * unit).sqrt();
    let mut most = rate;
    if let Some(latest) = latest.filter(|_| counted) {
        let variance = rate * 2.0 / EVERY;
        most = most.max(latest - deviations(variance));
        if new && variance > 0.0 {
            let wide = (latest - rate).powi(2) / variance > unit * MEDIAN;
            learned.noise = (if wide { unit * NOISE_STEP } else { unit / NOISE_STEP }).clamp(1.0, MOST_NOISE);
        }
    }
    let first = learned.rates.first().copied().filter(|(at, _)| now - at >= 40 && counted);
    if let Some((at, before)) = first {
        let growth = rate - before - deviations((rate + before) / 60.0);
        most = most.max((rate + growth.max(0.0) / seconds(now - at) * AHEAD).min(rate * MOST_AHEAD));
    }
    most
}

/// The rate between the last two values, where all before it is known. A rate over a span follows a jump as slowly as the span is
/// long; by how much it moves says how high the jump is: x(t) = x(t - span) + span · dR/dt.
fn latest(rates: &[(i64, f64)], rate: f64, now: i64) -> Option<f64> {
    let (at, last) = rates.iter().rev().find(|(_, last)| last.to_bits() != rate.to_bits())?;
    // The time at which this value came.
    let came = rates.iter().find(|(since, _)| since > at).map_or(now, |(since, _)| *since);
    let (_, before) = rates.iter().rev().find(|(since, _)| seconds(came - since) >= SPAN)?;
    Some(before + SPAN * (rate - last) / seconds(came - at).max(EVERY))
}

#[expect(clippy::cast_precision_loss, reason = "at most some minutes")]
fn seconds(whole: i64) -> f64 {
    whole as f64
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
