//! What counts as an event, and which of them are bad: the PromQL over the user's own series.

use super::{
    composite::Composite,
    expression::{Expression, WindowExpression},
    grouping::By,
    number::{self, Decimal},
    promql::{Matchers, MetricName, Selector},
};
use crate::api::Duration;

/// What an objective measures. Every kind comes down to two counts over a window: bad events and all events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Indicator {
    /// Events of counters: requests, jobs, messages.
    Ratio {
        /// Which events are bad.
        bad: BadEvents,
        /// All events.
        total: Selector,
    },
    /// Observations of a histogram that took longer than a threshold.
    Latency {
        /// The histogram, without `_bucket` or `_count`.
        histogram: MetricName,
        /// Labels that narrow it down. May be empty.
        selector: Matchers,
        /// The longest time that is still good: of a classic histogram one of its bucket boundaries.
        threshold: Duration,
        /// What the histogram measures in.
        unit: Unit,
        /// How its buckets are stored.
        format: Format,
    },
    /// Events per second by expressions of the user.
    Raw {
        /// Bad events. Where it yields nothing, nothing bad has happened.
        errors: WindowExpression,
        /// All events.
        total: WindowExpression,
    },
    /// Samples of a gauge that is 1 while all is well and 0 while it is not, such as `probe_success`.
    Probe {
        /// The gauge.
        gauge: Selector,
    },
    /// Minutes in which a counter rises by less than a minimum a second.
    Throughput {
        /// The counter.
        counter: Selector,
        /// Events per second that are enough.
        minimum: Decimal,
    },
    /// Minutes in which something is fuller than a maximum.
    Saturation {
        /// How full it is. Of several series the highest counts.
        query: Expression,
        /// The highest value that is still good.
        maximum: Decimal,
    },
    /// What other objectives have recorded.
    Composite(Composite),
}

/// What a histogram of durations measures in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unit {
    /// As Prometheus asks for.
    #[default]
    Seconds,
    /// As Envoy and Linkerd do.
    Milliseconds,
}

/// How a histogram is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// A series per bucket, with its upper bound in the label `le`.
    #[default]
    Classic,
    /// One series whose samples are histograms.
    Native,
}

impl Unit {
    /// A time as a number of this unit.
    pub(crate) fn of(self, time: Duration) -> String {
        match self {
            Self::Seconds => number::seconds(time.as_millis()),
            Self::Milliseconds => time.as_millis().to_string(),
        }
    }
}

/// How the bad events of a ratio are told from the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BadEvents {
    /// A counter of the bad ones. Where it has no series yet, nothing bad has happened.
    Errors(Selector),
    /// A counter of the good ones: all others are bad.
    Good(Selector),
}

impl Indicator {
    /// All events per second over `range`, as one series for each group, with no other labels. Absent when nothing is
    /// measured; for time slices, which are counted from what is recorded of them, always.
    pub(super) fn total(&self, range: Duration, by: By<'_>) -> Option<String> {
        Some(match self {
            Self::Ratio { total, .. } => by.sum(format!("rate({total}[{range}])")),
            Self::Latency { histogram, selector, format: Format::Native, .. } => {
                let rate = format!("rate({}[{range}])", series(histogram, "", selector, None));
                format!("histogram_count({})", by.sum(rate))
            }
            // Observations only count while the bucket at the threshold exists. Counted without it, they would pass as
            // good ones in every longer window after the boundary was put right.
            Self::Latency { histogram, selector, threshold, unit, format: Format::Classic } => format!(
                "{} and {}",
                by.sum(format!("rate({}[{range}])", series(histogram, "_count", selector, None))),
                by.sum(series(histogram, "_bucket", selector, Some(&le(&unit.of(*threshold)))))
            ),
            Self::Raw { total, .. } => finite(total, range, by),
            Self::Probe { gauge } => {
                format!("{} / {}", by.sum(format!("count_over_time({gauge}[{range}])")), range.as_secs())
            }
            Self::Composite(composite) => composite.total(),
            Self::Throughput { .. } | Self::Saturation { .. } => return None,
        })
    }

    /// Bad events per second over `range`, as one series for each group, absent exactly when the total is.
    ///
    /// `total` is an expression for [`Self::total`] over the same range that costs nothing: what was recorded of it.
    pub(super) fn bad(&self, range: Duration, total: &str, by: By<'_>) -> Option<String> {
        let total = &by.sum(total);
        Some(match self {
            Self::Ratio { bad: BadEvents::Errors(errors), .. } => {
                format!("({} or 0 * {total}) and {total}", by.sum(format!("rate({errors}[{range}])")))
            }
            Self::Ratio { bad: BadEvents::Good(good), .. } => {
                format!("clamp_min({total} - ({} or 0 * {total}), 0)", by.sum(format!("rate({good}[{range}])")))
            }
            // Without observations the fraction is no number, which the comparison drops. Observations of no number are in
            // no bucket and slow: of a classic histogram they are in the last one.
            Self::Latency { histogram, selector, threshold, unit, format: Format::Native } => format!(
                "((1 - histogram_fraction(-Inf, {}, {})) * {total} >= 0 or 0 * {total}) and {total}",
                unit.of(*threshold),
                by.sum(format!("rate({}[{range}])", series(histogram, "", selector, None)))
            ),
            Self::Latency { histogram, selector, threshold, unit, format: Format::Classic } => format!(
                "clamp_min({total} - {}, 0)",
                by.sum(format!(
                    "rate({}[{range}])",
                    series(histogram, "_bucket", selector, Some(&le(&unit.of(*threshold))))
                ))
            ),
            Self::Raw { errors, .. } => {
                format!("({} or 0 * {total}) and {total}", finite(errors, range, by))
            }
            Self::Probe { gauge } => {
                let good = by.sum(format!("sum_over_time({gauge}[{range}])"));
                format!("clamp_min({total} - {good} / {}, 0)", range.as_secs())
            }
            Self::Composite(composite) => composite.bad(total),
            Self::Throughput { .. } | Self::Saturation { .. } => return None,
        })
    }
}

/// The sum of what an expression yields, without what is no number: one NaN would stay in every window for as long as
/// the window is.
fn finite(expression: &WindowExpression, range: Duration, by: By<'_>) -> String {
    by.sum(format!("({}) >= 0 < Inf", expression.over(range)))
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

/// The matcher of the bucket up to `boundary`. Prometheus 3 writes whole numbers as `1.0` whatever the client sent,
/// Prometheus 2 keeps the client's spelling, which is `1` in most and `1.0` in some.
pub(crate) fn le(boundary: &str) -> String {
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
            unit: Unit::Seconds,
            format: Format::Classic,
        }
    }

    fn all(indicator: &Indicator, range: Duration) -> String {
        indicator.total(range, By::default()).unwrap()
    }

    fn bad(indicator: &Indicator, range: Duration) -> String {
        indicator.bad(range, "T", By::default()).unwrap()
    }

    #[test]
    fn errors_of_all() {
        let indicator = Indicator::Ratio {
            bad: BadEvents::Errors("r{code=~\"5..\"}".parse().unwrap()),
            total: "r".parse().unwrap(),
        };
        let range = Duration::from_secs(300);
        assert_eq!(all(&indicator, range), "sum(rate(r[5m]))");
        assert_eq!(bad(&indicator, range), "(sum(rate(r{code=~\"5..\"}[5m])) or 0 * sum(T)) and sum(T)");
    }

    #[test]
    fn good_of_all() {
        let indicator =
            Indicator::Ratio { bad: BadEvents::Good("g".parse().unwrap()), total: "r{a=\"b\"}".parse().unwrap() };
        let range = Duration::from_secs(3_600);
        assert_eq!(all(&indicator, range), "sum(rate(r{a=\"b\"}[1h]))");
        assert_eq!(bad(&indicator, range), "clamp_min(sum(T) - (sum(rate(g[1h])) or 0 * sum(T)), 0)");
    }

    #[test]
    fn buckets_in_both_spellings() {
        let range = Duration::from_secs(300);
        let bad = |selector: &str, threshold: &str| bad(&latency(selector, threshold), range);
        assert_eq!(bad("job=\"x\"", "200ms"), "clamp_min(sum(T) - sum(rate(h_bucket{job=\"x\",le=\"0.2\"}[5m])), 0)");
        assert_eq!(bad("", "1s"), "clamp_min(sum(T) - sum(rate(h_bucket{le=~\"1|1[.]0\"}[5m])), 0)");
        assert_eq!(all(&latency("", "1m"), range), "sum(rate(h_count[5m])) and sum(h_bucket{le=~\"60|60[.]0\"})");
        assert_eq!(
            all(&latency("job=\"x\"", "2500ms"), range),
            "sum(rate(h_count{job=\"x\"}[5m])) and sum(h_bucket{job=\"x\",le=\"2.5\"})"
        );
    }

    #[test]
    fn milliseconds_are_whole() {
        let mut indicator = latency("", "2500ms");
        let Indicator::Latency { unit, .. } = &mut indicator else { unreachable!() };
        *unit = Unit::Milliseconds;
        let range = Duration::from_secs(300);
        assert_eq!(bad(&indicator, range), "clamp_min(sum(T) - sum(rate(h_bucket{le=~\"2500|2500[.]0\"}[5m])), 0)");
    }

    #[test]
    fn native_histograms_have_no_buckets_to_name() {
        let mut indicator = latency("job=\"x\"", "200ms");
        let Indicator::Latency { format, .. } = &mut indicator else { unreachable!() };
        *format = Format::Native;
        let range = Duration::from_secs(300);
        assert_eq!(all(&indicator, range), "histogram_count(sum(rate(h{job=\"x\"}[5m])))");
        assert_eq!(
            bad(&indicator, range),
            "((1 - histogram_fraction(-Inf, 0.2, sum(rate(h{job=\"x\"}[5m])))) * sum(T) >= 0 or 0 * sum(T)) and sum(T)"
        );
    }

    #[test]
    fn raw_expressions_and_probes() {
        let range = Duration::from_secs(300);
        let raw =
            Indicator::Raw { errors: "rate(e[$window])".parse().unwrap(), total: "rate(t[$window])".parse().unwrap() };
        assert_eq!(all(&raw, range), "sum((rate(t[5m])) >= 0 < Inf)");
        assert_eq!(bad(&raw, range), "(sum((rate(e[5m])) >= 0 < Inf) or 0 * sum(T)) and sum(T)");
        let probe = Indicator::Probe { gauge: "up{job=\"x\"}".parse().unwrap() };
        assert_eq!(all(&probe, range), "sum(count_over_time(up{job=\"x\"}[5m])) / 300");
        assert_eq!(bad(&probe, range), "clamp_min(sum(T) - sum(sum_over_time(up{job=\"x\"}[5m])) / 300, 0)");
    }
}
