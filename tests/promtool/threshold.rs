//! Burn rates against the budget of the whole window instead of the traffic of the hour.

use plimsoll::slo::{Alerting, Threshold};

use super::{Case, Counter, errors, minutely, objective};

const PAGE: &str = r#"alertname="ErrorBudgetBurn",severity="critical""#;

/// A day of 1000 requests a minute, then a night of 10; at night, half an hour in which each third request fails.
fn day_and_night(name: &'static str, threshold: Threshold) -> Case {
    let alerting = Alerting { threshold, ..Alerting::default() };
    let day = 1_440;
    Case::new(name, minutely(&objective("30d", "99.9", errors()), &alerting))
        .series(
            "requests_total{code=\"200\"}",
            &Counter::starting_at(0).rise(1_000, day).rise(10, 60).rise(7, 30).rise(10, 60),
        )
        .series("requests_total{code=\"500\"}", &Counter::starting_at(0).rise(0, day + 60).rise(3, 30).rise(0, 60))
}

#[test]
fn a_failure_at_night_weighs_no_more_than_one_at_noon() {
    let end = 1_440 + 150;
    // 30 % of the events of an hour: 300 times what is allowed, and 90 failures of the 1.4 million requests of the day.
    day_and_night("threshold-rate", Threshold::Rate).firing(1_440 + 88, PAGE, 1).run();
    day_and_night("threshold-budget", Threshold::Budget).never(end, PAGE).run();
}

#[test]
fn an_outage_pages_with_either() {
    for (name, threshold) in [("outage-rate", Threshold::Rate), ("outage-budget", Threshold::Budget)] {
        let alerting = Alerting { threshold, ..Alerting::default() };
        let day = 1_440;
        Case::new(name, minutely(&objective("30d", "99.9", errors()), &alerting))
            .series(
                "requests_total{code=\"200\"}",
                &Counter::starting_at(0).rise(1_000, day).rise(0, 10).rise(1_000, 60),
            )
            .series("requests_total{code=\"500\"}", &Counter::starting_at(0).rise(0, day).rise(1_000, 10).rise(0, 60))
            .firing(day, PAGE, 0)
            .firing(day + 3, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 1)
            .firing(day + 65, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 0)
            .run();
    }
}
