//! What became of the clients: counts, errors by class, and times.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Error;

/// Errors that are printed as they come; all are counted.
const SHOWN: usize = 40;

/// Shared by the clients of one run.
pub struct Tally {
    begun: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    errors: BTreeMap<String, u64>,
    times: BTreeMap<&'static str, Vec<Duration>>,
    shown: usize,
}

impl Tally {
    /// The counts of these names begin with zero, so that a report has them also when nothing happened.
    pub fn new(counts: &[&'static str]) -> Self {
        let counts = counts.iter().chain(&["too_many"]).map(|name| (*name, 0)).collect();
        Self { begun: Instant::now(), inner: Mutex::new(Inner { counts, ..Inner::default() }) }
    }

    pub fn count(&self, name: &'static str) {
        *self.inner().counts.entry(name).or_default() += 1;
    }

    pub fn time(&self, name: &'static str, time: Duration) {
        self.inner().times.entry(name).or_default().push(time);
    }

    /// A server without a free connection is counted as `too_many`, also where a pooler passes on what it was told.
    pub fn error(&self, during: &str, error: &Error) {
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        let (class, message) = (class(error), format!("{error}{source}"));
        if class == "53300"
            || ["too many clients", "remaining connection slots"].iter().any(|text| message.contains(text))
        {
            self.count("too_many");
        }
        self.failure(during, &class, &message);
    }

    /// Counted under its class, and printed while it is one of the first.
    pub fn failure(&self, during: &str, class: &str, message: &str) {
        let mut inner = self.inner();
        *inner.errors.entry(format!("{during} {class}")).or_default() += 1;
        inner.shown += 1;
        if inner.shown <= SHOWN {
            let seconds = rounded(self.begun.elapsed().as_secs_f64());
            println!("{}", json!({"seconds": seconds, "during": during, "class": class, "error": message}));
        }
    }

    /// Everything as one object, times in milliseconds.
    pub fn report(&self, mode: &str) -> Map<String, Value> {
        let mut report = Map::new();
        report.insert("mode".to_owned(), json!(mode));
        report.insert("seconds".to_owned(), json!(rounded(self.begun.elapsed().as_secs_f64())));
        let mut inner = self.inner();
        for (name, count) in &inner.counts {
            report.insert((*name).to_owned(), json!(count));
        }
        report.insert("errors".to_owned(), json!(inner.errors));
        for (name, times) in &mut inner.times {
            times.sort_unstable();
            let at = |percent| quantile(times, percent).map(|time| rounded(time.as_secs_f64() * 1e3));
            report.insert(format!("{name}_ms"), json!({"p50": at(50), "p99": at(99), "max": at(100)}));
        }
        report
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SQLSTATE of an error, or what became of the connection.
pub fn class(error: &Error) -> String {
    if let Some(code) = error.code() {
        return code.code().to_owned();
    }
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match io {
        Some(io) => format!("{:?}", io.kind()),
        None if error.is_closed() => "closed".to_owned(),
        None => "other".to_owned(),
    }
}

/// The time that `percent` of the sorted ones did not exceed (nearest rank).
fn quantile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_zeros_and_quantiles() {
        let tally = Tally::new(&["cut", "refused"]);
        tally.count("cut");
        (1..=200).rev().for_each(|time| tally.time("write", Duration::from_millis(time)));
        tally.failure("connect", "53300", "sorry, too many clients already");
        let report = tally.report("hot");
        assert_eq!(report["cut"], 1);
        assert_eq!(report["refused"], 0);
        assert_eq!(report["errors"], json!({"connect 53300": 1}));
        assert_eq!(report["write_ms"], json!({"p50": 100.0, "p99": 198.0, "max": 200.0}));
    }

    #[test]
    fn quantiles_of_few_are_ones_that_were_seen() {
        let times = [1, 2, 100].map(Duration::from_secs);
        assert_eq!(quantile(&times, 50), Some(Duration::from_secs(2)));
        assert_eq!(quantile(&times, 99), Some(Duration::from_secs(100)));
        assert_eq!(quantile(&[], 50), None);
    }
}
