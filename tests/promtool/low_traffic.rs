//! Little traffic: what is no incident wakes nobody, and every incident is found by a page or by a ticket.
//! 99.9 % over 30 days allows 43 bad events at 60 requests an hour, and 7 at 10 an hour.

use plimsoll::slo::RuleGroup;

use super::{Case, Counter, errors, every};

const HOUR: usize = 60;
const OK: &str = r#"requests_total{code="200"}"#;
const ERROR: &str = r#"requests_total{code="500"}"#;

fn rules() -> Vec<RuleGroup> {
    every(1, "30d", "99.9", errors())
}

/// The errors go up by one at these minutes.
fn errors_at(minutes: &[usize], until: usize) -> Counter {
    let mut counter = Counter::starting_at(0);
    let mut now = 0;
    for minute in minutes {
        counter = counter.rise(0, minute - now - 1).rise(1, 1);
        now = *minute;
    }
    counter.rise(0, until - now)
}

#[test]
fn one_error_an_hour_of_sixty_requests_pages_only_once_it_is_a_pattern() {
    // 17 times the allowed rate: each error alone exceeds the 14.4 of the fast page, for an hour.
    let end = 12 * HOUR;
    Case::new("hourly-error", rules())
        .series(OK, &Counter::starting_at(0).rise(1, end))
        .series(ERROR, &Counter::starting_at(1).single(HOUR, end / HOUR))
        .holds(end - 5, "plimsoll:burn_rate:1h > 14.4")
        .never(end, r#"tier="page-fast""#)
        .never(5 * HOUR - 5, r#"alertname="ErrorBudgetBurn""#)
        // Five errors in six hours, and the budget of the month gone in less than two days.
        .firing(5 * HOUR + 10, r#"tier="page-slow",severity="critical""#, 1)
        .firing(5 * HOUR + 10, r#"tier="ticket-fast",severity="warning""#, 1)
        .run();
}

#[test]
fn an_error_in_three_hours_of_sixty_requests_is_a_ticket_and_no_page() {
    // 5.6 times the allowed rate.
    let end = 18 * HOUR;
    Case::new("three-hourly-error", rules())
        .series(OK, &Counter::starting_at(0).rise(1, end))
        .series(ERROR, &Counter::starting_at(1).single(3 * HOUR, end / HOUR / 3))
        .never(end, r#"severity="critical""#)
        .firing(14 * HOUR, r#"alertname="ErrorBudgetBurn""#, 0)
        .firing(15 * HOUR + 10, r#"tier="ticket-fast",severity="warning""#, 1)
        .run();
}

#[test]
fn an_objective_that_is_met_is_silent_at_sixty_requests_an_hour() {
    // Less than what is allowed, an error in 17 hours.
    let end = 32 * HOUR;
    Case::new("met-60", rules())
        .series(OK, &Counter::starting_at(0).rise(1, end))
        .series(ERROR, &errors_at(&[2 * HOUR, 30 * HOUR], end))
        .never(end, r#"alertname=~".+""#)
        .run();
}

#[test]
fn single_errors_are_silent_at_ten_requests_an_hour() {
    // One failed request is 100 times the allowed rate over an hour. Two of them are more than a day apart.
    let end = 28 * HOUR;
    Case::new("single-10", rules())
        .series(OK, &Counter::starting_at(0).single(6, end / 6))
        .series(ERROR, &errors_at(&[HOUR, 27 * HOUR], end))
        .holds(27 * HOUR + 10, "plimsoll:burn_rate:1h > 80")
        .never(end, r#"alertname=~".+""#)
        .run();
}

#[test]
fn every_incident_is_found_at_ten_requests_an_hour() {
    let begin = 2 * HOUR;
    let trickle = r#"alertname="ErrorTrickle",severity="warning""#;
    let page = r#"tier="page-fast",severity="critical""#;
    for (name, bad, alert, found) in [
        // A fifth of an hour's requests fail: two of ten.
        ("incident-20", vec![30, 60], trickle, 66),
        // Half of them.
        ("incident-50", vec![12, 24, 36, 48, 60], page, 62),
        // All of them, for an hour: the page comes with the fifth, the ticket with the second.
        ("incident-100", vec![6, 12, 18, 24, 30, 36, 42, 48, 54, 60], page, 32),
        ("incident-100-ticket", vec![6, 12, 18, 24, 30, 36, 42, 48, 54, 60], trickle, 18),
        // A few per cent, for days: an error in four hours is 25 times the allowed rate.
        ("incident-trickle", vec![240, 480, 720], trickle, 486),
    ] {
        let end = begin + bad.last().unwrap() + 30;
        let minutes: Vec<usize> = bad.iter().map(|minute| begin + minute).collect();
        Case::new(name, rules())
            .series(OK, &Counter::starting_at(0).single(6, end / 6))
            .series(ERROR, &errors_at(&minutes, end))
            // Not before the second failure.
            .firing(minutes[1] - 1, r#"alertname=~".+""#, 0)
            .firing(begin + found, alert, 1)
            .run();
    }
}

#[test]
fn much_traffic_has_no_trickle() {
    Case::new("busy", rules())
        .series(OK, &Counter::starting_at(0).rise(1_000, 300))
        .series(ERROR, &errors_at(&[100, 130, 160, 190, 220, 250], 300))
        .never(300, r#"alertname=~".+""#)
        .run();
}

#[test]
fn an_hour_of_errors_pages_at_three_hundred_and_a_thousand_requests_an_hour_and_one_error_does_not() {
    // So many good and bad requests a minute in an hour in which about a fifth fails.
    for (name, all, good, bad) in [("300-an-hour", 5, 4, 1), ("1000-an-hour", 17, 14, 3)] {
        let (single, begin) = (2 * HOUR, 12 * HOUR);
        let end = begin + 3 * HOUR;
        Case::new(name, rules())
            .series(OK, &Counter::starting_at(9).rise(all, begin).rise(good, HOUR).rise(all, 2 * HOUR))
            .series(
                ERROR,
                &Counter::starting_at(9)
                    .rise(0, single)
                    .rise(1, 1)
                    .rise(0, begin - single - 1)
                    .rise(bad, HOUR)
                    .rise(0, 2 * HOUR),
            )
            .holds(single + 3, "plimsoll:burn_rate:5m > 10")
            .firing(begin, r#"alertname=~".+""#, 0)
            .firing(begin + HOUR, r#"tier="page-fast",severity="critical""#, 1)
            .firing(end, r#"tier="page-fast""#, 0)
            .run();
    }
}

#[test]
fn an_error_at_night_is_silent_where_the_day_is_ten_times_as_busy() {
    // 60 requests an hour by night and 600 by day: one error at night is 17 times the allowed rate for an hour.
    let (night, day) = (8 * HOUR, 12 * HOUR);
    let error = night + day + 2 * HOUR;
    let (end, begin) = (2 * (night + day), night + day + night + HOUR);
    let nights = |counter: Counter| counter.rise(1, night).rise(10, day).rise(1, night);
    Case::new("diurnal", rules())
        .series(OK, &nights(Counter::starting_at(9)).rise(10, HOUR).rise(8, HOUR).rise(10, end - begin - HOUR))
        .series(
            ERROR,
            &Counter::starting_at(9)
                .rise(0, error)
                .rise(1, 1)
                .rise(0, begin - error - 1)
                .rise(2, HOUR)
                .rise(0, end - begin - HOUR),
        )
        .holds(error + 3, "plimsoll:burn_rate:1h > 14.4")
        .firing(begin, r#"alertname=~".+""#, 0)
        // A fifth of the requests of an hour by day is an incident.
        .firing(begin + HOUR, r#"tier="page-fast",severity="critical""#, 1)
        .run();
}
