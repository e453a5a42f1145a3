use serde_json::{Value, json};

use super::*;
use crate::yaml;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan() -> FreezePlan {
    let images = ["app=shop:1.4,proxy=envoy:1.30", "app=shop:1.3,proxy=envoy:1.30", "app=shop:1.4,proxy=envoy:1.30"];
    FreezePlan {
        action: FreezeAction::Deny,
        reason: "objective availability has spent its error budget (-12 % left)".to_owned(),
        since: at("2026-11-24T06:00:00.25Z"),
        until: at("2026-11-24T08:00:00.75Z"),
        good_images: images.iter().map(|text| ImageSet::parse(text).unwrap()).chain([ImageSet::default()]).collect(),
        overridden: None,
    }
}

#[test]
fn the_status_is_what_the_policy_reads() {
    let overridden = Some(FreezeOverride { reason: "INC-7: pool fix".to_owned(), until: whole_seconds(plan().until) });
    let status = freeze_status(&FreezePlan { overridden, ..plan() });
    assert_eq!(
        serde_json::to_value(status).unwrap(),
        json!({
            "action": "Deny",
            "reason": "objective availability has spent its error budget (-12 % left)",
            "since": "2026-11-24T06:00:00Z",
            "until": "2026-11-24T08:00:00Z",
            "goodImages": ["app=shop:1.4,proxy=envoy:1.30", "app=shop:1.3,proxy=envoy:1.30"],
            "override": {"reason": "INC-7: pool fix", "until": "2026-11-24T08:00:00Z"},
        })
    );
    let many = (0..50).map(|number| ImageSet::parse(&format!("app=shop:{number}")).unwrap()).collect();
    let status = freeze_status(&FreezePlan { good_images: many, ..plan() });
    assert_eq!((status.good_images.len(), &*status.good_images[9]), (MOST_IMAGES, "app=shop:9"));
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
    let written = freeze_status(&plan());
    let two_hours = Duration::from_secs(7_200);
    assert_eq!(renewed(None, at("2026-11-24T06:00:00Z"), two_hours), at("2026-11-24T08:00:00Z"));
    assert_eq!(renewed(Some(&written), at("2026-11-24T06:59:00Z"), two_hours), at("2026-11-24T08:00:00Z"));
    assert_eq!(renewed(Some(&written), at("2026-11-24T07:01:00Z"), two_hours), at("2026-11-24T09:01:00Z"));
    let shorter = Duration::from_mins(10);
    let end = renewed(Some(&written), at("2026-11-24T06:59:00Z"), shorter);
    assert_eq!(end, at("2026-11-24T07:09:00Z"), "a shorter bound holds at once");
}

#[test]
fn a_reason_holds_until_the_end_that_the_freeze_had_when_it_was_given() {
    let since = plan().since;
    let with = |since: Timestamp, over: &FreezeOverride, until| {
        freeze_status(&FreezePlan { since, overridden: Some(over.clone()), until: at(until), ..plan() })
    };
    assert_eq!(follow(None, None, since), None);
    assert_eq!(follow(None, Some(" \n"), since), None);

    let old = follow(None, Some("INC-1"), since).unwrap();
    assert_eq!(old.until.0, at("2026-11-24T06:00:00Z"), "it was there before the freeze");
    assert!(!is_news(None, Some(&old), since));
    let of_yesterday = with(at("2026-11-23T06:00:00Z"), &old, "2026-11-24T08:00:00Z");
    assert_eq!(follow(Some(&of_yesterday), Some("INC-2"), since).unwrap().until, old.until);
    let noted = with(since, &old, "2026-11-24T08:00:00Z");
    assert_eq!(follow(Some(&noted), Some(" INC-1 "), since), Some(old), "the same reason again is not a new one");

    let given = follow(Some(&noted), Some("INC-2"), since).unwrap();
    assert_eq!((&*given.reason, given.until.0), ("INC-2", at("2026-11-24T08:00:00Z")));
    assert!(is_news(Some(&noted), Some(&given), since));
    let renewed = with(since, &given, "2026-11-24T10:00:00Z");
    assert_eq!(
        follow(Some(&renewed), Some("INC-2"), since),
        Some(given.clone()),
        "a renewed freeze renews no override"
    );
    assert!(!is_news(Some(&renewed), Some(&given), since));
    assert!(!is_news(Some(&renewed), None, since));
}

/// Every field of a profile that the chart's policy reads is one of the schema, and its annotation is ours.
#[test]
fn the_policy_reads_fields_that_there_are() {
    let policy = include_str!("../../../charts/plimsoll/templates/freeze-policy.yaml");
    let definition = yaml::documents(include_str!("../../../crds/performanceprofiles.plimsoll.dev.yaml")).unwrap();
    let schema = &definition[0].value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut fields = 0;
    for path in policy.split("params.").skip(1) {
        let end = path.find(|c: char| !c.is_ascii_alphanumeric() && !".?".contains(c)).unwrap_or(path.len());
        let steps = path[..end].split('.').map(|step| step.trim_start_matches('?'));
        // What stands before a parenthesis is a function.
        let functions = usize::from(path[end..].starts_with('('));
        let steps: Vec<_> = steps.collect();
        let mut at: &Value = schema;
        for step in &steps[..steps.len() - functions] {
            if *step == "metadata" {
                break;
            }
            at = &at["properties"][*step];
            assert!(at.is_object(), "params.{}: no field {step}", &path[..end]);
            fields += 1;
        }
    }
    assert!(fields > 20, "only {fields} fields were looked at");
    assert!(policy.contains(crate::api::annotations::OVERRIDE));
    let rendered = yaml::documents(include_str!("../../../deploy/operator.yaml")).unwrap();
    let of_kind = |kind: &str| rendered.iter().filter(|document| document.value["kind"] == kind).count();
    assert_eq!((of_kind("ValidatingAdmissionPolicy"), of_kind("ValidatingAdmissionPolicyBinding")), (2, 2));
}
