//! The recording rules of an objective.
//!
//! Ranges up to an hour are read from the user's series, longer ones from the recorded five-minute rates: a rate over
//! three days of 250 series reads 2.2 million samples at every evaluation, two recorded series over the same time 17,280.
//! Below an hour staging would delay a page (by about half the recorded rate's five minutes), and hardly save anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Indicator, Objective, Options, Rule, Tier, Window, alerts,
    calendar::Periods,
    composite,
    grouping::{By, left_out},
    maintenance::{ACTIVE, Mask, active},
    slices,
};
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

    /// A selector of one recorded series with another matcher.
    pub(super) fn select_with(&self, name: &str, matcher: &str) -> String {
        [name, "{", &self.matchers, ",", matcher, "}"].concat()
    }

    /// A selector of one recorded series.
    pub(super) fn select(&self, name: &str) -> String {
        // By far the most frequent piece of all texts: made at its full length, where `format!` lets it grow.
        [name, "{", &self.matchers, "}"].concat()
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

pub(super) fn burn_name(window: Duration) -> String {
    format!("plimsoll:burn_rate:{window}")
}

pub(super) fn ratio_name(window: Duration) -> String {
    format!("plimsoll:error_ratio:{window}")
}

struct Recorder {
    labels: Arc<BTreeMap<String, String>>,
    rules: Vec<Rule>,
}

impl Recorder {
    fn new(objective: &Objective) -> Self {
        let mut labels = objective.identity.labels();
        if let Indicator::Composite(_) = objective.indicator {
            labels.insert(composite::LABEL.to_owned(), "true".to_owned());
        }
        Self { labels: Arc::new(labels), rules: Vec::new() }
    }

    fn record(&mut self, name: impl Into<String>, expr: String) {
        self.rules.push(Rule::Record { record: name.into(), expr, labels: Arc::clone(&self.labels) });
    }

    fn record_with(&mut self, name: impl Into<String>, expr: String, label: &str, value: String) {
        self.record(name, expr);
        if let Some(Rule::Record { labels, .. }) = self.rules.last_mut() {
            Arc::make_mut(labels).insert(label.to_owned(), value);
        }
    }
}

/// Whether all but the base rates are summed from these: where what is measured is recorded already.
const fn staged_only(indicator: &Indicator) -> bool {
    matches!(indicator, Indicator::Composite(_))
}

/// How many groups are not followed because there are more than the limit.
pub(super) const GROUPS_LEFT_OUT: &str = "plimsoll:groups:left_out";

/// Rates, error ratios and burn rates over every window that an alert looks at.
pub(super) fn burn_rates(objective: &Objective, tiers: &[Tier], options: &Options, series: &Series) -> Vec<Rule> {
    let mut windows: BTreeSet<Duration> = tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
    windows.extend([BASE, alerts::trickle_window(objective)]);
    let mut recorder = Recorder::new(objective);
    let by = By(objective.grouping.as_ref());
    let mask = Mask::new(&objective.maintenance, series, options);
    if !objective.maintenance.is_empty() {
        recorder.record(ACTIVE, format!("vector({})", active(&objective.maintenance)));
    }
    if let Some((value, bad)) = slices::slice(&objective.indicator, options, series) {
        recorder.record(slices::VALUE, value);
        recorder.record(slices::BAD, mask.untouched(bad, slices::range(&objective.indicator, options)));
    }
    // The base rates come first: all others rest on them. The total precedes the bad events, which refer to it.
    let order = [BASE].into_iter().chain(windows.iter().copied().filter(|window| *window != BASE));
    for window in order {
        let total = series.select(&total_name(window));
        let raw = objective.indicator.total(window, by).zip(objective.indicator.bad(window, &total, by));
        match raw {
            Some((all, bad)) if window == BASE => {
                let admitted = objective.grouping.as_ref().map(|grouping| {
                    (grouping.admitted(&all, series, &total_name(BASE)), left_out(&all, series, &total_name(BASE)))
                });
                let (all, beyond) = admitted.map_or((all, None), |(admitted, beyond)| (admitted, Some(beyond)));
                recorder.record(total_name(window), mask.base(all, window));
                recorder.record(bad_name(window), mask.base(bad, window));
                if let Some(beyond) = beyond {
                    recorder.record(GROUPS_LEFT_OUT, beyond);
                }
            }
            Some((all, bad)) if window <= LONGEST_RAW && !staged_only(&objective.indicator) => {
                let staged = |name: fn(Duration) -> String| staged(&series.select(&name(BASE)), window, options);
                let all = match &objective.grouping {
                    None => all,
                    Some(grouping) => {
                        let followed = by.sum(series.select(&total_name(BASE)));
                        format!("({all}) and on ({grouping}) ({followed})")
                    }
                };
                recorder.record(total_name(window), mask.raw(all, window, &staged(total_name), by));
                recorder.record(bad_name(window), mask.raw(bad, window, &staged(bad_name), by));
            }
            None if window <= LONGEST_RAW => {
                recorder.record(total_name(window), mask.or_nought(slices::total(window, options, series)));
                recorder.record(bad_name(window), mask.or_nought(slices::bad(window, &total, series)));
            }
            _ => {
                for name in [total_name, bad_name] {
                    recorder.record(name(window), staged(&series.select(&name(BASE)), window, options));
                }
            }
        }
    }
    for window in &windows {
        let (bad, total) = (series.select(&bad_name(*window)), series.select(&total_name(*window)));
        recorder.record(ratio_name(*window), share(&bad, &total));
    }
    let allowed = objective.target.budget_fraction();
    for window in &windows {
        let ratio = series.select(&ratio_name(*window));
        recorder.record(burn_name(*window), [&ratio, " / ", &allowed].concat());
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
    [bad, " / (", total, " > 0) or 0 * ", bad].concat()
}

/// Counts, budget and coverage over the objective's windows, every `interval`.
pub(super) fn window_numbers(objective: &Objective, interval: Duration, series: &Series) -> Vec<Rule> {
    let mut recorder = Recorder::new(objective);
    rollups(&mut recorder, objective.calendar.as_ref(), interval, series);
    let numbers = Numbers { objective, interval, series };
    // Since when the objective is measured. Handed on from evaluation to evaluation, so that it outlives the retention.
    let start = series.select(START);
    let rollup = numbers.without_period(series.select(&rollup_name("total")));
    let longest = objective.windows().map(Window::duration).max().unwrap_or(MEMORY);
    recorder.record(START, format!("min_over_time({start}[{}]) or time() + 0 * {rollup}", MEMORY.min(longest)));
    match &objective.calendar {
        Some(periods) => numbers.record(&mut recorder, "", &Reach::Periods(periods)),
        None => numbers.record(&mut recorder, "", &Reach::Last(objective.window)),
    }
    for window in &objective.further_windows {
        numbers.record(&mut recorder, &suffix(*window), &Reach::Last(*window));
    }
    let labels = Arc::make_mut(&mut recorder.labels);
    labels.insert("target".to_owned(), objective.target.to_string());
    labels.insert("window".to_owned(), objective.span());
    recorder.record("plimsoll:objective_info", "vector(1)".to_owned());
    recorder.rules
}

/// What the names of the numbers over a further window end in.
pub(super) fn suffix(window: Window) -> String {
    format!(":{window}")
}

/// Since when an objective is measured, in seconds since 1970.
const START: &str = "plimsoll:objective:start_time_seconds";

fn rollup_name(kind: &str) -> String {
    format!("plimsoll:{kind}:rollup")
}

/// The rates in coarser steps, from which the long windows are summed.
fn rollups(recorder: &mut Recorder, calendar: Option<&Periods>, interval: Duration, series: &Series) {
    for kind in ["total", "bad"] {
        let rate = series.select(&format!("plimsoll:{kind}:rate{BASE}"));
        let rollup = format!("avg_over_time({rate}[{interval}])");
        match calendar {
            None => recorder.record(rollup_name(kind), rollup),
            Some(periods) => {
                for (name, expr) in periods.apart(&rollup) {
                    recorder.record_with(rollup_name(kind), expr, "period", name);
                }
            }
        }
    }
}

/// What numbers are taken over.
enum Reach<'a> {
    /// The last so many days.
    Last(Window),
    /// The calendar's period of now.
    Periods(&'a Periods),
}

struct Numbers<'a> {
    objective: &'a Objective,
    interval: Duration,
    series: &'a Series,
}

impl Numbers<'_> {
    fn every(&self) -> String {
        super::number::seconds(self.interval.as_millis())
    }

    /// Roll-ups carry the name of their period in calendar windows; without it one matches the other numbers.
    fn without_period(&self, expr: String) -> String {
        if self.objective.calendar.is_some() { format!("sum without (period) ({expr})") } else { expr }
    }

    fn over(&self, function: &str, name: &str, reach: &Reach<'_>) -> String {
        match reach {
            Reach::Last(window) => self.without_period(format!("{function}({}[{window}])", self.series.select(name))),
            Reach::Periods(periods) => periods.now(|period| Periods::over(function, self.series, name, period)),
        }
    }

    fn times_every(&self, sum: &str, reach: &Reach<'_>) -> String {
        let every = self.every();
        match reach {
            Reach::Last(_) => format!("{sum} * {every}"),
            Reach::Periods(_) => format!("({sum}) * {every}"),
        }
    }

    fn record(&self, recorder: &mut Recorder, suffix: &str, reach: &Reach<'_>) {
        let (every, start) = (self.every(), self.series.select(START));
        let name = |name: &str| format!("{name}{suffix}");
        let select = |base: &str| self.series.select(&name(base));
        for kind in ["total", "bad"] {
            let sum = self.over("sum_over_time", &rollup_name(kind), reach);
            recorder.record(name(&format!("plimsoll:{kind}:events")), self.times_every(&sum, reach));
        }
        // The bad events that the whole window allows. While the objective, or the calendar's period, is younger than its
        // window, the traffic so far is taken to go on: else the first blip of the first day would exhaust the month.
        let (total, allowed) = (select("plimsoll:total:events"), self.objective.target.budget_fraction());
        recorder.record(
            name("plimsoll:budget:events"),
            match reach {
                Reach::Last(window) => {
                    let seconds = window.as_secs();
                    format!("{total} * {allowed} * {seconds} / clamp(time() - {start}, {every}, {seconds})")
                }
                Reach::Periods(periods) => periods.now(|period| {
                    let (seconds, since) = (period.seconds(), period.span.start);
                    format!(
                        "{total} * {allowed} * {seconds} / clamp(time() - clamp_min({start}, {since}), {every}, {seconds})"
                    )
                }),
            },
        );
        let (bad, budget) = (select("plimsoll:bad:events"), select("plimsoll:budget:events"));
        recorder.record(name("plimsoll:budget_remaining:ratio"), format!("1 - ({})", share(&bad, &budget)));
        recorder.record(name("plimsoll:objective:ratio"), format!("1 - ({})", share(&bad, &total)));
        recorder.record(
            name("plimsoll:coverage:ratio"),
            match reach {
                Reach::Last(window) => {
                    let count = self.over("count_over_time", &rollup_name("total"), reach);
                    format!("clamp_max({count} * {every} / {}, 1)", window.as_secs())
                }
                // Of what the period has had so far.
                Reach::Periods(periods) => periods.now(|period| {
                    let count = Periods::over("count_over_time", self.series, &rollup_name("total"), period);
                    let so_far = format!("scalar(clamp_min(vector(time() - {}), {every}))", period.span.start);
                    format!("clamp_max({count} * {every} / {so_far}, 1)")
                }),
            },
        );
    }
}
