//! Calendar windows, and several windows for one objective.

use plimsoll::slo::{Alerting, Period, Periods, Span};

use super::{Case, Counter, errors, minutely, objective, traffic::all_are_numbers};

fn period(name: &str, start: i64, end: i64) -> Period {
    Period { name: name.to_owned(), span: Span { start: start * 60, end: end * 60 } }
}

#[test]
fn the_budget_begins_anew_with_the_period() {
    let mut objective = objective("7d", "99", errors());
    objective.calendar =
        Some(Periods { kind: "week", current: period("one", 0, 600), next: period("two", 600, 1_300) });
    let mut case = Case::new("calendar", minutely(&objective, &Alerting::default()))
        .series("requests_total{code=\"200\"}", &Counter::starting_at(0).rise(100, 100).rise(90, 200).rise(100, 900))
        .series("requests_total{code=\"500\"}", &Counter::starting_at(0).rise(0, 100).rise(10, 200).rise(0, 900));
    for minute in [3, 300, 598, 601, 650, 1_200] {
        case = all_are_numbers(case, minute);
    }
    // 2000 bad of about 59,900 at the end of the first period, which allows 600 of 60,000.
    case.holds(598, "abs(sum(plimsoll:bad:events) - 2000) < 20")
        .holds(598, "abs(sum(plimsoll:total:events) - 59800) < 300")
        .holds(598, "abs(sum(plimsoll:budget:events) - 600) < 5")
        .holds(598, "abs(sum(plimsoll:budget_remaining:ratio) + 2.33) < 0.05")
        .holds(598, "sum(plimsoll:coverage:ratio) > 0.99")
        .firing(598, r#"alertname="ErrorBudgetExhausted""#, 1)
        // In the middle of the period the budget is that of the whole: traffic is taken to go on.
        .holds(300, "abs(sum(plimsoll:budget:events) - 600) < 10")
        .value(602, "sum(plimsoll:bad:events)", 0.0)
        .value(602, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        .firing(640, r#"alertname="ErrorBudgetExhausted""#, 0)
        .holds(1_200, "abs(sum(plimsoll:total:events) - 60000) < 300")
        .holds(1_200, "abs(sum(plimsoll:budget:events) - 700) < 5")
        .value(1_200, "count(plimsoll:budget_remaining:ratio)", 1.0)
        .run();
}

#[test]
fn after_the_last_known_period_the_numbers_end() {
    let mut objective = objective("7d", "99", errors());
    objective.calendar = Some(Periods { kind: "week", current: period("one", 0, 60), next: period("two", 60, 120) });
    Case::new("calendar-end", minutely(&objective, &Alerting::default()))
        .series("requests_total{code=\"200\"}", &Counter::starting_at(0).rise(100, 200))
        .value(119, "count(plimsoll:budget_remaining:ratio)", 1.0)
        .nothing(140, "plimsoll:budget_remaining:ratio")
        .value(140, "count(plimsoll:total:rate5m)", 1.0)
        .run();
}

#[test]
fn further_windows_have_budgets_and_alerts_of_their_own() {
    let mut objective = objective("30d", "99", errors());
    objective.further_windows =
        ["1d", "7d"].map(|window| window.parse::<plimsoll::api::Duration>().unwrap().try_into().unwrap()).into();
    // A bad day, then a good one.
    let day = 1_440;
    Case::new("further-windows", minutely(&objective, &Alerting::default()))
        .series(
            "requests_total{code=\"200\"}",
            &Counter::starting_at(0).rise(100, day).rise(80, 300).rise(100, 2 * day),
        )
        .series("requests_total{code=\"500\"}", &Counter::starting_at(0).rise(0, day).rise(20, 300).rise(0, 2 * day))
        .holds(2 * day, "abs(sum(plimsoll:bad:events) - 6000) < 60")
        .holds(2 * day, "abs(sum(plimsoll:bad:events:1d) - 6000) < 60")
        .holds(2 * day, "abs(sum(plimsoll:objective:ratio:1d) - (1 - 6000 / 144000)) < 0.001")
        .firing(2 * day, r#"alertname="ErrorBudgetExhausted",window="1d""#, 1)
        // Younger than seven days, it is taken to go on: 6,000 of the 10,080 that they would allow.
        .holds(2 * day, "abs(sum(plimsoll:budget_remaining:ratio:7d) - 0.405) < 0.01")
        .firing(2 * day, r#"alertname="ErrorBudgetExhausted",window="7d""#, 0)
        // The bad hours have left the day's window, not the longer ones.
        .holds(3 * day + 290, "abs(sum(plimsoll:bad:events:1d)) < 1")
        .value(3 * day + 290, "round(sum(plimsoll:budget_remaining:ratio:1d), 0.001)", 1.0)
        .firing(3 * day + 290, r#"alertname="ErrorBudgetExhausted",window="1d""#, 0)
        .holds(3 * day + 290, "abs(sum(plimsoll:bad:events:7d) - 6000) < 60")
        .run();
}
