//! Random decisions without a lock: `SplitMix64` over a counter that all threads share.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// The step of `SplitMix64`: 2^64 divided by the golden ratio, which visits every value once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of random decisions.
pub struct Chance(AtomicU64);

impl Chance {
    /// A source that differs between processes, so that replicas do not decide alike.
    pub fn new() -> Self {
        Self::seeded(RandomState::new().hash_one("chance"))
    }

    fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// True for `share` of the calls: never at 0, always at 1.
    pub fn hit(&self, share: f64) -> bool {
        self.fraction() < share
    }

    /// A number from 0 to below `bound`, which is at least 1.
    pub fn below(&self, bound: u32) -> u32 {
        let scaled = ((self.next() >> 32) * u64::from(bound)) >> 32;
        u32::try_from(scaled).unwrap_or(0) // `scaled` is below `bound`
    }

    fn fraction(&self) -> f64 {
        f64::from(self.below(u32::MAX)) / f64::from(u32::MAX)
    }

    fn next(&self) -> u64 {
        let mut value = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_within_a_point() {
        let chance = Chance::seeded(7);
        for percent in [0_u32, 1, 20, 50, 99, 100] {
            let hits = (0..100_000).filter(|_| chance.hit(f64::from(percent) / 100.0)).count();
            let expected = percent as usize * 1_000;
            assert!(hits.abs_diff(expected) < 1_000, "{percent} %: {hits} of 100000");
            if percent == 0 || percent == 100 {
                assert_eq!(hits, expected);
            }
        }
    }

    #[test]
    fn alternating_callers_see_the_same_share() {
        let chance = Chance::seeded(7);
        let mut hits = [0_u32; 2];
        for call in 0..100_000 {
            hits[call % 2] += u32::from(chance.hit(0.5));
        }
        assert!(hits.iter().all(|hits| hits.abs_diff(25_000) < 500), "{hits:?}");
    }

    #[test]
    fn below_covers_its_range() {
        let chance = Chance::seeded(7);
        let mut seen = [0_u32; 4];
        for _ in 0..4_000 {
            seen[chance.below(4) as usize] += 1;
        }
        assert!(seen.iter().all(|count| count.abs_diff(1_000) < 150), "{seen:?}");
        assert_eq!(chance.below(1), 0);
    }
}
