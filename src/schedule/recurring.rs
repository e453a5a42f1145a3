//! Maintenance windows that recur.

use std::time::Duration;

use ical::recur::IcalRecurRule;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::DateTime, tz::TimeZone};

use super::{
    MAX_DURATION, MAX_HORIZON, MAX_OCCURRENCES, MIN_DURATION, Span, YEARS,
    error::ScheduleError,
    expand::{between, pin},
    rule::{MAX_LENGTH, Rule},
    zone::zone,
};

/// More than any offset from UTC, and than the day that a zone may leave out: what is this far outside by the clock is
/// outside.
const MARGIN_DAYS: i64 = 2;

/// How far an occurrence is looked for in vain: the pattern of weekdays and leap days repeats within it, save around 2100.
const SEARCH_YEARS: i64 = 40;

/// A window that recurs by the clocks of a zone, each time for the same duration.
///
/// A local start that clocks leave out is read with the offset before the change, so it shifts forward; one that is
/// repeated is the first of the two (RFC 5545, section 3.3.5, which section 3.3.10 refers to; erratum 4271 settles that
/// such occurrences are kept and counted). Days that do not exist, like 30 February, are left out. The duration is exact:
/// 24 h stay 24 h where the day is longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurring {
    text: String,
    parts: IcalRecurRule,
    start: DateTime,
    until: Option<Timestamp>,
    zone: TimeZone,
    duration: SignedDuration,
}

impl Recurring {
    /// A window by a rule (RFC 5545, section 3.3.10, without the name `RRULE:`), the local date and time at which it
    /// first starts, the IANA name of its zone, and how long it is.
    ///
    /// UNTIL is an instant in UTC as the RFC demands it, or a date or local time by the clocks of the zone.
    pub fn new(rule: &str, start: &str, zone_name: &str, duration: Duration) -> Result<Self, ScheduleError> {
        let refused = |reason| ScheduleError::Rule { rule: rule.chars().take(MAX_LENGTH).collect(), reason };
        let Rule { mut parts, until } = Rule::parse(rule).map_err(refused)?;
        let start = local(start)?;
        let zone = zone(zone_name)?;
        if !(MIN_DURATION..=MAX_DURATION).contains(&duration) || duration.subsec_nanos() != 0 {
            return Err(ScheduleError::Duration(duration.as_secs_f64().to_string()));
        }
        let duration = SignedDuration::try_from(duration)
            .map_err(|_| ScheduleError::Duration(duration.as_secs_f64().to_string()))?;
        pin(&mut parts, start);
        let until = until.and_then(|until| until.instant(&zone));
        let window = Self { text: rule.to_owned(), parts, start, until, zone, duration };
        window.check_start()?;
        Ok(window)
    }

    /// The occurrences that overlap the horizon `[from, to)`, in order. They are whole: the first may start before the
    /// horizon and the last may end after it.
    pub fn occurrences(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Span>, ScheduleError> {
        let horizon = || ScheduleError::Horizon { from: from.to_string(), to: to.to_string() };
        let (earliest, latest) = (self.zone.to_datetime(from), self.zone.to_datetime(to));
        let known = |at: DateTime| YEARS.contains(&at.year());
        if !known(earliest) || !known(latest) || to.duration_since(from) > MAX_HORIZON {
            return Err(horizon());
        }
        let low = earliest.checked_sub(self.duration).and_then(|low| low.checked_sub(MARGIN_DAYS.days()));
        let high = latest.checked_add(MARGIN_DAYS.days());
        let (low, high) = (low.map_err(|_| horizon())?, high.map_err(|_| horizon())?);
        let mut spans = Vec::new();
        for at in between(&self.parts, self.start, low, high) {
            let Some((start, end)) = self.span(at) else { continue };
            if start < to && end > from && self.until.is_none_or(|until| start <= until) {
                spans.push((start, end));
            }
            if spans.len() > 2 * MAX_OCCURRENCES {
                break;
            }
        }
        // Starts that clocks leave out shift behind later ones, or onto them.
        spans.sort_unstable();
        spans.dedup();
        if spans.len() > MAX_OCCURRENCES {
            let (rule, from, to) = (self.text.clone(), from.to_string(), to.to_string());
            return Err(ScheduleError::TooManyOccurrences { rule, from, to });
        }
        Ok(spans)
    }

    /// The occurrence that starts at a local time.
    fn span(&self, at: DateTime) -> Option<Span> {
        let start = self.zone.to_timestamp(at).ok()?;
        Some((start, start.checked_add(self.duration).ok()?))
    }

    /// Whether the start is the first occurrence, and not after the last.
    fn check_start(&self) -> Result<(), ScheduleError> {
        let Self { text, parts, start, zone, .. } = self;
        let (rule, written) = (text.clone(), start.to_string());
        if between(parts, *start, *start, *start).next().is_none() {
            let horizon = start.saturating_add(SEARCH_YEARS.years());
            return Err(match between(parts, *start, *start, horizon).next() {
                Some(first) => ScheduleError::StartNotInRule { start: written, rule, first: first.to_string() },
                None => ScheduleError::NeverOccurs { rule, start: written },
            });
        }
        let ended = |until| zone.to_timestamp(*start).is_ok_and(|start| start > until);
        if self.until.is_some_and(ended) {
            return Err(ScheduleError::EndsBeforeStart { rule, start: written });
        }
        Ok(())
    }
}

/// A local date and time, to the second or the minute, without an offset.
fn local(text: &str) -> Result<DateTime, ScheduleError> {
    let wrong = || ScheduleError::LocalStart(text.chars().take(40).collect());
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'T');
    if text.len() > 19 || !text.contains('T') || !text.bytes().all(plain) {
        return Err(wrong());
    }
    let start: DateTime = text.parse().map_err(|_| wrong())?;
    if YEARS.contains(&start.year()) { Ok(start) } else { Err(ScheduleError::StartYear(start.year())) }
}

#[cfg(test)]
mod limits;
#[cfg(test)]
mod tests;
