use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::{
    profile::{
        Settings,
        testing::{observed, profile},
        validate::validate,
    },
    yaml,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan() -> FreezePlan {
    FreezePlan {
        action: FreezeAction::Deny,
        reason: "objective availability has spent its\nerror budget (-12 % left)".to_owned(),
        since: at("2026-11-24T06:00:00.25Z"),
        until: at("2026-11-24T08:00:00.75Z"),
        good_images: [
            "app=shop:1.4,proxy=envoy:1.30",
            "app=shop:1.3,proxy=envoy:1.30",
            "app=shop:1.4,proxy=envoy:1.30",
        ]
        .iter()
        .map(|text| ImageSet::parse(text).unwrap())
        .chain([ImageSet::default()])
        .collect(),
        override_: None,
    }
}

fn built(plan: &FreezePlan) -> Option<ConfigMap> {
    freeze(&validate(&profile(""), &observed(), &Settings::default()), plan)
}

fn written(plan: &FreezePlan) -> ConfigMap {
    built(plan).unwrap()
}

/// Compares with the file, or writes it.
fn assert_golden(name: &str, map: &ConfigMap) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/freeze").join(name);
    let text = yaml::to_string(&serde_json::to_value(map).unwrap()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), text, "{}", file.display());
}

#[test]
fn the_whole_object_is_as_before() {
    assert_golden("deny.yaml", &written(&plan()));
    let warned = FreezePlan {
        action: FreezeAction::Warn,
        good_images: Vec::new(),
        override_: Some(Override { reason: "INC-7: pool fix".to_owned(), until: at("2026-11-24T08:00:00Z") }),
        ..plan()
    };
    assert_golden("warn-overridden.yaml", &written(&warned));
    assert_eq!(built(&FreezePlan { action: FreezeAction::Disabled, ..plan() }), None);
}

#[test]
fn a_long_reason_and_many_images_are_bounded() {
    let many = (0..50).map(|number| ImageSet::parse(&format!("app=shop:{number}")).unwrap()).collect();
    let map = written(&FreezePlan { reason: "ä ".repeat(5_000), good_images: many, ..plan() });
    let images: Vec<_> = text(&map, keys::GOOD_IMAGES).unwrap().lines().collect();
    assert_eq!((images.len(), images[0], images[9]), (MOST_IMAGES, "app=shop:0", "app=shop:9"));
    assert_eq!(text(&map, keys::REASON).unwrap().chars().count(), LONGEST_REASON + 1);
}

#[test]
fn images_of_init_containers_count() {
    let spec = json!({"template": {"spec": {
        "containers": [{"name": "web", "image": "registry.example:5000/web:2@sha256:00"}, {"name": "app", "image": "app:1"}],
        "initContainers": [{"name": "migrate", "image": "app:1"}, {"name": "injected"}],
    }}});
    let set = ImageSet::of_workload(&spec);
    assert_eq!(set.to_string(), "app=app:1,injected=,migrate=app:1,web=registry.example:5000/web:2@sha256:00");
    assert_eq!(ImageSet::parse(&set.to_string()), Some(set));
    for nonsense in ["", "app", "app=a:1,", "=a:1"] {
        assert_eq!(ImageSet::parse(nonsense), None, "{nonsense}");
    }
    assert!(ImageSet::of_workload(&json!({"replicas": 1})).is_empty());
}

#[test]
fn a_freeze_that_goes_on_is_written_again_only_when_half_of_it_is_gone() {
    let map = written(&plan());
    let two_hours = Duration::from_secs(7_200);
    assert_eq!(renewed(None, at("2026-11-24T06:00:00Z"), two_hours), at("2026-11-24T08:00:00Z"));
    assert_eq!(renewed(Some(&map), at("2026-11-24T06:59:00Z"), two_hours), at("2026-11-24T08:00:00Z"));
    assert_eq!(renewed(Some(&map), at("2026-11-24T07:01:00Z"), two_hours), at("2026-11-24T09:01:00Z"));
    let shorter = Duration::from_mins(10);
    assert_eq!(
        renewed(Some(&map), at("2026-11-24T06:59:00Z"), shorter),
        at("2026-11-24T07:09:00Z"),
        "a shorter bound holds at once"
    );
}

#[test]
fn a_reason_holds_until_the_end_that_the_freeze_had_when_it_was_given() {
    let plan = plan();
    let follow = |map: Option<&ConfigMap>, annotation| follow(map, annotation, plan.since, at("2026-11-24T11:00:00Z"));
    let with = |over: &Override, until| {
        written(&FreezePlan { override_: Some(over.clone()), until: at(until), ..plan.clone() })
    };
    assert_eq!(follow(None, None), None);
    assert_eq!(follow(None, Some(" \n")), None);

    let old = follow(None, Some("INC-1")).unwrap();
    let since = at("2026-11-24T06:00:00Z");
    assert_eq!(old.until, since, "it was there before the freeze");
    assert!(!is_news(None, Some(&old), plan.since));
    let other_freeze =
        written(&FreezePlan { since: at("2026-11-23T06:00:00Z"), override_: Some(old.clone()), ..plan.clone() });
    assert_eq!(follow(Some(&other_freeze), Some("INC-2")).unwrap().until, since);
    let noted = with(&old, "2026-11-24T08:00:00Z");
    assert_eq!(follow(Some(&noted), Some(" INC-1 ")), Some(old), "the same reason again is not a new one");

    let given = follow(Some(&noted), Some("INC-2")).unwrap();
    assert_eq!(given, Override { reason: "INC-2".to_owned(), until: at("2026-11-24T08:00:00Z") });
    assert!(is_news(Some(&noted), Some(&given), plan.since));
    let renewed = with(&given, "2026-11-24T10:00:00Z");
    assert_eq!(
        follow(Some(&renewed), Some("INC-2")),
        Some(given.clone()),
        "a renewed freeze does not renew the override"
    );
    assert!(!is_news(Some(&renewed), Some(&given), plan.since));
}

/// The policy of the chart reads what is written here, and nothing else; its names are ours.
#[test]
fn the_policy_reads_what_is_written() {
    let policy = include_str!("../../../../charts/plimsoll/templates/freeze-policy.yaml");
    let over = Some(Override { reason: "INC-1".to_owned(), until: plan().until });
    let map = written(&FreezePlan { override_: over, ..plan() });
    let read: BTreeSet<_> = policy
        .split("params.data.")
        .skip(1)
        .map(|rest| rest.trim_start_matches('?').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap())
        .collect();
    let for_the_operator = BTreeSet::from([keys::SINCE]);
    let data = map.data.unwrap();
    assert_eq!(read, &data.keys().map(String::as_str).collect::<BTreeSet<_>>() - &for_the_operator);
    for name in [labels::FREEZE, crate::api::annotations::OVERRIDE] {
        assert!(policy.contains(name), "{name}");
    }
    let rendered = yaml::documents(include_str!("../../../../deploy/operator.yaml")).unwrap();
    let of_kind = |kind: &str| rendered.iter().filter(|document| document.value["kind"] == kind).count();
    assert_eq!((of_kind("ValidatingAdmissionPolicy"), of_kind("ValidatingAdmissionPolicyBinding")), (1, 2));
    let actions = |value: &Value| value.pointer("/spec/paramRef/selector/matchLabels/plimsoll.dev~1freeze").cloned();
    let selected: BTreeSet<_> =
        rendered.iter().filter_map(|document| actions(&document.value)?.as_str().map(str::to_owned)).collect();
    assert_eq!(selected, BTreeSet::from(["deny".to_owned(), "warn".to_owned()]));
}
