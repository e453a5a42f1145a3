//! What was done, and why: an action explains itself.

use serde::{Deserialize, Serialize};

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The floor goes up because a budget burns for want of pods.
    RaiseFloor,
    /// The floor follows the measured demand.
    FollowDemand,
    /// The floor is up at a known time.
    ScheduledFloor,
    /// The autoscaler does not scale down.
    HoldScaleDown,
    /// Rollouts are denied, or warned of.
    FreezeRollouts,
    /// One pod at a time may be evicted.
    StrictDisruptionBudget,
    /// One more pod while a node is drained.
    SurgeForDrain,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::RaiseFloor,
        Self::FollowDemand,
        Self::ScheduledFloor,
        Self::HoldScaleDown,
        Self::FreezeRollouts,
        Self::StrictDisruptionBudget,
        Self::SurgeForDrain,
    ];

    /// Its name in status, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RaiseFloor => "RaiseFloor",
            Self::FollowDemand => "FollowDemand",
            Self::ScheduledFloor => "ScheduledFloor",
            Self::HoldScaleDown => "HoldScaleDown",
            Self::FreezeRollouts => "FreezeRollouts",
            Self::StrictDisruptionBudget => "StrictDisruptionBudget",
            Self::SurgeForDrain => "SurgeForDrain",
        }
    }

    /// How it is taken back.
    pub const fn undo(self) -> &'static str {
        match self {
            Self::RaiseFloor | Self::FollowDemand => "minReplicas goes back in steps of 5 % to what is declared",
            Self::ScheduledFloor => "minReplicas goes back in steps of 5 % when the time is over",
            Self::HoldScaleDown => "behavior.scaleDown goes back to what is declared",
            Self::FreezeRollouts => {
                "the freeze is taken out of the status of the profile, which the admission policy reads"
            }
            Self::StrictDisruptionBudget => "the disruption budget goes back to what is declared",
            Self::SurgeForDrain => "minReplicas goes back when no pod is on a cordoned node",
        }
    }
}

/// One action. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    pub kind: Kind,
    /// When it began.
    pub since: i64,
    /// When it ends by itself at the latest, unless what began it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// What began it.
    pub trigger: String,
    /// What it rests on.
    pub evidence: String,
    /// How far it can go.
    pub bound: String,
    /// What it is to bring about.
    pub expected: String,
    /// When that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prove_by: Option<i64>,
    /// What was seen then, or why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
}

impl Action {
    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}
