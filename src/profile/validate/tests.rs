//! What is wanted, held or unwanted, and why.

use super::*;
use crate::{
    kube::RuleApis,
    profile::{
        Acting, Children,
        build::build,
        testing::{AVAILABILITY, observed, profile},
    },
};

fn checked(spec: &str, observed: &Observed) -> Profile {
    validate(&profile(spec), observed, &Settings::default())
}

fn reason<T>(part: &Part<T>) -> &'static str {
    match part {
        Part::Wanted(_) => "",
        Part::Unwanted(why) | Part::Held(why) => why.reason,
    }
}

#[test]
fn a_target_alone_gets_the_defaults() {
    let checked = checked("", &observed());
    let Part::Wanted(autoscaler) = &checked.autoscaler else { panic!("{:?}", checked.autoscaler) };
    assert_eq!((autoscaler.min_replicas, autoscaler.max_replicas, autoscaler.metrics.len()), (3, 10, 2));
    let Part::Wanted(budget) = &checked.disruption_budget else { panic!("{:?}", checked.disruption_budget) };
    assert_eq!(budget.bound, DisruptionBound::MaxUnavailable(IntOrString::Int(1)));
    assert!(matches!(checked.rules, Part::Unwanted(_)));
    assert_eq!(checked.findings, []);
}

#[test]
fn a_target_that_is_not_there_holds_what_needs_it_and_nothing_else() {
    for (state, expected) in [
        (TargetState::Missing, reasons::TARGET_NOT_FOUND),
        (TargetState::UnknownKind, reasons::UNKNOWN_KIND),
        (TargetState::NotScalable, reasons::NOT_SCALABLE),
        (TargetState::Unreadable("no".to_owned()), reasons::APPLY_FAILED),
    ] {
        let checked = checked(AVAILABILITY, &Observed { target: state, ..observed() });
        assert!(matches!(&checked.autoscaler, Part::Held(why) if why.reason == expected), "{:?}", checked.autoscaler);
        assert!(matches!(&checked.disruption_budget, Part::Held(why) if why.reason == expected));
        assert!(matches!(checked.rules, Part::Wanted(_)), "rules need no target");
    }
}

#[test]
fn rivals_hold_only_what_they_rival() {
    let mut seen = observed();
    seen.rivals.autoscalers = vec!["other".to_owned()];
    let held = checked("", &seen);
    assert_eq!(reason(&held.autoscaler), reasons::SECOND_AUTOSCALER);
    assert!(matches!(held.disruption_budget, Part::Wanted(_)));

    let mut seen = observed();
    seen.rivals.disruption_budgets = vec!["other".to_owned()];
    let held = checked("", &seen);
    assert_eq!(reason(&held.disruption_budget), reasons::SECOND_BUDGET);
    assert!(matches!(held.autoscaler, Part::Wanted(_)));

    let mut seen = observed();
    seen.rivals.profile = Some("older".to_owned());
    let held = checked(AVAILABILITY, &seen);
    for found in [reason(&held.autoscaler), reason(&held.disruption_budget), reason(&held.rules)] {
        assert_eq!(found, reasons::TARGET_CLAIMED);
    }
}

#[test]
fn a_paused_profile_holds_everything() {
    let mut paused = profile(AVAILABILITY);
    paused.metadata.annotations = Some([(annotations::PAUSED.to_owned(), "true".to_owned())].into());
    let held = validate(&paused, &observed(), &Settings::default());
    for found in [reason(&held.autoscaler), reason(&held.disruption_budget), reason(&held.rules)] {
        assert_eq!(found, reasons::PAUSED);
    }
    paused.metadata.annotations = Some([(annotations::PAUSED.to_owned(), "false".to_owned())].into());
    assert!(matches!(validate(&paused, &observed(), &Settings::default()).rules, Part::Wanted(_)));
}

#[test]
fn a_target_without_a_selector_gets_no_budget_for_every_pod_of_the_namespace() {
    let seen =
        Observed { target: TargetState::Found(Workload { selector: None, ..Workload::default() }), ..observed() };
    let held = checked("", &seen);
    assert_eq!(reason(&held.disruption_budget), reasons::NO_SELECTOR);
}

#[test]
fn one_wrong_objective_holds_the_rules_and_says_where() {
    let spec = "objectives:
- name: good
  target: \"99\"
  indicator: {ratio: {errors: 'e_total', total: 't_total'}}
- name: wrong
  target: \"99\"
  indicator: {ratio: {errors: 'rate(e_total[5m])', total: 't_total{'}}
";
    let held = checked(spec, &observed());
    assert!(matches!(held.rules, Part::Held(_)));
    assert!(matches!(held.autoscaler, Part::Wanted(_)), "scaling goes on");
    let pointers: Vec<_> = held.findings.iter().map(|finding| finding.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/spec/objectives/1/indicator/ratio/total", "/spec/objectives/1/indicator/ratio/errors"],
        "{:?}",
        held.findings
    );
    assert!(held.findings[0].to_string().starts_with("spec.objectives[1].indicator.ratio.total: "));
    assert_eq!(held.objectives.len(), 1, "the sound one is still evaluated");
}

#[test]
fn labels_of_the_profile_win_over_those_of_the_installation_and_ours_over_both() {
    let settings = Settings {
        rule_labels: [("release".to_owned(), "all".to_owned()), ("team".to_owned(), "x".to_owned())].into(),
        ..Settings::default()
    };
    let spec = format!("{AVAILABILITY}rules: {{labels: {{release: mine, plimsoll.dev/profile: forged}}}}\n");
    let checked = validate(&profile(&spec), &observed(), &settings);
    let Part::Wanted(rules) = &checked.rules else { panic!("{:?}", checked.rules) };
    let labels: Vec<_> = rules.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(labels, ["release=mine", "team=x"]);
}

#[test]
fn without_alerts_only_recordings_are_left() {
    let alerts = |spec: &str| {
        let checked = checked(spec, &observed());
        let Part::Wanted(rules) = checked.rules else { panic!("not wanted") };
        rules
            .rules
            .groups()
            .iter()
            .flat_map(|group| &group.rules)
            .filter(|rule| matches!(rule, slo::Rule::Alert { .. }))
            .count()
    };
    assert!(alerts(AVAILABILITY) > 5);
    assert_eq!(alerts(&format!("{AVAILABILITY}alerting: {{mode: Disabled}}\n")), 0);
}

#[test]
fn an_objective_s_description_is_in_its_alerts_as_plain_text() {
    let spec = AVAILABILITY.replace("  target:", "  description: 'for {{ all }} users'\n  target:");
    let checked = checked(&spec, &observed());
    let Part::Wanted(rules) = checked.rules else { panic!("not wanted") };
    let groups = rules.rules.groups();
    let mut alerts = groups.iter().flat_map(|group| &group.rules).filter_map(|rule| match rule {
        slo::Rule::Alert { labels, annotations, .. } if labels.contains_key("objective") => Some(annotations),
        _ => None,
    });
    let expected = "for {{ \"{{\" }} all }} users";
    assert!(alerts.all(|annotations| annotations.get("objective_description").map(String::as_str) == Some(expected)));
}

#[test]
fn metrics_can_be_chosen() {
    let metrics = |spec: &str| {
        let checked = checked(spec, &observed());
        let Part::Wanted(plan) = checked.autoscaler else { panic!("{:?}", checked.autoscaler) };
        serde_json::to_value(plan.metrics).unwrap()
    };
    let only_container =
        metrics("autoscaling: {cpu: {averageUtilization: 60, container: app}, memory: {mode: Disabled}}");
    assert_eq!(
        only_container,
        serde_json::json!([{"type": "ContainerResource", "containerResource":
            {"name": "cpu", "container": "app", "target": {"type": "Utilization", "averageUtilization": 60}}}])
    );
    let none = checked("autoscaling: {cpu: {mode: Disabled}, memory: {mode: Disabled}}", &observed());
    assert_eq!(reason(&none.autoscaler), reasons::INVALID);
    let off = checked("autoscaling: {mode: Disabled}", &observed());
    assert!(matches!(off.autoscaler, Part::Unwanted(_)));
}

#[test]
fn a_threshold_that_no_usual_bucket_ends_at_is_a_warning() {
    let of = |preset: &str, latency: &str| {
        let spec = format!(
            "telemetry: {{preset: {preset}}}\nobjectives:\n- name: a\n  target: \"99\"\n  indicator: {{latency: {{{latency}}}}}"
        );
        let checked = checked(&spec, &observed());
        assert!(matches!(checked.rules, Part::Wanted(_)), "{:?}", checked.findings);
        checked.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = of("OpenTelemetry", "threshold: 200ms");
    assert!(said[0].contains("spec.objectives[0].indicator.latency.threshold"), "{said:?}");
    assert!(said[0].contains("100ms and 250ms"), "{said:?}");
    assert_eq!(of("OpenTelemetry", "threshold: 250ms").len(), 0);
    assert_eq!(of("OpenTelemetry", "threshold: 200ms, format: Native").len(), 0);
    assert_eq!(of("OpenTelemetry", "threshold: 200ms, histogram: own_seconds").len(), 0);
}

/// What decides whether the rules are built at all must see everything that they follow from.
#[test]
fn two_recipes_are_the_same_where_the_rules_are() {
    let text = |spec: &str, settings: &Settings, apis: RuleApis| {
        let all = Observed { rule_apis: apis, ..observed() };
        let checked = validate(&profile(spec), &all, settings);
        let Children { rule, vm_rule, rule_file, .. } = build(&checked, &Acting::default());
        (checked.rules_recipe().unwrap(), format!("{rule:?} {vm_rule:?} {rule_file:?}"))
    };
    let apis = |prometheus_rule, vm_rule| RuleApis { prometheus_rule, vm_rule, pod_monitor: false };
    let plain = Settings::default();
    let other_settings = [
        Settings { rule_labels: [("release".to_owned(), "x".to_owned())].into(), ..Settings::default() },
        Settings { partial_response_strategy: Some(slo::PartialResponse::Warn), ..Settings::default() },
        Settings { namespace_label: Some("tenant".to_owned()), ..Settings::default() },
    ];
    let maintenance =
        "maintenance:\n- {name: m, once: {start: \"2027-01-15T09:00:00Z\", end: \"2027-01-15T10:00:00Z\"}}\n";
    let mut all = vec![
        text(AVAILABILITY, &plain, apis(true, false)),
        text(AVAILABILITY, &plain, apis(false, true)),
        text(AVAILABILITY, &plain, apis(false, false)),
        // What the rules do not follow from.
        text(&format!("{AVAILABILITY}disruption: {{mode: Disabled}}\n"), &plain, apis(true, false)),
        text(&format!("{AVAILABILITY}autoscaling: {{maxReplicas: 7}}\n"), &plain, apis(true, false)),
    ];
    all.extend(other_settings.iter().map(|settings| text(AVAILABILITY, settings, apis(true, false))));
    for more in [
        "alerting: {mode: Disabled}\n",
        "alerting: {minFailures: 9}\n",
        "alerting: {labels: {team: x}}\n",
        "alerting: {runbookUrl: \"https://x\"}\n",
        "autoscaling: {mode: Disabled}\n",
        "autoscaling: {cpu: {averageUtilization: 51}}\n",
        "enforcement: {mode: Observe}\n",
        "rules: {labels: {release: mine}}\n",
        "rules: {partialResponseStrategy: Abort}\n",
        maintenance,
    ] {
        all.push(text(&format!("{AVAILABILITY}{more}"), &plain, apis(true, false)));
    }
    for (from, to) in [("  target:", "  description: what for\n  target:"), ("5..", "4.."), ("99.9", "99.5")] {
        assert!(AVAILABILITY.contains(from), "{from}");
        all.push(text(&AVAILABILITY.replace(from, to), &plain, apis(true, false)));
    }
    let different: std::collections::HashSet<_> = all.iter().map(|(_, text)| text).collect();
    assert_eq!(different.len(), all.len() - 2, "each is another one, but for the two that say so");
    for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
        assert_eq!(one.0 == other.0, one.1 == other.1, "{}\n{}", one.1, other.1);
    }
}
