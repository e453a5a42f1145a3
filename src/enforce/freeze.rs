//! The freeze of rollouts: when the budget is gone, or a release burns it.

use serde::{Deserialize, Serialize};

use super::{
    Kind, Objective, attribution,
    decide::{Turn, Words},
    trust,
};

/// Below this share of the budget rollouts are warned of and drains take one pod at a time, and above this one not any more.
pub(super) const LOW: f64 = 0.25;
pub(super) const LOW_ENDS: f64 = 0.35;
/// Above this share, with a burn over 6h below 1, a freeze ends.
const ENDS: f64 = 0.10;

/// What a freeze does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FreezeLevel {
    /// Rollouts get a warning.
    Warn,
    /// Rollouts are denied.
    Deny,
}

/// What a freeze is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The budget of this objective is exhausted.
    Exhausted(String),
    /// A release has burned the budget since it came.
    Release,
    /// Less than a quarter of the budget of this objective is left.
    Low(String),
}

impl Cause {
    /// Whether rollouts ought to stop: a low budget is only warned of.
    pub const fn stops(&self) -> bool {
        !matches!(self, Self::Low(_))
    }

    fn words(&self) -> String {
        match self {
            Self::Exhausted(name) => format!("the error budget of objective {name} is exhausted"),
            Self::Release => "the budget has burned since the last release".to_owned(),
            Self::Low(name) => format!("less than 25 % of the error budget of objective {name} is left"),
        }
    }
}

/// A freeze. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// What it does.
    pub level: FreezeLevel,
    /// What it is for.
    pub cause: Cause,
    /// The same in words.
    pub reason: String,
    /// Since when.
    pub since: i64,
    /// When it ends by itself, unless it is renewed.
    pub until: i64,
    /// Sets of images that did well, newest last: going back to one of them passes.
    pub good: Vec<String>,
}

/// Freezes, renews, or lets go.
pub(super) fn freeze(turn: &mut Turn<'_>) {
    if turn.paused() {
        return end(turn, "paused by the profile");
    }
    let now = turn.now;
    if turn.trusted {
        match cause(turn) {
            Some(cause) => begin(turn, cause),
            None if turn.memory.freeze.is_some() && now >= turn.memory.hold_still_until && recovered(turn) => {
                return end(turn, "the budget has recovered");
            }
            None => renew(turn),
        }
    } else if trust::is_dark(turn) {
        // Numbers that are gone freeze nothing and unfreeze nothing.
        renew(turn);
    }
    if turn.memory.freeze.as_ref().is_some_and(|freeze| freeze.until <= now) {
        end(turn, "its time is over");
    }
}

/// Why rollouts ought to stop, or be warned of.
fn cause(turn: &Turn<'_>) -> Option<Cause> {
    if turn.trusted && attribution::release_suspected(turn) && !turn.signals.maintenance {
        return Some(Cause::Release);
    }
    let (lowest, left) = lowest(turn)?;
    match left {
        left if left <= 0.0 => Some(Cause::Exhausted(lowest.name.clone())),
        left if left < LOW => Some(Cause::Low(lowest.name.clone())),
        _ => None,
    }
}

/// The objective with the least budget left, of those whose budget is known, and what is left.
pub(super) fn lowest<'a>(turn: &Turn<'a>) -> Option<(&'a Objective, f64)> {
    let known =
        turn.evidence()?.objectives.iter().filter_map(|objective| Some((objective, objective.budget_remaining?)));
    known.min_by(|one, other| one.1.total_cmp(&other.1))
}

fn begin(turn: &mut Turn<'_>, cause: Cause) {
    let now = turn.now;
    let stops = cause.stops();
    let before = turn.memory.freeze.as_ref().map(|freeze| freeze.cause.clone());
    let stopped = before.as_ref().map(Cause::stops);
    match stopped {
        // A freeze goes on until it has recovered: a budget that is no longer exhausted is only low.
        Some(true) if !stops && (now < turn.memory.hold_still_until || !recovered(turn)) => return renew(turn),
        _ if before.as_ref() == Some(&cause) => return renew(turn),
        _ => {}
    }
    let reason = cause.words();
    if stopped.is_none_or(|before| !before && stops) && !turn.may_begin() {
        return;
    }
    let level = if stops && turn.settings.freeze_denies { FreezeLevel::Deny } else { FreezeLevel::Warn };
    let since = turn.memory.freeze.as_ref().map_or(now, |freeze| freeze.since);
    let until = now + turn.settings.longest_freeze;
    let good = turn.memory.release.good.clone();
    turn.memory.freeze = Some(Freeze { level, cause, reason: reason.clone(), since, until, good });
    let words = Words {
        trigger: reason,
        evidence: "the budget over the objective's window, or the burn since the release".to_owned(),
        bound: "going back to good images, scaling and an override pass; it ends by itself when it is not renewed"
            .to_owned(),
        expected: if stops {
            "no new rollout spends budget that is not there"
        } else {
            "who rolls out knows of the budget"
        }
        .to_owned(),
    };
    turn.act(Kind::FreezeRollouts, Some(until), None, words);
}

/// Moves the end when half of the time is over, so that it is not written at every look.
fn renew(turn: &mut Turn<'_>) {
    let (now, longest) = (turn.now, turn.settings.longest_freeze);
    let Some(freeze) = &mut turn.memory.freeze else { return };
    if freeze.until - now < longest / 2 {
        freeze.until = now + longest;
        let until = freeze.until;
        if let Some(open) = turn.open(Kind::FreezeRollouts) {
            open.until = Some(until);
        }
    }
}

/// Whether what began the freeze is over; what is not known is not over.
fn recovered(turn: &Turn<'_>) -> bool {
    let Some(measured) = turn.evidence() else { return false };
    let Some(freeze) = &turn.memory.freeze else { return false };
    if attribution::release_suspected(turn) {
        return false;
    }
    let stops = freeze.cause.stops();
    let enough = |objective: &Objective| {
        let left = objective.budget_remaining.is_some_and(|left| left > if stops { ENDS } else { LOW_ENDS });
        left && (!stops || objective.burn_6h.is_some_and(|burn| burn < 1.0))
    };
    // The one that began it must be known. Of others the budget may not be: with little traffic there is none to speak of.
    let own = match &freeze.cause {
        Cause::Exhausted(name) | Cause::Low(name) => {
            measured.objectives.iter().find(|objective| objective.name == *name).is_none_or(enough)
        }
        Cause::Release => true,
    };
    own && measured.objectives.iter().filter(|objective| objective.budget_remaining.is_some()).all(enough)
}

fn end(turn: &mut Turn<'_>, why: &str) {
    if turn.memory.freeze.take().is_some() {
        turn.finish(Kind::FreezeRollouts, why);
    }
}
