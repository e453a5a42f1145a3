//! What became of the requests: counters, the metrics, and the line that is printed.

use super::client::Outcome;
use super::latencies::Latencies;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const BUCKETS: [f64; 11] = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    code: String,
}

/// Counts of requests.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Requests that went out.
    pub sent: u64,
    /// Answers with a status of 200 to 299.
    pub ok: u64,
    /// Other answers, and requests without an answer.
    pub errors: u64,
    /// Arrivals that were not sent: too many were in flight, or this generator was too slow.
    pub dropped: u64,
    /// The errors by status code or reason.
    pub errors_by_code: BTreeMap<String, u64>,
    #[serde(skip)]
    latencies: Latencies,
}

/// Everything that is counted.
pub struct Tally {
    pub registry: Registry,
    pub target_rate: Gauge<f64, AtomicU64>,
    requests: Family<Answer, Counter>,
    durations: Histogram,
    dropped: Counter,
    in_flight: Gauge,
    counts: Mutex<Split>,
}

/// The counts since the last line, and those before it.
#[derive(Default)]
struct Split {
    earlier: Counts,
    interval: Counts,
}

impl Tally {
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Histogram::new(BUCKETS);
        let (dropped, in_flight, target_rate) = (Counter::default(), Gauge::default(), Gauge::default());
        registry.register("load_requests", "Finished requests, by route and status code or reason", requests.clone());
        let help = "Time from when a request was due to its answer";
        registry.register("load_request_duration_seconds", help, durations.clone());
        registry.register("load_dropped", "Arrivals that were not sent", dropped.clone());
        registry.register("load_requests_in_flight", "Requests that have no answer yet", in_flight.clone());
        registry.register("load_target_requests_per_second", "The rate that is asked for", target_rate.clone());
        Self { registry, target_rate, requests, durations, dropped, in_flight, counts: Mutex::default() }
    }

    pub fn sent(&self) {
        self.in_flight.inc();
        self.count(|counts| counts.sent += 1);
    }

    pub fn dropped(&self, arrivals: u64) {
        if arrivals > 0 {
            self.dropped.inc_by(arrivals);
            self.count(|counts| counts.dropped += arrivals);
        }
    }

    pub fn finished(&self, outcome: &Outcome, latency: Duration) {
        let code = outcome.code.map_or_else(ToOwned::to_owned, |code| code.to_string());
        self.in_flight.dec();
        self.durations.observe(latency.as_secs_f64());
        self.requests.get_or_create(&Answer { route: outcome.route, code: code.clone() }).inc();
        self.count(|counts| {
            counts.latencies.record(latency);
            if outcome.is_ok() {
                counts.ok += 1;
            } else {
                counts.errors += 1;
                *counts.errors_by_code.entry(code).or_default() += 1;
            }
        });
    }

    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// What was counted since the start.
    pub fn whole(&self) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = counts.earlier.clone();
        whole.add(&counts.interval);
        whole
    }

    /// What was counted since the last call.
    pub fn interval(&self) -> Counts {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let interval = std::mem::take(&mut counts.interval);
        counts.earlier.add(&interval);
        interval
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner).interval);
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let Self { sent, ok, errors, dropped, errors_by_code, latencies } = other;
        self.sent += sent;
        self.ok += ok;
        self.errors += errors;
        self.dropped += dropped;
        for (code, count) in errors_by_code {
            *self.errors_by_code.entry(code.clone()).or_default() += count;
        }
        self.latencies.merge(latencies);
    }

    /// One line: the counts, the quantiles of all finished requests, and what the errors were.
    pub fn line(&self) -> String {
        let Self { sent, ok, errors, dropped, errors_by_code, latencies } = self;
        let mut line = format!("sent={sent} ok={ok} errors={errors} dropped={dropped} {}", latencies.summary());
        for (code, count) in errors_by_code {
            let _ = write!(line, " {code}:{count}"); // writing to a string does not fail
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(tally: &Tally, code: Result<u16, &'static str>, milliseconds: u64) {
        tally.sent();
        tally.finished(&Outcome { route: "/login", code }, Duration::from_millis(milliseconds));
    }

    #[test]
    fn the_line_is_of_the_interval_and_the_sum_of_all() {
        let tally = Tally::new();
        finish(&tally, Ok(200), 10);
        finish(&tally, Ok(503), 10);
        finish(&tally, Err("timeout"), 2_000);
        tally.sent();
        tally.dropped(2);
        let line = tally.interval().line();
        assert!(line.starts_with("sent=4 ok=1 errors=2 dropped=2 p50=10."), "{line}");
        assert!(line.ends_with(" 503:1 timeout:1"), "{line}");
        assert_eq!(tally.in_flight(), 1);

        finish(&tally, Ok(503), 10);
        assert_eq!(tally.whole().errors_by_code["503"], 2);
        let whole = tally.whole();
        assert_eq!((whole.sent, whole.ok, whole.errors, whole.dropped), (5, 1, 3, 2));
        assert!(tally.interval().line().starts_with("sent=1 ok=0 errors=1 dropped=0 "));
        assert_eq!(tally.interval().line(), "sent=0 ok=0 errors=0 dropped=0 p50=- p95=- p99=-");
    }

    #[test]
    fn a_redirect_is_no_success() {
        assert!(Outcome { route: "/login", code: Ok(204) }.is_ok());
        for code in [Ok(199), Ok(302), Ok(401), Ok(500), Err("timeout")] {
            assert!(!Outcome { route: "/login", code }.is_ok(), "{code:?}");
        }
    }
}
