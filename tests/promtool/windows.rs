//! The numbers over the whole window, and the tiers at other windows and targets.

use super::{Case, Counter, errors, every, objective};
use plimsoll::slo::{Options, tiers};

const DAY: usize = 1_440;

/// One bad day on the second day, of such an error rate that it takes half of the budget; then none.
fn half_the_budget_in_a_day(name: &'static str, days: u32, evaluation: usize) {
    // 99 %: of 100 N events a minute over D days, N x D a minute may fail on one day; half of that do.
    let first_day = (100.0 / f64::from(days)).round() / 100.0;
    let window = format!("{days}d");
    let all = 200 * u64::from(days);
    let bad_day = all / 100 * u64::from(days) / 2;
    let days = days as usize;
    let (first, second, rest) = (DAY, DAY, days * DAY);
    Case::new(name, every(evaluation, &window, "99", errors()))
        .every(evaluation)
        .series(
            r#"requests_total{code="200"}"#,
            &Counter::starting_at(0).rise(all, first).rise(all - bad_day, second).rise(all, rest),
        )
        .series(
            r#"requests_total{code="500"}"#,
            &Counter::starting_at(0).rise(0, first).rise(bad_day, second).rise(0, rest),
        )
        .value(first, "round(sum(plimsoll:budget_remaining:ratio), 0.01)", 1.0)
        .value(first, "round(sum(plimsoll:coverage:ratio), 0.01)", first_day)
        // The window is not full, and the budget is that of the whole window all the same.
        .value(2 * DAY, "round(sum(plimsoll:budget_remaining:ratio), 0.1)", 0.5)
        .value(days * DAY, "round(sum(plimsoll:budget_remaining:ratio), 0.02)", 0.5)
        .value(days * DAY, "round(sum(plimsoll:objective:ratio), 0.0005)", 0.995)
        .value(days * DAY, "round(sum(plimsoll:coverage:ratio), 0.01)", 1.0)
        .value(days * DAY, &format!("round(sum(plimsoll:total:events) / {all} / {}, 0.01)", days * DAY), 1.0)
        .value(days * DAY, &format!("round(sum(plimsoll:bad:events) / {bad_day} / {DAY}, 0.02)"), 1.0)
        .firing(days * DAY, r#"alertname=~"ErrorBudget(Low|Exhausted)""#, 0)
        // A day after it has left the window it is forgotten.
        .value((days + 2) * DAY, "round(sum(plimsoll:budget_remaining:ratio), 0.01)", 1.0)
        .run();
}

#[test]
fn seven_days() {
    half_the_budget_in_a_day("window-7d", 7, 10);
}

#[test]
fn thirty_days() {
    half_the_budget_in_a_day("window-30d", 30, 60);
}

#[test]
fn ninety_days() {
    half_the_budget_in_a_day("window-90d", 90, 180);
}

#[test]
fn the_budget_runs_low_and_out_and_says_so() {
    // 2 % of the events over the second half of a day that allows 1 %: three quarters are gone by 21:00, all by midnight.
    Case::new("budget-out", every(5, "1d", "99", errors()))
        .every(5)
        .series(
            r#"requests_total{code="200"}"#,
            &Counter::starting_at(0).rise(1_000, 720).rise(978, 780).rise(1_000, 2_100),
        )
        .series(r#"requests_total{code="500"}"#, &Counter::starting_at(0).rise(0, 720).rise(22, 780).rise(0, 2_100))
        .firing(1_000, r#"alertname="ErrorBudgetLow""#, 0)
        .firing(1_320, r#"alertname="ErrorBudgetLow",severity="warning""#, 1)
        .firing(1_320, r#"alertname="ErrorBudgetExhausted""#, 0)
        .firing(1_460, r#"alertname="ErrorBudgetExhausted",severity="warning""#, 1)
        .firing(1_480, r#"alertname="ErrorBudgetLow""#, 0)
        .value(1_500, "round(sum(plimsoll:budget_remaining:ratio), 0.05)", -0.2)
        // A day later all has left the window.
        .firing(3_000, r#"alertname=~"ErrorBudget(Low|Exhausted)""#, 0)
        .value(3_000, "round(sum(plimsoll:budget_remaining:ratio), 0.01)", 1.0)
        .run();
}

#[test]
fn a_young_objective_is_not_exhausted_by_its_first_blip() {
    // Ten minutes of outage on the first day are 23 % of the budget of 30 days, and 700 % of that day's.
    Case::new("young", every(1, "30d", "99.9", errors()))
        .series(r#"requests_total{code="200"}"#, &Counter::starting_at(0).rise(100, 240).rise(0, 10).rise(100, 240))
        .series(r#"requests_total{code="500"}"#, &Counter::starting_at(1_000).rise(0, 240).rise(100, 10).rise(0, 240))
        .value(490, "round(sum(plimsoll:budget_remaining:ratio), 0.01)", 0.77)
        .firing(251, r#"alertname="ErrorBudgetBurn",severity="critical""#, 2)
        .never(490, r#"alertname=~"ErrorBudget(Low|Exhausted)""#)
        .run();
}

#[test]
fn a_total_outage_pages_at_every_window() {
    for (name, window) in [("outage-1d", "1d"), ("outage-7d", "7d"), ("outage-28d", "28d"), ("outage-90d", "90d")] {
        Case::new(name, every(1, window, "99.9", errors()).into_iter().take(1).collect())
            .series(
                r#"requests_total{code="200"}"#,
                &Counter::starting_at(0).rise(1_000, 240).rise(0, 10).rise(1_000, 120),
            )
            .series(r#"requests_total{code="500"}"#, &Counter::starting_at(0).rise(0, 240).rise(1_000, 10).rise(0, 120))
            .firing(240, r#"alertname=~".+""#, 0)
            .holds(246, r#"count(ALERTS{alertstate="firing",severity="critical",alertname="ErrorBudgetBurn"}) > 0"#)
            .run();
    }
}

#[test]
fn every_tier_that_can_fire_does_at_any_target() {
    for (name, target, fires) in [
        ("target-50", "50", &["ticket-slow"][..]),
        ("target-90", "90", &["page-slow", "ticket-fast", "ticket-slow"]),
        ("target-99", "99", &["page-fast", "page-slow", "ticket-fast", "ticket-slow"]),
        ("target-99.9", "99.9", &["page-fast", "page-slow", "ticket-fast", "ticket-slow"]),
        ("target-99.999", "99.999", &["page-fast", "page-slow", "ticket-fast", "ticket-slow"]),
    ] {
        let objective = objective("30d", target, errors());
        let active: Vec<&str> = tiers(objective.window, objective.target, &Options::default())
            .active
            .iter()
            .map(|t| t.name.as_str())
            .collect();
        assert_eq!(active, fires, "{target}");
        let mut case = Case::new(name, every(1, "30d", target, errors()))
            .series(r#"requests_total{code="200"}"#, &Counter::starting_at(0).rise(1_000, 60).rise(0, 240))
            .series(r#"requests_total{code="500"}"#, &Counter::starting_at(0).rise(0, 60).rise(1_000, 240))
            .firing(60, r#"alertname=~".+""#, 0)
            .firing(300, r#"alertname="ErrorBudgetBurn""#, fires.len());
        for tier in fires {
            case = case.firing(300, &format!("tier=\"{tier}\""), 1);
        }
        case.run();
    }
}
