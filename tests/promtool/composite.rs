//! Objectives made of others.

use plimsoll::slo::{Alerting, Composite, Identity, Indicator, Mode, Part, RuleGroup};

use super::{Case, minutely, objective, traffic::all_are_numbers};

fn part(profile: &str, weight: &str) -> Part {
    let identity =
        Identity { namespace: "shop".into(), profile: profile.to_owned(), objective: "availability".to_owned() };
    Part { identity, weight: weight.parse().unwrap() }
}

fn whole(mode: Mode) -> Vec<RuleGroup> {
    let parts = vec![part("cart", "3"), part("payment", "1")];
    minutely(&objective("30d", "99.9", Indicator::Composite(Composite { mode, parts })), &Alerting::default())
}

fn recorded(kind: &str, profile: &str) -> String {
    format!("plimsoll:{kind}:rate5m{{namespace=\"shop\",profile=\"{profile}\",objective=\"availability\"}}")
}

/// The cart with 1 % errors of 100 a second, payment with 10 % errors of 10 a second.
fn parts(case: Case) -> Case {
    case.gauge(&recorded("total", "cart"), "100x400")
        .gauge(&recorded("bad", "cart"), "1x400")
        .gauge(&recorded("total", "payment"), "10x300")
        .gauge(&recorded("bad", "payment"), "1x300")
}

const OWN: &str = "profile=\"checkout\"";

#[test]
fn as_bad_as_the_weakest_part() {
    let mut case = parts(Case::new("composite-weakest", whole(Mode::Weakest)));
    for minute in [1, 60, 290] {
        case = all_are_numbers(case, minute);
    }
    case.value(200, &format!("round(sum(plimsoll:error_ratio:5m{{{OWN}}}), 0.0001)"), 0.1)
        .value(200, &format!("round(sum(plimsoll:error_ratio:1h{{{OWN}}}), 0.0001)"), 0.1)
        .value(200, &format!("round(1 - sum(plimsoll:objective:ratio{{{OWN}}}), 0.0001)"), 0.1)
        .value(200, &format!("sum(plimsoll:total:rate5m{{{OWN}}})"), 110.0)
        .firing(200, r#"alertname="ErrorBudgetBurn",tier="page-fast",profile="checkout""#, 1)
        // Without one of its parts it is unknown, not good.
        .nothing(320, &format!("plimsoll:total:rate5m{{{OWN}}}"))
        .firing(320, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 0)
        .run();
}

#[test]
fn the_weighted_mean_of_its_parts() {
    parts(Case::new("composite-weighted", whole(Mode::Weighted)))
        // (3 * 1 % + 1 * 10 %) / 4
        .holds(200, &format!("abs(sum(plimsoll:error_ratio:5m{{{OWN}}}) - 0.0325) < 1e-9"))
        .holds(200, &format!("abs(1 - sum(plimsoll:objective:ratio{{{OWN}}}) - 0.0325) < 1e-9"))
        .run();
}

#[test]
fn a_part_without_events_is_not_bad_and_a_composite_is_no_part() {
    let composite = recorded("total", "payment").replace('}', ",composite=\"true\"}");
    Case::new("composite-idle", whole(Mode::Weakest))
        .gauge(&recorded("total", "cart"), "100x400")
        .gauge(&recorded("bad", "cart"), "1x400")
        .gauge(&recorded("total", "payment"), "0x300")
        .gauge(&recorded("bad", "payment"), "0x300")
        .gauge(&composite, "5000x400")
        .value(200, &format!("round(sum(plimsoll:error_ratio:5m{{{OWN}}}), 0.0001)"), 0.01)
        .nothing(320, &format!("plimsoll:total:rate5m{{{OWN}}}"))
        .run();
}
