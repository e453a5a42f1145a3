//! Conditions as the API conventions want them.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// A condition's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The good state.
    True,
    /// The bad state.
    False,
    /// Not known.
    Unknown,
}

impl Truth {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition says, before it has a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its type.
    pub type_: &'static str,
    /// Its value.
    pub truth: Truth,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

impl Verdict {
    /// A verdict in full.
    pub fn new(type_: &'static str, truth: Truth, reason: &'static str, message: impl Into<String>) -> Self {
        Self { type_, truth, reason, message: message.into() }
    }

    /// The verdict as a condition. The time moves only when the value does.
    pub fn at(self, old: &[Condition], generation: Option<i64>, now: Timestamp) -> Condition {
        let status = self.truth.as_str();
        let since = old.iter().find(|condition| condition.type_ == self.type_ && condition.status == status);
        Condition {
            type_: self.type_.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: truncated(self.message),
            observed_generation: generation,
            last_transition_time: since.map_or_else(|| Time(now), |condition| condition.last_transition_time.clone()),
        }
    }
}

/// Longest message: far below the API server's 32,768 characters, and enough for a paragraph.
const LONGEST: usize = 2_000;

fn truncated(message: String) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((index, _)) => format!("{}…", message.get(..index).unwrap_or_default()),
        None => message,
    }
}
