#![allow(clippy::float_cmp)] // What is compared has been rounded.

use super::*;
use crate::slo::{BadEvents, Identity, Indicator, number::percent};

fn objective(target: &str, window: &str) -> Objective {
    Objective::new(
        Identity { namespace: "n".into(), profile: "p".into(), objective: "o".into() },
        target.parse().unwrap(),
        window.parse::<Duration>().unwrap().try_into().unwrap(),
        Indicator::Ratio { bad: BadEvents::Errors("e".parse().unwrap()), total: "t".parse().unwrap() },
    )
}

fn samples(remaining: f64, bad: f64, total: f64) -> Samples {
    let mut samples = Samples::default();
    for (name, value) in [
        ("plimsoll:bad:events", bad),
        ("plimsoll:total:events", total),
        ("plimsoll:budget:events", total * 0.001),
        ("plimsoll:objective:ratio", 1.0 - bad / total),
        ("plimsoll:budget_remaining:ratio", remaining),
        ("plimsoll:coverage:ratio", 0.634),
        ("plimsoll:burn_rate:5m", 0.2),
        ("plimsoll:burn_rate:30m", 0.3),
        ("plimsoll:burn_rate:1h", 0.412_34),
        ("plimsoll:burn_rate:1d", 1.0),
        ("plimsoll:bad:rate1h", 1.0),
        ("plimsoll:bad:rate6h", 1.0),
        ("plimsoll:bad:rate1d", 1.0),
    ] {
        assert!(samples.take(name, value), "{name}");
    }
    samples
}

fn judge(samples: &Samples, previous: Option<State>) -> Report {
    judge_as(&objective("99.9", "30d"), &Alerting::default(), samples, previous)
}

fn judge_as(objective: &Objective, alerting: &Alerting, samples: &Samples, previous: Option<State>) -> Report {
    let terms = Terms { objective, alerting, options: &Options::default(), now: 1_000_000 };
    evaluate(terms, samples, &|group| previous.filter(|_| group.is_empty()))
}

fn seconds(text: &str) -> Duration {
    text.parse().unwrap()
}

#[test]
fn numbers_have_three_digits() {
    let report = judge(&samples(0.623_9, 1_213.7, 3_226_421.0), None);
    assert_eq!(report.state, State::Met);
    assert_eq!(report.window.indicator.map(percent).as_deref(), Some("99.9624"));
    assert_eq!(report.window.budget_remaining.map(percent).as_deref(), Some("62.4"));
    assert_eq!(report.window.bad_events, Some(1_210.0));
    assert_eq!(report.window.total_events, Some(3_230_000.0));
    assert_eq!(report.burn[2], (seconds("1h"), 0.412));
    assert_eq!(report.window.covered, "19d of 30d");
    assert_eq!(report.window.coverage, Some(0.634));
    assert_eq!(report.exhausted_in, None, "no faster than allowed");
}

#[test]
fn takes_what_is_recorded_and_nothing_else() {
    let mut samples = Samples::default();
    for name in
        ["plimsoll:bad:eventsx", "plimsoll:burn_rate:", "plimsoll:burn_rate:5x", "plimsoll:bad:rollup", "up", ""]
    {
        assert!(!samples.take(name, 1.0), "{name}");
    }
    assert!(!samples.take("plimsoll:bad:events", f64::NAN) && !samples.take("plimsoll:burn_rate:5m", f64::INFINITY));
    assert_eq!(samples, Samples::default());
    assert!(samples.take("plimsoll:burn_rate:1h30m", 2.0));
    assert_eq!(samples.burn[&seconds("1h30m")], 2.0);
}

#[test]
fn without_samples_or_without_a_present_the_state_is_unknown() {
    let report = judge(&Samples::default(), Some(State::Met));
    assert_eq!(report.state, State::Unknown);
    assert_eq!((report.window.indicator, report.window.budget_remaining, report.exhausted_in), (None, None, None));
    assert_eq!(report.window.covered, "0s of 30d");

    let mut past = samples(0.5, 100.0, 200_000.0);
    past.burn.clear();
    let report = judge(&past, None);
    assert_eq!(report.state, State::Unknown);
    assert_eq!(report.window.budget_remaining, Some(0.5), "what is known stays");
}

#[test]
fn the_budget_decides_between_met_at_risk_and_exhausted() {
    for (remaining, previous, state) in [
        (0.26, None, State::Met),
        (0.24, None, State::AtRisk),
        (0.26, Some(State::AtRisk), State::AtRisk),
        (0.28, Some(State::AtRisk), State::Met),
        (0.01, Some(State::AtRisk), State::AtRisk),
        (0.0, None, State::Exhausted),
        (-3.0, Some(State::Met), State::Exhausted),
        (0.01, Some(State::Exhausted), State::Exhausted),
        (0.03, Some(State::Exhausted), State::AtRisk),
    ] {
        assert_eq!(judge(&samples(remaining, 100.0, 200_000.0), previous).state, state, "{remaining} {previous:?}");
    }
    assert_eq!(judge(&samples(-1.0, 100.0, 200_000.0), None).exhausted_in, Some(Duration::from_secs(0)));
}

#[test]
fn burning_needs_both_windows_and_enough_failures() {
    let burn = |long: f64, short: f64, count: f64| {
        let mut samples = samples(0.9, 100.0, 200_000.0);
        samples.burn.insert(seconds("1h"), long);
        samples.burn.insert(seconds("5m"), short);
        samples.bad_rate.insert(seconds("1h"), count / 3_600.0);
        judge(&samples, None)
    };
    assert_eq!(burn(14.5, 14.5, 5.0).state, State::Burning);
    assert_eq!(burn(14.5, 14.3, 5.0).state, State::Met);
    assert_eq!(burn(14.3, 90.0, 5.0).state, State::Met);
    assert_eq!(burn(14.5, 14.5, 4.0).state, State::Met);
    // 0.9 of 30 days at 14.5 times the rate.
    assert_eq!(burn(14.5, 14.5, 5.0).exhausted_in, Some(seconds("1d20h")));
    assert_eq!(burn(1_000.0, 1_000.0, 5.0).exhausted_in, Some(seconds("38m52s")));
    assert_eq!(burn(100.0, 100.0, 5.0).exhausted_in, Some(seconds("6h28m")));

    let mut ticket = samples(0.9, 100.0, 200_000.0);
    ticket.burn.insert(seconds("1d"), 3.1);
    ticket.burn.insert(seconds("2h"), 3.1);
    assert_eq!(judge(&ticket, None).state, State::AtRisk);
}

#[test]
fn little_traffic_is_said_and_a_single_failure_exhausts_nothing() {
    let mut quiet = samples(1.0, 0.0, 900.0);
    assert_eq!(judge(&quiet, None).state, State::LowTraffic);
    quiet = samples(-0.11, 1.0, 900.0);
    assert_eq!(judge(&quiet, None).state, State::LowTraffic);
    quiet = samples(-1.2, 2.0, 900.0);
    assert_eq!(judge(&quiet, None).state, State::Exhausted);
    assert_eq!(judge(&samples(1.0, 0.0, 1_100.0), None).state, State::Met);
}

#[test]
fn coverage_in_words() {
    let thirty = objective("99.9", "30d");
    let of = |objective: &Objective, coverage| {
        let mut samples = samples(1.0, 0.0, 1_000.0);
        samples.window.coverage = Some(coverage);
        judge_as(objective, &Alerting::default(), &samples, None).window.covered
    };
    for (coverage, shown) in
        [(1.0, "30d of 30d"), (0.999, "30d of 30d"), (0.05, "2d of 30d"), (0.01, "7h of 30d"), (0.0001, "4m of 30d")]
    {
        assert_eq!(of(&thirty, coverage), shown);
    }
    assert_eq!(of(&objective("99", "1d"), 0.5), "12h of 1d");
}

fn route(name: &str) -> Group {
    Group::from([("route".to_owned(), name.to_owned())])
}

fn grouped(groups: &[(&str, Samples)]) -> (Objective, Samples) {
    let mut objective = objective("99.9", "30d");
    objective.grouping = Some(crate::slo::Grouping::new(vec!["route".to_owned()], 10).unwrap());
    let mut all = Samples::default();
    for (name, samples) in groups {
        let mut labels = route(name);
        // What reads several Prometheus adds labels of its own.
        labels.insert("prometheus".to_owned(), "main".to_owned());
        *all.of_group(labels) = samples.clone();
    }
    (objective, all)
}

#[test]
fn a_grouped_objective_stands_as_its_worst_group() {
    let good = samples(0.9, 100.0, 1_000_000.0);
    let spent = samples(-1.0, 2_000.0, 1_000_000.0);
    let low = samples(0.2, 800.0, 1_000_000.0);
    let (objective, all) = grouped(&[("/a", good), ("/b", spent), ("/c", low)]);
    let report = judge_as(&objective, &Alerting::default(), &all, None);
    assert_eq!(report.state, State::Exhausted);
    let order: Vec<&str> = report.groups.iter().map(|(group, _)| group["route"].as_str()).collect();
    assert_eq!(order, ["/b", "/c", "/a"]);
    assert_eq!(report.groups[1].1.state, State::AtRisk);
    assert_eq!(report.groups[0].0, route("/b"), "without the labels that were added on the way");
    // Together: 2,900 bad events of 3 million, of which 3,000 may be.
    assert_eq!(report.window.bad_events, Some(2_900.0));
    assert_eq!(report.window.total_events, Some(3_000_000.0));
    assert_eq!(report.window.budget_remaining.map(percent).as_deref(), Some("3.33"));
    let (objective, nothing) = grouped(&[]);
    assert_eq!(judge_as(&objective, &Alerting::default(), &nothing, None).state, State::Unknown);
}

#[test]
fn labels_that_were_added_on_the_way_do_not_hide_the_numbers() {
    let mut all = Samples::default();
    *all.of_group(Group::from([("cluster".to_owned(), "one".to_owned())])) = samples(0.5, 100.0, 200_000.0);
    let report = judge(&all, None);
    assert_eq!(report.window.budget_remaining, Some(0.5));
    assert_eq!(report.state, State::Met);
}

#[test]
fn further_windows_stand_by_their_own_budgets() {
    let mut objective = objective("99.9", "30d");
    objective.further_windows = vec![seconds("1d").try_into().unwrap(), seconds("7d").try_into().unwrap()];
    let mut samples = samples(0.9, 100.0, 1_000_000.0);
    for (name, value) in [
        ("plimsoll:bad:events:1d", 90.0),
        ("plimsoll:total:events:1d", 30_000.0),
        ("plimsoll:budget:events:1d", 30.0),
        ("plimsoll:objective:ratio:1d", 0.997),
        ("plimsoll:budget_remaining:ratio:1d", -2.0),
        ("plimsoll:coverage:ratio:1d", 1.0),
    ] {
        assert!(samples.take(name, value), "{name}");
    }
    assert!(!samples.take("plimsoll:bad:events:1x", 1.0) && !samples.take("plimsoll:bad:ratio:1d", 1.0));
    let report = judge_as(&objective, &Alerting::default(), &samples, None);
    assert_eq!(report.state, State::Met, "the objective's own window decides");
    assert_eq!(report.further[0].2, State::Exhausted);
    assert_eq!(report.further[0].1.covered, "1d of 1d");
    assert_eq!(report.further[1].2, State::Unknown);
}

#[test]
fn a_budget_that_the_period_outlives_is_not_exhausted() {
    use crate::slo::{Period, Periods, Span};
    let mut month = objective("99.9", "30d");
    let period = |name: &str, start, end| Period { name: name.to_owned(), span: Span { start, end } };
    let day = 86_400;
    month.calendar =
        Some(Periods { kind: "month", current: period("a", 0, 31 * day), next: period("b", 31 * day, 60 * day) });
    let mut samples = samples(0.5, 100.0, 200_000.0);
    samples.burn.insert(seconds("1h"), 2.0);
    samples.window.coverage = Some(0.5);
    let at = |now| {
        let terms = Terms { objective: &month, alerting: &Alerting::default(), options: &Options::default(), now };
        evaluate(terms, &samples, &|_| None)
    };
    // Half a budget of 31 days at twice the rate: 7 days and 18 hours.
    assert_eq!(at(10 * day).exhausted_in, Some(seconds("7d18h")));
    assert_eq!(at(25 * day).exhausted_in, None);
    assert_eq!(at(10 * day).window.covered, "5d of 10d so far");
    // Half of 29 days in the period after it.
    assert_eq!(at(32 * day).exhausted_in, Some(seconds("7d6h")));
    assert_eq!(at(32 * day).window.covered, "12h of 1d so far");
}

#[test]
fn a_threshold_of_the_budget_weighs_failures_by_their_number() {
    let alerting = Alerting { threshold: crate::slo::Threshold::Budget, ..Alerting::default() };
    let burning = |bad: f64| {
        // A budget of 200 events: 2 % of it are four within the hour, and a twelfth of these within five minutes.
        let mut samples = samples(0.9, 20.0, 200_000.0);
        samples.burn.insert(seconds("1h"), 1_000.0);
        samples.bad_rate.insert(seconds("1h"), bad / 3_600.0);
        samples.bad_rate.insert(seconds("5m"), bad / 3_600.0);
        judge_as(&objective("99.9", "30d"), &alerting, &samples, None).state
    };
    assert_eq!(burning(3.9), State::Met);
    assert_eq!(burning(5.0), State::Burning);
}
