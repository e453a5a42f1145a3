//! Five incidents, and when the multiwindow, multi-burn-rate alerts of the SRE workbook (ch. 5, method 6) see them begin
//! and end: 5000 requests a minute of which 0.02 % fail, 99.9 % over 30 days, evaluated every minute.

use super::{Case, Counter, errors, every};

const PAGE: &str = "critical";
const TICKET: &str = "warning";

struct Incident {
    errors_per_minute: u64,
    minutes: usize,
}

/// From when to when an incident is seen, in minutes: after its begin and after its end.
type Seen = Option<(usize, usize)>;

/// How it is watched.
struct Watch {
    name: &'static str,
    /// Minutes from one evaluation to the next. Five where days must go by, for a test has to end.
    every: usize,
    /// Days of the usual before it: enough to fill the windows that matter.
    days_before: usize,
    /// Minutes of the usual after it.
    after: usize,
}

impl Incident {
    fn watched(&self, watch: &Watch, expected: &[(&str, Seen)]) {
        let begin = watch.days_before * 1_440;
        let end = begin + self.minutes;
        let last = end + watch.after;
        let counter =
            |usual, then| Counter::starting_at(0).rise(usual, begin).rise(then, self.minutes).rise(usual, watch.after);
        // What is over the whole window plays no part here and would take half of the time.
        let groups = every(watch.every, "30d", "99.9", errors()).into_iter().take(1).collect();
        let mut case = Case::new(watch.name, groups)
            .every(watch.every)
            .series(r#"requests_total{code="200"}"#, &counter(4_999, 5_000 - self.errors_per_minute))
            .series(r#"requests_total{code="503"}"#, &counter(1, self.errors_per_minute));
        for (severity, seen) in expected {
            let alerts = format!("alertname=\"ErrorBudgetBurn\",severity=\"{severity}\"");
            let Some((detected, reset)) = seen else {
                case = case.never(last, &alerts);
                continue;
            };
            // What pages is to be seen within one evaluation. Tickets rest on recorded five-minute rates, which are half
            // of that, three minutes, behind.
            let tolerance = watch.every + if *severity == PAGE { 0 } else { 3 };
            // An alert is kept for four evaluations after its expression has ceased to hold.
            let cleared = end + reset + 4 * watch.every;
            let firing = format!("ALERTS{{alertstate=\"firing\",{alerts}}}");
            case = case.between(last, &firing, begin + detected, cleared, tolerance);
        }
        case.run();
    }
}

#[test]
fn total_outage_for_ten_minutes() {
    Incident { errors_per_minute: 5_000, minutes: 10 }.watched(
        &Watch { name: "total-outage", every: 1, days_before: 1, after: 380 },
        &[(PAGE, Some((1, 29))), (TICKET, Some((4, 359)))],
    );
}

#[test]
fn fifteen_per_cent_for_ten_minutes() {
    let incident = Incident { errors_per_minute: 750, minutes: 10 };
    incident.watched(
        &Watch { name: "fifteen-per-cent-page", every: 1, days_before: 1, after: 60 },
        &[(PAGE, Some((6, 4)))],
    );
    incident
        .watched(&Watch { name: "fifteen-per-cent-ticket", every: 5, days_before: 3, after: 60 }, &[(TICKET, None)]);
}

#[test]
fn two_per_cent_for_three_hours() {
    let incident = Incident { errors_per_minute: 100, minutes: 180 };
    incident
        .watched(&Watch { name: "two-per-cent-page", every: 1, days_before: 1, after: 60 }, &[(PAGE, Some((44, 21)))]);
    incident.watched(
        &Watch { name: "two-per-cent-ticket", every: 5, days_before: 3, after: 380 },
        &[(TICKET, Some((175, 345)))],
    );
}

#[test]
fn half_a_per_cent_for_two_days() {
    Incident { errors_per_minute: 25, minutes: 2_880 }.watched(
        &Watch { name: "half-a-per-cent", every: 5, days_before: 3, after: 380 },
        &[(PAGE, None), (TICKET, Some((720, 300)))],
    );
}

#[test]
fn a_little_noise_for_a_quarter_of_an_hour() {
    Incident { errors_per_minute: 15, minutes: 15 }
        .watched(&Watch { name: "noise", every: 1, days_before: 1, after: 60 }, &[(PAGE, None), (TICKET, None)]);
}
