//! The schedule of the arrivals: evenly spaced, whatever the service does with them (an open loop).
//!
//! Times are seconds since the start of the run.

/// How far the sender may fall behind its schedule before arrivals are given up, in seconds. Sending them all later would be a
/// burst that nobody asked for.
const MAX_LAG: f64 = 1.0;

/// Hands out the times at which requests are due.
pub struct Pacer {
    rate: f64,
    /// Arrivals are counted from here, so that no rounding adds up.
    origin: f64,
    arrivals: f64,
}

impl Pacer {
    pub fn new(rate: f64, now: f64) -> Self {
        Self { rate, origin: now, arrivals: 0.0 }
    }

    /// When the next request is due; never at a rate of 0.
    pub fn due(&self) -> Option<f64> {
        (self.rate > 0.0).then(|| self.origin + (self.arrivals + 1.0) / self.rate)
    }

    /// The next arrival, if it is due by now.
    pub fn take(&mut self, now: f64) -> Option<f64> {
        let due = self.due().filter(|due| *due <= now)?;
        self.arrivals += 1.0;
        Some(due)
    }

    /// Gives up the arrivals that are too late, and says how many.
    pub fn give_up(&mut self, now: f64) -> u64 {
        let mut given_up = 0;
        while self.take(now - MAX_LAG).is_some() {
            given_up += 1;
        }
        given_up
    }

    /// Changes the rate. The part of the interval that has passed stays passed, so that frequent changes neither add nor lose
    /// arrivals; arrivals that were due before the change should have been taken.
    pub fn set_rate(&mut self, rate: f64, now: f64) {
        let last = if self.rate > 0.0 { self.origin + self.arrivals / self.rate } else { now };
        let passed = ((now - last) * self.rate).clamp(0.0, 1.0);
        *self = Self::new(rate, if rate > 0.0 { now - passed / rate } else { now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is due every 3 ms from `from` to `to`, as the sender does.
    fn arrivals(pacer: &mut Pacer, from: f64, to: f64) -> Vec<f64> {
        let ticks = std::iter::successors(Some(from), |now| Some(now + 0.003)).take_while(|now| *now < to).chain([to]);
        ticks.flat_map(|now| std::iter::from_fn(|| pacer.take(now)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn arrivals_are_evenly_spaced_and_none_is_lost() {
        let mut pacer = Pacer::new(640.0, 5.0);
        let due = arrivals(&mut pacer, 5.0, 15.0);
        assert_eq!(due.len(), 6_400);
        assert!(due.windows(2).all(|pair| ((pair[1] - pair[0]) * 640.0 - 1.0).abs() < 1e-6));
    }

    #[test]
    fn a_faster_rate_makes_no_burst() {
        let mut pacer = Pacer::new(1.0, 0.0);
        assert!(arrivals(&mut pacer, 0.0, 0.9).is_empty());
        pacer.set_rate(1_000.0, 0.9);
        let due = arrivals(&mut pacer, 0.9, 1.0);
        assert!(due.len().abs_diff(100) <= 1, "{}", due.len());
        assert!(due[0] < 0.9011, "nine tenths of the interval had passed: {}", due[0]);
    }

    #[test]
    fn changes_more_frequent_than_arrivals_lose_none() {
        let mut pacer = Pacer::new(2.0, 0.0);
        let mut count = 0;
        for step in 1..=100 {
            let now = f64::from(step) * 0.1;
            count += std::iter::from_fn(|| pacer.take(now)).count();
            pacer.set_rate(2.0, now);
        }
        assert!((19..=20).contains(&count), "{count} arrivals in 10 s at 2/s");
    }

    #[test]
    fn a_rate_of_zero_sends_nothing_and_ends_at_once() {
        let mut pacer = Pacer::new(100.0, 0.0);
        arrivals(&mut pacer, 0.0, 1.0);
        pacer.set_rate(0.0, 1.0);
        assert_eq!((pacer.due(), pacer.take(50.0)), (None, None));
        pacer.set_rate(10.0, 50.0);
        let due = pacer.due().unwrap();
        assert!((due - 50.1).abs() < 1e-9, "no catching up: {due}");
    }

    #[test]
    fn what_is_too_late_is_given_up() {
        let mut pacer = Pacer::new(100.0, 0.0);
        let given_up = pacer.give_up(4.005);
        assert_eq!(given_up, 300);
        assert_eq!(std::iter::from_fn(|| pacer.take(4.005)).count(), 100);
        assert_eq!(pacer.give_up(4.005), 0);
    }
}
