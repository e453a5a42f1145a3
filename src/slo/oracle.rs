//! The arithmetic against counted events, and the alerts against chance.
//!
//! Prometheus never sees an event, only counters now and then. Here its arithmetic (the extrapolating `rate` over scraped
//! counters, recorded every 30 s, averaged over 2 min, summed up) meets an oracle that counts every event.

use proptest::prelude::*;

use super::{Alerting, Objective, Options, Severity, Tier, tests::objective, tiers};

/// Seconds from scrape to scrape and from evaluation to evaluation.
const STEP: usize = 30;

/// A small generator of numbers that look random (xorshift), so that cases are the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[allow(clippy::cast_precision_loss)]
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        share
    }

    /// How many events of a Poisson process there are where so many are to be expected.
    pub(super) fn poisson(&mut self, mean: f64) -> f64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.next(), 0.0);
        while product > limit {
            product *= self.next();
            count += 1.0;
        }
        count
    }

    /// The time to the next of events that come at random with so many a second.
    fn wait(&mut self, per_second: f64) -> f64 {
        -(1.0 - self.next()).ln() / per_second
    }
}

/// A day's traffic, in requests a second.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Ten times as much at noon as at midnight.
    Diurnal,
    /// Little, and twenty times as much for a minute out of ten.
    Bursty,
    /// Nothing at all for every other hour.
    Gappy,
}

impl Shape {
    fn rate(self, second: usize) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let day = (second % 86_400) as f64 / 86_400.0;
        match self {
            Self::Diurnal => 55.0 - 45.0 * (std::f64::consts::TAU * day).cos(),
            Self::Bursty if second % 600 < 60 => 60.0,
            Self::Bursty => 3.0,
            Self::Gappy if (second / 3_600).is_multiple_of(2) => 0.0,
            Self::Gappy => 20.0,
        }
    }
}

/// `rate` of Prometheus 3 over the 5 minutes up to `end`: `samples` are times and values of a counter.
#[allow(clippy::cast_precision_loss)]
fn rate(samples: &[(f64, f64)], end: f64) -> Option<f64> {
    let [(first_time, first), .., (last_time, last)] = samples else { return None };
    let resets: f64 = samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum();
    let increase = last - first + resets;
    let spanned = last_time - first_time;
    let distance = spanned / (samples.len() - 1) as f64;
    let edge = |gap: f64| if gap >= distance * 1.1 { distance / 2.0 } else { gap };
    let to_zero = if increase > 0.0 { spanned * first / increase } else { f64::INFINITY };
    let start = edge(first_time - (end - 300.0)).min(to_zero);
    Some(increase * (spanned + start + edge(end - last_time)) / spanned / 300.0)
}

/// One counter as it is scraped, and the truth about it.
#[derive(Default)]
struct Counter {
    exact: f64,
    since_start: f64,
    scraped: Vec<(f64, f64)>,
    events: f64,
}

impl Counter {
    /// Adds events; the counter only knows whole ones, and so does the oracle.
    fn add(&mut self, events: f64) {
        self.exact += events;
        let whole = self.exact.floor();
        self.exact -= whole;
        self.since_start += whole;
        self.events += whole;
    }

    /// The recorded events, as by the rules: rates every 30 s, averages of four, their sum times two minutes.
    #[allow(clippy::cast_precision_loss)]
    fn recorded(&self, seconds: usize) -> f64 {
        let evaluations = (0..seconds / STEP).map(|n| (n * STEP) as f64 + 11.0);
        let mut begin = 0;
        let mut end = 0;
        let rates: Vec<Option<f64>> = evaluations
            .map(|at| {
                while self.scraped.get(begin).is_some_and(|sample| sample.0 <= at - 300.0) {
                    begin += 1;
                }
                while self.scraped.get(end).is_some_and(|sample| sample.0 <= at) {
                    end += 1;
                }
                rate(&self.scraped[begin..end.max(begin)], at)
            })
            .collect();
        rates
            .chunks_exact(4)
            .filter_map(|four| {
                let measured: Vec<f64> = four.iter().flatten().copied().collect();
                (!measured.is_empty()).then(|| measured.iter().sum::<f64>() / measured.len() as f64 * 120.0)
            })
            .sum()
    }
}

/// Errors from one second on, for so many seconds, of this share of the requests.
type Incident = (usize, usize, f64);

const WEEK: usize = 7 * 86_400;
/// The share of events that may be bad.
const BUDGET: f64 = 0.01;

/// A week of one service: the budget that is left of the events, and of what is recorded.
#[allow(clippy::cast_precision_loss)]
fn week(
    shape: Shape,
    incidents: &[Incident],
    restarts: &[usize],
    mut scraped: impl FnMut(usize) -> bool,
) -> (f64, f64) {
    // Near zero Prometheus extrapolates less, so that the first errors that a counter ever counts are recorded in part.
    let running = || Counter { since_start: 1e6, ..Counter::default() };
    let (mut bad, mut total) = (running(), running());
    for second in 0..WEEK {
        // The last ten minutes are calm: what the recorded rates lag behind is not what is measured here.
        let errors = incidents
            .iter()
            .filter(|(begin, length, _)| (*begin..(begin + length).min(WEEK - 600)).contains(&second))
            .map(|(_, _, share)| *share)
            .fold(0.002, f64::max);
        let requests = shape.rate(second);
        total.add(requests);
        bad.add(requests * errors);
        if restarts.contains(&second) {
            (bad.since_start, total.since_start) = (0.0, 0.0);
        }
        if second % STEP == 0 && scraped(second) {
            for counter in [&mut bad, &mut total] {
                counter.scraped.push((second as f64, counter.since_start));
            }
        }
    }
    let remaining = |bad: f64, total: f64| 1.0 - bad / (BUDGET * total);
    (remaining(bad.events, total.events), remaining(bad.recorded(WEEK), total.recorded(WEEK)))
}

/// Whether all incidents are over.
fn is_after(incidents: &[Incident], second: usize) -> bool {
    incidents.iter().all(|(begin, length, _)| second > begin + length + 360)
}

/// The share of the budget that restarts may lose: the events since the last scrape, which may be the third before.
fn lost(shape: Shape, incidents: &[Incident], restarts: &[usize]) -> f64 {
    let total: f64 = (0..WEEK).map(|second| shape.rate(second)).sum();
    let errors = |second: usize| {
        let of = incidents.iter().filter(|(begin, length, _)| (*begin..begin + length).contains(&second));
        of.map(|(_, _, share)| *share).fold(0.002, f64::max) * shape.rate(second)
    };
    let unscraped = restarts.iter().flat_map(|second| second - 3 * STEP..*second);
    unscraped.map(errors).sum::<f64>() / (BUDGET * total)
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Diurnal), Just(Shape::Bursty), Just(Shape::Gappy)]
}

fn incidents() -> impl Strategy<Value = Vec<Incident>> {
    prop::collection::vec((3_600_usize..590_000, 60_usize..7_200, 0.001_f64..1.0), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Within half a per cent of the budget, whatever the traffic and the incidents, with restarts after these.
    #[test]
    fn the_budget_is_that_of_the_events(
        shape in shapes(),
        incidents in incidents(),
        restarts in prop::collection::vec(3_600_usize..590_000, 0..6),
    ) {
        let restarts: Vec<usize> = restarts.into_iter().filter(|second| is_after(&incidents, *second)).collect();
        let (truth, recorded) = week(shape, &incidents, &restarts, |_| true);
        prop_assert!((truth - recorded).abs() < 0.005, "{truth} {recorded}");
    }

    /// One scrape in fifty fails and restarts come at any time: what is lost within an incident is a share of what was spent, and what
    /// a restart loses, and no rule can know it. At an edge where a sample is missing Prometheus extrapolates half a step only.
    #[test]
    fn what_was_never_scraped_costs_little(
        shape in shapes(),
        incidents in incidents(),
        restarts in prop::collection::vec(3_600_usize..590_000, 0..6),
        seed in 1_u64..u64::MAX,
    ) {
        let mut random = Random(seed);
        let (truth, recorded) = week(shape, &incidents, &restarts, |_| random.next() > 0.02);
        let allowed = 0.005 + 0.02 * (1.0 - truth) + lost(shape, &incidents, &restarts);
        prop_assert!((truth - recorded).abs() < allowed, "{truth} {recorded}");
    }
}

/// What an average of ratios says of an outage of half an hour at the peak and at the trough of a day of 10:1: the same, and wrong
/// by tens of points of the budget of 99.9 % over 30 days. The count of events, of which the rules are made, tells them apart.
#[test]
#[allow(clippy::cast_precision_loss)]
fn an_average_of_ratios_is_wrong_by_tens_of_points() {
    let month = 30 * 86_400;
    let events: f64 = (0..month).map(|second| Shape::Diurnal.rate(second)).sum();
    let spent = |outage: std::ops::Range<usize>| {
        let of_events = outage.clone().map(|second| Shape::Diurnal.rate(second)).sum::<f64>() / events / 0.001;
        let of_ratios = outage.len() as f64 / month as f64 / 0.001;
        (of_events, of_ratios)
    };
    let (peak, trough) = (spent(42_300..44_100), spent(86_400 - 900..86_400 + 900));
    assert!((peak.1 - trough.1).abs() < 1e-9 && (peak.1 - 0.694).abs() < 0.001, "{peak:?} {trough:?}");
    assert!((peak.0 - 1.26).abs() < 0.01, "{peak:?}");
    assert!((trough.0 - 0.127).abs() < 0.003, "{trough:?}");
}

/// Requests at random times with errors at random, and which alerts they set off, by the conditions of the rules.
struct Chance {
    per_hour: f64,
    objective: Objective,
    tiers: Vec<Tier>,
    errors: Vec<f64>,
}

impl Chance {
    fn new(per_hour: f64) -> Self {
        let objective = objective("30d", "99.9", super::tests::errors());
        let tiers = tiers(objective.window, objective.target, &Options::default()).active;
        Self { per_hour, objective, tiers, errors: Vec::new() }
    }

    /// Thirty days with a third of the errors that are allowed.
    fn calm_month(&mut self, random: &mut Random) {
        self.errors.clear();
        let (mut now, per_second) = (0.0, self.per_hour / 3_600.0 * 0.3 * self.objective.target.budget());
        loop {
            now += random.wait(per_second);
            if now > 30.0 * 86_400.0 {
                return;
            }
            self.errors.push(now);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn count(&self, now: f64, seconds: f64) -> f64 {
        self.errors.iter().filter(|time| **time <= now && **time > now - seconds).count() as f64
    }

    /// The worst severity that an error sets off at the moment when it happens; conditions only become true then.
    #[allow(clippy::cast_precision_loss)]
    fn severity(&self, now: f64) -> Option<Severity> {
        let least = f64::from(Alerting::default().min_failures);
        let allowed = self.objective.target.budget() * self.per_hour / 3_600.0;
        let tier = self.tiers.iter().filter(|tier| {
            let over = |window: crate::api::Duration| {
                let seconds = window.as_secs() as f64;
                self.count(now, seconds) > tier.factor.value() * allowed * seconds
            };
            over(tier.long) && over(tier.short) && self.count(now, tier.long.as_secs() as f64) > least - 0.5
        });
        let budget = allowed * self.objective.window.as_secs() as f64;
        let few = self.count(now, 86_400.0);
        let trickle = few > 1.5 && few > 0.2 * budget && budget < 5.0 * least;
        tier.map(|tier| tier.severity).max().or_else(|| trickle.then_some(Severity::Ticket))
    }
}

#[test]
fn an_objective_that_is_met_rarely_makes_a_ticket_and_never_a_page() {
    let mut random = Random(7);
    for per_hour in [5.0, 10.0, 14.0, 30.0, 60.0, 300.0] {
        let months = 200;
        let (mut pages, mut tickets) = (0, 0);
        let mut chance = Chance::new(per_hour);
        for _ in 0..months {
            chance.calm_month(&mut random);
            let mut quiet_until = 0.0;
            for error in chance.errors.clone() {
                match chance.severity(error) {
                    Some(Severity::Page) => pages += 1,
                    // Within a day it is the same alert.
                    Some(Severity::Ticket) if error > quiet_until => {
                        tickets += 1;
                        quiet_until = error + 86_400.0;
                    }
                    _ => {}
                }
            }
        }
        println!("{per_hour}/h: {pages} pages, {tickets} tickets in {months} months");
        assert_eq!(pages, 0, "{per_hour}");
        // At 60 an hour the workbook's last tier is alone with chance: five errors in three days where 1.3 are to be expected.
        assert!(f64::from(tickets) / f64::from(months) < 0.5, "{per_hour}: {tickets}");
    }
}

#[test]
fn an_hour_of_failures_at_ten_requests_an_hour_is_found_from_the_second_failure_on() {
    let mut random = Random(7);
    for share in [0.2, 0.5, 1.0] {
        let (mut found, mut shown, mut pages) = (0, 0, 0);
        for _ in 0..1_000 {
            let mut chance = Chance::new(10.0);
            let mut now = 15.0 * 86_400.0;
            let end = now + 3_600.0;
            loop {
                now += random.wait(chance.per_hour / 3_600.0 * share);
                if now > end {
                    break;
                }
                chance.errors.push(now);
            }
            let worst = chance.errors.iter().filter_map(|error| chance.severity(*error)).max();
            shown += u32::from(chance.errors.len() >= 2);
            found += u32::from(worst.is_some());
            pages += u32::from(worst == Some(Severity::Page));
        }
        println!("{share}: {found} found of {shown} with two failures or more of 1000, {pages} by a page");
        assert_eq!(found, shown, "{share}");
    }
}
