//! What counts as an event, and which of them are bad: the PromQL over the user's own series.

use super::{
    number,
    promql::{Matchers, MetricName, Selector},
};
use crate::api::Duration;

/// What an objective measures. Every kind comes down to two counts over a window: bad events and all events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// Events of counters: requests, jobs, messages.
    Ratio {
        /// Which events are bad.
        bad: BadEvents,
        /// All events.
        total: Selector,
    },
    /// Observations of a classic histogram that took longer than a threshold.
    Latency {
        /// The histogram, without `_bucket` or `_count`.
        histogram: MetricName,
        /// Labels that narrow it down. May be empty.
        selector: Matchers,
        /// The longest time that is still good: one of the histogram's bucket boundaries, which are seconds.
        threshold: Duration,
    },
}

/// How the bad events of a ratio are told from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadEvents {
    /// A counter of the bad ones. Where it has no series yet, nothing bad has happened.
    Errors(Selector),
    /// A counter of the good ones: all others are bad.
    Good(Selector),
}

impl Indicator {
    /// All events per second over `range`, as one series without labels. Absent when nothing is measured.
    pub fn total(&self, range: Duration) -> String {
        match self {
            Self::Ratio { total, .. } => format!("sum(rate({total}[{range}]))"),
            // Observations only count while the bucket at the threshold exists. Counted without it, they would pass as
            // good ones in every longer window after the boundary was put right.
            Self::Latency { histogram, selector, threshold } => format!(
                "sum(rate({}[{range}])) and sum({})",
                series(histogram, "_count", selector, None),
                series(histogram, "_bucket", selector, Some(&le(*threshold)))
            ),
        }
    }

    /// Bad events per second over `range`, as one series without labels, absent exactly when the total is.
    ///
    /// `total` is an expression for [`Self::total`] over the same range that costs nothing: what was recorded of it.
    pub fn bad(&self, range: Duration, total: &str) -> String {
        match self {
            Self::Ratio { bad: BadEvents::Errors(errors), .. } => {
                format!("(sum(rate({errors}[{range}])) or 0 * sum({total})) and sum({total})")
            }
            Self::Ratio { bad: BadEvents::Good(good), .. } => {
                format!("clamp_min(sum({total}) - (sum(rate({good}[{range}])) or 0 * sum({total})), 0)")
            }
            Self::Latency { histogram, selector, threshold } => format!(
                "clamp_min(sum({total}) - sum(rate({}[{range}])), 0)",
                series(histogram, "_bucket", selector, Some(&le(*threshold)))
            ),
        }
    }
}

pub(crate) fn series(histogram: &MetricName, suffix: &str, selector: &Matchers, le: Option<&str>) -> String {
    let selector = selector.to_string();
    let matchers: Vec<&str> = [selector.as_str()].into_iter().chain(le).filter(|m| !m.is_empty()).collect();
    if matchers.is_empty() {
        format!("{histogram}{suffix}")
    } else {
        format!("{histogram}{suffix}{{{}}}", matchers.join(","))
    }
}

/// The matcher of the bucket up to `threshold`. Prometheus 3 writes whole numbers as `1.0` whatever the client sent,
/// Prometheus 2 keeps the client's spelling, which is `1` in most and `1.0` in some.
pub(crate) fn le(threshold: Duration) -> String {
    let boundary = number::seconds(threshold.as_millis());
    if boundary.contains('.') { format!("le=\"{boundary}\"") } else { format!("le=~\"{boundary}|{boundary}[.]0\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(selector: &str, threshold: &str) -> Indicator {
        Indicator::Latency {
            histogram: "h".parse().unwrap(),
            selector: selector.parse().unwrap(),
            threshold: threshold.parse().unwrap(),
        }
    }

    #[test]
    fn errors_of_all() {
        let indicator = Indicator::Ratio {
            bad: BadEvents::Errors("r{code=~\"5..\"}".parse().unwrap()),
            total: "r".parse().unwrap(),
        };
        let range = Duration::from_secs(300);
        assert_eq!(indicator.total(range), "sum(rate(r[5m]))");
        assert_eq!(indicator.bad(range, "T"), "(sum(rate(r{code=~\"5..\"}[5m])) or 0 * sum(T)) and sum(T)");
    }

    #[test]
    fn good_of_all() {
        let indicator =
            Indicator::Ratio { bad: BadEvents::Good("g".parse().unwrap()), total: "r{a=\"b\"}".parse().unwrap() };
        let range = Duration::from_secs(3_600);
        assert_eq!(indicator.total(range), "sum(rate(r{a=\"b\"}[1h]))");
        assert_eq!(indicator.bad(range, "T"), "clamp_min(sum(T) - (sum(rate(g[1h])) or 0 * sum(T)), 0)");
    }

    #[test]
    fn buckets_in_both_spellings() {
        let range = Duration::from_secs(300);
        let bad = |selector: &str, threshold: &str| latency(selector, threshold).bad(range, "T");
        assert_eq!(bad("job=\"x\"", "200ms"), "clamp_min(sum(T) - sum(rate(h_bucket{job=\"x\",le=\"0.2\"}[5m])), 0)");
        assert_eq!(bad("", "1s"), "clamp_min(sum(T) - sum(rate(h_bucket{le=~\"1|1[.]0\"}[5m])), 0)");
        assert_eq!(latency("", "1m").total(range), "sum(rate(h_count[5m])) and sum(h_bucket{le=~\"60|60[.]0\"})");
        assert_eq!(
            latency("job=\"x\"", "2500ms").total(range),
            "sum(rate(h_count{job=\"x\"}[5m])) and sum(h_bucket{job=\"x\",le=\"2.5\"})"
        );
    }
}
