//! From the recorded numbers to what a status says.

use std::collections::BTreeMap;

use super::{
    Alerting, Objective, Options, Severity, Tier,
    number::{round_good, round3},
    tiers,
};
use crate::api::Duration;

/// The names of the recorded series that an evaluation needs, as a regular expression. One instant query for
/// `{__name__=~"…"}` with it yields the numbers of all objectives of all profiles.
pub const RECORDED: &str = "plimsoll:(bad|total|budget):events|plimsoll:(objective|budget_remaining|coverage):ratio|plimsoll:burn_rate:.+|plimsoll:bad:rate.+";

/// What is left of the budget below which an objective is at risk.
const LOW_BUDGET: f64 = 0.25;

/// How much of the budget has to come back before an objective is no longer called exhausted or at risk, so that the
/// state does not change at every evaluation.
const HYSTERESIS: f64 = 0.02;

/// How an objective stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum State {
    /// Within the budget, and likely to stay there.
    Met,
    /// Less than a quarter of the budget is left, or it burns at a rate that raises a ticket.
    AtRisk,
    /// The budget burns at a rate that pages.
    Burning,
    /// The budget is spent: the objective is missed.
    Exhausted,
    /// Too little traffic to judge: not even one bad event is allowed over the window.
    LowTraffic,
    /// Nothing is measured.
    Unknown,
}

/// The recorded numbers of one objective at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Bad events over the window.
    pub bad_events: Option<f64>,
    /// All events over the window.
    pub total_events: Option<f64>,
    /// The bad events that the window allows.
    pub budget_events: Option<f64>,
    /// The share of good events over the window.
    pub objective: Option<f64>,
    /// The share of the budget that is left; below zero when it is overspent.
    pub budget_remaining: Option<f64>,
    /// The share of the window that has samples.
    pub coverage: Option<f64>,
    /// Burn rates by window.
    pub burn: BTreeMap<Duration, f64>,
    /// Bad events per second by window.
    pub bad_rate: BTreeMap<Duration, f64>,
}

impl Samples {
    /// Takes one sample of a recorded series. `false` when the name is none of [`RECORDED`], or the value is no number.
    pub fn take(&mut self, name: &str, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        let slot = match name {
            "plimsoll:bad:events" => &mut self.bad_events,
            "plimsoll:total:events" => &mut self.total_events,
            "plimsoll:budget:events" => &mut self.budget_events,
            "plimsoll:objective:ratio" => &mut self.objective,
            "plimsoll:budget_remaining:ratio" => &mut self.budget_remaining,
            "plimsoll:coverage:ratio" => &mut self.coverage,
            _ => {
                let (windows, text) =
                    match (name.strip_prefix("plimsoll:burn_rate:"), name.strip_prefix("plimsoll:bad:rate")) {
                        (Some(text), _) => (&mut self.burn, text),
                        (_, Some(text)) => (&mut self.bad_rate, text),
                        _ => return false,
                    };
                return text.parse().is_ok_and(|window| {
                    windows.insert(window, value);
                    true
                });
            }
        };
        *slot = Some(value);
        true
    }

    /// The bad events within a window. Unlike a count over the SLO window this is known as soon as rules run.
    fn bad_within(&self, window: Duration) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // At most 90 days in milliseconds.
        self.bad_rate.get(&window).map(|rate| rate * (window.as_millis() as f64) / 1_000.0)
    }
}

/// How an objective stands, in numbers of three significant digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The share of good events over the window, from 0 to 1. Its distance from 1 has three digits.
    pub indicator: Option<f64>,
    /// The share of the budget that is left. Below zero when it is overspent.
    pub budget_remaining: Option<f64>,
    /// Bad events over the window.
    pub bad_events: Option<f64>,
    /// All events over the window.
    pub total_events: Option<f64>,
    /// The bad events that the window allows.
    pub budget_events: Option<f64>,
    /// Time until the budget is exhausted at the present burn rate (that of the fastest tier's long window), in two units
    /// at most. Zero when it is; absent while the budget is spent no faster than allowed, for then it never is.
    pub exhausted_in: Option<Duration>,
    /// Burn rates from the shortest window to the longest.
    pub burn: Vec<(Duration, f64)>,
    /// How it stands.
    pub state: State,
    /// The share of the window that has samples, from 0 to 1.
    pub coverage: Option<f64>,
    /// The share of the window that has samples, in words: `19d of 30d`.
    pub covered: String,
}

/// Judges the samples of one objective. `previous` is the state that was reported last, if any.
pub fn evaluate(
    objective: &Objective,
    alerting: &Alerting,
    options: &Options,
    samples: &Samples,
    previous: Option<State>,
) -> Report {
    let tiers = tiers(objective.window, objective.target, options).active;
    let coverage = samples.coverage.unwrap_or(0.0);
    Report {
        indicator: samples.objective.map(round_good),
        budget_remaining: samples.budget_remaining.map(round3),
        bad_events: samples.bad_events.map(round3),
        total_events: samples.total_events.map(round3),
        budget_events: samples.budget_events.map(round3),
        exhausted_in: exhausted_in(objective, tiers.first(), samples),
        burn: samples.burn.iter().map(|(window, rate)| (*window, round3(*rate))).collect(),
        state: state(&tiers, alerting, samples, previous),
        coverage: samples.coverage.map(round3),
        covered: covered(objective, coverage),
    }
}

fn state(tiers: &[Tier], alerting: &Alerting, samples: &Samples, previous: Option<State>) -> State {
    // Without a burn rate the present is unknown, whatever is known of the past.
    let (Some(remaining), Some(bad), Some(budget), false) =
        (samples.budget_remaining, samples.bad_events, samples.budget_events, samples.burn.is_empty())
    else {
        return State::Unknown;
    };
    let margin = |state| if previous == Some(state) { HYSTERESIS } else { 0.0 };
    // As in the alerts: a single bad event is an accident, and counts that come from rates are not whole.
    let pattern = bad > 1.5;
    let burning = |severity| {
        tiers.iter().any(|tier| {
            let over = |window| samples.burn.get(&window).is_some_and(|rate| *rate > tier.factor.value());
            let enough = alerting.min_failures == 0
                || samples.bad_within(tier.long).is_some_and(|count| count > f64::from(alerting.min_failures) - 0.5);
            tier.severity == severity && over(tier.long) && over(tier.short) && enough
        })
    };
    if pattern && remaining <= margin(State::Exhausted) {
        State::Exhausted
    } else if burning(Severity::Page) {
        State::Burning
    } else if burning(Severity::Ticket) || pattern && remaining < LOW_BUDGET + margin(State::AtRisk) {
        State::AtRisk
    } else if budget < 1.0 {
        State::LowTraffic
    } else {
        State::Met
    }
}

/// The budget that is left, divided by the rate at which it goes. What the rolling window gives back meanwhile is left
/// out, so the time is the shortest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn exhausted_in(objective: &Objective, fastest: Option<&Tier>, samples: &Samples) -> Option<Duration> {
    let remaining = samples.budget_remaining?;
    if remaining <= 0.0 {
        return Some(Duration::from_secs(0));
    }
    let burn = fastest.and_then(|tier| samples.burn.get(&tier.long)).filter(|burn| **burn > 1.0)?;
    let seconds = (remaining * objective.window.as_secs() as f64 / burn) as u64;
    let unit = match seconds {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    Some(Duration::from_secs(seconds / unit * unit))
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn covered(objective: &Objective, coverage: f64) -> String {
    let seconds = coverage.clamp(0.0, 1.0) * objective.window.as_secs() as f64;
    let unit = [86_400.0, 3_600.0, 60.0].into_iter().find(|unit| seconds >= *unit).unwrap_or(1.0);
    // Days to the nearest one: a full window lacks a few samples at its edges.
    let whole = Duration::from_secs(((seconds / unit).round() * unit) as u64);
    format!("{whole} of {}", objective.window)
}

#[cfg(test)]
mod tests;
