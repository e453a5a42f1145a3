use serde_json::{Value, json};

use super::*;
use crate::{enforce::FreezeLevel, yaml};

const SINCE: i64 = 1_764_000_000;
const HOUR: i64 = 3_600;

fn freeze(since: i64, until: i64) -> Freeze {
    let good = ["app=shop:1.3", "app=shop:1.4", "", "app=shop:1.3"].map(str::to_owned);
    Freeze {
        level: FreezeLevel::Deny,
        cause: crate::enforce::Cause::Exhausted("availability".to_owned()),
        reason: "the error budget of objective availability is exhausted".to_owned(),
        since,
        until,
        good: good.to_vec(),
    }
}

fn status(freeze: &Freeze, written: Option<&FreezeStatus>, annotation: Option<&str>) -> FreezeStatus {
    freeze_status(FreezeAction::Deny, freeze, written, annotation)
}

#[test]
fn the_status_is_what_the_policy_reads() {
    let frozen = freeze(SINCE, SINCE + 2 * HOUR);
    let first = status(&frozen, None, None);
    assert_eq!(
        serde_json::to_value(status(&frozen, Some(&first), Some(" INC-7: pool fix\n"))).unwrap(),
        json!({
            "action": "Deny",
            "reason": "the error budget of objective availability is exhausted",
            "since": "2025-11-24T16:00:00Z",
            "until": "2025-11-24T18:00:00Z",
            "goodImages": ["app=shop:1.3", "app=shop:1.4"],
            "override": {"reason": "INC-7: pool fix", "until": "2025-11-24T18:00:00Z"},
        })
    );
    let many = Freeze { good: (0..50).map(|number| format!("app=shop:{number}")).collect(), ..frozen };
    let images = status(&many, None, None).good_images;
    assert_eq!((images.len(), &*images[0], &*images[9]), (10, "app=shop:49", "app=shop:40"), "the newest first");
}

#[test]
fn a_reason_holds_until_the_end_that_the_freeze_had_when_it_was_given() {
    let (begun, renewed) = (freeze(SINCE, SINCE + 2 * HOUR), freeze(SINCE, SINCE + 3 * HOUR));
    let until = |status: &FreezeStatus| status.overridden.as_ref().map(|noted| noted.until.0.as_second() - SINCE);
    assert_eq!(until(&status(&begun, None, None)), None);
    assert_eq!(until(&status(&begun, None, Some(" \n"))), None);

    let old = status(&begun, None, Some("INC-1"));
    assert_eq!(until(&old), Some(0), "it was there before the freeze");
    assert_eq!(given(None, Some(&old)), None);
    let same = status(&renewed, Some(&old), Some(" INC-1 "));
    assert_eq!(until(&same), Some(0), "the same reason again is not a new one");
    assert_eq!(given(Some(&old), Some(&same)), None);
    let yesterday = status(&freeze(SINCE - 24 * HOUR, SINCE + HOUR), None, None);
    assert_eq!(until(&status(&begun, Some(&yesterday), Some("INC-2"))), Some(0), "it was given in another freeze");

    let new = status(&renewed, Some(&old), Some("INC-2"));
    assert_eq!(until(&new), Some(2 * HOUR));
    assert_eq!(given(Some(&old), Some(&new)), new.overridden.as_ref());
    let later = status(&renewed, Some(&new), Some("INC-2"));
    assert_eq!(until(&later), Some(2 * HOUR), "a renewed freeze renews no override");
    assert_eq!(given(Some(&new), Some(&later)), None);
    let gone = status(&renewed, Some(&later), None);
    assert_eq!((until(&gone), given(Some(&later), Some(&gone)), given(Some(&later), None)), (None, None, None));
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
