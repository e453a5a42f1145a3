//! What to do while an error budget burns: pure decisions.
//!
//! [`decide`] takes one look at the world ([`Signals`]), what the profile allows ([`Settings`]) and what is remembered
//! ([`Memory`]), and gives back what should be so ([`Decision`]): a floor under the autoscaler, a hold of scale-down, a freeze of
//! rollouts, a stricter disruption budget. It has no clock and no client: the operator, the simulator and the tests use the same door.
//!
//! The world has three values: met, violated, unknown. What is unknown begins nothing and ends nothing. Adding pods is cheap
//! and can be taken back, so it rests on fast evidence; a freeze costs people, so it rests on the budget.

mod action;
mod attribution;
mod care;
mod decide;
mod demand;
mod floor;
mod freeze;
mod hold;
mod memory;
mod settings;
mod signals;
mod sizing;
#[cfg(test)]
mod tests;
mod trust;

pub use action::{Action, Kind};
pub use decide::{Decision, Verdict, decide};
pub use freeze::{Cause, Freeze, FreezeLevel};
pub use memory::Memory;
pub use settings::Settings;
pub use signals::{Autoscaler, Limits, Load, Measured, Metrics, Objective, Rates, Scheduled, Signals, Workload};
pub use sizing::Sizing;

/// A number of pods from a real number: rounded up, and never outside of what a replica count can be.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of a replica count before")]
fn pods(number: f64) -> i32 {
    // 1e-9: a product such as 0.95 × 20 must not become 20 by the last bit.
    if number.is_finite() { (number - 1e-9).ceil().clamp(0.0, 1_000_000.0) as i32 } else { 0 }
}

/// A fraction as per cent with one digit.
fn per_cent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
