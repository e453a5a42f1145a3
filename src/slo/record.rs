//! The recording rules of an objective.
//!
//! Ranges up to an hour are read from the user's series, longer ones from the recorded five-minute rates: a rate over
//! three days of 250 series reads 2.2 million samples at every evaluation, two recorded series over the same time 17,280.
//! Below an hour staging would delay a page (by about half the recorded rate's five minutes), and hardly save anything.

use std::collections::{BTreeMap, BTreeSet};

use super::{Objective, Options, Rule, Tier, alerts, slices};
use crate::api::Duration;

/// The range of the recorded rates that longer windows are summed from.
pub(super) const BASE: Duration = Duration::from_secs(300);

/// The longest range that is read from the user's series.
const LONGEST_RAW: Duration = Duration::from_secs(3_600);

/// The longest time between two numbers over the whole window: Prometheus forgets a series after five minutes, and an
/// evaluation may be late.
const LONGEST_ROLLUP: Duration = Duration::from_secs(240);

/// Evaluations from one number over the whole window to the next: four, or two where four would take too long. With only
/// one, the rates of a group that happens to be evaluated later would be missed.
pub(super) fn rollup(options: &Options) -> u64 {
    if options.evaluation_interval.as_millis() * 4 <= LONGEST_ROLLUP.as_millis() { 4 } else { 2 }
}

/// Whether the numbers over the whole window are recorded too seldom to be seen between two evaluations.
pub(super) fn too_seldom(options: &Options) -> bool {
    options.evaluation_interval.as_millis() * rollup(options) > LONGEST_ROLLUP.as_millis()
}

/// The longest gap in rule evaluation after which the age of an objective is still known.
const MEMORY: Duration = Duration::from_secs(7 * 86_400);

/// Names of recorded series, and selectors of those of one objective.
pub(super) struct Series {
    matchers: String,
}

impl Series {
    pub(super) fn new(objective: &Objective) -> Self {
        Self { matchers: objective.identity.matchers() }
    }

    /// A selector of one recorded series.
    pub(super) fn select(&self, name: &str) -> String {
        format!("{name}{{{}}}", self.matchers)
    }

    /// The burn rate over a window.
    pub(super) fn burn(&self, window: Duration) -> String {
        self.select(&burn_name(window))
    }

    /// How many bad events a window holds.
    pub(super) fn bad_count(&self, window: Duration) -> String {
        format!("{} * {}", self.select(&bad_name(window)), window.as_secs())
    }
}

fn bad_name(window: Duration) -> String {
    format!("plimsoll:bad:rate{window}")
}

fn total_name(window: Duration) -> String {
    format!("plimsoll:total:rate{window}")
}

fn burn_name(window: Duration) -> String {
    format!("plimsoll:burn_rate:{window}")
}

pub(super) fn ratio_name(window: Duration) -> String {
    format!("plimsoll:error_ratio:{window}")
}

struct Recorder {
    labels: BTreeMap<String, String>,
    rules: Vec<Rule>,
}

impl Recorder {
    fn new(objective: &Objective) -> Self {
        Self { labels: objective.identity.labels(), rules: Vec::new() }
    }

    fn record(&mut self, name: impl Into<String>, expr: String) {
        self.rules.push(Rule::Record { record: name.into(), expr, labels: self.labels.clone() });
    }
}

/// Rates, error ratios and burn rates over every window that an alert looks at.
pub(super) fn burn_rates(objective: &Objective, tiers: &[Tier], options: &Options, series: &Series) -> Vec<Rule> {
    let mut windows: BTreeSet<Duration> = tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
    windows.extend([BASE, alerts::trickle_window(objective)]);
    let mut recorder = Recorder::new(objective);
    if let Some((value, bad)) = slices::slice(&objective.indicator, options, series) {
        recorder.record(slices::VALUE, value);
        recorder.record(slices::BAD, bad);
    }
    // The base rates come first: all others rest on them. The total precedes the bad events, which refer to it.
    let order = [BASE].into_iter().chain(windows.iter().copied().filter(|window| *window != BASE));
    for window in order {
        if window <= LONGEST_RAW {
            let total = series.select(&total_name(window));
            let all = objective.indicator.total(window).unwrap_or_else(|| slices::total(window, options, series));
            let bad = objective.indicator.bad(window, &total).unwrap_or_else(|| slices::bad(window, &total, series));
            recorder.record(total_name(window), all);
            recorder.record(bad_name(window), bad);
        } else {
            for name in [total_name, bad_name] {
                recorder.record(name(window), staged(&series.select(&name(BASE)), window, options));
            }
        }
    }
    for window in &windows {
        let (bad, total) = (series.select(&bad_name(*window)), series.select(&total_name(*window)));
        recorder.record(ratio_name(*window), share(&bad, &total));
    }
    for window in &windows {
        let ratio = series.select(&ratio_name(*window));
        recorder.record(burn_name(*window), format!("{ratio} / {}", objective.target.budget_fraction()));
    }
    recorder.rules
}

/// Events per second over a window longer than the base rate was taken over. The sum of the recorded rates times their
/// distance in time is the number of events: what was not measured holds none.
fn staged(base: &str, window: Duration, options: &Options) -> String {
    let interval = super::number::seconds(options.evaluation_interval.as_millis());
    format!("sum_over_time({base}[{window}]) * {interval} / {}", window.as_secs())
}

/// Bad events of all, and zero of none: without events nothing is bad, and 0/0 would poison every later average.
fn share(bad: &str, total: &str) -> String {
    format!("{bad} / ({total} > 0) or 0 * {bad}")
}

/// Counts, budget and coverage over the objective's window, every `interval`.
pub(super) fn window_numbers(objective: &Objective, interval: Duration, series: &Series) -> Vec<Rule> {
    let every = super::number::seconds(interval.as_millis());
    let window = objective.window.duration();
    let seconds = window.as_secs();
    let select = |name: &str| series.select(name);
    let mut recorder = Recorder::new(objective);
    for kind in ["total", "bad"] {
        let rate = select(&format!("plimsoll:{kind}:rate{BASE}"));
        recorder.record(format!("plimsoll:{kind}:rollup"), format!("avg_over_time({rate}[{interval}])"));
    }
    for kind in ["total", "bad"] {
        let rollup = select(&format!("plimsoll:{kind}:rollup"));
        recorder.record(format!("plimsoll:{kind}:events"), format!("sum_over_time({rollup}[{window}]) * {every}"));
    }
    // Since when the objective is measured. Handed on from evaluation to evaluation, so that it outlives the retention.
    let start = select("plimsoll:objective:start_time_seconds");
    recorder.record(
        "plimsoll:objective:start_time_seconds",
        format!("min_over_time({start}[{}]) or time() + 0 * {}", MEMORY.min(window), select("plimsoll:total:rollup")),
    );
    // The bad events that the whole window allows. While the objective is younger than its window, the traffic so far is
    // taken to go on: else the first blip of the first day would exhaust the budget of the month.
    recorder.record(
        "plimsoll:budget:events",
        format!(
            "{} * {} * {seconds} / clamp(time() - {start}, {every}, {seconds})",
            select("plimsoll:total:events"),
            objective.target.budget_fraction(),
        ),
    );
    let (bad, total, budget) =
        (select("plimsoll:bad:events"), select("plimsoll:total:events"), select("plimsoll:budget:events"));
    recorder.record("plimsoll:budget_remaining:ratio", format!("1 - ({})", share(&bad, &budget)));
    recorder.record("plimsoll:objective:ratio", format!("1 - ({})", share(&bad, &total)));
    recorder.record(
        "plimsoll:coverage:ratio",
        format!("clamp_max(count_over_time({}[{window}]) * {every} / {seconds}, 1)", select("plimsoll:total:rollup")),
    );
    recorder.labels.insert("target".to_owned(), objective.target.to_string());
    recorder.labels.insert("window".to_owned(), objective.window.to_string());
    recorder.record("plimsoll:objective_info", "vector(1)".to_owned());
    recorder.rules
}
