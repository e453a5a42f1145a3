//! What the watches of workloads have seen, as little as is needed of it.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{ResourceExt, core::DynamicObject};
use serde_json::Value;

use super::observe::{Workload, owner_of};
use crate::{api::annotations, kube::Cache};

/// A workload as it was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The profile whose poolers it runs.
    pub owner: Option<String>,
    /// Its uid and generation: what changes with its specification.
    pub generation: (Option<String>, Option<i64>),
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
    /// Labels of the pods.
    pub pod_labels: BTreeMap<String, String>,
    /// Why its rollouts should go on in spite of a freeze, as its annotation says.
    pub override_reason: Option<String>,
}

impl Seen {
    /// What a decision about a profile rests on.
    pub fn workload(&self) -> Workload {
        let all = |selector: &LabelSelector| {
            selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
                && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
        };
        Workload {
            replicas: self.existing,
            ready: Some(self.ready),
            selector: Some(self.selector.clone()).filter(|selector| !all(selector)),
            pod_labels: self.pod_labels.clone(),
            override_reason: self.override_reason.clone(),
        }
    }

    /// Whether nothing has changed that a reconcile would look at.
    pub fn same(&self, other: &Self) -> bool {
        self.generation == other.generation
            && (self.existing, self.ready) == (other.existing, other.ready)
            && self.override_reason == other.override_reason
    }
}

/// Every workload of the kinds that are watched.
#[derive(Clone)]
pub struct Workloads {
    /// Every `Deployment`.
    pub deployments: Cache<Seen>,
    /// Every `StatefulSet`.
    pub stateful_sets: Cache<Seen>,
}

impl Default for Workloads {
    fn default() -> Self {
        Self { deployments: Cache::new(|_| Vec::new()), stateful_sets: Cache::new(|_| Vec::new()) }
    }
}

impl Workloads {
    /// A workload of a kind that is watched.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Seen>> {
        match kind {
            "Deployment" => self.deployments.get(namespace, name),
            "StatefulSet" => self.stateful_sets.get(namespace, name),
            _ => None,
        }
    }

    /// Waits for the first lists.
    pub async fn wait_until_ready(&self) {
        self.deployments.wait_until_ready().await;
        self.stateful_sets.wait_until_ready().await;
    }

    /// Forgets what is remembered of workloads that are gone.
    pub fn tidy(&self) {
        self.deployments.tidy();
        self.stateful_sets.tidy();
    }
}

/// A workload with its name and whose it is.
#[expect(clippy::needless_pass_by_value, reason = "the rest is dropped")]
pub fn seen_object(object: DynamicObject) -> Seen {
    Seen {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        owner: owner_of(&object).map(ToOwned::to_owned),
        generation: (object.uid(), object.metadata.generation),
        override_reason: object.annotations().get(annotations::OVERRIDE).cloned(),
        ..seen(&object.data)
    }
}

/// What is needed of a workload with a pod template and a scale.
pub fn seen(data: &Value) -> Seen {
    let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
    let selector = data.pointer("/spec/selector").and_then(|selector| serde_json::from_value(selector.clone()).ok());
    let pod_labels = data.pointer("/spec/template/metadata/labels");
    let pod_labels = pod_labels.and_then(|labels| serde_json::from_value(labels.clone()).ok());
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
        pod_labels: pod_labels.unwrap_or_default(),
        ..Seen::default()
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
