//! How far the primary had written, second by second: what a replica is measured by.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::pooler::rotation::Behind;

/// How long it is remembered. A replica that is further behind is measured by its own clock.
const KEPT: Duration = Duration::from_mins(15);

/// Positions of the primary, from the oldest to the newest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    positions: VecDeque<(Instant, u64)>,
}

impl History {
    /// The primary has written up to here. One that has written less than before is another one.
    pub(super) fn add(&mut self, at: Instant, position: u64) {
        if self.positions.back().is_some_and(|&(_, last)| position < last) {
            self.positions.clear();
        }
        self.positions.push_back((at, position));
        while self.positions.front().is_some_and(|&(first, _)| at.saturating_duration_since(first) > KEPT) {
            self.positions.pop_front();
        }
    }

    /// Forgets everything: there is another primary.
    pub(super) fn clear(&mut self) {
        self.positions.clear();
    }

    /// How far the primary had written at that moment; it is not asked at the same moments as a replica.
    fn at(&self, moment: Instant) -> Option<u64> {
        let after = self.positions.iter().position(|&(at, _)| at > moment);
        let Some(after) = after else { return self.positions.back().map(|&(_, position)| position) };
        let &(to, high) = self.positions.get(after)?;
        let Some(&(from, low)) = after.checked_sub(1).and_then(|before| self.positions.get(before)) else {
            return Some(high);
        };
        let part = moment.saturating_duration_since(from).as_secs_f64() / (to - from).as_secs_f64().max(f64::EPSILON);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the bytes of some seconds, and a share of them"
        )]
        let written = ((high - low) as f64 * part.clamp(0.0, 1.0)) as u64;
        Some(low + written)
    }

    /// How far a replica is behind that had replayed up to `replayed` at that moment. `own` is what it says itself: the seconds since
    /// the last commit that it replayed. That is too much after a quiet time, so that the primary's positions are a bound to it: the
    /// replica has all that was written at the last moment when the primary was not beyond it.
    pub(super) fn behind(&self, moment: Instant, replayed: u64, own: Option<f64>) -> Option<Behind> {
        let bytes = self.at(moment)?.saturating_sub(replayed);
        if bytes == 0 {
            return Some(Behind { bytes: 0, seconds: 0.0 });
        }
        let had = self.positions.iter().rev().find(|&&(at, position)| position <= replayed && at <= moment);
        let measured = had.map(|&(at, _)| moment.saturating_duration_since(at).as_secs_f64());
        let known = self.positions.front().map(|&(at, _)| moment.saturating_duration_since(at).as_secs_f64());
        let seconds = match (measured, own) {
            (Some(measured), Some(own)) => measured.min(own),
            (Some(one), None) | (None, Some(one)) => one,
            // Since before anything that is known.
            (None, None) => known.unwrap_or(0.0),
        };
        Some(Behind { bytes, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(positions: &[(u64, u64)]) -> (Instant, History) {
        let start = Instant::now();
        let mut history = History::default();
        for &(second, position) in positions {
            history.add(start + Duration::from_secs(second), position);
        }
        (start, history)
    }

    #[test]
    fn a_replica_is_measured_by_the_same_moment() {
        let (start, history) = history(&[(0, 0), (1, 1000), (2, 2000)]);
        let at = |millis| start + Duration::from_millis(millis);
        // It has all that was written half a second ago, when it was asked.
        assert_eq!(history.behind(at(1500), 1500, None).unwrap().bytes, 0);
        assert_eq!(history.behind(at(2000), 1500, None).unwrap().bytes, 500);
        assert_eq!(history.behind(at(9000), 1500, None).unwrap().bytes, 500, "the newest that is known");
    }

    #[test]
    fn a_quiet_time_is_no_lag() {
        let (start, history) = history(&[(0, 100), (600, 100), (601, 200)]);
        let behind = history.behind(start + Duration::from_secs(601), 100, Some(3_600.0)).unwrap();
        assert_eq!(behind, Behind { bytes: 100, seconds: 1.0 });
    }

    #[test]
    fn a_replica_that_stands_still_falls_behind() {
        let (start, history) = history(&[(0, 100), (10, 200), (20, 300), (30, 400)]);
        let at = start + Duration::from_secs(30);
        for (replayed, own, seconds, why) in [
            (100, Some(28.0), 28.0, "its own clock may know better"),
            (150, None, 30.0, "it had all at the start"),
            (50, Some(4_000.0), 4_000.0, "since before what is known"),
            (50, None, 30.0, "at least since what is known"),
        ] {
            let behind = history.behind(at, replayed, own).unwrap();
            assert_eq!(behind, Behind { bytes: 400 - replayed, seconds }, "{why}");
        }
    }

    #[test]
    fn another_primary_begins_anew() {
        let (start, history) = history(&[(0, 900), (1, 1000), (2, 50)]);
        let behind = history.behind(start + Duration::from_secs(2), 40, None).unwrap();
        assert_eq!(behind.bytes, 10);
        assert_eq!(History::default().behind(start, 1, None), None);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let (_, history) = history(&[(0, 1), (100, 2), (901, 3), (1001, 4)]);
        assert_eq!(history.positions.len(), 2);
    }
}
