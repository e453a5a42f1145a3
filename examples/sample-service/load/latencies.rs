//! Latencies in buckets that are one per cent apart, from 10 µs to 100 s: quantiles in bounded memory, within one per cent.

use std::sync::LazyLock;
use std::time::Duration;

const FIRST: f64 = 10e-6;
const LAST: f64 = 100.0;
const STEP: f64 = 1.01;

static BOUNDS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    std::iter::successors(Some(FIRST), |bound| Some(bound * STEP)).take_while(|b| *b < LAST * STEP).collect()
});

/// How often each latency was seen.
#[derive(Clone, Default)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Latencies {
    pub fn record(&mut self, latency: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < latency.as_secs_f64()).min(BOUNDS.len() - 1);
        if self.counts.is_empty() {
            self.counts = vec![0; BOUNDS.len()];
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.total += 1;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else {
            self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        }
        self.total += other.total;
    }

    /// The latency in seconds that `percent` of the requests did not exceed (nearest rank); none without requests.
    pub fn quantile(&self, percent: u64) -> Option<f64> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.counts.iter().zip(BOUNDS.iter()).find(|(count, _)| {
            seen += **count;
            seen >= rank
        });
        reached.map(|(_, bound)| *bound)
    }

    /// `p50=… p95=… p99=…`, in milliseconds.
    pub fn summary(&self) -> String {
        let quantile = |percent| {
            let seconds = self.quantile(percent);
            seconds.map_or_else(|| format!("p{percent}=-"), |seconds| format!("p{percent}={:.1}ms", seconds * 1e3))
        };
        [50, 95, 99].map(quantile).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        milliseconds.into_iter().for_each(|latency| latencies.record(Duration::from_millis(latency)));
        latencies
    }

    #[test]
    fn quantiles_are_within_one_per_cent() {
        let latencies = of((1..=1_000).rev());
        for (percent, exact) in [(1, 0.010), (50, 0.500), (95, 0.950), (99, 0.990), (100, 1.000)] {
            let quantile = latencies.quantile(percent).unwrap();
            assert!((exact..=exact * 1.01).contains(&quantile), "p{percent}: {quantile} for {exact}");
        }
    }

    #[test]
    fn a_quantile_is_a_latency_that_was_seen() {
        let latencies = of([1, 1, 1, 100]);
        assert!(latencies.quantile(75).unwrap() < 0.0011);
        assert!(latencies.quantile(76).unwrap() > 0.0999);
    }

    #[test]
    fn what_is_beyond_the_bounds_is_kept_at_them() {
        let mut latencies = of([3_600_000]);
        assert!(latencies.quantile(50).unwrap() >= 100.0);
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.quantile(50), Some(10e-6));
    }

    #[test]
    fn merging_adds() {
        let mut all = Latencies::default();
        assert_eq!(all.summary(), "p50=- p95=- p99=-");
        all.merge(&of([10; 60]));
        all.merge(&of([1_000; 40]));
        all.merge(&Latencies::default());
        assert!(all.quantile(60).unwrap() < 0.0102);
        assert!(all.quantile(61).unwrap() > 0.99);
    }
}
