//! The generated rules in Prometheus' own engine: `promtool check rules` and `promtool test rules`.

// Helpers of tests are tests: what they unwrap fails them, and they are read where they are used.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "promtool/calendar.rs"]
mod calendar;
#[path = "promtool/composite.rs"]
mod composite;
#[path = "promtool/groups.rs"]
mod groups;
#[path = "promtool/harness.rs"]
mod harness;
#[path = "promtool/incidents.rs"]
mod incidents;
#[path = "promtool/kinds.rs"]
mod kinds;
#[path = "promtool/low_traffic.rs"]
mod low_traffic;
#[path = "promtool/maintenance.rs"]
mod maintenance;
#[path = "promtool/pooler.rs"]
mod pooler;
#[path = "promtool/presets.rs"]
mod presets;
#[path = "promtool/signals.rs"]
mod signals;
#[path = "promtool/threshold.rs"]
mod threshold;
#[path = "promtool/traffic.rs"]
mod traffic;
#[path = "promtool/windows.rs"]
mod windows;
#[path = "promtool/workload.rs"]
mod workload;

use harness::{Case, Counter};
use plimsoll::{
    api::Duration,
    slo::{
        Alerting, BadEvents, Format, Identity, Indicator, Objective, Options, RuleGroup, Unit, WorkloadIdentity,
        objective_groups, objective_groups_every, pooler_group, workload_group,
    },
};

fn errors() -> Indicator {
    Indicator::Ratio {
        bad: BadEvents::Errors(r#"requests_total{code=~"5.."}"#.parse().unwrap()),
        total: "requests_total".parse().unwrap(),
    }
}

fn objective(window: &str, target: &str, indicator: Indicator) -> Objective {
    Objective::new(
        Identity { namespace: "shop".into(), profile: "checkout".into(), objective: "availability".into() },
        target.parse().unwrap(),
        window.parse::<Duration>().unwrap().try_into().unwrap(),
        indicator,
    )
}

/// Rules for series that are scraped every minute, evaluated every so many minutes, all groups alike.
fn every(minutes: usize, window: &str, target: &str, indicator: Indicator) -> Vec<RuleGroup> {
    let minute = Duration::from_secs(60);
    let evaluation_interval = Duration::from_secs(60 * minutes as u64);
    let options = Options { evaluation_interval, scrape_interval: minute };
    objective_groups_every(1, &objective(window, target, indicator), &Alerting::default(), &options)
}

/// Rules for series that are scraped and evaluated every minute.
fn minutely(objective: &Objective, alerting: &Alerting) -> Vec<RuleGroup> {
    let minute = Duration::from_secs(60);
    objective_groups_every(1, objective, alerting, &Options { evaluation_interval: minute, scrape_interval: minute })
}

#[test]
fn prometheus_takes_every_file() {
    let latency = |selector: &str, threshold: &str| Indicator::Latency {
        histogram: "duration_seconds".parse().unwrap(),
        selector: selector.parse().unwrap(),
        threshold: threshold.parse().unwrap(),
        unit: Unit::Seconds,
        format: Format::Classic,
    };
    let good = Indicator::Ratio { bad: BadEvents::Good("ok".parse().unwrap()), total: "all".parse().unwrap() };
    let tricky = Indicator::Ratio {
        bad: BadEvents::Errors(r#"e{path=~"/a\\.b|\"x\"",q!="`{{"}"#.parse().unwrap()),
        total: r#"{__name__="t.otal",x=~"ü.*"}"#.parse().unwrap(),
    };
    let mut indicators = vec![errors(), good, tricky, latency("", "1s"), latency("job=\"x\",a!~\"b|c\"", "200ms")];
    indicators.extend(kinds::all());
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "checkout".into() };
    let alerting = Alerting {
        labels: [("team".to_owned(), "identity".to_owned())].into(),
        annotations: [("dashboard".to_owned(), "https://example.org/{{ $labels.profile }}".to_owned())].into(),
        runbook_url: Some("https://example.org/runbook".to_owned()),
        ..Alerting::default()
    };
    let mut files = vec![vec![workload_group(&identity, Some(70), Some(80), &alerting, &[])]];
    files.push(vec![pooler_group(&identity, true, &alerting, &[])]);
    for indicator in indicators {
        for window in ["1d", "7d", "28d", "30d", "90d"] {
            for target in ["50", "90", "99", "99.9", "99.999", "99.99999"] {
                let objective = objective(window, target, indicator.clone());
                files.push(objective_groups(&objective, &alerting, &Options::default()));
            }
        }
    }
    for indicator in presets::all() {
        files.push(objective_groups(&objective("30d", "99", indicator), &alerting, &Options::default()));
    }
    assert_eq!(harness::check("check", files), 320);
}
