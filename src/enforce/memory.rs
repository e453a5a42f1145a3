//! What is remembered from one look to the next, and over a restart.

use serde::{Deserialize, Serialize};

use super::{Action, Kind};

/// Actions that ended and are still shown.
const SHOWN: usize = 10;

/// What is remembered. It is written into the status as JSON; what a version does not know is left out, so that any version
/// goes on from any other's. Times are in seconds since 1970, 0 for never.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    /// Floor for a burn; 0 for none.
    pub floor: f64,
    /// Floor for the demand; 0 for none.
    pub demand_floor: f64,
    /// Highest need since the burn began.
    pub peak_need: i32,
    /// When the floor was last raised.
    pub raised_at: i64,
    /// When the floor was last lowered by a step.
    pub lowered_at: i64,
    /// When the budget began to burn this time; 0 while it does not.
    pub burning_since: i64,
    /// When it last burned.
    pub burned_at: i64,
    /// Clean time in seconds before the floor goes down.
    pub relax: i64,
    /// The raise whose effect is to be proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// Until when more pods are not asked for because they did not help.
    pub latched_until: i64,
    /// How long the last latch was, in seconds.
    pub latch_seconds: i64,
    /// Generation and revision that the latch is for.
    pub latched_for: String,
    /// When there was last evidence of saturation.
    pub saturated_at: i64,
    /// Until when scale-down is held.
    pub hold_until: i64,
    /// The most requests a second while it is held.
    pub held_rate: f64,
    /// When there were last nearly as many; not written, for it moves at every look.
    #[serde(skip)]
    pub needed_at: i64,
    /// What makes the numbers trusted or not.
    pub trust: Trust,
    /// What is known of the size that is needed.
    pub learned: Learned,
    /// What became of the pods; not written, for it is of minutes.
    #[serde(skip)]
    pub pods: Pods,
    /// Releases.
    pub release: Release,
    /// Until when a dependency is taken for the cause.
    pub dependency_until: i64,
    /// Since when a dependency's queue is not empty.
    pub waiting_since: i64,
    /// Since when the need is beyond the maximum; 0 while it is not.
    pub beyond_since: i64,
    /// Whether that is said, and since when the need is well below the maximum.
    pub saturated: bool,
    /// Since when the need is well below the maximum.
    pub below_since: i64,
    /// Since when pods find no node.
    pub unschedulable_since: i64,
    /// The freeze.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<super::Freeze>,
    /// The disruption budget is strict.
    pub strict: bool,
    /// When that last changed.
    pub strict_changed_at: i64,
    /// Replicas at the time when a drain began; 0 while there is none.
    pub surge_base: i32,
    /// When the surge began.
    pub surge_since: i64,
    /// When actions were begun, within the last hour.
    pub starts: Vec<i64>,
    /// When an action was held up by the limit of actions.
    pub limited_at: i64,
    /// Actions: open ones, and the last ten that ended.
    pub actions: Vec<Action>,
    /// Nothing is relaxed before this time: set after a restart.
    pub hold_still_until: i64,
    /// When it was last looked; not written, for it moves at every look.
    #[serde(skip)]
    pub looked_at: i64,
}

/// A raise whose effect is to be proved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Experiment {
    /// When the floor was raised.
    pub at: i64,
    /// Ready pods then.
    pub ready: i32,
    /// Share of bad events over the last minute then.
    pub bad_share: f64,
    /// Share of bad events over five minutes then, where it was lower: the share over a minute may have been chance.
    pub usual_share: f64,
    /// When there were a tenth more pods ready; 0 while there are not.
    pub grown_at: i64,
}

/// What makes the numbers trusted or not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Trust {
    /// When they were last trusted.
    pub trusted_at: i64,
    /// Since when they are not; 0 while they are.
    pub dark_since: i64,
    /// Why they are not.
    pub why: String,
    /// Since when there are plausible numbers again; 0 while there are none.
    pub light_since: i64,
    /// Plausible looks in a row since then.
    pub looks: u32,
    /// The last trusted look, to compare with.
    #[serde(skip)]
    pub last: Option<Seen>,
    /// Since when the load has been the same to the last bit, with its value.
    #[serde(skip)]
    pub same: Option<(i64, u64, u64)>,
}

/// A trusted look, to compare with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// When it was.
    pub at: i64,
    /// Series that the requests were counted in.
    pub series: Option<f64>,
    /// Requests a second.
    pub rate: Option<f64>,
    /// Ready pods.
    pub ready: i32,
    /// CPU, per cent of requests.
    pub cpu: Option<f64>,
}

/// What is known of the size that is needed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Learned {
    /// Time of a request without queueing, in seconds; 0 while not known.
    pub service_seconds: f64,
    /// Target utilization of the slots; 0 while not known.
    pub target: f64,
    /// The highest target that was too high; 0 for none.
    pub bad_target: f64,
    /// Requests in flight per pod that it carries well; 0 while not known.
    pub per_pod: f64,
    /// Looks that this rests on.
    pub looks: u32,
    /// Series that one pod is counted in; 0 while not known.
    pub series_per_pod: f64,
    /// When the target was last moved.
    pub moved_at: i64,
    /// The last requests a second, newest last, with their times.
    #[serde(skip)]
    pub rates: Vec<(i64, f64)>,
    /// How much the rate varies, in variances of a Poisson process; 0 while not known. It comes back within minutes.
    #[serde(skip)]
    pub noise: f64,
}

/// What became of the pods within the last minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pods {
    /// Pods that were asked for at the last look.
    pub replicas: i32,
    /// Pods that were ready.
    pub ready: i32,
    /// When more were asked for.
    pub grown_at: i64,
    /// When the ready ones became more, or fewer.
    pub changed_at: i64,
    /// When they became more.
    pub more_at: i64,
    /// When there were last fewer ready than asked for.
    pub missing_at: i64,
    /// When there was last one on a cordoned node.
    pub drained_at: i64,
}

/// Releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Release {
    /// What the pods are made from.
    pub revision: String,
    /// Since when.
    pub since: i64,
    /// Requests a second at that time.
    pub rate: f64,
    /// Images of the template.
    pub images: String,
    /// Sets of images that did well, newest last.
    pub good: Vec<String>,
    /// The revision that is suspected; empty for none.
    pub suspected: String,
}

impl Memory {
    /// The open action of a kind.
    pub fn open(&self, kind: Kind) -> Option<&Action> {
        self.actions.iter().find(|action| action.kind == kind && action.is_open())
    }

    /// What is written, given what was written before. What moves at every look is left out or kept as it was, so that nothing is
    /// written for nothing.
    #[must_use]
    pub fn written(&self, before: Option<&str>) -> String {
        let mut all = self.clone();
        all.trust.trusted_at = all.trust.trusted_at.min(1);
        // After a restart the quiet time begins anew.
        (all.trust.light_since, all.trust.looks) = (0, 0);
        all.learned.moved_at = 0;
        all.learned.looks = if all.learned.looks >= super::sizing::CONFIDENT { super::sizing::CONFIDENT } else { 0 };
        if all.burning_since == 0 {
            all.saturated_at = 0;
        }
        let before: Self = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for (now, then) in [
            (&mut all.learned.service_seconds, before.learned.service_seconds),
            (&mut all.learned.per_pod, before.learned.per_pod),
            (&mut all.learned.target, before.learned.target),
            (&mut all.learned.series_per_pod, before.learned.series_per_pod),
            (&mut all.release.rate, before.release.rate),
            (&mut all.held_rate, before.held_rate),
        ] {
            // A fifth: what is learned comes back within minutes.
            let near = then > 0.0 && (*now / then - 1.0).abs() < 0.2;
            *now = if near { then } else { format!("{now:.2e}").parse().unwrap_or(*now) };
        }
        for now in [&mut all.floor, &mut all.demand_floor] {
            *now = now.ceil();
        }
        all.burned_at = all.burned_at / 60 * 60;
        serde_json::to_string(&all).unwrap_or_default()
    }

    /// What was written, for a process that goes on from it: as it was, and nothing is relaxed for a while.
    pub fn resumed(text: &str, now: i64, hold_still: i64) -> Option<Self> {
        let mut memory: Self = serde_json::from_str(text).ok()?;
        // A record from the future is that of another clock.
        let latest = [memory.raised_at, memory.burned_at, memory.trust.trusted_at].into_iter().max().unwrap_or(0);
        if latest > now + 60 || !memory.floor.is_finite() || !memory.demand_floor.is_finite() {
            return None;
        }
        if memory.actions.iter().any(Action::is_open) {
            memory.hold_still_until = now + hold_still;
        }
        Some(memory)
    }

    /// Keeps what is shown, and forgets the rest.
    pub(super) fn tidy(&mut self, now: i64) {
        self.starts.retain(|start| now - start < 3_600);
        let ended = self.actions.iter().filter(|action| !action.is_open()).count();
        let mut surplus = ended.saturating_sub(SHOWN);
        self.actions.retain(|action| {
            let goes = !action.is_open() && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
}
