//! Requests and failures at random: how often it pages while the objective is met, and what it finds of incidents.
//!
//! The alerts are those of the rules, evaluated each minute by the engine that `plimsoll backtest` has. The workbook's
//! method 6 is the same tiers without the guard of `minFailures`, and without the alerts beside the tiers.

use plimsoll::slo::{
    Alerting, Options, Severity, Threshold,
    replay::{Fired, History, replay},
};

use super::{errors, objective};

const DAY: usize = 1_440;
const MONTH: i64 = 30 * 86_400;

/// Months for each figure of the first table.
const MONTHS: usize = 24;
/// Incidents for each figure of the second.
const INCIDENTS: usize = 100;

/// A small generator of numbers that look random (xorshift), so that runs are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many events of a Poisson process a minute has.
    fn poisson(&mut self, mean: f64) -> f64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.next(), 0.0);
        while product > limit {
            product *= self.next();
            count += 1.0;
        }
        count
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Flat,
    /// Ten times as much at noon as at midnight, the same mean.
    Diurnal,
}

impl Shape {
    fn factor(self, minute: usize) -> f64 {
        let day = (minute % DAY) as f64 / DAY as f64;
        match self {
            Self::Flat => 1.0,
            Self::Diurnal => 1.0 - 9.0 / 11.0 * (std::f64::consts::TAU * day).cos(),
        }
    }
}

struct Method {
    name: &'static str,
    alerting: Alerting,
    /// Whether only the alerts on burn rates count.
    tiers_only: bool,
}

fn methods() -> [Method; 4] {
    let with = |min_failures, threshold| Alerting { min_failures, threshold, ..Alerting::default() };
    [
        Method { name: "Plimsoll", alerting: with(5, Threshold::Rate), tiers_only: false },
        Method { name: "Plimsoll, its tiers alone", alerting: with(5, Threshold::Rate), tiers_only: true },
        Method { name: "Plimsoll, burnThreshold: Budget", alerting: with(5, Threshold::Budget), tiers_only: false },
        Method { name: "method 6 alone (Sloth's rules)", alerting: with(0, Threshold::Rate), tiers_only: true },
    ]
}

/// Requests of each minute, and the failures among them.
struct Requests {
    total: Vec<f64>,
    bad: Vec<f64>,
}

fn requests(
    random: &mut Random,
    per_hour: f64,
    shape: Shape,
    minutes: usize,
    share: &dyn Fn(usize) -> f64,
) -> Requests {
    let mut requests = Requests { total: Vec::with_capacity(minutes), bad: Vec::with_capacity(minutes) };
    for minute in 0..minutes {
        let mean = per_hour / 60.0 * shape.factor(minute);
        let bad = random.poisson(mean * share(minute));
        requests.total.push(bad + random.poisson(mean * (1.0 - share(minute))));
        requests.bad.push(bad);
    }
    requests
}

fn fired(requests: &Requests, method: &Method, from: usize) -> Vec<Fired> {
    let five_minutes = |events: &[f64]| -> Vec<f64> {
        let mut sum = 0.0;
        (0..events.len())
            .map(|minute| {
                sum += events[minute];
                if minute >= 5 {
                    sum -= events[minute - 5];
                }
                sum / 300.0
            })
            .collect()
    };
    let history = History { start: 0, total: five_minutes(&requests.total), bad: five_minutes(&requests.bad) };
    let objective = objective(errors());
    let window = |time: i64| (time - MONTH, MONTH);
    let all = replay(&objective, &method.alerting, &Options::default(), &history, from, &window).fired;
    all.into_iter().filter(|fired| !method.tiers_only || fired.alert == "ErrorBudgetBurn").collect()
}

/// Pages, or tickets: alerts that overlap are one.
fn incidents(fired: &[Fired], severity: Severity) -> usize {
    let mut until = i64::MIN;
    let mut count = 0;
    for alert in fired.iter().filter(|alert| alert.severity == severity) {
        count += usize::from(alert.from > until);
        until = until.max(alert.until.unwrap_or(i64::MAX));
    }
    count
}

pub fn report() {
    println!("False alarms in 30 days at 99.9 %, met with 0.3 of the budget: pages / tickets ({MONTHS} months each)\n");
    println!("  {:<34}{:>12}{:>12}{:>12}{:>12}{:>12}", "requests an hour", "10", "30", "60", "300", "1000");
    for (shape, name) in [(Shape::Flat, "flat"), (Shape::Diurnal, "10:1 over the day")] {
        for method in methods() {
            let mut line =
                format!("  {:<34}", format!("{}{}", method.name, if name == "flat" { "" } else { ", 10:1" }));
            for per_hour in [10.0, 30.0, 60.0, 300.0, 1_000.0] {
                let mut random = Random(7);
                let (mut pages, mut tickets) = (0, 0);
                for _ in 0..MONTHS {
                    let month = requests(&mut random, per_hour, shape, 32 * DAY, &|_| 0.0003);
                    let fired = fired(&month, &method, 2 * DAY);
                    pages += incidents(&fired, Severity::Page);
                    tickets += incidents(&fired, Severity::Ticket);
                }
                let mean = |count: usize| count as f64 / MONTHS as f64;
                line += &format!("{:>12}", format!("{:.2}/{:.2}", mean(pages), mean(tickets)));
            }
            println!("{line}");
        }
    }
    println!("\nIncidents of 20 % for an hour: found by a page, its median delay; by any alert ({INCIDENTS} each)\n");
    println!("  {:<34}{:>20}{:>20}{:>20}{:>20}", "requests an hour", "10", "60", "300", "1000");
    for method in methods() {
        let mut line = format!("  {:<34}", method.name);
        for per_hour in [10.0, 60.0, 300.0, 1_000.0] {
            line += &format!("{:>20}", recall(&method, per_hour));
        }
        println!("{line}");
    }
    println!("\n  Of the incidents at 10 an hour with two failures or more: {}\n", found_of_patterns());
}

/// Two quiet days, the hour, and six hours after it.
fn incident(random: &mut Random, per_hour: f64) -> (Requests, i64) {
    let begin = 2 * DAY + 720;
    let share = |minute: usize| if (begin..begin + 60).contains(&minute) { 0.2 } else { 0.0 };
    (requests(random, per_hour, Shape::Flat, begin + 420, &share), begin as i64 * 60)
}

fn recall(method: &Method, per_hour: f64) -> String {
    let mut random = Random(11);
    let (mut delays, mut any) = (Vec::new(), 0);
    for _ in 0..INCIDENTS {
        let (requests, begin) = incident(&mut random, per_hour);
        let fired = fired(&requests, method, 2 * DAY);
        let page = fired.iter().filter(|alert| alert.severity == Severity::Page).map(|alert| alert.from - begin).min();
        delays.extend(page);
        any += usize::from(!fired.is_empty());
    }
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).map_or("-".to_owned(), |delay| format!("{}m", delay / 60));
    format!("{}%, {median}; {}%", delays.len() * 100 / INCIDENTS, any * 100 / INCIDENTS)
}

fn found_of_patterns() -> String {
    let mut random = Random(13);
    let method = &methods()[0];
    let (mut patterns, mut found) = (0, 0);
    for _ in 0..3 * INCIDENTS {
        let (requests, _) = incident(&mut random, 10.0);
        if requests.bad.iter().sum::<f64>() >= 2.0 {
            patterns += 1;
            found += usize::from(!fired(&requests, method, 2 * DAY).is_empty());
        }
    }
    format!("{found} of {patterns} found by a page or the ticket on trickles")
}
