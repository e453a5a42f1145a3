//! Chance from a seed, so that a run can be repeated.

use std::time::Duration;

/// `SplitMix64` (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator of its own for each use, told apart by a name: one more draw of one does not move the others.
    pub fn new(seed: u64, use_: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        Self(use_.bytes().fold(seed ^ 0xCBF2_9CE4_8422_2325, mix))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// One of so many, from 0; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % bound).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// A time between two.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = usize::try_from(high.saturating_sub(low).as_millis()).unwrap_or(usize::MAX);
        low + Duration::from_millis(u64::try_from(self.below(span.saturating_add(1))).unwrap_or(0))
    }
}
