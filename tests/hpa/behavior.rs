//! A behavior as a user writes it: anything may be left out.

use serde_json::{Map, Value, json};

use crate::random::Random;

pub fn behavior(random: &mut Random) -> Value {
    if random.percent(35) {
        return Value::Null;
    }
    let mut all = Map::new();
    for direction in ["scaleUp", "scaleDown"] {
        if random.percent(75) {
            all.insert(direction.to_owned(), rules(random));
        }
    }
    Value::Object(all)
}

/// One that rates decide about: no windows to speak of, several policies in either direction.
pub fn busy(random: &mut Random) -> Value {
    let mut all = Map::new();
    for direction in ["scaleUp", "scaleDown"] {
        let policies: Vec<_> = (0..random.within(1, 3)).map(|_| policy(random)).collect();
        let window = random.pick(&[0, 0, 0, 15]);
        let select = random.pick(&["Max", "Min"]);
        let rules = json!({"stabilizationWindowSeconds": window, "selectPolicy": select, "policies": policies});
        all.insert(direction.to_owned(), rules);
    }
    Value::Object(all)
}

/// The same with other periods.
pub fn with_other_periods(random: &mut Random, behavior: &mut Value) {
    for rules in behavior.as_object_mut().into_iter().flat_map(Map::values_mut) {
        for policy in rules["policies"].as_array_mut().into_iter().flatten() {
            policy["periodSeconds"] = period(random);
        }
    }
}

fn period(random: &mut Random) -> Value {
    random.pick(&[1, 15, 16, 30, 45, 60, 120, 300, 1800]).into()
}

fn rules(random: &mut Random) -> Value {
    let mut rules = Map::new();
    if random.percent(60) {
        let window = random.pick(&[0, 0, 15, 30, 45, 60, 300, 3600]);
        let window = if random.percent(80) { window } else { random.within(0, 3600) };
        rules.insert("stabilizationWindowSeconds".into(), window.into());
    }
    if random.percent(60) {
        rules.insert("selectPolicy".into(), random.pick(&["Max", "Max", "Min", "Min", "Disabled"]).into());
    }
    if random.percent(70) {
        let policies: Vec<_> = (0..random.within(1, 3)).map(|_| policy(random)).collect();
        rules.insert("policies".into(), policies.into());
    }
    if random.percent(40) {
        let tolerance = random.pick(&["0", "0.05", "50m", "0.1", "200m", "1", "0.333", "35m", "0.07", "1e-1", "2"]);
        rules.insert("tolerance".into(), tolerance.into());
    }
    Value::Object(rules)
}

fn policy(random: &mut Random) -> Value {
    let value = random.pick(&[1, 2, 3, 4, 10, 33, 50, 100, 200, 900, i32::MAX]);
    json!({"type": random.pick(&["Pods", "Percent"]), "value": value, "periodSeconds": period(random)})
}
