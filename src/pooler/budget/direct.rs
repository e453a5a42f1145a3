//! Connections of others than the poolers: the most of the last minutes.

use std::{collections::VecDeque, time::Duration};

/// How long a count holds. Jobs that connect every few minutes are counted all the time, and the split does not follow each of them.
const WINDOW: Duration = Duration::from_mins(5);

/// Remembers the highest counts of the last minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Direct {
    /// Times and counts, from the oldest to the newest; each count is lower than the one before it.
    counts: VecDeque<(Duration, u32)>,
}

impl Direct {
    /// Takes a count, and answers the one that holds. `now` is since any fixed moment and does not go back.
    pub fn observe(&mut self, now: Duration, count: u32) -> u32 {
        while self.counts.back().is_some_and(|&(_, last)| last <= count) {
            self.counts.pop_back();
        }
        self.counts.push_back((now, count));
        while self.counts.front().is_some_and(|&(at, _)| now.saturating_sub(at) > WINDOW) {
            self.counts.pop_front();
        }
        self.holds().unwrap_or(count)
    }

    /// The count that holds; absent before the first one.
    pub fn holds(&self) -> Option<u32> {
        self.counts.front().map(|&(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn more_holds_at_once_and_less_after_a_while() {
        let mut direct = Direct::default();
        assert_eq!(direct.holds(), None);
        let said: Vec<_> = [(0, 5), (1, 9), (2, 5), (301, 5), (302, 4), (601, 4), (602, 4)]
            .map(|(at, count)| direct.observe(s(at), count))
            .into();
        assert_eq!(said, [5, 9, 9, 9, 5, 5, 4]);
    }

    proptest! {
        #[test]
        fn it_is_the_most_of_the_window(looks in proptest::collection::vec((0u64..200, 0u32..50), 1..100)) {
            let (mut direct, mut now, mut all) = (Direct::default(), s(0), vec![]);
            for (step, count) in looks {
                now += s(step);
                all.push((now, count));
                let most = all.iter().filter(|(at, _)| now.saturating_sub(*at) <= WINDOW).map(|(_, count)| *count).max().unwrap();
                prop_assert_eq!(direct.observe(now, count), most);
            }
        }
    }
}
