//! Grouped objectives: a budget for each value of a label, and a bound on how many there are.

use plimsoll::slo::{Alerting, Grouping, RuleGroup};
use serde_json::json;

use super::{Case, Counter, errors, minutely, objective, traffic::all_are_numbers};

fn by_route(window: &str, limit: u32) -> Vec<RuleGroup> {
    let grouping = Grouping::new(vec!["route".to_owned()], limit).unwrap();
    let mut objective = objective(window, "99.9", errors());
    objective.grouping = Some(grouping);
    minutely(&objective, &Alerting::default())
}

fn requests(route: &str, code: u32) -> String {
    format!("requests_total{{code=\"{code}\",route={route:?}}}")
}

#[test]
fn each_group_has_its_own_budget_and_its_own_alerts() {
    let mut case = Case::new("groups", by_route("1d", 10))
        .series(&requests("/busy", 200), &Counter::starting_at(0).rise(1_000, 120))
        .series(&requests("/bad \"x\"", 200), &Counter::starting_at(0).rise(90, 120))
        .series(&requests("/bad \"x\"", 503), &Counter::starting_at(0).rise(10, 120));
    for minute in [2, 30, 120] {
        case = all_are_numbers(case, minute);
    }
    case.value(120, "count(plimsoll:budget_remaining:ratio)", 2.0)
        .value(120, "round(sum(plimsoll:error_ratio:5m{route=\"/bad \\\"x\\\"\"}), 0.0001)", 0.1)
        .value(120, "sum(plimsoll:error_ratio:5m{route=\"/busy\"})", 0.0)
        .value(120, "sum(plimsoll:budget_remaining:ratio{route=\"/busy\"})", 1.0)
        .firing(120, r#"alertname="ErrorBudgetBurn",tier="page-slow",group="/bad \"x\"""#, 1)
        .never(120, r#"group="/busy""#)
        .value(120, "sum(plimsoll:groups:left_out)", 0.0)
        // The texts are those of the group, quotes in its name and all.
        .alert(
            120,
            "ErrorBudgetExhausted",
            &json!({
                "severity": "warning", "namespace": "shop", "profile": "checkout", "objective": "availability",
                "route": "/bad \"x\"", "group": "/bad \"x\"",
            }),
            &json!({
                "summary": "shop/checkout, objective availability, route /bad \"x\": the error budget is exhausted",
                "description": "The target of 99.9 % over 1d is missed: 90% of the events were good.",
            }),
        )
        .run();
}

#[test]
fn no_more_groups_are_followed_than_the_limit_and_the_followed_ones_stay() {
    Case::new("groups-limit", by_route("30d", 2))
        .series(&requests("/one", 200), &Counter::starting_at(0).rise(10, 60))
        .series(&requests("/two", 200), &Counter::starting_at(0).rise(20, 60).gap(120))
        // Comes later, and is the largest.
        .series(&requests("/three", 200), &Counter::missing_for(20).rise(1_000, 160))
        .series(&requests("/one", 500), &Counter::starting_at(0).rise(10, 180))
        .value(40, "count(plimsoll:total:rate5m)", 2.0)
        .nothing(40, "plimsoll:total:rate5m{route=\"/three\"}")
        .value(40, "sum(plimsoll:groups:left_out)", 1.0)
        // A place has become free: once /two has had no events for as long as the rate looks back.
        .value(80, "count(plimsoll:total:rate5m)", 2.0)
        .value(80, "count(plimsoll:total:rate5m{route=\"/three\"})", 1.0)
        .value(80, "sum(plimsoll:groups:left_out)", 0.0)
        .never(180, r#"alertname="ObjectiveGroupsLeftOut""#)
        .run();
    Case::new("groups-left-out", by_route("30d", 1))
        .series(&requests("/one", 200), &Counter::starting_at(0).rise(10, 120))
        .series(&requests("/two", 200), &Counter::starting_at(0).rise(20, 120))
        .value(100, "count(plimsoll:total:rate5m{route=\"/two\"})", 1.0)
        .value(100, "count(plimsoll:total:rate1h)", 1.0)
        .firing(100, r#"alertname="ObjectiveGroupsLeftOut""#, 1)
        .nothing(100, "{__name__=~\"plimsoll:.+\",route=\"/one\"}")
        .run();
}
