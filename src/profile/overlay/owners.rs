//! Whose a field is: `metadata.managedFields`, read and written.

use serde_json::{Map, Value, json};

use super::lever::at;
use crate::api::FIELD_MANAGER;

/// What tells the entries of two managers apart; the rest of an entry is when and what.
const IDENTITY: [&str; 4] = ["manager", "operation", "apiVersion", "subresource"];

/// The entries of others that have the field, without their lists of fields.
pub(super) fn others(live: &Value, path: &[&str]) -> Vec<Value> {
    let entries = entries(live).iter().filter(|entry| !ours(entry) && has(entry, path));
    entries.map(header).collect()
}

/// Whether the field is ours, be it among others.
pub(super) fn is_ours(live: &Value, path: &[&str]) -> bool {
    entries(live).iter().any(|entry| ours(entry) && has(entry, path))
}

/// Whether another has anything at or below a path.
pub(super) fn others_below(live: &Value, path: &[&str]) -> bool {
    entries(live).iter().any(|entry| !ours(entry) && has(entry, path))
}

/// Who wrote a field last, by the name that the API server knows; of one that is not there any more, who wrote anything last.
pub(super) fn writer(live: &Value, path: &[&str]) -> String {
    let others = || entries(live).iter().filter(|entry| !ours(entry) && entry.get("subresource").is_none());
    let time = |entry: &&Value| entry.get("time").and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = others().filter(|entry| has(entry, path)).max_by_key(time).or_else(|| others().max_by_key(time));
    found.and_then(|entry| entry.get("manager")).and_then(Value::as_str).unwrap_or("somebody without a name").to_owned()
}

/// The list with nothing of ours in it, and with fields given back to those who had them.
pub(super) fn without_ours(live: &Value, back: &[(&[&str], &[Value])]) -> Vec<Value> {
    let mut list: Vec<Value> = entries(live).iter().filter(|entry| !ours(entry)).cloned().collect();
    give(&mut list, back);
    list
}

/// The list in which some fields are no longer ours, but those of whom they were before.
pub(super) fn handed_back(live: &Value, back: &[(&[&str], &[Value])]) -> Vec<Value> {
    let mut list = entries(live).to_vec();
    for (path, _) in back {
        for entry in list.iter_mut().filter(|entry| ours(entry)) {
            if let Some(fields) = entry.get_mut("fieldsV1") {
                remove(fields, path);
            }
        }
    }
    give(&mut list, back);
    list
}

fn give(list: &mut Vec<Value>, back: &[(&[&str], &[Value])]) {
    for (path, owners) in back {
        for owner in *owners {
            if let Some(entry) = list.iter_mut().find(|entry| same(entry, owner)) {
                insert(entry, "fieldsV1", path);
            } else {
                // It had nothing else, and was dropped when it lost this.
                let mut entry = owner.clone();
                insert(&mut entry, "fieldsV1", path);
                list.push(entry);
            }
        }
    }
}

fn entries(live: &Value) -> &[Value] {
    at(live, &["metadata", "managedFields"]).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn ours(entry: &Value) -> bool {
    entry.get("manager").is_some_and(|manager| manager == FIELD_MANAGER) && entry.get("subresource").is_none()
}

fn same(one: &Value, other: &Value) -> bool {
    IDENTITY.iter().all(|key| one.get(key) == other.get(key))
}

fn header(entry: &Value) -> Value {
    let mut header = entry.clone();
    if let Some(map) = header.as_object_mut() {
        map.remove("fieldsV1");
    }
    header
}

fn has(entry: &Value, path: &[&str]) -> bool {
    let fields = entry.get("fieldsV1");
    path.iter().try_fold(fields, |fields, segment| Some(fields?.get(format!("f:{segment}")))).flatten().is_some()
}

/// Adds a field below a key of a map.
fn insert(into: &mut Value, key: &str, path: &[&str]) {
    let Some(map) = into.as_object_mut() else { return };
    let below = map.entry(key).or_insert_with(|| json!({}));
    if let Some((first, rest)) = path.split_first() {
        insert(below, &format!("f:{first}"), rest);
    }
}

/// Removes a field, and what leads to it alone.
fn remove(fields: &mut Value, path: &[&str]) {
    let (Some((first, rest)), Some(map)) = (path.split_first(), fields.as_object_mut()) else { return };
    let key = format!("f:{first}");
    if rest.is_empty() {
        map.remove(&key);
    } else if let Some(below) = map.get_mut(&key) {
        remove(below, rest);
        if below.as_object().is_some_and(Map::is_empty) {
            map.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(entries: &Value) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn a_field_goes_back_to_its_entry_or_to_a_new_one() {
        let git = json!({"manager": "git", "operation": "Apply", "apiVersion": "autoscaling/v2", "time": "1"});
        let person = json!({"manager": "edit", "operation": "Update", "apiVersion": "autoscaling/v2", "time": "2"});
        let mut there = git.clone();
        there["fieldsV1"] = json!({"f:spec": {"f:maxReplicas": {}}});
        let status = json!({"manager": "plimsoll", "operation": "Update", "subresource": "status", "fieldsV1": {}});
        let ours = json!({"manager": "plimsoll", "operation": "Update", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}});
        let object = live(&json!([there, ours, status]));
        let path: &[&str] = &["spec", "minReplicas"];
        assert!(is_ours(&object, path));
        assert_eq!(others(&object, path), Vec::<Value>::new());
        let owners = [git.clone(), person.clone()];
        let back = without_ours(&object, &[(path, &owners)]);
        assert_eq!(back[0]["fieldsV1"], json!({"f:spec": {"f:maxReplicas": {}, "f:minReplicas": {}}}));
        assert_eq!(back[1], status);
        assert_eq!(back[2]["manager"], "edit");
        assert_eq!(back[2]["fieldsV1"], json!({"f:spec": {"f:minReplicas": {}}}));
        let object = live(&json!(back));
        assert!(!is_ours(&object, path));
        assert_eq!(others(&object, path), owners);
        assert_eq!(writer(&object, path), "edit");
    }

    #[test]
    fn one_field_goes_back_and_the_other_stays() {
        let ours = json!({"manager": "plimsoll", "operation": "Update", "fieldsV1": {"f:spec": {
            "f:minReplicas": {}, "f:behavior": {"f:scaleDown": {"f:selectPolicy": {}}}}}});
        let object = live(&json!([ours]));
        let hold: &[&str] = &["spec", "behavior", "scaleDown", "selectPolicy"];
        let left = handed_back(&object, &[(hold, &[])]);
        assert_eq!(left[0]["fieldsV1"], json!({"f:spec": {"f:minReplicas": {}}}));
    }
}
