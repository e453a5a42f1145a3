//! What the series do: nothing, appear late, restart, have gaps, spell their buckets in two ways, or are not there.

use plimsoll::slo::{BadEvents, Format, Indicator, RuleGroup, Unit};

use super::{Case, Counter, errors, every};

/// Everything that is recorded, but for the series that only says what the objective is.
pub const RECORDED: &str = r#"{__name__=~"plimsoll:.+",__name__!="plimsoll:objective_info"}"#;

pub fn rules(indicator: Indicator) -> Vec<RuleGroup> {
    every(1, "30d", "99", indicator)
}

/// No recorded series is NaN or infinite.
pub fn all_are_numbers(case: Case, minute: usize) -> Case {
    case.value(minute, &format!("count({RECORDED}) - count({RECORDED} < Inf)"), 0.0)
}

fn ratio(good: &str, total: &str) -> Indicator {
    Indicator::Ratio { bad: BadEvents::Good(good.parse().unwrap()), total: total.parse().unwrap() }
}

fn latency(threshold: &str) -> Indicator {
    Indicator::Latency {
        histogram: "duration_seconds".parse().unwrap(),
        selector: "job=\"x\"".parse().unwrap(),
        threshold: threshold.parse().unwrap(),
        unit: Unit::Seconds,
        format: Format::Classic,
    }
}

#[test]
fn no_traffic_is_no_bad_event_and_never_nan() {
    let mut case = Case::new("no-traffic", rules(errors()))
        .series(r#"requests_total{code="200"}"#, &Counter::starting_at(100).rise(0, 120).rise(199, 60))
        .series(r#"requests_total{code="500"}"#, &Counter::starting_at(3).rise(0, 120).rise(1, 60));
    for minute in [1, 5, 60, 120, 121, 125, 180] {
        case = all_are_numbers(case, minute);
    }
    case.value(120, "sum(plimsoll:burn_rate:1h)", 0.0)
        .value(120, "sum(plimsoll:objective:ratio)", 1.0)
        .value(120, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        .value(120, "sum(plimsoll:total:events)", 0.0)
        // The idle hours weigh nothing: half a per cent of the events that there were is bad, at every length.
        .value(180, "round(sum(plimsoll:error_ratio:30m), 0.0001)", 0.005)
        .value(180, "round(sum(plimsoll:error_ratio:3d), 0.0001)", 0.005)
        .value(180, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.995)
        .never(180, r#"alertname=~".+""#)
        .run();
}

#[test]
fn a_missing_error_series_is_no_error() {
    all_are_numbers(Case::new("no-errors", rules(errors())), 60)
        .series(r#"requests_total{code="200"}"#, &Counter::starting_at(0).rise(100, 60))
        .value(60, "sum(plimsoll:error_ratio:1h)", 0.0)
        .value(60, "sum(plimsoll:burn_rate:3d)", 0.0)
        .value(60, "sum(plimsoll:bad:events)", 0.0)
        .value(60, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        .never(60, r#"alertname=~".+""#)
        .run();
}

#[test]
fn an_error_series_that_appears_late_counts_from_then_on() {
    Case::new("late-errors", rules(errors()))
        .series(r#"requests_total{code="200"}"#, &Counter::starting_at(0).rise(99, 120))
        .series(r#"requests_total{code="500"}"#, &Counter::missing_for(60).rise(1, 60))
        .value(59, "sum(plimsoll:error_ratio:1h)", 0.0)
        .value(59, "sum(plimsoll:bad:events)", 0.0)
        .value(120, "round(sum(plimsoll:error_ratio:30m), 0.0001)", 0.01)
        // Half of the time without any: half the ratio. The long window looks at all of it, and at its events.
        .value(120, "round(sum(plimsoll:error_ratio:3d), 0.001)", 0.005)
        .value(120, "round(sum(plimsoll:bad:events), 5)", 60.0)
        .run();
}

#[test]
fn without_a_total_nothing_is_known() {
    let indicator = Indicator::Ratio {
        bad: BadEvents::Errors("errors_total".parse().unwrap()),
        total: "all_total".parse().unwrap(),
    };
    let ready = |instance: &str| {
        format!("plimsoll_target_ready_pods{{namespace=\"shop\",profile=\"checkout\",instance=\"{instance}\"}}")
    };
    Case::new("no-total", rules(indicator))
        .series("errors_total", &Counter::starting_at(0).rise(10, 120))
        // Another pod of the operator takes over at minute 65: that must not restart the alert.
        .series(&ready("a"), &Counter::starting_at(0).rise(0, 59).rise(2, 1).rise(0, 4).gap(60))
        .series(&ready("b"), &Counter::missing_for(65).rise(2, 1).rise(0, 54))
        .nothing(120, RECORDED)
        .holds(120, "plimsoll:objective_info")
        .firing(69, r#"alertname="ObjectiveMetricsAbsent""#, 0)
        .firing(70, r#"alertname="ObjectiveMetricsAbsent",severity="warning",objective="availability""#, 1)
        .never(120, r#"alertname!="ObjectiveMetricsAbsent""#)
        .run();
}

#[test]
fn nothing_is_missed_while_no_pod_is_ready_or_metrics_are_there() {
    let ready = r#"plimsoll_target_ready_pods{namespace="shop",profile="checkout"}"#;
    Case::new("scaled-to-zero", rules(errors()))
        .series(ready, &Counter::starting_at(0).rise(0, 120))
        .never(120, r#"alertname=~".+""#)
        .run();
    Case::new("measured", rules(errors()))
        .series(ready, &Counter::starting_at(3).rise(0, 120))
        .series("requests_total{code=\"200\"}", &Counter::starting_at(0).rise(0, 120))
        .never(120, r#"alertname=~".+""#)
        .run();
}

#[test]
fn a_restart_is_no_error() {
    let counter = |step| Counter::starting_at(0).rise(step, 60).reset().rise(step, 60);
    Case::new("restart", rules(errors()))
        .series(r#"requests_total{code="200"}"#, &counter(995))
        .series(r#"requests_total{code="500"}"#, &counter(5))
        .value(62, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.005)
        .value(62, "round(sum(plimsoll:error_ratio:1h), 0.0001)", 0.005)
        .value(121, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.995)
        .never(121, r#"alertname=~".+""#)
        .run();
}

#[test]
fn gaps_in_the_scrapes_lose_the_present_and_no_more() {
    let counter = |step: u64| {
        // Three scrapes are missed, and then twenty minutes' worth; the counter itself goes on.
        let after = Counter::starting_at(0).rise(step, 60).gap(3).rise(4 * step, 1).rise(step, 56).gap(20);
        after.rise(21 * step, 1).rise(step, 59)
    };
    let mut case = Case::new("gaps", rules(errors()))
        .series(r#"requests_total{code="200"}"#, &counter(995))
        .series(r#"requests_total{code="500"}"#, &counter(5));
    for minute in [62, 64, 130, 142, 200] {
        case = all_are_numbers(case, minute);
    }
    case.value(62, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.005)
        .nothing(130, "plimsoll:error_ratio:5m")
        .value(130, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.995)
        .value(200, "round(sum(plimsoll:error_ratio:3d), 0.0001)", 0.005)
        .never(200, r#"alertname=~".+""#)
        .run();
}

#[test]
fn good_events_leave_the_rest_bad() {
    Case::new("good", rules(ratio("ok_total", "all_total")))
        .series("all_total{pod=\"a\"}", &Counter::starting_at(0).rise(50, 60))
        .series("all_total{pod=\"b\"}", &Counter::starting_at(0).rise(50, 60))
        .series("ok_total{pod=\"a\"}", &Counter::starting_at(0).rise(99, 60))
        .value(60, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.01)
        .value(60, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.99)
        .run();
    Case::new("none-good", rules(ratio("ok_total", "all_total")))
        .series("all_total", &Counter::starting_at(0).rise(50, 60))
        .value(60, "sum(plimsoll:error_ratio:5m)", 1.0)
        .firing(60, r#"tier="page-fast""#, 1)
        .run();
    Case::new("more-good-than-all", rules(ratio("ok_total", "all_total")))
        .series("all_total", &Counter::starting_at(0).rise(50, 60))
        .series("ok_total", &Counter::starting_at(0).rise(51, 60))
        .value(60, "sum(plimsoll:error_ratio:5m)", 0.0)
        .value(60, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        .run();
}

#[test]
fn buckets_in_the_spelling_of_prometheus_2_and_of_3_and_of_both() {
    for (name, spellings) in [("le-2", &["1"][..]), ("le-3", &["1.0"]), ("le-both", &["1", "1.0"])] {
        let mut case = Case::new(name, rules(latency("1s")));
        for le in spellings {
            let series = |rest: &str| format!("duration_seconds_{rest}");
            case = case
                .series(&series(&format!("count{{job=\"x\",pod=\"{le}\"}}")), &Counter::starting_at(0).rise(100, 60))
                .series(
                    &series(&format!("bucket{{job=\"x\",pod=\"{le}\",le=\"+Inf\"}}")),
                    &Counter::starting_at(0).rise(100, 60),
                )
                .series(
                    &series(&format!("bucket{{job=\"x\",pod=\"{le}\",le=\"{le}\"}}")),
                    &Counter::starting_at(0).rise(90, 60),
                )
                .series(
                    &series(&format!("bucket{{job=\"x\",pod=\"{le}\",le=\"10\"}}")),
                    &Counter::starting_at(0).rise(99, 60),
                );
        }
        case.value(60, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.1)
            .value(60, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.9)
            .firing(3, r#"alertname="LatencyAboveTarget""#, 0)
            .firing(10, r#"alertname="LatencyAboveTarget",severity="warning""#, 1)
            .run();
    }
}

#[test]
fn latency_at_its_target_is_no_alert() {
    Case::new("latency-met", every(1, "30d", "95", latency("200ms")))
        .series("duration_seconds_count{job=\"x\"}", &Counter::starting_at(0).rise(100, 60).rise(100, 60))
        .series("duration_seconds_bucket{job=\"x\",le=\"0.2\"}", &Counter::starting_at(0).rise(96, 60).rise(94, 60))
        .firing(60, r#"alertname="LatencyAboveTarget""#, 0)
        // Over 5 % within five minutes from minute 62 or 63 on, and then for five minutes.
        .firing(66, r#"alertname="LatencyAboveTarget""#, 0)
        .firing(72, r#"alertname="LatencyAboveTarget""#, 1)
        .firing(120, r#"alertname="ErrorBudgetBurn",severity="critical""#, 0)
        .run();
}

#[test]
fn a_threshold_between_buckets_is_unknown_and_not_all_bad() {
    Case::new("no-such-bucket", rules(latency("700ms")))
        .series("duration_seconds_count{job=\"x\"}", &Counter::starting_at(0).rise(100, 60))
        .series("duration_seconds_bucket{job=\"x\",le=\"0.5\"}", &Counter::starting_at(0).rise(90, 60))
        .series("duration_seconds_bucket{job=\"x\",le=\"1\"}", &Counter::starting_at(0).rise(100, 60))
        .series(r#"plimsoll_target_ready_pods{namespace="shop",profile="checkout"}"#, &Counter::starting_at(1).rise(0, 60))
        .nothing(60, "{__name__=~\"plimsoll:(error_ratio|burn_rate|bad|budget|objective|budget_remaining).*\",__name__!=\"plimsoll:objective_info\"}")
        .nothing(60, "plimsoll:total:rate5m")
        .firing(9, r#"alertname="ObjectiveMetricsAbsent""#, 0)
        .firing(10, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        .never(60, r#"alertname!="ObjectiveMetricsAbsent""#)
        .run();
}

#[test]
fn over_five_per_cent_is_alerted_on_at_once_and_five_per_cent_is_not() {
    for (name, errors_per_minute, alerts) in [("error-rate-6", 6, 1), ("error-rate-5", 5, 0)] {
        Case::new(name, rules(errors()))
            .series(r#"requests_total{code="200"}"#, &Counter::starting_at(0).rise(100 - errors_per_minute, 30))
            .series(r#"requests_total{code="500"}"#, &Counter::starting_at(0).rise(errors_per_minute, 30))
            .firing(3, r#"alertname="ErrorRateHigh",severity="critical""#, alerts)
            .firing(30, r#"alertname="ErrorRateHigh""#, alerts)
            .run();
    }
    // Four bad events of four are no rate.
    Case::new("error-rate-of-few", rules(errors()))
        .series(r#"requests_total{code="500"}"#, &Counter::starting_at(0).rise(0, 20).rise(1, 4).rise(0, 30))
        .never(54, r#"alertname="ErrorRateHigh""#)
        .run();
}
