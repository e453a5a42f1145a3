//! From the rates of the past to an account of one objective. Pure.

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{Duration, Target},
    load::Loaded,
    profile::validate::calendar,
    schedule::Calendar,
    slo::{
        self, Severity,
        replay::{Fired, History, STEP, replay},
    },
};

/// What would have been with one target.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The target.
    pub target: Target,
    /// The share of good events over the objective's window at the end.
    pub indicator: Option<f64>,
    /// The share of the budget that was left at the end.
    pub remaining: Option<f64>,
    /// The least that was ever left, and when.
    pub lowest: Option<(f64, i64)>,
    /// When the budget was first spent.
    pub exhausted_at: Option<i64>,
    /// Seconds for which it was.
    pub exhausted_for: i64,
    /// Every time that an alert fired.
    pub fired: Vec<Fired>,
    /// The share of the budget that was left: the least of each bin of [`Account::bin`] seconds.
    pub curve: Vec<Option<f64>>,
}

/// One objective over the past. Times are in seconds since 1970.
#[derive(Debug, Clone)]
pub struct Account {
    /// Which one.
    pub identity: slo::Identity,
    /// What it is measured over: `30d`, or `month`.
    pub span: String,
    /// The beginning.
    pub from: i64,
    /// The end.
    pub until: i64,
    /// Seconds of it in which something was measured.
    pub measured: i64,
    /// Seconds before it in which something was measured, of the objective's window.
    pub measured_before: i64,
    /// All events.
    pub total_events: f64,
    /// Of these the bad ones.
    pub bad_events: f64,
    /// Seconds of one bin of the curves.
    pub bin: i64,
    /// The share of bad events in each bin.
    pub ratio: Vec<Option<f64>>,
    /// What would have been with each target, the objective's own first.
    pub outcomes: Vec<Outcome>,
    /// What the reader should know about it.
    pub notes: Vec<String>,
}

/// Points that a plot has.
const BINS: usize = 720;

/// The account of an objective. The history begins before `from`, to fill its windows.
pub fn account(loaded: &Loaded, options: &slo::Options, history: &History, from: i64, targets: &[Target]) -> Account {
    let objective = &loaded.objective;
    let first = usize::try_from((from - history.start) / STEP).unwrap_or_default();
    let samples = history.total.len();
    let until = history.start + STEP * i64::try_from(samples.saturating_sub(1)).unwrap_or_default();
    let measured = |range: std::ops::Range<usize>| {
        let rates = history.total.get(range).unwrap_or_default();
        STEP * i64::try_from(rates.iter().filter(|rate| rate.is_finite()).count()).unwrap_or_default()
    };
    // Checked when the profile was loaded.
    let calendar = loaded.wire.calendar.as_ref().and_then(|wire| calendar(wire).ok());
    let window = |time: i64| budget_window(calendar.as_ref(), objective.window, time);
    let width = samples.saturating_sub(first).div_ceil(BINS).max(1);
    let mut outcomes = Vec::new();
    let (mut total_events, mut bad_events) = (0.0, 0.0);
    for target in [objective.target].iter().chain(targets) {
        let what_if = slo::Objective { target: *target, ..objective.clone() };
        let replayed = replay(&what_if, &loaded.alerting, options, history, first, &window);
        (total_events, bad_events) = (replayed.total_events, replayed.bad_events);
        outcomes.push(outcome(*target, from, width, replayed));
    }
    Account {
        identity: objective.identity.clone(),
        span: objective.span(),
        from,
        until,
        measured: measured(first..samples),
        measured_before: measured(0..first),
        total_events,
        bad_events,
        bin: STEP * i64::try_from(width).unwrap_or_default(),
        ratio: ratios(history, first, width),
        outcomes,
        notes: notes(loaded),
    }
}

fn outcome(target: Target, from: i64, width: usize, replayed: slo::replay::Replay) -> Outcome {
    let time = |index: usize| from + STEP * i64::try_from(index).unwrap_or_default();
    let known = || replayed.remaining.iter().enumerate().filter(|(_, left)| left.is_finite());
    let spent = || known().filter(|(_, left)| **left <= 0.0);
    let least = |bin: &[f64]| bin.iter().copied().filter(|left| left.is_finite()).reduce(f64::min);
    Outcome {
        target,
        indicator: replayed.indicator,
        remaining: replayed.remaining.last().copied().filter(|left| left.is_finite()),
        lowest: known().min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(index, left)| (*left, time(index))),
        exhausted_at: spent().next().map(|(index, _)| time(index)),
        exhausted_for: STEP * i64::try_from(spent().count()).unwrap_or_default(),
        curve: replayed.remaining.chunks(width).map(least).collect(),
        fired: replayed.fired,
    }
}

fn ratios(history: &History, first: usize, width: usize) -> Vec<Option<f64>> {
    let (total, bad) = (history.total.get(first..), history.bad.get(first..));
    let bins = total.unwrap_or_default().chunks(width).zip(bad.unwrap_or_default().chunks(width));
    bins.map(|(total, bad)| {
        let sum = |rates: &[f64]| rates.iter().filter(|rate| rate.is_finite()).sum::<f64>();
        let any = total.iter().any(|rate| rate.is_finite());
        any.then(|| if sum(total) > 0.0 { sum(bad) / sum(total) } else { 0.0 })
    })
    .collect()
}

/// The start and the length of the window that a budget is for.
fn budget_window(calendar: Option<&Calendar>, rolling: slo::Window, time: i64) -> (i64, i64) {
    let length = i64::try_from(rolling.as_secs()).unwrap_or(i64::MAX);
    match calendar.zip(Timestamp::from_second(time).ok()) {
        Some((calendar, at)) => {
            let period = calendar.period(at);
            (period.start.as_second(), period.end.as_second() - period.start.as_second())
        }
        None => (time - length, length),
    }
}

fn notes(loaded: &Loaded) -> Vec<String> {
    let mut notes = Vec::new();
    if loaded.objective.grouping.is_some() {
        notes.push("grouping is left out: the account is that of all groups together".to_owned());
    }
    if !loaded.objective.further_windows.is_empty() {
        notes.push("additionalWindows are left out: the account is that of the objective's own window".to_owned());
    }
    if let slo::Indicator::Composite(_) = loaded.objective.indicator {
        notes.push(
            "a composite rests on what the rules of its parts have recorded, so on the time since they were loaded"
                .to_owned(),
        );
    }
    notes
}

impl Account {
    /// The bins' times, from the beginning.
    pub fn time(&self, bin: usize) -> i64 {
        self.from + self.bin * i64::try_from(bin).unwrap_or_default()
    }
}

impl Outcome {
    /// How often an alert of this severity fired.
    pub fn count(&self, severity: Severity) -> usize {
        self.fired.iter().filter(|fired| fired.severity == severity).count()
    }
}

/// A time as `2026-11-24 12:00`, in UTC.
pub(crate) fn shown(time: i64) -> String {
    Timestamp::from_second(time).map_or_else(|_| time.to_string(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// A length of time in its two largest units.
pub(crate) fn length(seconds: i64) -> String {
    let whole = u64::try_from(seconds).unwrap_or_default();
    let unit = if whole >= 86_400 { 3_600 } else { 60 };
    Duration::from_secs(if whole >= 3_600 { whole / unit * unit } else { whole }).to_string()
}
