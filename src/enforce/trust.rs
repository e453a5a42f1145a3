//! Whether the numbers may be relied on.
//!
//! Numbers that are absent, stale or implausible are the third value of the world: unknown. What is held stays held, for at most
//! [`LONGEST_DARK`]; then the autoscaler is on its own.

use super::{
    Measured, Metrics, Verdict,
    decide::Turn,
    memory::{Seen, Trust},
};

/// Longest time in seconds for which everything stays as it is without numbers.
pub(super) const LONGEST_DARK: i64 = 7_200;
/// After numbers are back they must be plausible for this long: twice the range that the rates are taken over.
const QUIET: i64 = 120;
/// A load that is the same to the last bit for this long is not measured any more: a sum of durations never repeats itself.
const FROZEN: i64 = 90;
/// A fall of series, or of requests, to less than this share, with pods and CPU unchanged, is no fall of the traffic.
const COLLAPSE: f64 = 0.1;

/// Whether the numbers of this look may be relied on; keeps account of it.
pub(super) fn judge(turn: &mut Turn<'_>) -> bool {
    let now = turn.now;
    let doubt = match &turn.signals.metrics {
        Metrics::Unknown(why) => Some(why.clone()),
        Metrics::Measured(measured) => implausible(turn, measured),
    };
    let trust = &mut turn.memory.trust;
    if let Some(why) = doubt {
        if trust.dark_since == 0 {
            trust.dark_since = now;
        }
        trust.why = why;
        trust.light_since = 0;
        trust.looks = 0;
        return false;
    }
    if trust.dark_since > 0 && trust.trusted_at > 0 {
        if trust.light_since == 0 {
            trust.light_since = now;
        }
        trust.looks += u32::from(now - trust.light_since >= QUIET);
        // Two plausible looks after a quiet time.
        if trust.looks < 2 {
            "numbers are back and watched for two minutes before they are acted on".clone_into(&mut trust.why);
            return false;
        }
    }
    *trust = Trust { trusted_at: now, same: trust.same, ..Trust::default() };
    let Metrics::Measured(measured) = &turn.signals.metrics else { return false };
    turn.memory.trust.last = Some(Seen {
        at: now,
        series: measured.series,
        rate: measured.load.map(|load| load.rate),
        ready: turn.signals.workload.ready,
        cpu: turn.signals.autoscaler.cpu.map(|(now, _)| now),
    });
    true
}

/// Whether everything still stays as it is for want of numbers.
pub(super) fn is_dark(turn: &Turn<'_>) -> bool {
    let trust = &turn.memory.trust;
    !turn.trusted && trust.trusted_at > 0 && turn.now - trust.dark_since < LONGEST_DARK
}

/// What the profile's users are told; nothing while the numbers are trusted.
pub(super) fn verdict(turn: &Turn<'_>) -> Option<Verdict> {
    if turn.trusted {
        return None;
    }
    let why = &turn.memory.trust.why;
    Some(Verdict::MetricsNotTrusted(if is_dark(turn) {
        format!("{why}; floor, hold and freeze stay as they are for at most 2h")
    } else if turn.memory.trust.trusted_at > 0 {
        format!("{why}, for more than 2h: the autoscaler is on its own")
    } else {
        format!("{why}; nothing is begun")
    }))
}

fn implausible(turn: &mut Turn<'_>, measured: &Measured) -> Option<String> {
    if measured.objectives.is_empty() && measured.load.is_none() {
        return Some("no objective has numbers of the last minute".to_owned());
    }
    for objective in &measured.objectives {
        let rates = [objective.minute, objective.five_minutes];
        let impossible = |rates: super::Rates| {
            !rates.bad.is_finite() || !rates.total.is_finite() || rates.bad < 0.0 || rates.total < 0.0
            // Bad and good are scraped together; extrapolation may still differ a little.
                || rates.total > 0.1 && rates.bad_share() > 1.1
        };
        if rates.into_iter().flatten().any(impossible) {
            return Some(format!("objective {} has more bad events than events", objective.name));
        }
    }
    if let Some(load) = measured.load {
        if !load.rate.is_finite() || !load.in_flight.is_finite() || load.rate < 0.0 || load.in_flight < 0.0 {
            return Some("the load is no number".to_owned());
        }
        if load.rate > 1.0 && load.in_flight <= 0.0 {
            return Some("requests take no time at all".to_owned());
        }
        if let Some(why) = frozen(turn, load) {
            return Some(why);
        }
    }
    collapsed(turn, measured)
}

fn frozen(turn: &mut Turn<'_>, load: super::Load) -> Option<String> {
    let now = turn.now;
    let bits = (load.rate.to_bits(), load.in_flight.to_bits());
    let same = &mut turn.memory.trust.same;
    match *same {
        Some((since, rate, in_flight)) if (rate, in_flight) == bits && load.rate > 1.0 => {
            let seconds = now - since;
            (seconds >= FROZEN).then(|| "the load has been the same to the last digit for more than 90 s".to_owned())
        }
        _ => {
            *same = Some((now, bits.0, bits.1));
            None
        }
    }
}

fn collapsed(turn: &Turn<'_>, measured: &Measured) -> Option<String> {
    // What lasts for hours is how the world is now.
    let last = turn.memory.trust.last.filter(|last| turn.now - last.at < LONGEST_DARK)?;
    let workload = &turn.signals.workload;
    let pods_unchanged = last.ready > 0 && workload.ready * 10 >= last.ready * 9;
    if !pods_unchanged {
        return None;
    }
    if let (Some(before), Some(now)) = (last.series, measured.series)
        && before >= 2.0
        && now < before * COLLAPSE
    {
        return Some(format!("of {before:.0} series less than a tenth are left, and the pods are unchanged"));
    }
    let busy = matches!((last.cpu, turn.signals.autoscaler.cpu), (Some(before), Some((now, _))) if now >= 20.0 && now >= before * 0.7);
    let rate = measured.load.map(|load| load.rate);
    match (last.rate, rate) {
        (Some(before), Some(now)) if busy && before > 5.0 && now < before * COLLAPSE => Some(format!(
            "of {before:.0} requests a second less than a tenth are left, and the pods use as much CPU as before"
        )),
        _ => None,
    }
}
