//! Rules and alerts over the past: what they would have recorded and when they would have fired.
//!
//! In steps of a minute, from the rates over five minutes alone. Every longer range is summed from these, as the rules do above an
//! hour; ranges up to an hour are read from the user's series by the rules, so that a page there comes up to two and
//! a half minutes earlier than here. Scrapes of the operator's own metrics are no part of it: neither the alerts on the workload nor that on
//! absent metrics are told.

mod watch;

pub use watch::Fired;
use watch::Watch;

use super::{
    Alerting, Indicator, Objective, Options, Severity, Span, Threshold, Tier,
    alerts::{HIGH_ERROR_PARTS, KEEP_FIRING, KEEP_FIRING_BUDGET, LOW_BUDGET, PATTERN, TRICKLE_SHARE, trickle_window},
    grouping::By,
    record::BASE,
    slices, tiers,
};
use crate::api::Duration;

/// Seconds from one sample to the next.
pub const STEP: i64 = 60;

/// Rates over five minutes, a sample each minute.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The time of the first sample, in seconds since 1970.
    pub start: i64,
    /// All events per second; no number where nothing was measured.
    pub total: Vec<f64>,
    /// Bad events per second.
    pub bad: Vec<f64>,
}

impl History {
    /// Leaves maintenance out, as the rules do: no event where the five minutes of a rate touch it.
    pub fn leave_out(&mut self, spans: &[Span]) {
        for (index, (total, bad)) in self.total.iter_mut().zip(&mut self.bad).enumerate() {
            let time = self.start + STEP * i64::try_from(index).unwrap_or_default();
            if total.is_finite() && spans.iter().any(|span| span.start <= time && time < span.end + 300) {
                (*total, *bad) = (0.0, 0.0);
            }
        }
    }
}

/// What is asked of the past: two expressions over the user's series.
#[derive(Clone, Debug)]
pub struct Rates {
    /// All events per second.
    pub total: String,
    /// Bad events per second.
    pub bad: String,
}

/// The rates over five minutes that an objective rests on. Of time slices, minutes per second over one minute.
pub fn rates(objective: &Objective, options: &Options) -> Rates {
    let by = By::default();
    let indicator = &objective.indicator;
    if let Some((total, bad)) = slices::direct(indicator, options) {
        return Rates { total, bad };
    }
    let total = indicator.total(BASE, by).unwrap_or_default();
    let bad = indicator.bad(BASE, &total, by).unwrap_or_default();
    Rates { total, bad }
}

/// What the alerts and the budget would have been.
#[derive(Clone, Debug)]
pub struct Replay {
    /// All events from the beginning of the account to its end.
    pub total_events: f64,
    /// Of these the bad ones.
    pub bad_events: f64,
    /// The share of good events over the objective's window at the end.
    pub indicator: Option<f64>,
    /// The share of the budget that was left, at each minute; no number while nothing was measured.
    pub remaining: Vec<f64>,
    /// Every time that an alert fired, in the order of their beginnings.
    pub fired: Vec<Fired>,
}

/// Events up to each sample, so that those of any range are one subtraction.
struct Sums {
    total: Vec<f64>,
    bad: Vec<f64>,
    measured: Vec<u32>,
}

/// What a range holds.
#[derive(Clone, Copy)]
struct Events {
    total: f64,
    bad: f64,
    measured: u32,
}

impl Sums {
    fn new(history: &History) -> Self {
        let (mut total, mut bad, mut measured) = (vec![0.0], vec![0.0], vec![0]);
        let (mut all, mut wrong, mut count) = (0.0, 0.0, 0);
        for (total_rate, bad_rate) in history.total.iter().zip(&history.bad) {
            if total_rate.is_finite() {
                all += total_rate * seconds(STEP);
                wrong += if bad_rate.is_finite() { bad_rate * seconds(STEP) } else { 0.0 };
                count += 1;
            }
            total.push(all);
            bad.push(wrong);
            measured.push(count);
        }
        Self { total, bad, measured }
    }

    /// What the samples from `first` on hold up to and with that at `last`.
    fn between(&self, first: usize, last: usize) -> Events {
        let of = |sums: &[f64]| at(sums, last + 1) - at(sums, first);
        let count = |index: usize| self.measured.get(index).copied().unwrap_or_default();
        Events { total: of(&self.total), bad: of(&self.bad), measured: count(last + 1) - count(first) }
    }

    /// What a range that ends with the sample at `last` holds.
    fn within(&self, range: Duration, last: usize) -> Events {
        let samples = usize::try_from(range.as_secs()).unwrap_or(usize::MAX) / 60;
        self.between((last + 1).saturating_sub(samples.max(1)), last)
    }
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

#[allow(clippy::cast_precision_loss)] // Seconds of some months.
const fn seconds(seconds: i64) -> f64 {
    seconds as f64
}

impl Events {
    fn ratio(self) -> f64 {
        if self.total > 0.0 { self.bad / self.total } else { 0.0 }
    }
}

/// The start and the length in seconds of the window that a budget is for, at a time in seconds since 1970.
pub type BudgetWindow<'a> = &'a dyn Fn(i64) -> (i64, i64);

/// Replays an objective over its history. The account begins with the sample at `from`; what is before fills the windows.
pub fn replay(
    objective: &Objective,
    alerting: &Alerting,
    options: &Options,
    history: &History,
    from: usize,
    budget_window: BudgetWindow<'_>,
) -> Replay {
    let judge = Judge {
        objective,
        alerting,
        tiers: tiers(objective.window, objective.target, options).active,
        sums: Sums::new(history),
        history,
        first: history.total.iter().position(|rate| rate.is_finite()),
        budget_window,
    };
    let mut watches = judge.watches(options);
    let (mut fired, mut remaining) = (Vec::new(), Vec::new());
    let mut indicator = None;
    let last = history.total.len().saturating_sub(1);
    for sample in from..history.total.len() {
        let time = history.start + STEP * i64::try_from(sample).unwrap_or_default();
        let budget = judge.budget(sample, time);
        remaining.push(budget.map_or(f64::NAN, Budget::remaining));
        if sample == last {
            indicator = budget.map(|budget| 1.0 - budget.events.ratio());
        }
        let quiet = objective.maintenance.iter().any(|span| span.start <= time && time < span.end);
        for watch in &mut watches {
            let holds = !quiet && judge.holds(watch, sample, budget);
            fired.extend(watch.step(time, holds));
        }
    }
    fired.extend(watches.into_iter().filter_map(Watch::end));
    fired.sort_by_key(|alert| (alert.from, alert.severity != Severity::Page));
    let account = if from < history.total.len() {
        judge.sums.between(from, last)
    } else {
        Events { total: 0.0, bad: 0.0, measured: 0 }
    };
    Replay { total_events: account.total, bad_events: account.bad, indicator, remaining, fired }
}

/// The budget at one time.
#[derive(Clone, Copy)]
struct Budget {
    /// What happened in the window.
    events: Events,
    /// The bad events that it allows.
    allowed: f64,
}

impl Budget {
    fn remaining(self) -> f64 {
        if self.allowed > 0.0 { 1.0 - self.events.bad / self.allowed } else { 1.0 }
    }

    fn is_pattern(self) -> bool {
        self.events.bad > f64::from(PATTERN) - 0.5
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Condition {
    Tier(usize),
    Trickle,
    Low,
    Exhausted,
    ErrorRate,
    Latency,
    Slices,
}

struct Judge<'a> {
    objective: &'a Objective,
    alerting: &'a Alerting,
    tiers: Vec<Tier>,
    sums: Sums,
    history: &'a History,
    first: Option<usize>,
    budget_window: BudgetWindow<'a>,
}

impl Judge<'_> {
    fn watches(&self, options: &Options) -> Vec<Watch> {
        let keep = i64::try_from(options.evaluation_interval.as_secs() * KEEP_FIRING).unwrap_or_default();
        let keep_budget = i64::try_from(KEEP_FIRING_BUDGET.as_secs()).unwrap_or_default();
        let mut watches: Vec<Watch> = self
            .tiers
            .iter()
            .enumerate()
            .map(|(index, tier)| {
                let watch = Watch::new("ErrorBudgetBurn", tier.severity, Condition::Tier(index), 0, keep);
                watch.of_tier(tier.name.as_str())
            })
            .collect();
        if self.alerting.min_failures > 0 {
            watches.push(Watch::new("ErrorTrickle", Severity::Ticket, Condition::Trickle, 0, keep));
        }
        watches.push(match self.objective.indicator {
            Indicator::Latency { .. } => {
                Watch::new("LatencyAboveTarget", Severity::Ticket, Condition::Latency, 300, keep)
            }
            Indicator::Throughput { .. } => {
                Watch::new("ThroughputBelowMinimum", Severity::Ticket, Condition::Slices, 300, keep)
            }
            Indicator::Saturation { .. } => {
                Watch::new("SaturationAboveMaximum", Severity::Ticket, Condition::Slices, 300, keep)
            }
            _ => Watch::new("ErrorRateHigh", Severity::Page, Condition::ErrorRate, 0, keep),
        });
        watches.push(Watch::new("ErrorBudgetLow", Severity::Ticket, Condition::Low, 0, keep_budget));
        watches.push(Watch::new("ErrorBudgetExhausted", Severity::Ticket, Condition::Exhausted, 0, keep_budget));
        watches
    }

    /// As the rules record it: the traffic so far is taken to go on while the window is not full.
    fn budget(&self, sample: usize, time: i64) -> Option<Budget> {
        let measured_since = self.history.start + STEP * i64::try_from(self.first?).unwrap_or_default();
        let (start, length) = (self.budget_window)(time);
        let back = usize::try_from((time - start) / STEP).unwrap_or_default().max(1);
        let events = self.sums.between((sample + 1).saturating_sub(back), sample);
        if events.measured == 0 {
            return None;
        }
        let age = (time - measured_since.max(start)).clamp(STEP, length);
        let allowed = events.total * self.objective.target.budget() * seconds(length) / seconds(age);
        Some(Budget { events, allowed })
    }

    fn holds(&self, watch: &Watch, sample: usize, budget: Option<Budget>) -> bool {
        let five = || self.five_minutes(sample);
        match watch.condition {
            Condition::Tier(index) => self.tiers.get(index).is_some_and(|tier| self.burns(tier, sample, budget)),
            Condition::Trickle => budget.is_some_and(|budget| self.trickles(sample, budget)),
            Condition::Low => budget.is_some_and(|budget| {
                let left = budget.remaining();
                left > 0.0 && left < f64::from(LOW_BUDGET) / 100.0 && budget.is_pattern()
            }),
            Condition::Exhausted => budget.is_some_and(|budget| budget.remaining() <= 0.0 && budget.is_pattern()),
            Condition::ErrorRate => five().is_some_and(|events| {
                let limit = self.objective.target.budget().max(f64::from(HIGH_ERROR_PARTS) / 10_000_000.0);
                events.ratio() > limit && self.enough(events.bad)
            }),
            Condition::Latency => {
                five().is_some_and(|events| events.ratio() > self.objective.target.budget() && self.enough(events.bad))
            }
            Condition::Slices => at(&self.history.bad, sample) > 0.0,
        }
    }

    /// The rates of now are over five minutes already: no sum is taken of them.
    fn five_minutes(&self, sample: usize) -> Option<Events> {
        let (total, bad) = (at(&self.history.total, sample), at(&self.history.bad, sample));
        total.is_finite().then(|| Events { total: total * 300.0, bad: bad.max(0.0) * 300.0, measured: 1 })
    }

    fn over(&self, range: Duration, sample: usize) -> Option<Events> {
        if range.as_secs() == 300 {
            return self.five_minutes(sample);
        }
        Some(self.sums.within(range, sample)).filter(|events| events.measured > 0)
    }

    fn enough(&self, bad: f64) -> bool {
        self.alerting.min_failures == 0 || bad > f64::from(self.alerting.min_failures) - 0.5
    }

    fn burns(&self, tier: &Tier, sample: usize, budget: Option<Budget>) -> bool {
        let over = |range: Duration| {
            self.over(range, sample).is_some_and(|events| match self.alerting.threshold {
                Threshold::Rate => events.ratio() / self.objective.target.budget() > tier.factor.value(),
                Threshold::Budget => {
                    budget.is_some_and(|budget| events.bad > tier.share(range, self.objective.window) * budget.allowed)
                }
            })
        };
        over(tier.long)
            && over(tier.short)
            && self.over(tier.long, sample).is_some_and(|events| self.enough(events.bad))
    }

    fn trickles(&self, sample: usize, budget: Budget) -> bool {
        let least = self.alerting.min_failures;
        let bad = self.sums.within(trickle_window(self.objective), sample).bad;
        bad > f64::from(PATTERN.min(least)) - 0.5
            && bad > budget.allowed / f64::from(TRICKLE_SHARE)
            && budget.allowed < f64::from(TRICKLE_SHARE * least)
    }
}

#[cfg(test)]
mod tests;
