//! Weeks, months and quarters by a zone's clocks.

use std::fmt;

use jiff::{Span as Length, Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{
    error::ScheduleError,
    zone::{first_instant, zone},
};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeriodKind {
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// Three months, the first from January on.
    Quarter,
}

impl PeriodKind {
    /// Its name: `week`, `month` or `quarter`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    /// The first day of the period in which a day lies.
    fn first_day(self, day: Date) -> Date {
        let months = |back: i8| day.first_of_month().saturating_sub(i64::from(back).months());
        match self {
            Self::Week => day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days()),
            Self::Month => months(0),
            Self::Quarter => months((day.month() - 1) % 3),
        }
    }

    fn length(self) -> Length {
        match self {
            Self::Week => 7.days(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
        }
    }

    fn name(self, first: Date) -> String {
        let year = first.year();
        match self {
            Self::Week => {
                let week = first.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Self::Month => format!("{year:04}-{:02}", first.month()),
            Self::Quarter => format!("{year:04}-Q{}", (first.month() + 2) / 3),
        }
    }
}

impl fmt::Display for PeriodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One week, month or quarter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// Its name: `2026-W48` (the ISO 8601 week), `2026-11` or `2026-Q4`.
    pub name: String,
}

/// Time cut into periods, without a gap and without an overlap. An hour that clocks leave out or repeat makes its period
/// an hour shorter or longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    kind: PeriodKind,
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of a zone by its IANA name, like `Europe/Berlin`.
    pub fn new(kind: PeriodKind, zone_name: &str) -> Result<Self, ScheduleError> {
        Ok(Self { kind, zone: zone(zone_name)? })
    }

    /// How long its periods are.
    pub const fn kind(&self) -> PeriodKind {
        self.kind
    }

    /// The period in which an instant lies.
    pub fn period(&self, at: Timestamp) -> Period {
        let first = self.kind.first_day(self.zone.to_datetime(at).date());
        match self.after(first) {
            // Clocks that go back over midnight show the day before once more, when its period has ended.
            Some(next) if at >= first_instant(&self.zone, next) => self.beginning(next),
            _ => self.beginning(first),
        }
    }

    /// The period after another one.
    pub fn next(&self, period: &Period) -> Period {
        self.period(period.end)
    }

    fn after(&self, first: Date) -> Option<Date> {
        first.checked_add(self.kind.length()).ok()
    }

    fn beginning(&self, first: Date) -> Period {
        Period {
            start: first_instant(&self.zone, first),
            end: self.after(first).map_or(Timestamp::MAX, |next| first_instant(&self.zone, next)),
            name: self.kind.name(first),
        }
    }
}

#[cfg(test)]
mod tests;
