//! Calendar periods and maintenance windows, as instants.
//!
//! Pure: no clock, no file. Time zones come from the database that is built in, so every replica answers the same,
//! whatever its image holds. What costs is bounded by the limits below, checked before anything is computed: neither a
//! rule nor a date makes an answer slow.
//!
//! All stretches of time are half open, `[start, end)`, and begin and end on whole seconds.

mod calendar;
mod error;
mod expand;
mod merge;
mod recurring;
mod rule;
mod zone;

pub use calendar::{Calendar, Period, PeriodKind};
pub use error::{RuleError, ScheduleError};
pub use merge::merge;
pub use recurring::Recurring;

use std::{ops::RangeInclusive, time::Duration};

use jiff::{SignedDuration, Timestamp};

/// From when, to when.
type Span = (Timestamp, Timestamp);

/// The shortest maintenance window: 1 minute.
pub const MIN_DURATION: Duration = Duration::from_mins(1);

/// The longest maintenance window: 7 days. Longer work is several windows; a mistyped year is not one.
pub const MAX_DURATION: Duration = Duration::from_hours(7 * 24);

/// How many occurrences of one recurring window a horizon holds at most.
pub const MAX_OCCURRENCES: usize = 200;

/// The longest horizon for which occurrences are listed: 731 days, two years with a leap day.
pub const MAX_HORIZON: SignedDuration = SignedDuration::from_hours(731 * 24);

/// The years in which recurring windows begin and are listed.
pub const YEARS: RangeInclusive<i16> = 1970..=2199;
