//! Chance from a seed: a case is the same everywhere.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Sixty-four bits (splitmix64).
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of a range, both ends within.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low).wrapping_add(1);
        low.wrapping_add_unsigned(if span == 0 { self.bits() } else { self.bits() % span })
    }

    pub fn small(&mut self, low: i32, high: i32) -> i32 {
        i32::try_from(self.within(low.into(), high.into())).unwrap()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: i64) -> bool {
        self.within(1, 100) <= percent
    }

    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.within(0, i64::try_from(all.len()).unwrap() - 1)).unwrap()].clone()
    }

    /// Something near a border: on it, one off, or anywhere about.
    pub fn near(&mut self, border: i64) -> i64 {
        let off = self.pick(&[0, 0, 1, -1, 2, 1000, -1000]);
        if self.percent(80) { border.saturating_add(off) } else { border.saturating_add(self.within(-60_000, 60_000)) }
    }
}
