//! Every metric of the operator itself. Label sets are bounded: no name of an object is ever in one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

use crate::kube::{Category, Change};

/// Outcome of a reconcile or a query.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// A child that was looked after.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApplyLabels {
    kind: &'static str,
    changed: &'static str,
}

/// A child that the API server did not take.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApplyErrorLabels {
    kind: &'static str,
    category: &'static str,
}

/// Every metric, and the registry that they are in.
pub struct Metrics {
    registry: Mutex<Registry>,
    reconciles: Family<OutcomeLabels, Counter>,
    reconcile_duration: Histogram,
    in_flight: Gauge,
    leader: Gauge,
    shards: Gauge,
    shards_held: Gauge,
    applies: Family<ApplyLabels, Counter>,
    apply_errors: Family<ApplyErrorLabels, Counter>,
    status_writes: Counter,
    queries: Family<OutcomeLabels, Counter>,
    query_duration: Histogram,
    evaluated_at: Gauge<f64, AtomicU64>,
    started: std::time::Instant,
    last_evaluation: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("plimsoll");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the operator", build);
        // 5 ms to 20 s: an apply takes some tens of milliseconds, the time limit is 30 s.
        let duration = || Histogram::new(exponential_buckets(0.005, 2.0, 13));
        let metrics = Self {
            registry: Mutex::default(),
            reconciles: Family::default(),
            reconcile_duration: duration(),
            in_flight: Gauge::default(),
            leader: Gauge::default(),
            shards: Gauge::default(),
            shards_held: Gauge::default(),
            applies: Family::default(),
            apply_errors: Family::default(),
            status_writes: Counter::default(),
            queries: Family::default(),
            query_duration: duration(),
            evaluated_at: Gauge::default(),
            started: std::time::Instant::now(),
            last_evaluation: AtomicI64::new(-1),
        };
        let r = &mut registry;
        r.register("reconciles", "Reconciles by outcome: ok, or the category of the error", metrics.reconciles.clone());
        r.register("reconcile_duration_seconds", "Time that one reconcile takes", metrics.reconcile_duration.clone());
        r.register("reconciles_in_flight", "Reconciles under way", metrics.in_flight.clone());
        r.register("leader", "1 on a replica that reconciles, else 0", metrics.leader.clone());
        r.register("shards", "Shards that the namespaces are divided into", metrics.shards.clone());
        r.register("shards_held", "Shards whose profiles this replica reconciles", metrics.shards_held.clone());
        r.register("child_applies", "Children looked after, and whether that took a write", metrics.applies.clone());
        r.register("child_apply_errors", "Children that the API server did not take", metrics.apply_errors.clone());
        r.register("status_writes", "Writes of a profile's status", metrics.status_writes.clone());
        r.register("prometheus_queries", "Queries to Prometheus by outcome", metrics.queries.clone());
        r.register("prometheus_query_duration_seconds", "Time that one query takes", metrics.query_duration.clone());
        r.register(
            "evaluation_age_seconds",
            "Time since the last evaluation of the objectives that Prometheus answered; -1 before the first",
            metrics.evaluated_at.clone(),
        );
        *metrics.lock() = registry;
        metrics
    }
}

impl Metrics {
    /// Adds a collector whose metrics are read at each scrape.
    pub fn register_collector(&self, collector: impl Collector) {
        self.lock().register_collector(Box::new(collector));
    }

    /// The exposition in the `OpenMetrics` text format.
    pub fn exposition(&self) -> String {
        let now = i64::try_from(self.started.elapsed().as_secs()).unwrap_or(i64::MAX);
        let last = self.last_evaluation.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "an age in seconds is far below 2^52")]
        self.evaluated_at.set(if last < 0 { -1.0 } else { (now - last) as f64 });
        let mut text = String::new();
        // Writing to a string cannot fail, and half an exposition is better than none.
        let _ = encode(&mut text, &self.lock());
        text
    }

    /// Starts the clock of one reconcile; it is counted in flight until the guard ends.
    pub fn reconcile_started(self: &Arc<Self>) -> ReconcileGuard {
        self.in_flight.inc();
        ReconcileGuard { metrics: Arc::clone(self), started: std::time::Instant::now(), outcome: "cancelled" }
    }

    /// How many shards there are.
    pub fn set_shards(&self, count: u16) {
        self.shards.set(i64::from(count));
    }

    /// How many of them this replica reconciles; it leads while there are any.
    pub fn set_shards_held(&self, held: usize) {
        self.leader.set(i64::from(held > 0));
        self.shards_held.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// A child was looked after.
    pub fn child_applied(&self, kind: &'static str, change: Change) {
        let changed = if change == Change::Written { "true" } else { "false" };
        self.applies.get_or_create(&ApplyLabels { kind, changed }).inc();
    }

    /// The API server did not take a child.
    pub fn child_failed(&self, kind: &'static str, category: Category) {
        self.apply_errors.get_or_create(&ApplyErrorLabels { kind, category: category.as_str() }).inc();
    }

    /// A status was written.
    pub fn status_written(&self) {
        self.status_writes.inc();
    }

    /// A query came back, or did not.
    pub fn query(&self, outcome: &'static str, took: Duration) {
        self.queries.get_or_create(&OutcomeLabels { outcome }).inc();
        self.query_duration.observe(took.as_secs_f64());
    }

    /// All queries of an evaluation were answered.
    pub fn evaluated(&self) {
        let now = i64::try_from(self.started.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.last_evaluation.store(now, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a reconcile when it ends, however it ends.
pub struct ReconcileGuard {
    metrics: Arc<Metrics>,
    started: std::time::Instant,
    outcome: &'static str,
}

impl ReconcileGuard {
    /// How it ended: `ok`, or the category of the error.
    pub fn outcome(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for ReconcileGuard {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.reconciles.get_or_create(&OutcomeLabels { outcome: self.outcome }).inc();
        self.metrics.reconcile_duration.observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconcile_is_counted_however_it_ends() {
        let metrics = Arc::new(Metrics::default());
        metrics.reconcile_started().outcome("ok");
        drop(metrics.reconcile_started());
        let text = metrics.exposition();
        assert!(text.contains("plimsoll_reconciles_total{outcome=\"ok\"} 1"), "{text}");
        assert!(text.contains("plimsoll_reconciles_total{outcome=\"cancelled\"} 1"), "{text}");
        assert!(text.contains("plimsoll_reconciles_in_flight 0"), "{text}");
        assert!(text.contains("plimsoll_build_info{version="), "{text}");
        assert!(text.contains("plimsoll_evaluation_age_seconds -1"), "{text}");
    }
}
