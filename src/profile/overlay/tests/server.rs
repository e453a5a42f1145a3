//! A model of what the API server does with an object: values, defaults, and whose a field is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::{Lever, ScalerKind, lever};

type Fields = BTreeSet<Vec<String>>;

/// An API server with one object.
#[derive(Debug, Clone)]
pub struct Server {
    pub kind: ScalerKind,
    pub object: Value,
    version: u32,
}

impl Server {
    pub fn new(kind: ScalerKind, object: Value, manager: &str) -> Self {
        let bare = json!({"metadata": {"uid": "u1", "managedFields": []}});
        let mut server = Self { kind, object: bare, version: 1 };
        server.update(manager, "Update", object);
        server
    }

    /// A merge patch under optimistic concurrency, as `carry_out` sends it.
    pub fn patch(&mut self, patch: &Value) {
        assert_eq!(patch["metadata"]["resourceVersion"], self.version.to_string());
        assert_eq!(patch["metadata"]["uid"], "u1");
        self.update("plimsoll", "Update", patch.clone());
    }

    pub fn update(&mut self, manager: &str, operation: &str, patch: Value) {
        let before = leaves(&self.object);
        let mut object = self.object.clone();
        merge_patch(&mut object, patch);
        self.default(&mut object);
        let mut sets: BTreeMap<(String, String), Fields> = BTreeMap::new();
        for entry in object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default() {
            let text = |key: &str| entry[key].as_str().unwrap().to_owned();
            let mut set = Fields::new();
            collect(&entry["fieldsV1"], &mut Vec::new(), &mut set);
            assert!(sets.insert((text("manager"), text("operation")), set).is_none(), "two entries of one manager");
        }
        let after = leaves(&object);
        let changed: Fields = after
            .iter()
            .filter(|(path, value)| before.get(*path) != Some(value))
            .map(|(path, _)| path.clone())
            .collect();
        for set in sets.values_mut() {
            set.retain(|path| after.contains_key(path) && !changed.contains(path));
        }
        sets.entry((manager.to_owned(), operation.to_owned())).or_default().extend(changed);
        sets.retain(|_, set| !set.is_empty());
        self.store(object, &sets);
    }

    /// A server-side apply by force of these values.
    pub fn apply(&mut self, manager: &str, values: Value) {
        let applied: Fields = leaves(&values).into_keys().collect();
        let mut object = self.object.clone();
        merge_patch(&mut object, values);
        self.update(manager, "Apply", json!({"spec": object["spec"]}));
        let mut sets = self.sets();
        sets.entry((manager.to_owned(), "Apply".to_owned())).or_default().extend(applied);
        self.store(self.object.clone(), &sets);
    }

    fn sets(&self) -> BTreeMap<(String, String), Fields> {
        let list = self.object["metadata"]["managedFields"].as_array().unwrap();
        let set = |entry: &Value| {
            let mut set = Fields::new();
            collect(&entry["fieldsV1"], &mut Vec::new(), &mut set);
            set
        };
        let key = |entry: &Value| {
            (entry["manager"].as_str().unwrap().to_owned(), entry["operation"].as_str().unwrap().to_owned())
        };
        list.iter().map(|entry| (key(entry), set(entry))).collect()
    }

    fn store(&mut self, mut object: Value, sets: &BTreeMap<(String, String), Fields>) {
        let list = sets.iter().map(|((manager, operation), set)| {
            let mut fields = json!({});
            for path in set {
                path.iter().fold(&mut fields, |fields, segment| {
                    let map = fields.as_object_mut().unwrap();
                    map.entry(format!("f:{segment}")).or_insert(json!({}))
                });
            }
            json!({"manager": manager, "operation": operation, "fieldsV1": fields})
        });
        object["metadata"]["managedFields"] = list.collect();
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.object = object;
    }

    fn default(&self, object: &mut Value) {
        if self.kind != ScalerKind::HorizontalPodAutoscaler {
            return;
        }
        let fill = |value: &mut Value, default: Value| {
            if value.is_null() {
                *value = default;
            }
        };
        fill(&mut object["spec"]["minReplicas"], json!(1));
        let spec = object["spec"].as_object_mut().unwrap();
        if let Some(behavior) = spec.get_mut("behavior") {
            fill(&mut behavior["scaleUp"]["selectPolicy"], json!("Max"));
            fill(&mut behavior["scaleUp"]["stabilizationWindowSeconds"], json!(0));
            fill(&mut behavior["scaleDown"]["selectPolicy"], json!("Max"));
        }
    }

    pub fn value(&self, lever: Lever) -> Option<&Value> {
        lever::at(&self.object, self.kind.path(lever))
    }

    pub fn owners(&self, lever: Lever) -> Vec<String> {
        let path: Vec<String> = self.kind.path(lever).iter().map(|&segment| segment.to_owned()).collect();
        self.sets().into_iter().filter(|(_, set)| set.contains(&path)).map(|((manager, _), _)| manager).collect()
    }

    /// The object without its version: the version moves with every write.
    pub fn essence(&self) -> Value {
        let mut object = self.object.clone();
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        object
    }
}

/// Fields with their values; lists are one, and empty maps are none.
fn leaves(object: &Value) -> BTreeMap<Vec<String>, Value> {
    let mut all = BTreeMap::new();
    let meta = json!({"metadata": {"annotations": object["metadata"]["annotations"]}, "spec": object["spec"]});
    values(&meta, &mut Vec::new(), &mut all);
    all
}

fn values(value: &Value, path: &mut Vec<String>, into: &mut BTreeMap<Vec<String>, Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(key.clone());
                values(value, path, into);
                path.pop();
            }
        }
        Value::Null => {}
        value => drop(into.insert(path.clone(), value.clone())),
    }
}

fn collect(fields: &Value, path: &mut Vec<String>, into: &mut Fields) {
    let map = fields.as_object().unwrap();
    if map.is_empty() && !path.is_empty() {
        into.insert(path.clone());
    }
    for (key, value) in map {
        path.push(key.strip_prefix("f:").unwrap().to_owned());
        collect(value, path, into);
        path.pop();
    }
}

pub fn merge_patch(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else { return *into = patch };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let map = into.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.remove(&key);
        } else {
            merge_patch(map.entry(key).or_insert(Value::Null), value);
        }
    }
    map.retain(|key, value| key != "annotations" || value.as_object().is_none_or(|all| !all.is_empty()));
}
