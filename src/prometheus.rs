//! What Prometheus says: one clock for all profiles, a handful of queries whatever their number.

mod answer;
mod client;
mod evaluator;
mod selectors;
mod signals;
mod snapshot;

pub use client::{Client, ClientError, ClientOptions};
pub use evaluator::{Evaluator, News};
pub use selectors::{RuleSelector, missing_labels};
pub use signals::{LOOK_EVERY, ObjectiveSignals, ProfileSignals, SignalSnapshot, SignalSource, Signals, Wanted};
pub use snapshot::{Answer, Given, GroupState, Loaded, Snapshot, age, longest_age, shown_burn};
