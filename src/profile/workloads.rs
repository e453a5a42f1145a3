//! What the watches of workloads have seen, as little as is needed of it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{ResourceExt, core::DynamicObject, runtime::watcher::Event};
use serde_json::Value;

/// Kind, namespace and name.
type WorkloadKey = (&'static str, String, String);

/// A workload as it was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Pods that are asked for.
    pub replicas: i32,
    /// Pods that exist.
    pub existing: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// What the pods are made from: changes with every release. A restart is none.
    pub revision: String,
    /// Images of the template, of its init containers too, one `container=image` each, sorted, with commas.
    pub images: String,
    /// The pods could not be made, as with a quota that is used up.
    pub cannot_create: bool,
    /// Selector of the pods.
    pub selector: LabelSelector,
}

/// Every workload that is watched.
#[derive(Clone, Default)]
pub struct Workloads {
    all: Arc<Mutex<HashMap<WorkloadKey, Seen>>>,
}

impl Workloads {
    /// Takes note of one watch event.
    pub fn note(&self, kind: &'static str, event: &Event<DynamicObject>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |object: &DynamicObject| (kind, object.namespace().unwrap_or_default(), object.name_any());
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                all.insert(key(object), seen(&object.data));
            }
            Event::Delete(object) => {
                all.remove(&key(object));
            }
            Event::Init => all.retain(|(of, ..), _| *of != kind),
            Event::InitDone => {}
        }
    }

    /// A workload of a kind that is watched.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Seen> {
        let kind = ["Deployment", "StatefulSet"].into_iter().find(|known| *known == kind)?;
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(kind, namespace.to_owned(), name.to_owned())).cloned()
    }
}

/// What is needed of a workload with a pod template and a scale.
pub fn seen(data: &Value) -> Seen {
    let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
    let selector = data.pointer("/spec/selector").and_then(|selector| serde_json::from_value(selector.clone()).ok());
    let conditions = data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let is = |condition: &Value, key: &str, value: &str| condition.get(key).and_then(Value::as_str) == Some(value);
    Seen {
        replicas: number("/spec/replicas").unwrap_or(1),
        existing: number("/status/replicas").unwrap_or(0),
        ready: number("/status/readyReplicas").unwrap_or(0),
        revision: revision(data),
        images: images(data),
        cannot_create: conditions.into_iter().any(|one| is(one, "type", "ReplicaFailure") && is(one, "status", "True")),
        selector: selector.unwrap_or_default(),
    }
}

/// A digest of the pods' specification. Annotations are left out: a restart changes nothing but one.
fn revision(data: &Value) -> String {
    let Some(spec) = data.pointer("/spec/template/spec") else { return String::new() };
    let mut hasher = DefaultHasher::new();
    spec.to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn images(data: &Value) -> String {
    let containers = |pointer: &str| data.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let text = |container: &Value, key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut all: Vec<_> = containers("/spec/template/spec/containers")
        .chain(containers("/spec/template/spec/initContainers"))
        .map(|container| format!("{}={}", text(container, "name"), text(container, "image")))
        .collect();
    all.sort_unstable();
    all.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(image: &str, annotation: &str) -> Value {
        json!({
            "spec": {
                "replicas": 4,
                "selector": {"matchLabels": {"app": "shop"}},
                "template": {
                    "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": annotation}},
                    "spec": {
                        "containers": [{"name": "web", "image": image}, {"name": "agent", "image": "agent:1"}],
                        "initContainers": [{"name": "migrate", "image": "shop-db:1"}],
                    },
                },
            },
            "status": {"replicas": 3, "readyReplicas": 2, "conditions": [{"type": "ReplicaFailure", "status": "True"}]},
        })
    }

    #[test]
    fn a_restart_is_no_release() {
        let one = seen(&deployment("shop:1", "now"));
        assert_eq!((one.replicas, one.existing, one.ready), (4, 3, 2));
        assert_eq!(one.images, "agent=agent:1,migrate=shop-db:1,web=shop:1");
        assert!(one.cannot_create);
        assert_eq!(one.revision, seen(&deployment("shop:1", "later")).revision);
        assert_ne!(one.revision, seen(&deployment("shop:2", "now")).revision);
    }
}
