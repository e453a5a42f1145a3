//! What a run came to.

use super::{
    number::{MINUTE, Micros, length, real, seconds},
    service::Minute,
    world::BUDGET,
};

/// The load and the pods at the beginning of a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Requests a second.
    pub rate: f64,
    /// Replicas that were asked for.
    pub replicas: i32,
    /// Pods that served.
    pub ready: i32,
}

/// What a run came to, without its warm-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Requests, minute by minute.
    pub minutes: Vec<Minute>,
    /// The load and the pods, minute by minute.
    pub points: Vec<Point>,
    /// The time of all pods on nodes.
    pub pod_time: Micros,
    /// How often the replicas were changed.
    pub changes: u32,
    /// How often the bounds of the autoscaler were moved.
    pub actions: u32,
    /// For how long the replicas were at the most.
    pub at_max: Micros,
}

impl Outcome {
    /// The share of requests that were bad.
    pub fn bad_share(&self) -> f64 {
        let total: u64 = self.minutes.iter().map(|minute| minute.total).sum();
        let bad: u64 = self.minutes.iter().map(|minute| minute.bad).sum();
        real(bad) / real(total.max(1))
    }

    /// How many times as fast as allowed the budget was spent.
    pub fn burn(&self) -> f64 {
        self.bad_share() / BUDGET
    }

    /// Hours of pods.
    pub fn pod_hours(&self) -> f64 {
        seconds(self.pod_time) / 3_600.0
    }

    /// Minutes at the most replicas.
    pub fn minutes_at_max(&self) -> f64 {
        real(self.at_max) / real(MINUTE)
    }

    /// The longest time in minutes in which the budget burned faster than allowed, until three minutes in a row in which it
    /// did not.
    pub fn recovery(&self) -> f64 {
        let (mut longest, mut since, mut calm) = (0, None, 0);
        for (index, minute) in self.minutes.iter().enumerate() {
            if real(minute.bad) > BUDGET * real(minute.total) {
                since = since.or(Some(index));
                calm = 0;
            } else {
                calm += 1;
            }
            if let Some(from) = since {
                longest = longest.max(index + 1 - calm - from);
                if calm >= 3 {
                    since = None;
                }
            }
        }
        length(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_is_the_longest_burn_and_short_calm_does_not_end_it() {
        let of = |bad: &[u64]| Outcome {
            minutes: bad.iter().map(|bad| Minute { total: 1_000, bad: *bad }).collect(),
            ..Outcome::default()
        };
        assert!((of(&[0, 10, 9, 0]).recovery() - 0.0).abs() < 1e-9);
        assert!((of(&[0, 11, 0, 0, 12, 0, 0, 0, 11]).recovery() - 4.0).abs() < 1e-9);
        assert!((of(&[11, 0, 0, 0, 11, 11]).recovery() - 2.0).abs() < 1e-9);
        assert!((of(&[20, 20]).burn() - 2.0).abs() < 1e-9);
    }
}
