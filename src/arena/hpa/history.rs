//! What the controller remembers of an autoscaler: what was recommended, and what was changed.

use super::{Rules, SelectPolicy};

/// A recommendation as it came from the metrics, and when.
#[derive(Clone, Copy, Debug)]
struct Recommendation {
    replicas: i32,
    at_ms: i64,
}

/// A change of the replicas, and when.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Without its sign.
    replicas: i32,
    at_ms: i64,
    /// It was older than all periods when the last change was recorded, and its place may be taken. It goes on counting if
    /// a period has become longer since.
    outdated: bool,
}

/// The memory of the controller.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    recommendations: Vec<Recommendation>,
    up: Vec<Change>,
    down: Vec<Change>,
}

impl History {
    /// The first time that the controller sees an autoscaler, what is there is its recommendation.
    pub(super) fn begin(&mut self, replicas: i32, at_ms: i64) {
        if self.recommendations.is_empty() {
            self.recommendations.push(Recommendation { replicas, at_ms });
        }
    }

    /// The highest of the recommendations that are not older than a window, and of the new one, which is recorded.
    pub(super) fn highest(&mut self, recommended: i32, window_ms: i64, now_ms: i64) -> i32 {
        let cutoff = now_ms - window_ms;
        let recent = self.recommendations.iter().filter(|past| past.at_ms >= cutoff);
        let highest = recent.map(|past| past.replicas).fold(recommended, i32::max);
        let place = self.recommendations.iter_mut().rev().find(|past| past.at_ms < cutoff);
        let new = Recommendation { replicas: recommended, at_ms: now_ms };
        match place {
            Some(place) => *place = new,
            None => self.recommendations.push(new),
        }
        highest
    }

    /// The recommendation within the lowest of the window up and the highest of the window down, starting from the current
    /// replicas. The new recommendation is recorded as it came.
    pub(super) fn stabilize(
        &mut self,
        current: i32,
        recommended: i32,
        (up_window_ms, down_window_ms): (i64, i64),
        now_ms: i64,
    ) -> i32 {
        let (up_cutoff, down_cutoff) = (now_ms - up_window_ms, now_ms - down_window_ms);
        let (mut lowest, mut highest) = (recommended, recommended);
        let mut place = None;
        for past in &mut self.recommendations {
            if past.at_ms > up_cutoff {
                lowest = lowest.min(past.replicas);
            }
            if past.at_ms > down_cutoff {
                highest = highest.max(past.replicas);
            }
            if past.at_ms < up_cutoff && past.at_ms < down_cutoff {
                place = Some(past);
            }
        }
        let new = Recommendation { replicas: recommended, at_ms: now_ms };
        match place {
            Some(place) => *place = new,
            None => self.recommendations.push(new),
        }
        current.max(lowest).min(highest)
    }

    /// Records a change for the rates. Every change counts, whatever has made it.
    pub(super) fn changed(&mut self, from: i32, to: i32, rules: &Rules, now_ms: i64) {
        let changes = if to > from { &mut self.up } else { &mut self.down };
        let longest = rules.policies.iter().map(|policy| policy.period_s).fold(0, i32::max);
        let cutoff = now_ms - seconds(longest);
        let mut place = None;
        for change in changes.iter_mut() {
            change.outdated |= change.at_ms < cutoff;
            if change.outdated {
                place = Some(change);
            }
        }
        let replicas = if to > from { to.wrapping_sub(from) } else { from.wrapping_sub(to) };
        let new = Change { replicas, at_ms: now_ms, outdated: false };
        match place {
            Some(place) => *place = new,
            None => changes.push(new),
        }
    }

    /// The replicas that were there at the start of a period.
    pub(super) fn at_start(&self, current: i32, period_s: i32, now_ms: i64) -> i32 {
        let cutoff = now_ms - seconds(period_s);
        let sum = |changes: &[Change]| {
            let recent = changes.iter().filter(|change| change.at_ms > cutoff);
            recent.fold(0_i32, |sum, change| sum.wrapping_add(change.replicas))
        };
        current.wrapping_sub(sum(&self.up)).wrapping_add(sum(&self.down))
    }

    /// What one direction of a behavior allows: `proposals` of every policy, of which one is selected.
    pub(super) fn limit(
        &self,
        current: i32,
        rules: &Rules,
        now_ms: i64,
        allow: impl Fn(i32, &super::Policy) -> i32,
        up: bool,
    ) -> i32 {
        let highest = match rules.select {
            SelectPolicy::Disabled => return current,
            SelectPolicy::Max => up,
            SelectPolicy::Min => !up,
        };
        let allowed =
            rules.policies.iter().map(|policy| allow(self.at_start(current, policy.period_s, now_ms), policy));
        if highest { allowed.fold(i32::MIN, i32::max) } else { allowed.fold(i32::MAX, i32::min) }
    }
}

/// Seconds as milliseconds.
pub(super) fn seconds(seconds: i32) -> i64 {
    i64::from(seconds) * 1000
}
