//! Adoption: a floor and a hold on an autoscaler that belongs to somebody else, written while they are wanted and given back after.
//!
//! Two fields are written, and an annotation in the same request that says what they were and whose. Giving back takes two
//! requests: one for the values, one for `metadata.managedFields`, because the API server takes a field away from its manager
//! whenever its value changes, and leaves the list as it is sent where no value does. So nothing of ours remains, and the next
//! server-side apply of the owner finds no conflict.
//!
//! [`plan`] is pure and gives the next request; it is made anew from the object as it came back until nothing is left to do. An
//! operator that dies in between goes on where it was, and there is no order of events in which a value is lost.

mod candidates;
mod carry;
mod find;
mod lever;
mod owners;
mod plan;
mod record;
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "what json! makes is handed over")]
mod tests;

pub use candidates::{Foreign, foreign};
pub use carry::{Outcome, carry_out};
pub use find::{Candidates, Refusal, find, left_behind};
pub use lever::{Lever, ScalerKind};
pub use plan::own_minimum;
pub use plan::{Overlay, State, Step, Wish, plan};
pub use record::{Contention, Entry, Record};

/// What scales a workload: an object in the workload's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaler {
    /// Its kind.
    pub kind: ScalerKind,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}
