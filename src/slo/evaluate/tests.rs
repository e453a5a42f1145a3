#![allow(clippy::float_cmp)] // What is compared has been rounded.

use super::*;
use crate::slo::{BadEvents, Identity, Indicator, number::percent};

fn objective(target: &str, window: &str) -> Objective {
    Objective {
        identity: Identity { namespace: "n".into(), profile: "p".into(), objective: "o".into() },
        target: target.parse().unwrap(),
        window: window.parse::<Duration>().unwrap().try_into().unwrap(),
        indicator: Indicator::Ratio { bad: BadEvents::Errors("e".parse().unwrap()), total: "t".parse().unwrap() },
    }
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
    evaluate(&objective("99.9", "30d"), &Alerting::default(), &Options::default(), samples, previous)
}

fn seconds(text: &str) -> Duration {
    text.parse().unwrap()
}

#[test]
fn numbers_have_three_digits() {
    let report = judge(&samples(0.623_9, 1_213.7, 3_226_421.0), None);
    assert_eq!(report.state, State::Met);
    assert_eq!(report.indicator.map(percent).as_deref(), Some("99.9624"));
    assert_eq!(report.budget_remaining.map(percent).as_deref(), Some("62.4"));
    assert_eq!(report.bad_events, Some(1_210.0));
    assert_eq!(report.total_events, Some(3_230_000.0));
    assert_eq!(report.burn[2], (seconds("1h"), 0.412));
    assert_eq!(report.covered, "19d of 30d");
    assert_eq!(report.coverage, Some(0.634));
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
    assert_eq!((report.indicator, report.budget_remaining, report.exhausted_in), (None, None, None));
    assert_eq!(report.covered, "0s of 30d");

    let mut past = samples(0.5, 100.0, 200_000.0);
    past.burn.clear();
    let report = judge(&past, None);
    assert_eq!(report.state, State::Unknown);
    assert_eq!(report.budget_remaining, Some(0.5), "what is known stays");
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
    for (coverage, shown) in
        [(1.0, "30d of 30d"), (0.999, "30d of 30d"), (0.05, "2d of 30d"), (0.01, "7h of 30d"), (0.0001, "4m of 30d")]
    {
        assert_eq!(covered(&thirty, coverage), shown);
    }
    assert_eq!(covered(&objective("99", "1d"), 0.5), "12h of 1d");
}
