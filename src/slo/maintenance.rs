//! Time that counts for nothing: announced maintenance.
//!
//! The windows stand in the rules as constants, so they hold to the second and need neither the operator nor a scrape.
//! Events within them count for nothing, good or bad; of the five minutes before and after one a part is lost with them,
//! because rates are taken over five minutes.

use super::{Options, grouping::By, record::Series};
use crate::api::Duration;

/// A stretch of time, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Its first second.
    pub start: i64,
    /// The first second after it.
    pub end: i64,
}

/// 1 during maintenance, 0 else.
pub(super) const ACTIVE: &str = "plimsoll:maintenance:active";

/// Whether now is within one of the spans: the scalar 1 or 0. The spans do not overlap.
pub(super) fn active(spans: &[Span]) -> String {
    let each: Vec<String> =
        spans.iter().map(|Span { start, end }| format!("(time() >= bool {start}) * (time() < bool {end})")).collect();
    each.join(" + ")
}

/// An alert on something that is not an objective, quiet during maintenance.
pub(super) fn muted(expr: &str, spans: &[Span]) -> String {
    if spans.is_empty() { expr.to_owned() } else { format!("({expr}) unless on () vector({}) == 1", active(spans)) }
}

/// What leaves maintenance out of rates over a range.
pub(super) struct Mask<'a> {
    spans: &'a [Span],
    series: &'a Series,
    options: &'a Options,
}

impl<'a> Mask<'a> {
    pub(super) const fn new(spans: &'a [Span], series: &'a Series, options: &'a Options) -> Self {
        Self { spans, series, options }
    }

    /// 1 where the range has touched maintenance. A range counts an evaluation more, so that no event of the last
    /// seconds of maintenance is counted after it.
    fn touched(&self, range: Duration) -> String {
        let longer = Duration::from_millis(range.as_millis() + self.options.evaluation_interval.as_millis());
        format!("max_over_time({}[{longer}])", self.series.select(ACTIVE))
    }

    /// Zero events where the range of a base rate has touched maintenance.
    pub(super) fn base(&self, rate: String, range: Duration) -> String {
        if self.spans.is_empty() {
            return rate;
        }
        format!("({rate}) * scalar((1 - {}) or on () vector(1))", self.touched(range))
    }

    /// Where the range has touched maintenance, what was recorded of it: there, maintenance counts for nothing already.
    pub(super) fn raw(&self, rate: String, range: Duration, staged: &str, by: By<'_>) -> String {
        if self.spans.is_empty() {
            return rate;
        }
        let touched = self.touched(range);
        format!("(({rate}) unless on () {touched} > 0) or ({} and on () {touched} > 0)", by.sum(staged))
    }

    /// Nothing where the range has touched maintenance.
    pub(super) fn untouched(&self, expr: String, range: Duration) -> String {
        if self.spans.is_empty() { expr } else { format!("({expr}) unless on () {} > 0", self.touched(range)) }
    }

    /// Nothing while maintenance goes on.
    pub(super) fn outside(&self, expr: String) -> String {
        if self.spans.is_empty() {
            return expr;
        }
        format!("({expr}) unless on () {} == 1", self.series.select(ACTIVE))
    }

    /// Nought while maintenance goes on and there is nothing else.
    pub(super) fn or_nought(&self, expr: String) -> String {
        if self.spans.is_empty() {
            return expr;
        }
        format!("{expr} or 0 * ({} == 1)", self.series.select(ACTIVE))
    }
}
