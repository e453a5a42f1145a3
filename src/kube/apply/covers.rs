//! Whether an object holds every value of an opinion. Pure.

use serde_json::Value;

/// Whether every value that is wanted is there. What the server has added beside is no difference, and neither is something empty that it
/// leaves away; lists have the same length and order, as server-side apply leaves them.
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| match live.get(key) {
            Some(live) => covers(live, wanted),
            None => is_empty(wanted),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| covers(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_adds_is_no_difference_and_what_others_change_is_one() {
        let wanted = json!({"spec": {"ports": [{"port": 80}], "labels": {"a": "b"}, "empty": {}, "none": null}});
        let filled =
            json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "labels": {"a": "b", "c": "d"}, "ip": "x"}});
        assert!(covers(&filled, &wanted));
        for changed in [
            json!({"spec": {"ports": [{"port": 81}], "labels": {"a": "b"}}}),
            json!({"spec": {"ports": [{"port": 80}, {"port": 81}], "labels": {"a": "b"}}}),
            json!({"spec": {"ports": [], "labels": {"a": "b"}}}),
            json!({"spec": {"ports": [{"port": 80}], "labels": {}}}),
            json!({"spec": {"ports": [{"port": 80}]}}),
            json!({}),
        ] {
            assert!(!covers(&changed, &wanted), "{changed}");
        }
    }
}
