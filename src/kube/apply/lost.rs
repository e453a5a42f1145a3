//! What was asked for and is not there after a write: an API server that does not know a field drops it without a word. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

/// Parts of an object that are the server's, or that it may well write in another way.
const NOT_ASKED_FOR: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// The paths that are asked for and not stored, as in `spec.behavior.scaleUp.tolerance`.
pub fn lost(desired: &impl Serialize, stored: &impl Serialize) -> Vec<String> {
    let mut lost = Vec::new();
    if let (Ok(Value::Object(mut desired)), Ok(Value::Object(stored))) =
        (serde_json::to_value(desired), serde_json::to_value(stored))
    {
        desired.retain(|field, _| !NOT_ASKED_FOR.contains(&field.as_str()));
        fields(&desired, &stored, "", &mut lost);
    }
    lost
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

    #[test]
    fn a_field_that_is_not_stored_is_found_and_what_is_the_servers_is_not_asked_for() {
        let asked = json!({"metadata": {"labels": {"a": "b"}}, "status": {"x": 1}, "kind": "K", "apiVersion": "v",
            "spec": {"minReplicas": 3, "behavior": {"scaleUp": {"tolerance": "0.05", "selectPolicy": "Min"}}}});
        let mut stored = json!({"spec": asked["spec"]});
        assert_eq!(lost(&asked, &stored), [""; 0]);
        stored["spec"]["behavior"]["scaleUp"].as_object_mut().unwrap().remove("tolerance");
        assert_eq!(lost(&asked, &stored), ["spec.behavior.scaleUp.tolerance"]);
        assert_eq!(lost(&asked, &json!({})), ["spec"]);
    }

    #[test]
    fn what_the_server_adds_writes_otherwise_or_leaves_out_for_nothing_is_no_loss() {
        let asked = json!({"spec": {"cpu": "1000m", "zero": 0, "off": false, "none": null, "list": [], "inner": {"empty": {}}}});
        assert_eq!(lost(&asked, &json!({"spec": {"cpu": "1", "default": true}})), [""; 0]);
        assert_eq!(lost(&json!({"zero": 0, "one": 1}), &json!({})), ["one"]);
    }

    #[test]
    fn items_of_a_list_are_compared_with_their_like() {
        let asked = json!({"all": [{"name": "a", "port": 1, "probe": {"new": 1}}, {"name": "b", "port": 2}]});
        let stored = json!({"all": [{"name": "c"}, {"name": "b", "port": 2, "more": 1}, {"name": "a", "port": 1, "probe": {"old": 1}}]});
        assert_eq!(lost(&asked, &stored), ["all[0].probe.new"]);
        assert_eq!(lost(&json!({"list": [1]}), &json!({"list": []})), ["list[0]"]);
        assert_eq!(lost(&json!({"list": [1]}), &json!({})), ["list"]);
    }
}
