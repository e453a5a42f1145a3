//! From the recorded numbers to what a status says.

mod samples;

pub use samples::{Group, Numbers, RECORDED, Samples};

use super::{
    Alerting, Objective, Options, Period, Severity, Threshold, Tier, Window,
    number::{round_good, round3},
    tiers,
};
use crate::api::Duration;

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

/// The numbers over one window, of three significant digits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The share of good events, from 0 to 1. Its distance from 1 has three digits.
    pub indicator: Option<f64>,
    /// The share of the budget that is left. Below zero when it is overspent.
    pub budget_remaining: Option<f64>,
    /// Bad events.
    pub bad_events: Option<f64>,
    /// All events.
    pub total_events: Option<f64>,
    /// The bad events that the window allows.
    pub budget_events: Option<f64>,
    /// The share of the window that has samples, from 0 to 1. Of a calendar's period: of what it has had so far.
    pub coverage: Option<f64>,
    /// The same in words: `19d of 30d`.
    pub covered: String,
}

/// How an objective stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The numbers over its window. Of a grouped objective: of all groups together.
    pub window: Shown,
    /// The numbers over each further window, and how it stands by these alone.
    pub further: Vec<(Window, Shown, State)>,
    /// Time until the budget is exhausted at the present burn rate (that of the fastest tier's long window), in two units
    /// at most. Zero when it is; absent while the budget is spent no faster than allowed, for then it never is, and where
    /// a calendar's period ends before.
    pub exhausted_in: Option<Duration>,
    /// Burn rates from the shortest window to the longest. Of a grouped objective: of the group that burns fastest.
    pub burn: Vec<(Duration, f64)>,
    /// How it stands. A grouped objective stands as its worst group.
    pub state: State,
    /// Each group, the worst first.
    pub groups: Vec<(Group, Report)>,
    /// Groups that are not followed, because there are more than the limit.
    pub groups_left_out: Option<f64>,
}

/// What a judgement rests on beside the samples.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// What is promised.
    pub objective: &'a Objective,
    /// How its alerts look.
    pub alerting: &'a Alerting,
    /// The intervals of the installation.
    pub options: &'a Options,
    /// The time of the samples, in seconds since 1970.
    pub now: i64,
}

/// Judges the samples of one objective. `previous` tells the state that was reported last, of the whole (for no labels) or
/// of a group.
pub fn evaluate(terms: Terms<'_>, samples: &Samples, previous: &dyn Fn(&Group) -> Option<State>) -> Report {
    let Some(grouping) = &terms.objective.grouping else {
        return one(terms, &samples.by(&[]), previous(&Group::new()));
    };
    let samples = samples.by(grouping.labels());
    let mut groups: Vec<(Group, Report)> =
        samples.groups.iter().map(|(group, numbers)| (group.clone(), one(terms, numbers, previous(group)))).collect();
    let left = |report: &Report| report.window.budget_remaining.unwrap_or(1.0);
    groups.sort_by(|(_, one), (_, other)| {
        other.state.severity().cmp(&one.state.severity()).then(left(one).total_cmp(&left(other)))
    });
    let mut whole = one(terms, &samples.pooled(), None);
    whole.state = groups.first().map_or(State::Unknown, |(_, worst)| worst.state);
    whole.groups = groups;
    whole
}

fn one(terms: Terms<'_>, samples: &Samples, previous: Option<State>) -> Report {
    let objective = terms.objective;
    let tiers = tiers(objective.window, objective.target, terms.options).active;
    let further = objective.further_windows.iter().map(|window| {
        let nothing = Numbers::default();
        let numbers = samples.further.get(&window.duration()).unwrap_or(&nothing);
        (*window, shown(numbers, covered(window.as_secs(), &window.to_string(), numbers)), by_budget(numbers, None))
    });
    Report {
        window: shown(&samples.window, terms.covered(&samples.window)),
        further: further.collect(),
        exhausted_in: exhausted_in(terms, tiers.first(), samples),
        burn: samples.burn.iter().map(|(window, rate)| (*window, round3(*rate))).collect(),
        state: state(&tiers, terms, samples, previous),
        groups: Vec::new(),
        groups_left_out: samples.groups_left_out,
    }
}

fn shown(numbers: &Numbers, covered: String) -> Shown {
    Shown {
        indicator: numbers.objective.map(round_good),
        budget_remaining: numbers.budget_remaining.map(round3),
        bad_events: numbers.bad_events.map(round3),
        total_events: numbers.total_events.map(round3),
        budget_events: numbers.budget_events.map(round3),
        coverage: numbers.coverage.map(round3),
        covered,
    }
}

impl State {
    /// Higher is worse. What is not known is worse than what is met, and no reason to hide what burns.
    const fn severity(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::LowTraffic => 1,
            Self::Unknown => 2,
            Self::AtRisk => 3,
            Self::Burning => 4,
            Self::Exhausted => 5,
        }
    }
}

/// As in the alerts: a single bad event is an accident, and counts that come from rates are not whole.
fn is_pattern(numbers: &Numbers) -> bool {
    numbers.bad_events.is_some_and(|bad| bad > 1.5)
}

fn margin(previous: Option<State>, state: State) -> f64 {
    if previous == Some(state) { HYSTERESIS } else { 0.0 }
}

/// How a window stands by what is left of its budget.
fn by_budget(numbers: &Numbers, previous: Option<State>) -> State {
    let (Some(remaining), Some(budget), Some(_)) =
        (numbers.budget_remaining, numbers.budget_events, numbers.bad_events)
    else {
        return State::Unknown;
    };
    if is_pattern(numbers) && remaining <= margin(previous, State::Exhausted) {
        State::Exhausted
    } else if is_pattern(numbers) && remaining < LOW_BUDGET + margin(previous, State::AtRisk) {
        State::AtRisk
    } else if budget < 1.0 {
        State::LowTraffic
    } else {
        State::Met
    }
}

fn state(tiers: &[Tier], terms: Terms<'_>, samples: &Samples, previous: Option<State>) -> State {
    let by_budget = by_budget(&samples.window, previous);
    // Without a burn rate the present is unknown, whatever is known of the past.
    if by_budget == State::Unknown || samples.burn.is_empty() {
        return State::Unknown;
    }
    let least = terms.alerting.min_failures;
    let burning = |severity| {
        tiers.iter().any(|tier| {
            let over = |window| match terms.alerting.threshold {
                Threshold::Rate => samples.burn.get(&window).is_some_and(|rate| *rate > tier.factor.value()),
                Threshold::Budget => samples
                    .bad_within(window)
                    .zip(samples.window.budget_events)
                    .is_some_and(|(bad, budget)| bad > tier.share(window, terms.objective.window) * budget),
            };
            let enough =
                least == 0 || samples.bad_within(tier.long).is_some_and(|count| count > f64::from(least) - 0.5);
            tier.severity == severity && over(tier.long) && over(tier.short) && enough
        })
    };
    if by_budget == State::Exhausted {
        State::Exhausted
    } else if burning(Severity::Page) {
        State::Burning
    } else if burning(Severity::Ticket) {
        State::AtRisk
    } else {
        by_budget
    }
}

/// The budget that is left, divided by the rate at which it goes. What the rolling window gives back meanwhile is left
/// out, so the time is the shortest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn exhausted_in(terms: Terms<'_>, fastest: Option<&Tier>, samples: &Samples) -> Option<Duration> {
    let remaining = samples.window.budget_remaining?;
    if remaining <= 0.0 {
        return Some(Duration::from_secs(0));
    }
    let period = terms.period().map(|period| period.span);
    let window = period.map_or(terms.objective.window.as_secs() as f64, |span| (span.end - span.start) as f64);
    let burn = fastest.and_then(|tier| samples.burn.get(&tier.long)).filter(|burn| **burn > 1.0)?;
    let seconds = (remaining * window / burn) as u64;
    if period.is_some_and(|span| seconds as f64 > (span.end - terms.now) as f64) {
        return None;
    }
    let unit = match seconds {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    Some(Duration::from_secs(seconds / unit * unit))
}

impl Terms<'_> {
    /// The calendar's period of now.
    fn period(&self) -> Option<&Period> {
        let periods = self.objective.calendar.as_ref()?;
        Some(if self.now < periods.next.span.start { &periods.current } else { &periods.next })
    }

    fn covered(&self, numbers: &Numbers) -> String {
        match self.period() {
            None => covered(self.objective.window.as_secs(), &self.objective.window.to_string(), numbers),
            Some(period) => {
                let so_far = u64::try_from(self.now - period.span.start).unwrap_or_default();
                covered(so_far, &format!("{} so far", whole(so_far)), numbers)
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn covered(seconds: u64, of: &str, numbers: &Numbers) -> String {
    let seconds = numbers.coverage.unwrap_or(0.0).clamp(0.0, 1.0) * seconds as f64;
    format!("{} of {of}", whole(seconds as u64))
}

/// A time in its largest unit, to the nearest one: a full window lacks a few samples at its edges.
fn whole(seconds: u64) -> Duration {
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    Duration::from_secs((seconds + unit / 2) / unit * unit)
}

#[cfg(test)]
mod tests;
