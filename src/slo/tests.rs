use super::*;

pub(super) fn objective(window: &str, target: &str, indicator: Indicator) -> Objective {
    Objective::new(
        Identity { namespace: "shop".into(), profile: "checkout".into(), objective: "availability".into() },
        target.parse().unwrap(),
        window.parse::<Duration>().unwrap().try_into().unwrap(),
        indicator,
    )
}

pub(super) fn errors() -> Indicator {
    Indicator::Ratio {
        bad: BadEvents::Errors(r#"http_requests_total{job="checkout",code=~"5.."}"#.parse().unwrap()),
        total: r#"http_requests_total{job="checkout"}"#.parse().unwrap(),
    }
}

fn indicators() -> Vec<Indicator> {
    let latency = |selector: &str, threshold: &str, unit, format| Indicator::Latency {
        histogram: "http_request_duration_seconds".parse().unwrap(),
        selector: selector.parse().unwrap(),
        threshold: threshold.parse().unwrap(),
        unit,
        format,
    };
    let good =
        Indicator::Ratio { bad: BadEvents::Good("ok_total".parse().unwrap()), total: "all_total".parse().unwrap() };
    vec![
        errors(),
        good,
        latency("", "1s", Unit::Seconds, Format::Classic),
        latency("job=\"checkout\"", "200ms", Unit::Milliseconds, Format::Classic),
        latency("job=\"checkout\"", "200ms", Unit::Seconds, Format::Native),
        Indicator::Raw {
            errors: "rate(a[$window]) - rate(b[$window])".parse().unwrap(),
            total: "rate(a[$window]) or rate(c[$window])".parse().unwrap(),
        },
        Indicator::Probe { gauge: "probe_success{job=\"checkout\"}".parse().unwrap() },
        Indicator::Throughput { counter: "all_total".parse().unwrap(), minimum: "1000".parse().unwrap() },
        Indicator::Saturation { query: "pool_used / pool_size or x".parse().unwrap(), maximum: "0.8".parse().unwrap() },
    ]
}

fn find<'a>(groups: &'a [RuleGroup], name: &str) -> &'a Rule {
    groups.iter().flat_map(|group| &group.rules).find(|rule| rule.name() == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_expression_parses_and_every_window_is_recorded() {
    for indicator in indicators() {
        for window in ["1d", "7d", "28d", "30d", "90d"] {
            for target in ["50", "90", "99", "99.9", "99.999", "99.99999"] {
                let objective = objective(window, target, indicator.clone());
                let groups = objective_groups(&objective, &Alerting::default(), &Options::default());
                for rule in groups.iter().flat_map(|group| &group.rules) {
                    promql_parser::parser::parse(rule.expr())
                        .unwrap_or_else(|e| panic!("{}: {e}\n{}", rule.name(), rule.expr()));
                }
                for tier in tiers(objective.window, objective.target, &Options::default()).active {
                    for window in [tier.long, tier.short] {
                        find(&groups, &format!("plimsoll:burn_rate:{window}"));
                    }
                }
                recorded_before_use(&groups);
            }
        }
    }
}

/// Within a group rules run in order: what a rule reads at the same instant must have been written before it.
fn recorded_before_use(groups: &[RuleGroup]) {
    for group in groups {
        let mut seen = std::collections::BTreeSet::new();
        let own: Vec<&str> = group.rules.iter().map(Rule::name).collect();
        for rule in &group.rules {
            for name in own.iter().filter(|name| rule.expr().contains(&format!("{name}{{"))) {
                let itself = rule.name() == *name;
                assert!(itself || seen.contains(name), "{} reads {name} before it is written", rule.name());
            }
            seen.insert(rule.name());
        }
    }
}

#[test]
fn thirty_days_rule_by_rule() {
    let groups = objective_groups(&objective("30d", "99.9", errors()), &Alerting::default(), &Options::default());
    assert_eq!(groups[0].name, "plimsoll.shop.checkout.availability");
    assert_eq!(groups[1].name, "plimsoll.shop.checkout.availability:window");
    assert_eq!(groups[0].interval.to_string(), "30s");
    assert_eq!(groups[1].interval.to_string(), "2m");
    let id = r#"{namespace="shop",profile="checkout",objective="availability"}"#;
    let expect = |name: &str, expr: &str| assert_eq!(find(&groups, name).expr(), expr.replace("{id}", id), "{name}");
    expect("plimsoll:total:rate5m", r#"sum(rate(http_requests_total{job="checkout"}[5m]))"#);
    expect(
        "plimsoll:bad:rate1h",
        r#"(sum(rate(http_requests_total{job="checkout",code=~"5.."}[1h])) or 0 * sum(plimsoll:total:rate1h{id})) and sum(plimsoll:total:rate1h{id})"#,
    );
    expect("plimsoll:bad:rate3d", "sum_over_time(plimsoll:bad:rate5m{id}[3d]) * 30 / 259200");
    expect(
        "plimsoll:error_ratio:6h",
        "plimsoll:bad:rate6h{id} / (plimsoll:total:rate6h{id} > 0) or 0 * plimsoll:bad:rate6h{id}",
    );
    expect("plimsoll:burn_rate:1h", "plimsoll:error_ratio:1h{id} / 0.001");
    expect("plimsoll:total:rollup", "avg_over_time(plimsoll:total:rate5m{id}[2m])");
    expect("plimsoll:bad:events", "sum_over_time(plimsoll:bad:rollup{id}[30d]) * 120");
    expect(
        "plimsoll:budget_remaining:ratio",
        "1 - (plimsoll:bad:events{id} / (plimsoll:budget:events{id} > 0) or 0 * plimsoll:bad:events{id})",
    );
    expect(
        "ErrorBudgetBurn",
        "plimsoll:burn_rate:1h{id} > 14.4 and plimsoll:burn_rate:5m{id} > 14.4 and plimsoll:bad:rate1h{id} * 3600 > 4.5",
    );
    expect("ErrorRateHigh", "plimsoll:error_ratio:5m{id} > 0.05 and plimsoll:bad:rate5m{id} * 300 > 4.5");
}

#[test]
fn users_add_labels_and_annotations_and_cannot_change_who_it_is() {
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let alerting = Alerting {
        labels: text(&[("team", "identity"), ("namespace", "other"), ("severity", "none"), ("a-b", "c"), ("__x", "y")]),
        annotations: text(&[
            ("dashboard", "https://example.org/{{ $labels.profile }}"),
            ("summary", "mine"),
            ("x.y", "z"),
        ]),
        page_severity: "page".to_owned(),
        runbook_url: Some("https://example.org/runbook".to_owned()),
        ..Alerting::default()
    };
    let findings = alerting.findings();
    assert_eq!(findings.len(), 5, "{findings:?}");
    let groups = objective_groups(&objective("30d", "99.9", errors()), &alerting, &Options::default());
    let mut alerts = 0;
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let Rule::Alert { labels, annotations, .. } = rule else { continue };
        alerts += 1;
        assert_eq!(labels["team"], "identity");
        assert_eq!(labels["namespace"], "shop");
        assert!(["page", "warning"].contains(&labels["severity"].as_str()));
        assert!(!labels.contains_key("a-b") && !labels.contains_key("__x"));
        assert_eq!(annotations["summary"], "mine");
        assert_eq!(annotations["runbook_url"], "https://example.org/runbook");
        assert!(annotations.contains_key("dashboard") && !annotations.contains_key("x.y"));
    }
    assert_eq!(alerts, 9);
}

#[test]
fn guards_can_be_changed_and_turned_off() {
    let with = |min_failures| {
        let alerting = Alerting { min_failures, ..Alerting::default() };
        let groups = objective_groups(&objective("30d", "99.9", errors()), &alerting, &Options::default());
        find(&groups, "ErrorBudgetBurn").expr().to_owned()
    };
    assert!(with(1).ends_with("* 3600 > 0.5"), "{}", with(1));
    assert!(with(20).ends_with("* 3600 > 19.5"), "{}", with(20));
    assert!(with(0).ends_with("> 14.4"), "{}", with(0));
}

#[test]
fn an_objective_looser_than_five_per_cent_alerts_above_what_it_allows() {
    let of = |target| {
        let groups = objective_groups(&objective("30d", target, errors()), &Alerting::default(), &Options::default());
        find(&groups, "ErrorRateHigh").expr().to_owned()
    };
    assert!(of("90").contains("} > 0.1 and"), "{}", of("90"));
    assert!(of("95").contains("} > 0.05 and"), "{}", of("95"));
}

#[test]
fn the_workload_has_an_alert_per_target() {
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "checkout".into() };
    let group = workload_group(&identity, Some(70), None, &Alerting::default(), &[]);
    assert_eq!(group.name, "plimsoll.shop.checkout:workload");
    assert_eq!(group.rules.iter().map(Rule::name).collect::<Vec<_>>(), ["CPUUtilizationHigh", "AutoscalerAtMaximum"]);
    assert_eq!(
        group.rules[0].expr(),
        r#"max by (namespace, profile) (plimsoll_autoscaler_utilization_ratio{namespace="shop",profile="checkout",resource="cpu"}) > 0.7"#
    );
    for rule in workload_group(&identity, Some(70), Some(80), &Alerting::default(), &[]).rules {
        promql_parser::parser::parse(rule.expr()).unwrap();
    }
}

#[test]
fn time_slices_rule_by_rule() {
    let throughput = Indicator::Throughput { counter: "jobs_total".parse().unwrap(), minimum: "0.5".parse().unwrap() };
    let groups = objective_groups(&objective("30d", "99", throughput), &Alerting::default(), &Options::default());
    let id = r#"{namespace="shop",profile="checkout",objective="availability"}"#;
    let expect = |name: &str, expr: &str| assert_eq!(find(&groups, name).expr(), expr.replace("{id}", id), "{name}");
    expect("plimsoll:slice:value", "sum(rate(jobs_total[2m]))");
    expect("plimsoll:slice:bad", "plimsoll:slice:value{id} < bool 0.5");
    expect("plimsoll:total:rate5m", "clamp_max(count_over_time(plimsoll:slice:bad{id}[5m]) * 30 / 300, 1) / 60");
    expect("plimsoll:bad:rate1h", "avg_over_time(plimsoll:slice:bad{id}[1h]) * plimsoll:total:rate1h{id}");
    expect("plimsoll:bad:rate3d", "sum_over_time(plimsoll:bad:rate5m{id}[3d]) * 30 / 259200");
    expect("ThroughputBelowMinimum", "plimsoll:slice:value{id} < 0.5");
    let saturation = Indicator::Saturation { query: "a / b".parse().unwrap(), maximum: "0.8".parse().unwrap() };
    let groups = objective_groups(&objective("30d", "99", saturation), &Alerting::default(), &Options::default());
    let expect = |name: &str, expr: &str| assert_eq!(find(&groups, name).expr(), expr.replace("{id}", id), "{name}");
    expect("plimsoll:slice:value", "max((a / b) >= -Inf)");
    expect("plimsoll:slice:bad", "plimsoll:slice:value{id} > bool 0.8");
    expect("SaturationAboveMaximum", "plimsoll:slice:value{id} > 0.8");
}
