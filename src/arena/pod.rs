//! A pod: its workers, its queue, and the counters that it exposes.

use std::collections::VecDeque;

use super::number::Micros;

/// Upper bounds of the buckets of the latency histogram, in microseconds; above is `+Inf`.
pub const BUCKETS: [Micros; 9] = [50_000, 100_000, 200_000, 300_000, 400_000, 500_000, 750_000, 1_000_000, 2_000_000];

/// Counters as a pod exposes them. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that were answered or given up.
    pub total: u64,
    /// Those that were answered in time.
    pub good: u64,
    /// The sum of their durations.
    pub sum: Micros,
    /// Requests by duration, each in one bucket; the last has no bound.
    pub buckets: [u64; 10],
}

impl Counters {
    /// One request more.
    pub fn observe(&mut self, latency: Micros, good: bool) {
        self.total += 1;
        self.good += u64::from(good);
        self.sum += latency;
        let bucket = BUCKETS.iter().position(|bound| latency <= *bound).unwrap_or(BUCKETS.len());
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
    }

    /// What came since earlier counters of the same pod.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut buckets = self.buckets;
        for (bucket, before) in buckets.iter_mut().zip(earlier.buckets) {
            *bucket = bucket.saturating_sub(before);
        }
        Self {
            total: self.total.saturating_sub(earlier.total),
            good: self.good.saturating_sub(earlier.good),
            sum: self.sum.saturating_sub(earlier.sum),
            buckets,
        }
    }

    /// Those of another pod beside.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.good += other.good;
        self.sum += other.sum;
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
    }
}

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// What the work of its requests is multiplied by.
    pub slowness: f64,
    /// Workers that have a request.
    pub busy: u32,
    /// Requests whose clients wait for this pod.
    pub in_flight: u32,
    /// Requests that wait for a worker.
    pub queue: VecDeque<u32>,
    /// What it exposes.
    pub counters: Counters,
    /// Workers that use the CPU.
    computing: u32,
    /// The time that workers used the CPU, until `touched`.
    computed: Micros,
    touched: Micros,
}

impl Pod {
    /// A pod that is idle.
    pub fn new(slowness: f64) -> Self {
        Self {
            slowness,
            busy: 0,
            in_flight: 0,
            queue: VecDeque::new(),
            counters: Counters::default(),
            computing: 0,
            computed: 0,
            touched: 0,
        }
    }

    fn touch(&mut self, now: Micros) {
        self.computed = self.computed_until(now);
        self.touched = now;
    }

    /// A worker takes a request and uses the CPU.
    pub fn occupy(&mut self, now: Micros) {
        self.touch(now);
        self.busy += 1;
        self.computing += 1;
    }

    /// A worker no longer uses the CPU.
    pub fn rest(&mut self, now: Micros) {
        self.touch(now);
        self.computing = self.computing.saturating_sub(1);
    }

    /// The time that its workers have used the CPU: two workers for a second are two seconds.
    pub fn computed_until(&self, now: Micros) -> Micros {
        self.computed + u64::from(self.computing) * now.saturating_sub(self.touched)
    }
}
