//! What is wrong with a schedule, and how to write it right.

use super::{MAX_OCCURRENCES, YEARS};

/// Why a calendar or a maintenance window is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No time zone has this name.
    #[error("there is no time zone `{name}`: {hint}")]
    UnknownZone {
        /// The name, shortened if long.
        name: String,
        /// What to write instead.
        hint: String,
    },
    /// A recurrence rule cannot be used.
    #[error("`{rule}` cannot be used: {reason}")]
    Rule {
        /// The rule, shortened if long.
        rule: String,
        /// Why.
        reason: RuleError,
    },
    /// A local start is not a date and a time.
    #[error(
        "`{0}` is no local date and time: write it without an offset, like 2026-01-04T02:00:00; the zone says the rest"
    )]
    LocalStart(String),
    /// A recurring window starts in a year that is out of range.
    #[error("a window that starts in the year {0} cannot be used: the years are {first} to {last}", first = YEARS.start(), last = YEARS.end())]
    StartYear(i16),
    /// The start is not one of the rule's occurrences; RFC 5545 leaves undefined what that means (section 3.8.5.3).
    #[error("the start {start} is no occurrence of `{rule}`: write the first one, {first}")]
    StartNotInRule {
        /// The start.
        start: String,
        /// The rule.
        rule: String,
        /// The first occurrence after it.
        first: String,
    },
    /// Nothing matches the rule.
    #[error("`{rule}` has no occurrence in the 40 years after {start}: its parts name days that do not exist together")]
    NeverOccurs {
        /// The rule.
        rule: String,
        /// The start.
        start: String,
    },
    /// The rule ends before it starts.
    #[error("`{rule}` ends before its start {start}: write a later UNTIL or leave it out")]
    EndsBeforeStart {
        /// The rule.
        rule: String,
        /// The start.
        start: String,
    },
    /// A duration is out of range.
    #[error("a window of {0} s is not supported: write whole seconds from 1m to 7d, like 2h")]
    Duration(String),
    /// A horizon is out of range.
    #[error("occurrences from {from} to {to} cannot be listed: at most 731 days, in the years {first} to {last}", first = YEARS.start(), last = YEARS.end())]
    Horizon {
        /// From when.
        from: String,
        /// To when.
        to: String,
    },
    /// More occurrences than are ever listed.
    #[error(
        "`{rule}` occurs more than {MAX_OCCURRENCES} times from {from} to {to}: write a rarer rule with a longer duration"
    )]
    TooManyOccurrences {
        /// The rule.
        rule: String,
        /// From when.
        from: String,
        /// To when.
        to: String,
    },
}

/// Why a recurrence rule (RFC 5545, section 3.3.10) is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The text is too long.
    #[error("a rule has at most {0} characters")]
    TooLong(usize),
    /// A part is not `NAME=value`.
    #[error("`{0}` is no part: write NAME=value parts with semicolons between, like FREQ=WEEKLY;BYDAY=SU")]
    Part(String),
    /// A part has a name that no rule has.
    #[error("there is no part `{name}`: the parts are {known}")]
    UnknownPart {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A part stands twice.
    #[error("{0} stands in it twice: write it once, with commas between its values")]
    Repeated(String),
    /// A part is well known and has no use for windows.
    #[error("{0} is not supported: {1}")]
    Unsupported(&'static str, &'static str),
    /// A value is malformed or out of range.
    #[error("{0} (RFC 5545, section 3.3.10); a rule looks like FREQ=WEEKLY;BYDAY=SU or FREQ=MONTHLY;BYDAY=1SU")]
    Value(String),
    /// More starts a day than windows could be told apart.
    #[error("it starts {0} times a day: BYHOUR and BYMINUTE give at most {1}")]
    TooFrequent(usize, usize),
}
