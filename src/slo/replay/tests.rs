#![allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // Some thousand minutes.

use super::*;
use crate::slo::{
    oracle::Random,
    tests::{errors, objective},
};

/// Minutes of so many events a second of which a share is bad.
fn history(parts: &[(usize, f64, f64)]) -> History {
    // A rate over five minutes is the mean of the last five: it takes that long to see a change in full.
    let mut raw: Vec<(f64, f64)> = Vec::new();
    for (minutes, rate, share) in parts {
        raw.extend(std::iter::repeat_n((*rate, rate * share), *minutes));
    }
    let smooth = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        (0..raw.len())
            .map(|index| {
                let last = &raw[(index + 1).saturating_sub(5)..=index];
                last.iter().map(of).sum::<f64>() / last.len() as f64
            })
            .collect()
    };
    History { start: 0, total: smooth(|(total, _)| *total), bad: smooth(|(_, bad)| *bad) }
}

const DAY: usize = 1_440;

fn run(history: &History, from: usize) -> Replay {
    let objective = objective("30d", "99.9", errors());
    let month = 30 * 86_400;
    replay(&objective, &Alerting::default(), &Options::default(), history, from, &|time| (time - month, month))
}

/// Minutes after the beginning of the incident at which an alert began, and after its end at which it ended.
fn times(replay: &Replay, alert: &str, severity: Severity, begin: usize, end: usize) -> Option<(i64, i64)> {
    let those: Vec<&Fired> =
        replay.fired.iter().filter(|fired| fired.alert == alert && fired.severity == severity).collect();
    let from = those.iter().map(|fired| fired.from).min()?;
    let until = those.iter().filter_map(|fired| fired.until).max()?;
    Some((from / 60 - begin as i64, until / 60 - end as i64))
}

/// The incidents of the SRE workbook's method 6, at 1000 requests a minute and a base of 0.02 % errors: when the page
/// begins after the start of the incident and ends after its end, in minutes.
#[test]
fn incidents_page_as_the_rules_would() {
    for (share, minutes, expected) in [
        (1.0, 10, Some((1, 29))),
        (0.15, 10, Some((6, 4))),
        (0.02, 180, Some((44, 21))),
        (0.005, 2 * DAY, None),
        (0.003, 15, None),
    ] {
        let begin = 31 * DAY;
        let rate = 1_000.0 / 60.0;
        let history = history(&[(begin, rate, 0.0002), (minutes, rate, share), (2 * DAY, rate, 0.0002)]);
        let found = times(&run(&history, 30 * DAY), "ErrorBudgetBurn", Severity::Page, begin, begin + minutes);
        match (found, expected) {
            (None, None) => {}
            (Some((from, until)), Some((begins, ends))) => {
                // Sums of five-minute rates lag by half of that, and an alert is kept for two minutes.
                assert!((begins - 1..=begins + 3).contains(&from), "{share}: begins {from}, {begins} expected");
                assert!((ends..=ends + 5).contains(&until), "{share}: ends {until}, {ends} expected");
            }
            other => panic!("{share}: {other:?}"),
        }
    }
}

#[test]
fn the_budget_is_that_of_the_events() {
    // A day of 1 % errors: 10 of 30 parts of a thousandth, with the month before it full of traffic.
    let history = history(&[(30 * DAY, 10.0, 0.0), (DAY, 10.0, 0.01), (10, 10.0, 0.0)]);
    let replay = run(&history, 30 * DAY - 1);
    let left = replay.remaining.last().copied().unwrap();
    assert!((left - (1.0 - 10.0 / 30.0)).abs() < 0.005, "{left}");
    assert!((replay.bad_events - 8_640.0).abs() < 40.0, "{}", replay.bad_events);
    assert!((replay.indicator.unwrap() - (1.0 - 8_640.0 / (30.0 * 864_000.0))).abs() < 1e-6);
    assert!((replay.remaining[0] - 1.0).abs() < 1e-9);
}

#[test]
fn without_a_lead_in_traffic_is_taken_to_go_on() {
    let history = history(&[(60, 10.0, 0.0), (10, 10.0, 0.5), (60, 10.0, 0.0)]);
    let replay = run(&history, 0);
    // 3,000 bad events; at this rate of traffic the month allows 25,920.
    let left = replay.remaining.last().copied().unwrap();
    assert!((left - (1.0 - 3_000.0 / 25_920.0)).abs() < 0.01, "{left}");
}

#[test]
fn what_was_not_measured_is_neither_good_nor_bad() {
    let mut gap = history(&[(DAY, 10.0, 0.0), (DAY, 10.0, 0.2)]);
    for index in DAY..2 * DAY {
        gap.total[index] = f64::NAN;
        gap.bad[index] = f64::NAN;
    }
    let replay = run(&gap, 0);
    assert!(replay.fired.is_empty(), "{:?}", replay.fired);
    assert!((replay.total_events - 864_000.0).abs() < 1.0);
    let nothing = History { start: 0, total: vec![f64::NAN; 100], bad: vec![f64::NAN; 100] };
    let replay = run(&nothing, 0);
    assert!(replay.remaining.iter().all(|left| left.is_nan()) && replay.indicator.is_none());
}

#[test]
fn a_spent_budget_is_said_once_and_maintenance_is_quiet() {
    let outage = history(&[(30 * DAY, 10.0, 0.0), (60, 10.0, 1.0), (DAY, 10.0, 0.0)]);
    let replay = run(&outage, 30 * DAY);
    let exhausted: Vec<&Fired> = replay.fired.iter().filter(|f| f.alert == "ErrorBudgetExhausted").collect();
    assert_eq!(exhausted.len(), 1, "{:?}", replay.fired);
    assert_eq!(exhausted[0].until, None, "a month of budget does not come back in a day");
    assert!(replay.fired.iter().any(|fired| fired.alert == "ErrorRateHigh"));

    let mut quiet = objective("30d", "99.9", errors());
    let start = (30 * DAY as i64 - 10) * 60;
    quiet.maintenance = vec![crate::slo::Span { start, end: start + 3 * 86_400 }];
    let month = 30 * 86_400;
    let window = |time: i64| (time - month, month);
    let replay = super::replay(&quiet, &Alerting::default(), &Options::default(), &outage, 30 * DAY, &window);
    assert!(replay.fired.is_empty(), "{:?}", replay.fired);
}

#[test]
fn a_calendar_window_begins_anew() {
    let history = history(&[(DAY, 10.0, 0.0), (60, 10.0, 1.0), (2 * DAY - 60, 10.0, 0.0)]);
    let objective = objective("7d", "99.9", errors());
    // Periods of two days.
    let window = |time: i64| (time / 172_800 * 172_800, 172_800);
    let replay = super::replay(&objective, &Alerting::default(), &Options::default(), &history, 0, &window);
    assert!(replay.remaining[2 * DAY - 2] < -5.0);
    assert!((replay.remaining[2 * DAY + 2] - 1.0).abs() < 1e-9, "{}", replay.remaining[2 * DAY + 2]);
}

/// Requests at random: of hours in which a fifth fails, all page at 300 requests an hour, and a month that is met never does at 60.
#[test]
fn incidents_at_three_hundred_an_hour_page_and_a_month_that_is_met_does_not() {
    let mut random = Random(7);
    let mut at_random = |minutes: usize, per_hour: f64, share: &dyn Fn(usize) -> f64| {
        let mut events: Vec<(f64, f64)> = Vec::new();
        for minute in 0..minutes {
            let bad = random.poisson(per_hour / 60.0 * share(minute));
            events.push((bad + random.poisson(per_hour / 60.0 * (1.0 - share(minute))), bad));
        }
        let five = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            let sum = |index: usize| events[(index + 1).saturating_sub(5)..=index].iter().map(of).sum::<f64>();
            (0..events.len()).map(|index| sum(index) / 300.0).collect()
        };
        History { start: 0, total: five(|(total, _)| *total), bad: five(|(_, bad)| *bad) }
    };
    let is_page = |fired: &Fired| fired.alert == "ErrorBudgetBurn" && fired.severity == Severity::Page;
    let begin = 2 * DAY;
    let found = (0..40)
        .filter(|_| {
            let share = |minute| if (begin..begin + 60).contains(&minute) { 0.2 } else { 0.0003 };
            run(&at_random(begin + 120, 300.0, &share), DAY).fired.iter().any(is_page)
        })
        .count();
    assert!(found >= 38, "{found} of 40");
    let month = at_random(32 * DAY, 60.0, &|_| 0.0003);
    let pages = run(&month, 2 * DAY).fired.into_iter().filter(is_page).count();
    assert_eq!(pages, 0);
}
