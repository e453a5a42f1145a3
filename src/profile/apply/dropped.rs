//! What an older Kubernetes lacks: a field that the API server does not know it drops without a word, and what it does not allow yet it
//! refuses as if nobody ever could. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{api::reasons, profile::children::Why};

/// What the children have that the oldest Kubernetes of the chart does not, with the version that has it by default. A field is
/// named by the end of its path.
const SINCE: &[(&str, &str)] = &[
    // KEP-4951: alpha in 1.33, on by default from 1.35.
    ("tolerance", "1.35"),
];

/// Fields that a message names, of those that are lost.
const MOST_NAMED: usize = 3;

/// Parts of an object that are the server's, or that it may well write in another way.
const NOT_ASKED_FOR: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Why a child is not as declared although the server took it; nothing where all is there.
pub fn why<K: Serialize>(kind: &str, name: &str, desired: &K, stored: Option<&K>) -> Option<Why> {
    let values = (serde_json::to_value(desired).ok()?, serde_json::to_value(stored?).ok()?);
    let (Value::Object(mut desired), Value::Object(stored)) = values else { return None };
    desired.retain(|field, _| !NOT_ASKED_FOR.contains(&field.as_str()));
    let mut lost = Vec::new();
    fields(&desired, &stored, "", &mut lost);
    (!lost.is_empty()).then(|| Why::new(reasons::FIELD_DROPPED, message(kind, name, &lost)))
}

fn message(kind: &str, name: &str, lost: &[String]) -> String {
    let mut named: Vec<_> = lost.iter().take(MOST_NAMED).map(|path| format!("{path}{}", since(path))).collect();
    if lost.len() > MOST_NAMED {
        named.push(format!("{} more", lost.len() - MOST_NAMED));
    }
    format!(
        "the API server stored {kind} {name} without {}: this Kubernetes, or the definition of the kind, does not have it, or a \
         webhook took it out. The rest is as declared; take it out of the profile, or upgrade",
        named.join(", ")
    )
}

fn since(path: &str) -> String {
    let field = path.rsplit('.').next().unwrap_or_default();
    let known = SINCE.iter().find(|(name, _)| *name == field);
    known.map(|(_, version)| format!(" (needs Kubernetes {version})")).unwrap_or_default()
}

/// A refusal, with the version that takes what was asked for, where that is known.
pub fn with_version(refusal: String) -> String {
    // The feature gate HPAScaleToZero is on by default from 1.37.
    if refusal.contains("spec.minReplicas: Invalid value: 0:") {
        return format!("{refusal} (minReplicas 0 needs Kubernetes 1.37, or its feature gate HPAScaleToZero)");
    }
    refusal
}

/// The paths that are asked for and not stored, the outermost of each.
fn missing(asked: &Value, stored: Option<&Value>, path: &str, lost: &mut Vec<String>) {
    match (asked, stored) {
        (asked, _) if is_empty(asked) => {}
        (_, None | Some(Value::Null)) => lost.push(path.to_owned()),
        (Value::Object(asked), Some(Value::Object(stored))) => fields(asked, stored, path, lost),
        (Value::Array(asked), Some(Value::Array(stored))) => {
            for (index, item) in asked.iter().enumerate() {
                lost.extend(nearest(item, stored, &format!("{path}[{index}]")));
            }
        }
        // Another value is another writing of it, or somebody else's: no matter of a field that is not known.
        _ => {}
    }
}

fn fields(asked: &Map<String, Value>, stored: &Map<String, Value>, path: &str, lost: &mut Vec<String>) {
    for (field, value) in asked {
        let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        missing(value, stored.get(field), &path, lost);
    }
}

/// What an item of a list has lost, in comparison with the stored one that is most like it: the server may put lists in another order,
/// and others may add to them.
fn nearest(item: &Value, stored: &[Value], path: &str) -> Vec<String> {
    let losses = stored.iter().map(|candidate| {
        let mut lost = Vec::new();
        missing(item, Some(candidate), path, &mut lost);
        (differences(item, candidate), lost)
    });
    losses
        .min_by_key(|(differences, lost)| (*differences, lost.len()))
        .map_or_else(|| vec![path.to_owned()], |(_, lost)| lost)
}

/// How many values are others, at any depth of objects.
fn differences(asked: &Value, stored: &Value) -> usize {
    match (asked, stored) {
        (Value::Object(asked), Value::Object(stored)) => {
            asked.iter().filter_map(|(field, value)| stored.get(field).map(|there| differences(value, there))).sum()
        }
        (Value::Array(_), Value::Array(_)) => 0,
        (asked, stored) => usize::from(asked != stored),
    }
}

/// What a server may leave out where it stands for the absence of a value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lost(asked: &Value, stored: &Value) -> Vec<String> {
        let mut lost = Vec::new();
        missing(asked, Some(stored), "", &mut lost);
        lost
    }

    #[test]
    fn a_field_that_is_not_stored_is_named_with_the_version_that_has_it() {
        let asked =
            json!({"spec": {"minReplicas": 3, "behavior": {"scaleUp": {"tolerance": "0.05", "selectPolicy": "Min"}}}});
        let mut stored = asked.clone();
        assert_eq!(why("HorizontalPodAutoscaler", "web", &asked, Some(&stored)), None);
        stored["spec"]["behavior"]["scaleUp"].as_object_mut().unwrap().remove("tolerance");
        let why = why("HorizontalPodAutoscaler", "web", &asked, Some(&stored)).unwrap();
        assert_eq!(why.reason, reasons::FIELD_DROPPED);
        let expected = "HorizontalPodAutoscaler web without spec.behavior.scaleUp.tolerance (needs Kubernetes 1.35): ";
        assert!(why.message.contains(expected), "{}", why.message);
    }

    #[test]
    fn what_the_server_adds_writes_otherwise_or_leaves_out_for_nothing_is_no_loss() {
        let asked = json!({"spec": {"cpu": "1000m", "zero": 0, "off": false, "none": null, "list": [], "inner": {"empty": {}}}});
        assert_eq!(lost(&asked, &json!({"spec": {"cpu": "1", "default": true}})), [""; 0]);
        assert_eq!(lost(&json!({"zero": 0, "one": 1}), &json!({})), ["one"]);
    }

    #[test]
    fn items_of_a_list_are_compared_with_their_like() {
        let asked = json!([{"name": "a", "port": 1, "probe": {"new": 1}}, {"name": "b", "port": 2}]);
        let stored =
            json!([{"name": "c"}, {"name": "b", "port": 2, "more": 1}, {"name": "a", "port": 1, "probe": {"old": 1}}]);
        assert_eq!(lost(&asked, &stored), ["[0].probe.new"]);
        assert_eq!(lost(&json!({"list": [1]}), &json!({"list": []})), ["list[0]"]);
        assert_eq!(lost(&json!({"list": [1]}), &json!({})), ["list"]);
    }

    #[test]
    fn a_refusal_of_scaling_to_zero_names_the_version_that_can() {
        let refusal = "HorizontalPodAutoscaler.autoscaling \"web\" is invalid: spec.minReplicas: Invalid value: 0: must be greater than or equal to 1";
        assert!(
            with_version(refusal.to_owned())
                .ends_with("(minReplicas 0 needs Kubernetes 1.37, or its feature gate HPAScaleToZero)")
        );
        assert_eq!(with_version("quota exceeded".to_owned()), "quota exceeded");
    }

    #[test]
    fn labels_and_the_status_are_not_asked_for() {
        let asked = json!({"metadata": {"labels": {"a": "b"}}, "status": {"x": 1}, "data": {"k": "v"}});
        assert_eq!(why("ConfigMap", "web", &asked, Some(&json!({"data": {"k": "v"}}))), None);
        assert_eq!(why("ConfigMap", "web", &asked, None), None);
        assert!(why("ConfigMap", "web", &asked, Some(&json!({"data": {}}))).is_some());
    }
}
