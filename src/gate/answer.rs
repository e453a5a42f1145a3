//! From what is known of a profile to the answer. Pure.

use axum::http::StatusCode;
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use serde::Serialize;

use super::question::Question;
use crate::api::{
    conditions, reasons,
    v1alpha1::{FreezeStatus, PerformanceProfile},
};

/// What is known of a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// What its status says.
    Said(Box<Said>),
    /// There is none of that name.
    Absent,
    /// The API server does not say.
    Unreadable(String),
}

/// The part of a status that an answer rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    condition: Option<Condition>,
    freeze: Option<FreezeStatus>,
    budgets: Vec<Budget>,
}

/// How the budget of one objective stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    objective: String,
    /// What is left, per cent of the whole.
    remaining: String,
}

impl Known {
    /// What the status of a profile says.
    pub fn of(profile: PerformanceProfile) -> Self {
        let status = profile.status.unwrap_or_default();
        let budgets = status
            .objectives
            .into_iter()
            .filter_map(|objective| Some(Budget { objective: objective.name, remaining: objective.budget?.remaining }));
        Self::Said(Box::new(Said {
            condition: status.conditions.into_iter().find(|condition| condition.type_ == conditions::ROLLOUT_ALLOWED),
            freeze: status.enforcement.and_then(|enforcement| enforcement.freeze),
            budgets: budgets.collect(),
        }))
    }
}

/// The answer, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Whether the rollout may go on.
    pub allowed: bool,
    /// It is not known: `allowed` is what the question wants in this case.
    pub inconclusive: bool,
    namespace: String,
    profile: String,
    /// One word for programs: that of the condition `RolloutAllowed`, mostly.
    pub reason: String,
    /// Some words for people.
    message: String,
    /// When the freeze ends by itself, unless it is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// The budgets.
    budgets: Vec<Budget>,
}

impl Answer {
    /// The answer; none where there is no such profile.
    pub fn new(known: &Known, question: &Question, now: Timestamp) -> Option<Self> {
        let said = match known {
            Known::Absent => return None,
            Known::Unreadable(why) => Err(why),
            Known::Said(said) => Ok(said),
        };
        let (verdict, reason, message) = match &said {
            Err(why) => (None, UNREADABLE, format!("the profile cannot be read: {why}")),
            Ok(said) => verdict(said, now),
        };
        let freeze = said.ok().and_then(|said| said.freeze.as_ref());
        Some(Self {
            allowed: verdict.unwrap_or(!question.unknown_denies),
            inconclusive: verdict.is_none(),
            namespace: question.namespace.clone(),
            profile: question.profile.clone(),
            reason: reason.to_owned(),
            message,
            until: freeze.filter(|_| verdict == Some(false)).map(|freeze| freeze.until.clone()),
            budgets: said.map(|said| said.budgets.clone()).unwrap_or_default(),
        })
    }

    /// 200: allowed. 403: not. 503: not known, and that is not enough for who asks.
    pub const fn code(&self, question: &Question) -> StatusCode {
        match (self.allowed, self.inconclusive) {
            _ if question.in_body => StatusCode::OK,
            (true, _) => StatusCode::OK,
            (false, true) => StatusCode::SERVICE_UNAVAILABLE,
            (false, false) => StatusCode::FORBIDDEN,
        }
    }
}

/// The API server does not say what the profile says.
const UNREADABLE: &str = "ProfileUnreadable";
/// A freeze has come to its end, and nobody has renewed or lifted it.
const ENDED: &str = "FreezeEnded";

/// Allowed, not allowed, or not known; the reason, and the message.
fn verdict(said: &Said, now: Timestamp) -> (Option<bool>, &str, String) {
    let Some(condition) = &said.condition else {
        let message = "the profile says nothing of rollouts: it has no spec.enforcement, or was not looked at yet";
        return (None, reasons::NOT_DECLARED, message.to_owned());
    };
    let (reason, message) = (condition.reason.as_str(), condition.message.clone());
    match (&*condition.status, &said.freeze) {
        ("True", _) => (Some(true), reason, message),
        ("False", Some(freeze)) => match &freeze.overridden {
            Some(given) if given.until.0 > now => {
                let message = format!("overridden until {}: {}; {message}", given.until.0, given.reason);
                (Some(true), reasons::FREEZE_OVERRIDDEN, message)
            }
            _ if freeze.until.0 <= now => {
                (None, ENDED, format!("the freeze ended at {} and was not renewed: {message}", freeze.until.0))
            }
            _ => (Some(false), reason, message),
        },
        ("False", None) => (Some(false), reason, message),
        _ => (None, reason, message),
    }
}
