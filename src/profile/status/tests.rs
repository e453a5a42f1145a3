//! What a person reads in the status, case by case.

use k8s_openapi::{
    api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus},
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};

use super::*;
use crate::{
    api::v1alpha1::{ChildState, ObjectiveState},
    profile::{
        Settings, Why,
        evaluation::evaluate,
        testing::{AVAILABILITY, observed, poolers, profile},
        validate::{alerting, validate},
    },
    prometheus::{Answer, ClientError, Given, GroupState, Loaded, Snapshot},
};

const NOW: u32 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(i64::from(NOW)).unwrap()
}

fn outcome(kind: &'static str, state: ChildState, why: Option<Why>) -> Outcome {
    Outcome { kind, name: "shop".to_owned(), state: Some(state), why }
}

fn all_applied() -> Children<Applied> {
    Children {
        autoscaler: outcome("HorizontalPodAutoscaler", ChildState::Applied, None),
        disruption_budget: outcome("PodDisruptionBudget", ChildState::Applied, None),
        rule: outcome("PrometheusRule", ChildState::Applied, None),
        vm_rule: Outcome { kind: "VMRule", name: "shop-slo".to_owned(), state: None, why: None },
        rule_file: Outcome { kind: "ConfigMap", name: "shop-slo".to_owned(), state: None, why: None },
        pooler: poolers(None),
    }
}

fn status_of(
    profile: &PerformanceProfile,
    observed: &Observed,
    applied: &Children<Applied>,
    answer: Answer,
) -> PerformanceProfileStatus {
    let checked = validate(profile, observed, &Settings::default());
    let snapshot = Snapshot { at: now(), answer };
    let options = Settings::default().slo;
    let evaluation = evaluate(&checked, &alerting(profile), &options, &snapshot, profile.status.as_ref());
    status(
        &Facts {
            profile,
            checked: &checked,
            observed,
            applied,
            evaluation: &evaluation,
            decided: None,
            overlay: None,
            poolers: None,
        },
        now(),
    )
}

fn condition(status: &PerformanceProfileStatus, type_: &str) -> (String, String, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_);
    let found = found.unwrap_or_else(|| panic!("no {type_} in {:?}", status.conditions));
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

fn given(remaining: f64, age: u32, groups: &[&str]) -> Answer {
    let mut given = Given::default();
    let identity = crate::slo::Identity {
        namespace: "store".to_owned(),
        profile: "shop".to_owned(),
        objective: "availability".to_owned(),
    };
    let recorded = given.samples.entry(identity).or_default();
    recorded.newest = Some(f64::from(NOW - age));
    for (name, value) in [
        ("plimsoll:bad:events", 1_210.4),
        ("plimsoll:total:events", 3_200_000.0),
        ("plimsoll:budget:events", 3_200.0),
        ("plimsoll:objective:ratio", 0.999_622),
        ("plimsoll:budget_remaining:ratio", remaining),
        ("plimsoll:coverage:ratio", 19.0 / 30.0),
        ("plimsoll:burn_rate:5m", 0.4123),
        ("plimsoll:burn_rate:1h", 0.4),
    ] {
        assert!(recorded.samples.take(name, value), "{name}");
    }
    let state = GroupState { profile: ("store".to_owned(), "shop".to_owned()), error: None };
    given.loaded = Loaded::Groups {
        groups: groups.iter().map(|group| ((*group).to_owned(), state.clone())).collect(),
        selectors: Vec::new(),
    };
    Answer::Given(std::sync::Arc::new(given))
}

const GROUPS: [&str; 2] = ["plimsoll.store.shop.availability", "plimsoll.store.shop.availability:window"];

#[test]
fn all_is_well() {
    let status = status_of(&profile(AVAILABILITY), &observed(), &all_applied(), given(0.624, 10, &GROUPS));
    for type_ in [
        "Ready",
        "Active",
        "TargetFound",
        "AutoscalingReady",
        "DisruptionReady",
        "RulesReady",
        "RulesLoaded",
        "MetricsAvailable",
        "ObjectivesMet",
    ] {
        assert_eq!(condition(&status, type_).0, "True", "{type_}: {:?}", condition(&status, type_));
    }
    assert_eq!(status.observed_generation, Some(7));
    assert_eq!(status.objectives_met.as_deref(), Some("1/1"));
    assert_eq!(status.worst.as_ref().unwrap().budget_remaining, "62.4");
    let objective = &status.objectives[0];
    let budget = objective.budget.as_ref().unwrap();
    assert_eq!(objective.indicator.as_deref(), Some("99.9622"));
    assert_eq!((&*budget.consumed_events, &*budget.total_events), ("1.21k", "3.2M"));
    assert_eq!(objective.coverage.as_deref(), Some("19d of 30d"));
    assert_eq!(
        objective.burn.iter().map(|burn| format!("{} {}", burn.window, burn.rate)).collect::<Vec<_>>(),
        ["5m 0.41", "1h 0.4"]
    );
    let scaling = status.scaling.as_ref().unwrap();
    assert_eq!((scaling.current, scaling.declared_min, scaling.max), (3, 3, 10));
}

#[test]
fn the_same_facts_later_say_the_same() {
    let mut profile = profile(AVAILABILITY);
    let first = status_of(&profile, &observed(), &all_applied(), given(0.624, 10, &GROUPS));
    profile.status = Some(first.clone());
    let second = status_of(&profile, &observed(), &all_applied(), given(0.624_001, 4, &GROUPS));
    assert_eq!(first, second, "not even the time of the measurement moves");
    assert_eq!(transitions(&first, &second), []);
    let third = status_of(&profile, &observed(), &all_applied(), given(0.61, 4, &GROUPS));
    assert_ne!(first, third);
    assert_ne!(third.objectives[0].measured_at, first.objectives[0].measured_at);
}

#[test]
fn when_prometheus_is_silent_the_numbers_stay_and_the_state_is_unknown() {
    let mut profile = profile(AVAILABILITY);
    let before = status_of(&profile, &observed(), &all_applied(), given(0.624, 10, &GROUPS));
    profile.status = Some(before.clone());
    let error =
        ClientError { reason: reasons::PROMETHEUS_UNREACHABLE, message: "down".to_owned(), outcome: "unreachable" };
    for (answer, metrics, reason) in [
        (Answer::Failed(error), "False", reasons::PROMETHEUS_UNREACHABLE),
        (Answer::NotConfigured, "Unknown", reasons::NO_PROMETHEUS),
        (Answer::Pending, "Unknown", reasons::PENDING),
        (Answer::Given(std::sync::Arc::default()), "False", reasons::NO_DATA),
        (given(0.1, 600, &GROUPS), "False", reasons::NO_DATA),
    ] {
        let status = status_of(&profile, &observed(), &all_applied(), answer);
        let (truth, found, message) = condition(&status, "MetricsAvailable");
        assert_eq!((&*truth, &*found), (metrics, reason), "{message}");
        assert_eq!(condition(&status, "ObjectivesMet").0, "Unknown");
        assert_eq!(condition(&status, "Ready").0, "True", "what is declared is in place");
        let objective = &status.objectives[0];
        assert_eq!(objective.state, ObjectiveState::Unknown);
        assert_eq!(objective.budget, before.objectives[0].budget, "the last numbers stay");
        assert_eq!(status.objectives_met.as_deref(), Some("0/1"));
    }
}

#[test]
fn a_spent_budget_is_an_event_once() {
    let mut profile = profile(AVAILABILITY);
    let before = status_of(&profile, &observed(), &all_applied(), given(0.624, 10, &GROUPS));
    profile.status = Some(before.clone());
    let after = status_of(&profile, &observed(), &all_applied(), given(-0.12, 5, &GROUPS));
    assert_eq!(after.objectives[0].state, ObjectiveState::Exhausted);
    assert_eq!(condition(&after, "ObjectivesMet").1, reasons::BUDGET_EXHAUSTED);
    let found = transitions(&before, &after);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].warning && found[0].reason == "ObjectiveExhausted" && found[0].note.contains("-12 %"),
        "{found:?}"
    );
}

#[test]
fn the_first_minutes_of_a_profile_are_no_warning() {
    let mut profile = profile(AVAILABILITY);
    let warnings = |old: &PerformanceProfileStatus, new: &PerformanceProfileStatus| {
        transitions(old, new).into_iter().filter(|transition| transition.warning).count()
    };
    let nothing_yet = status_of(&profile, &observed(), &all_applied(), Answer::Given(std::sync::Arc::default()));
    assert_eq!(condition(&nothing_yet, "MetricsAvailable").0, "False");
    assert_eq!(transitions(&PerformanceProfileStatus::default(), &nothing_yet), [], "what all expect is no news");
    profile.status = Some(nothing_yet.clone());
    let well = status_of(&profile, &observed(), &all_applied(), given(0.9, 10, &GROUPS));
    assert_eq!(warnings(&nothing_yet, &well), 0);
    profile.status = Some(well.clone());
    let lost = status_of(&profile, &observed(), &all_applied(), Answer::Given(std::sync::Arc::default()));
    assert_eq!(warnings(&well, &lost), 2, "rules and metrics that were there and are gone are news");
}

#[test]
fn rules_that_are_not_loaded_say_so() {
    let status = status_of(&profile(AVAILABILITY), &observed(), &all_applied(), given(0.6, 10, &GROUPS[..1]));
    let (truth, reason, message) = condition(&status, "RulesLoaded");
    assert_eq!((&*truth, &*reason), ("False", reasons::NOT_SELECTED));
    assert!(message.contains("availability:window") && message.contains("ruleSelector"), "{message}");
}

#[test]
fn rules_that_are_not_loaded_say_what_loads_the_kind_they_are_of() {
    let observed = || {
        let mut observed = observed();
        observed.rule_apis.vm_rule = true;
        observed
    };
    for (kind, words) in [
        ("VMRule", ["VMAlert select VMRule shop-slo", "the URL that is asked"]),
        ("ConfigMap", ["ConfigMap shop-slo", "load"]),
    ] {
        let profile = profile(&format!("rules: {{kind: {kind}}}\n{AVAILABILITY}"));
        let status = status_of(&profile, &observed(), &all_applied(), given(0.6, 10, &[]));
        let (truth, reason, message) = condition(&status, "RulesLoaded");
        assert_eq!((&*truth, &*reason), ("False", reasons::NOT_SELECTED));
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn of_several_rule_objects_the_wanted_one_speaks() {
    let kept = || {
        let why = Why::new(reasons::APPLY_FAILED, "kept until VMRule shop-slo is written");
        outcome("PrometheusRule", ChildState::Held, Some(why))
    };
    let applied = Children {
        rule: kept(),
        vm_rule: outcome("VMRule", ChildState::Failed, Some(Why::new(reasons::APPLY_FAILED, "no room"))),
        ..all_applied()
    };
    let mut observed = observed();
    observed.rule_apis.vm_rule = true;
    let profile = profile(&format!("rules: {{kind: VMRule}}\n{AVAILABILITY}"));
    let status = status_of(&profile, &observed, &applied, Answer::NotConfigured);
    assert_eq!(condition(&status, "RulesReady").2, "no room");
    let children: Vec<_> = status.children.iter().map(|child| (&*child.kind, child.state)).collect();
    assert!(children.contains(&("PrometheusRule", ChildState::Held)), "{children:?}");
}

#[test]
fn one_child_that_fails_is_one_condition_and_ready() {
    let applied = Children {
        autoscaler: outcome(
            "HorizontalPodAutoscaler",
            ChildState::Failed,
            Some(Why::new(reasons::APPLY_FAILED, "forbidden")),
        ),
        ..all_applied()
    };
    let status = status_of(&profile(""), &observed(), &applied, Answer::NotConfigured);
    assert_eq!(condition(&status, "AutoscalingReady").0, "False");
    assert_eq!(condition(&status, "DisruptionReady").0, "True");
    let (truth, reason, message) = condition(&status, "Ready");
    assert_eq!((&*truth, &*reason, &*message), ("False", reasons::APPLY_FAILED, "AutoscalingReady: forbidden"));
    assert_eq!(status.children[0].state, ChildState::Failed);
}

#[test]
fn an_autoscaler_that_cannot_scale_counts_after_a_while() {
    let live = |since: u32, reason: &str| {
        let condition = HorizontalPodAutoscalerCondition {
            type_: "ScalingActive".to_owned(),
            status: "False".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some("no metrics API".to_owned()),
            last_transition_time: Some(Time(Timestamp::from_second(i64::from(NOW - since)).unwrap())),
            observed_generation: None,
        };
        let status = HorizontalPodAutoscalerStatus {
            conditions: Some(vec![condition]),
            ..HorizontalPodAutoscalerStatus::default()
        };
        let mut seen = observed();
        seen.live.autoscaler =
            Some(HorizontalPodAutoscaler { status: Some(status), ..HorizontalPodAutoscaler::default() }.into());
        condition_of_ready(&seen)
    };
    assert_eq!(live(30, "FailedGetResourceMetric").0, "True", "a new pod has no metrics yet");
    let (truth, reason, message) = live(100, "FailedGetResourceMetric");
    assert_eq!((&*truth, &*reason), ("False", reasons::CANNOT_SCALE));
    assert!(message.contains("FailedGetResourceMetric: no metrics API"), "{message}");
    assert_eq!(live(100, "ScalingDisabled").0, "True", "a person has scaled it to zero");
}

fn condition_of_ready(observed: &Observed) -> (String, String, String) {
    condition(&status_of(&profile(""), observed, &all_applied(), Answer::NotConfigured), "Ready")
}

#[test]
fn times_of_conditions_move_only_when_the_value_does() {
    let mut profile = profile("");
    let mut first = status_of(&profile, &observed(), &all_applied(), Answer::NotConfigured);
    let long_ago = Time(Timestamp::from_second(1_000_000_000).unwrap());
    for condition in &mut first.conditions {
        condition.last_transition_time = long_ago.clone();
    }
    profile.status = Some(first);
    let missing = Observed { target: TargetState::Missing, ..observed() };
    let second = status_of(&profile, &missing, &all_applied(), Answer::NotConfigured);
    let time = |type_: &str| second.conditions.iter().find(|c| c.type_ == type_).unwrap().last_transition_time.clone();
    assert_eq!(time("Active"), long_ago);
    assert_eq!(time("TargetFound"), Time(now()));
    assert_eq!(condition(&second, "Ready").1, reasons::TARGET_NOT_FOUND);
}

#[test]
fn groups_and_further_windows_are_shown() {
    let spec = AVAILABILITY.replace("  target:", "  grouping: {by: [route]}\n  additionalWindows: [7d]\n  target:");
    let mut given = Given::default();
    let identity = crate::slo::Identity {
        namespace: "store".to_owned(),
        profile: "shop".to_owned(),
        objective: "availability".to_owned(),
    };
    let recorded = given.samples.entry(identity).or_default();
    recorded.newest = Some(f64::from(NOW));
    assert!(recorded.samples.take("plimsoll:groups:left_out", 2.0));
    for (index, remaining) in [0.9, -0.5, 0.1, 0.8, 0.7, 0.6, 0.5].into_iter().enumerate() {
        let group = std::collections::BTreeMap::from([("route".to_owned(), format!("/{index}"))]);
        let samples = recorded.samples.of_group(group);
        for (name, value) in [
            ("plimsoll:bad:events", (1.0 - remaining) * 1_000.0),
            ("plimsoll:total:events", 1_000_000.0),
            ("plimsoll:budget:events", 1_000.0),
            ("plimsoll:objective:ratio", 1.0 - (1.0 - remaining) / 1_000.0),
            ("plimsoll:budget_remaining:ratio", remaining),
            ("plimsoll:budget_remaining:ratio:7d", 0.25),
            ("plimsoll:bad:events:7d", 750.0),
            ("plimsoll:budget:events:7d", 1_000.0),
            ("plimsoll:burn_rate:5m", 0.1),
        ] {
            assert!(samples.take(name, value), "{name}");
        }
    }
    let answer = Answer::Given(std::sync::Arc::new(given));
    let status = status_of(&profile(&spec), &observed(), &all_applied(), answer);
    let objective = &status.objectives[0];
    assert_eq!(objective.state, ObjectiveState::Exhausted);
    assert_eq!(objective.groups.len(), 5);
    assert_eq!((objective.groups_followed, objective.groups_left_out), (Some(7), Some(2)));
    assert_eq!(objective.groups[0].labels["route"], "/1");
    assert_eq!(objective.groups[0].budget_remaining.as_deref(), Some("-50"));
    // Of 7,000 that may be bad 3,900 were: the whole has more left than its worst group.
    assert_eq!(objective.budget.as_ref().unwrap().remaining, "44.3");
    assert_eq!(objective.windows[0].window, "7d");
    assert_eq!(objective.windows[0].budget_remaining.as_deref(), Some("25"));
    let worst = status.worst.as_ref().unwrap();
    assert_eq!((worst.budget_remaining.as_str(), worst.group["route"].as_str()), ("-50", "/1"));
    assert_eq!(condition(&status, "ObjectivesMet").1, "BudgetExhausted");
}

#[test]
fn maintenance_is_shown_while_it_goes_on_and_before() {
    let start = Timestamp::from_second(i64::from(NOW) - 60).unwrap();
    let end = Timestamp::from_second(i64::from(NOW) + 60).unwrap();
    let later = Timestamp::from_second(i64::from(NOW) + 86_400).unwrap();
    let spec = format!(
        "{AVAILABILITY}maintenance:\n- name: later\n  once: {{start: \"{later}\", end: \"{}\"}}\n- name: now\n  once: {{start: \"{start}\", end: \"{end}\"}}",
        Timestamp::from_second(i64::from(NOW) + 90_000).unwrap()
    );
    let status = status_of(&profile(&spec), &observed(), &all_applied(), given(0.6, 10, &GROUPS));
    let maintenance = status.maintenance.as_ref().unwrap();
    assert_eq!(maintenance.current.as_ref().unwrap().name, "now");
    assert_eq!(maintenance.current.as_ref().unwrap().end, Time(end));
    assert_eq!(maintenance.next.as_ref().unwrap().name, "later");
    assert_eq!(condition(&status, "Ready").0, "True");
    let without = status_of(&profile(AVAILABILITY), &observed(), &all_applied(), given(0.6, 10, &GROUPS));
    assert_eq!(without.maintenance, None);
}
