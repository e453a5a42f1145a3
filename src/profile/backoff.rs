//! How long a profile that failed waits for its next try. kube has one delay for all errors and is not told of successes.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// First delay.
const BASE: Duration = Duration::from_secs(1);
/// Longest delay.
const LONGEST: Duration = Duration::from_mins(5);
/// Time between two looks at a profile that nothing happens to.
const RESYNC: Duration = Duration::from_mins(5);

/// The failures in a row of each profile.
#[derive(Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// The delay after one more failure: 1 s, doubled each time, at most 5 min.
    pub fn failed(&self, profile: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(profile.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
        delay(*count)
    }

    /// Forgets profiles that are gone.
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).retain(|profile, _| exists(profile));
    }

    /// The profile was reconciled.
    pub fn succeeded(&self, profile: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(profile);
    }
}

fn delay(failures: u32) -> Duration {
    BASE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LONGEST)
}

/// Five minutes, give or take a tenth, so that profiles made together do not come back together.
pub fn resync() -> Duration {
    // Each `RandomState` has keys of its own: enough randomness for a jitter, without another crate.
    let random = RandomState::new().build_hasher().finish();
    let thousandths = u32::try_from(random % 201).unwrap_or(100) + 900;
    RESYNC * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_minutes_and_start_again_after_a_success() {
        let backoff = Backoff::default();
        let seconds: Vec<_> = (0..11).map(|_| backoff.failed("a").as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(backoff.failed("b").as_secs(), 1, "each profile has a count of its own");
        backoff.succeeded("a");
        assert_eq!(backoff.failed("a").as_secs(), 1);
    }

    #[test]
    fn the_resync_stays_within_a_tenth() {
        for _ in 0..1000 {
            assert!((270..=330).contains(&resync().as_secs()));
        }
    }
}
