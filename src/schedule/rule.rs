//! Recurrence rules as they are written (RFC 5545, section 3.3.10), read strictly.
//!
//! The RFC lets readers skip parts they do not know. Who mistypes a part of a maintenance window would get another
//! window than the one that is written, so here such parts are refused.

use ical::recur::{IcalRecurDateTime, IcalRecurFreq, IcalRecurRule, IcalRecurRuleError, IcalRecurWeekdayNum};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

use super::{error::RuleError, expand::civil};

/// The longest rule, in characters.
pub(super) const MAX_LENGTH: usize = 256;

/// How often a rule may start on one day.
const MAX_STARTS_A_DAY: usize = 24;

/// The largest COUNT and INTERVAL.
const MAX_NUMBER: u32 = 1_000;

/// The largest ordinal of BYDAY: the weeks of a year.
const MAX_ORDINAL: u16 = 53;

const KNOWN: [&str; 12] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYHOUR",
    "BYMINUTE",
    "BYSETPOS",
];

/// A part that the RFC has and windows do not, and what to do instead.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("BYSECOND", "the start says the second"),
    ("RSCALE", "the calendar is the Gregorian one"),
    ("SKIP", "days that do not exist are left out"),
];

/// The last instant at which an occurrence may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Written in UTC.
    Instant(Timestamp),
    /// Written by the clocks of the window's zone. A date without a time stands for the whole of the day.
    Local(DateTime),
}

impl Until {
    /// The instant, in the window's zone.
    pub(super) fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(instant) => Some(instant),
            Self::Local(local) => zone.to_timestamp(local).ok(),
        }
    }
}

/// A rule that is fit for windows. Its UNTIL stands apart, because expansion knows no zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) parts: IcalRecurRule,
    pub(super) until: Option<Until>,
}

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_LENGTH {
            return Err(RuleError::TooLong(MAX_LENGTH));
        }
        let until = named(text)?.map(until).transpose()?;
        let mut parts = IcalRecurRule::parse(text).map_err(|error| malformed(text, &error))?;
        parts.until = None;
        match parts.problems().first() {
            Some(problem) => return Err(RuleError::Value(problem.to_string())),
            None if parts.count.is_some() && until.is_some() => {
                return Err(RuleError::Value("UNTIL and COUNT may not both be given".to_owned()));
            }
            None => {}
        }
        bounded(&mut parts)?;
        Ok(Self { parts, until })
    }
}

/// Whether each part has a name that is known and stands once, and a value; the value of UNTIL.
fn named(text: &str) -> Result<Option<&str>, RuleError> {
    let mut seen: Vec<String> = Vec::new();
    let mut until = None;
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or_else(|| RuleError::Part(part.to_owned()))?;
        if value.split(',').any(|item| item.trim().is_empty()) {
            return Err(RuleError::Part(part.to_owned()));
        }
        let name = name.trim().to_ascii_uppercase();
        if let Some((name, instead)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
            return Err(RuleError::Unsupported(name, instead));
        }
        if !KNOWN.contains(&name.as_str()) && name != "WKST" {
            return Err(RuleError::UnknownPart { name, known: format!("{} and WKST", KNOWN.join(", ")) });
        }
        if name == "UNTIL" {
            until = Some(value.trim());
        }
        if seen.contains(&name) {
            return Err(RuleError::Repeated(name));
        }
        seen.push(name);
    }
    Ok(until)
}

/// Which part is malformed, and how.
fn malformed(text: &str, error: &IcalRecurRuleError) -> RuleError {
    let why = match error {
        IcalRecurRuleError::Freq => "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY",
        IcalRecurRuleError::FreqMissing => return RuleError::Value("there is no FREQ in it".to_owned()),
        IcalRecurRuleError::Weekday => "weekdays are MO, TU, WE, TH, FR, SA and SU",
        IcalRecurRuleError::Ordinal(_) => "a number before a weekday is like 1SU or -1SU",
        IcalRecurRuleError::Range => "a number is out of range",
        IcalRecurRuleError::IntervalZero => "INTERVAL is at least 1",
        _ => "there is something that is no number",
    };
    let part = text.split(';').find(|part| IcalRecurRule::parse(&format!("FREQ=DAILY;{part}")).is_err());
    RuleError::Value(format!("in {}, {why}", part.unwrap_or(text)))
}

/// UNTIL in one of its three forms: a date, a local date and time, or one in UTC.
fn until(value: &str) -> Result<Until, RuleError> {
    let wrong = || RuleError::Value(format!("UNTIL={value} is no date like 20261231 or 20261231T235959Z"));
    if !value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z')) {
        return Err(wrong());
    }
    let parsed = IcalRecurDateTime::parse(value).map_err(|_| wrong())?;
    let local = civil(parsed).ok_or_else(wrong)?;
    if value.ends_with('Z') {
        return Offset::UTC.to_timestamp(local).map(Until::Instant).map_err(|_| wrong());
    }
    Ok(Until::Local(if value.contains('T') { local } else { local.date().at(23, 59, 59, 0) }))
}

/// Refuses what would make expansion long, and tidies what is given more than once.
fn bounded(parts: &mut IcalRecurRule) -> Result<(), RuleError> {
    if matches!(parts.freq, IcalRecurFreq::Secondly | IcalRecurFreq::Minutely | IcalRecurFreq::Hourly) {
        return Err(RuleError::Unsupported(
            "a FREQ of less than a day",
            "write FREQ=DAILY, with BYHOUR for several windows a day",
        ));
    }
    for (name, number) in [("COUNT", parts.count), ("INTERVAL", Some(parts.interval))] {
        if number.is_some_and(|number| !(1..=MAX_NUMBER).contains(&number)) {
            return Err(RuleError::Value(format!("{name} is a number from 1 to {MAX_NUMBER}")));
        }
    }
    let ordinal = |day: &IcalRecurWeekdayNum| day.ordinal.map_or(1, i16::unsigned_abs);
    if !parts.by_day.iter().all(|day| (1..=MAX_ORDINAL).contains(&ordinal(day))) {
        return Err(RuleError::Value(format!(
            "the ordinals of BYDAY are numbers from 1 to {MAX_ORDINAL} or -1 to -{MAX_ORDINAL}"
        )));
    }
    for values in [&mut parts.by_hour, &mut parts.by_minute, &mut parts.by_month] {
        values.sort_unstable();
        values.dedup();
    }
    parts.by_set_pos.sort_unstable();
    parts.by_set_pos.dedup();
    let starts = parts.by_hour.len().max(1) * parts.by_minute.len().max(1);
    if starts > MAX_STARTS_A_DAY {
        return Err(RuleError::TooFrequent(starts, MAX_STARTS_A_DAY));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
