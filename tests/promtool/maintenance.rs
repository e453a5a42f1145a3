//! Announced maintenance: it counts for nothing, and alerts are quiet.

use plimsoll::slo::{Alerting, Indicator, RuleGroup, Span, WorkloadIdentity, workload_group};

use super::{Case, Counter, errors, minutely, objective, traffic::all_are_numbers};

/// From minute 120 to minute 180.
const SPAN: Span = Span { start: 120 * 60, end: 180 * 60 };

fn maintained(indicator: Indicator) -> Vec<RuleGroup> {
    let mut objective = objective("30d", "99.9", indicator);
    objective.maintenance = vec![SPAN];
    minutely(&objective, &Alerting::default())
}

fn ok(counter: &Counter, case: Case) -> Case {
    case.series("requests_total{code=\"200\"}", counter)
}

#[test]
fn an_outage_within_maintenance_is_no_event() {
    let good = Counter::starting_at(0).rise(100, 120).rise(0, 60).rise(100, 300);
    let bad = Counter::starting_at(0).rise(0, 120).rise(100, 60).rise(0, 300);
    let mut case = ok(&good, Case::new("maintenance", maintained(errors())))
        .series("requests_total{code=\"500\"}", &bad)
        .value(119, "sum(plimsoll:maintenance:active)", 0.0)
        .value(120, "sum(plimsoll:maintenance:active)", 1.0)
        .value(179, "sum(plimsoll:maintenance:active)", 1.0)
        .value(180, "sum(plimsoll:maintenance:active)", 0.0);
    for minute in [3, 119, 121, 150, 181, 190, 240, 300, 480] {
        case = all_are_numbers(case, minute);
    }
    case.never(480, "alertname=~\".+\"")
        .value(480, "sum(plimsoll:bad:events)", 0.0)
        .value(480, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        // 480 minutes without the 60, and without the six after them and the first, whose rates have touched maintenance.
        .holds(480, "abs(sum(plimsoll:total:events) - 41300) < 50")
        .value(200, "sum(plimsoll:error_ratio:1h)", 0.0)
        .value(200, "sum(plimsoll:error_ratio:6h)", 0.0)
        .run();
}

#[test]
fn what_fails_before_and_after_counts_and_alerts() {
    let good = Counter::starting_at(0).rise(100, 100).rise(0, 160).rise(100, 100);
    let bad = Counter::starting_at(0).rise(0, 100).rise(100, 160).rise(0, 100);
    ok(&good, Case::new("maintenance-edges", maintained(errors())))
        .series("requests_total{code=\"500\"}", &bad)
        .firing(110, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 1)
        // From the first minute on it is quiet, but for the four evaluations for which an alert goes on.
        .nothing(130, "ALERTS")
        .nothing(181, "ALERTS{severity=\"critical\"}")
        .firing(195, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 1)
        // 20 bad minutes before, 80 after, of these up to six on either side lost.
        .holds(350, "abs(sum(plimsoll:bad:events) - 9500) < 300")
        .run();
}

#[test]
fn time_slices_leave_it_out_too() {
    let throughput =
        || Indicator::Throughput { counter: "requests_total".parse().unwrap(), minimum: "1".parse().unwrap() };
    let counter = Counter::starting_at(0).rise(100, 120).rise(0, 60).rise(100, 300);
    let mut case = ok(&counter, Case::new("maintenance-slices", maintained(throughput())));
    for minute in [3, 119, 125, 150, 181, 190, 480] {
        case = all_are_numbers(case, minute);
    }
    case.never(480, "alertname=~\".+\"").holds(480, "sum(plimsoll:bad:events) < 4").run();
    // Without the announcement the same hour is bad.
    let plain = minutely(&objective("30d", "99.9", throughput()), &Alerting::default());
    ok(&counter, Case::new("no-maintenance-slices", plain)).holds(480, "abs(sum(plimsoll:bad:events) - 60) < 6").run();
}

#[test]
fn nothing_measured_is_no_alarm_while_it_goes_on() {
    let ready = r#"plimsoll_target_ready_pods{namespace="shop",profile="checkout"}"#;
    let counter = Counter::starting_at(0).rise(100, 110).gap(250);
    ok(&counter, Case::new("maintenance-absent", maintained(errors())))
        .gauge(ready, "3x400")
        .firing(170, r#"alertname="ObjectiveMetricsAbsent""#, 0)
        .firing(200, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        .run();
}

#[test]
fn the_workload_is_quiet_as_well() {
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "checkout".into() };
    let at_max = "plimsoll_autoscaler_at_max{namespace=\"shop\",profile=\"checkout\"}";
    Case::new("maintenance-workload", vec![workload_group(&identity, Some(70), None, &Alerting::default(), &[SPAN])])
        .gauge(at_max, "1x300")
        .firing(100, r#"alertname="AutoscalerAtMaximum""#, 1)
        .firing(150, r#"alertname="AutoscalerAtMaximum""#, 0)
        .firing(200, r#"alertname="AutoscalerAtMaximum""#, 1)
        .run();
}
