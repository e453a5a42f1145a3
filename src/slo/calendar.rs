//! Calendar windows: the budget of this week, month or quarter instead of the last so many days.
//!
//! The start of the period and of the next one stand in the rules as constants. Roll-ups carry the period's name as a
//! label, so the numbers of a period are sums over its own series, exact at both ends; a period that has begun needs no
//! operator, for the next one is in the rules already.

use super::{maintenance::Span, record::Series};
use crate::api::Duration;

/// One week, month or quarter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// Its name, a label: `2026-W48`, `2026-11`, `2026-Q4`.
    pub name: String,
    /// From when to when.
    pub span: Span,
}

/// The period in which the rules were written, and the one after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Periods {
    /// What they are: `week`, `month` or `quarter`.
    pub kind: &'static str,
    /// The one that has begun.
    pub current: Period,
    /// The one after it.
    pub next: Period,
}

impl Period {
    /// Its length in seconds: not the same for every month, nor for days on which clocks change.
    pub fn seconds(&self) -> i64 {
        self.span.end - self.span.start
    }

    /// A range that holds the whole of it.
    pub(super) fn range(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.seconds()).unwrap_or_default())
    }

    /// What is recorded within the period only.
    fn within(&self, expr: &str) -> String {
        format!("({expr}) and on () (vector(time()) >= {} < {})", self.span.start, self.span.end)
    }
}

impl Periods {
    const fn each(&self) -> [&Period; 2] {
        [&self.current, &self.next]
    }

    /// Each period's name, and an expression that yields something within it only.
    pub(super) fn apart(&self, expr: &str) -> Vec<(String, String)> {
        self.each().map(|period| (period.name.clone(), period.within(expr))).into()
    }

    /// An expression for the period that it is now.
    pub(super) fn now(&self, expr: impl Fn(&Period) -> String) -> String {
        let [current, next] = self.each().map(|period| period.within(&expr(period)));
        format!("{current} or {next}")
    }

    /// The roll-ups of one period, without its name.
    pub(super) fn over(function: &str, series: &Series, name: &str, period: &Period) -> String {
        let selector = series.select_with(name, &format!("period=\"{}\"", period.name));
        format!("sum without (period) ({function}({selector}[{}]))", period.range())
    }
}
