//! Time slices: what is judged is a state, and what is counted are the minutes in which it was good or bad.
//!
//! At every evaluation the state is recorded, and whether it is bad. An evaluation stands for the time until the next one,
//! counted in minutes: 30 s are half a minute. Time that was not evaluated, or in which nothing was measured, is no event.

use super::{Indicator, Options, record::Series};
use crate::api::Duration;

/// What is measured at each evaluation.
pub(super) const VALUE: &str = "plimsoll:slice:value";

/// 1 where that is bad, 0 where it is good.
pub(super) const BAD: &str = "plimsoll:slice:bad";

/// Scrapes that a rate needs, as for the alerts: one may be missed, and another come late.
const SCRAPES: u64 = 4;

/// The time over which a throughput is measured: a minute, or four scrapes where those take longer.
fn throughput_range(options: &Options) -> Duration {
    Duration::from_millis((options.scrape_interval.as_millis() * SCRAPES).max(60_000))
}

/// What is measured of an objective on time slices, and when that is bad.
pub(super) fn slice(indicator: &Indicator, options: &Options, series: &Series) -> Option<(String, String)> {
    Some((value(indicator, options)?, beyond(indicator, series, "bool ")?))
}

fn value(indicator: &Indicator, options: &Options) -> Option<String> {
    Some(match indicator {
        Indicator::Throughput { counter, .. } => format!("sum(rate({counter}[{}]))", throughput_range(options)),
        // What is no number says nothing; infinity is full.
        Indicator::Saturation { query, .. } => format!("max(({query}) >= -Inf)"),
        _ => return None,
    })
}

/// Minutes and bad minutes per second without anything recorded: for the past.
pub(super) fn direct(indicator: &Indicator, options: &Options) -> Option<(String, String)> {
    let value = value(indicator, options)?;
    let bad = match indicator {
        Indicator::Throughput { minimum, .. } => format!("({value}) < bool {minimum}"),
        Indicator::Saturation { maximum, .. } => format!("({value}) > bool {maximum}"),
        _ => return None,
    };
    Some((format!("(({bad}) >= bool 0) / 60"), format!("({bad}) / 60")))
}

/// The time that a slice's value rests on.
pub(super) fn range(indicator: &Indicator, options: &Options) -> Duration {
    match indicator {
        Indicator::Throughput { .. } => throughput_range(options),
        _ => Duration::from_secs(0),
    }
}

/// The condition that a slice is bad, with `modifier` after the comparison.
pub(super) fn beyond(indicator: &Indicator, series: &Series, modifier: &str) -> Option<String> {
    let value = series.select(VALUE);
    match indicator {
        Indicator::Throughput { minimum, .. } => Some(format!("{value} < {modifier}{minimum}")),
        Indicator::Saturation { maximum, .. } => Some(format!("{value} > {modifier}{maximum}")),
        _ => None,
    }
}

/// Minutes per second over a range: a sixtieth while everything was measured.
pub(super) fn total(range: Duration, options: &Options, series: &Series) -> String {
    let interval = super::number::seconds(options.evaluation_interval.as_millis());
    // A range holds one sample more in engines that count both of its ends.
    format!("clamp_max(count_over_time({}[{range}]) * {interval} / {}, 1) / 60", series.select(BAD), range.as_secs())
}

/// Bad minutes per second over a range.
pub(super) fn bad(range: Duration, total: &str, series: &Series) -> String {
    format!("avg_over_time({}[{range}]) * {total}", series.select(BAD))
}
