//! What a cluster's objects come down to: everything that was declared and written, nothing that differs from run to run.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::future::try_join_all;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use plimsoll::kube::{Category, categorize};
use serde_json::{Map, Value, json};

/// Kinds whose objects are compared. Objects of these kinds that nobody has asked for are a difference, too.
const KINDS: [(&str, &str, &str, &str); 14] = [
    ("plimsoll.dev", "v1alpha1", "PerformanceProfile", "performanceprofiles"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules"),
    ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"),
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("", "v1", "Secret", "secrets"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
];

/// What Kubernetes puts into every namespace.
const ITS_OWN: [&str; 2] = ["ConfigMap/kube-root-ca.crt", "ServiceAccount/default"];

/// Objects by kind and name.
pub type State = BTreeMap<String, Value>;

/// The interface to a kind of [`KINDS`] in a namespace.
pub fn api(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let known = KINDS.iter().find(|known| known.2 == kind).unwrap_or(&KINDS[0]);
    let kind = GroupVersionKind::gvk(known.0, known.1, known.2);
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&kind, known.3))
}

/// Everything in a namespace.
pub async fn capture(client: &Client, namespace: &str) -> Result<State> {
    let lists = KINDS.iter().map(async |(_, _, kind, _)| list(client, namespace, kind).await);
    let all: Vec<_> = try_join_all(lists).await?.into_iter().flatten().collect();
    let living: Vec<String> = all.iter().filter_map(|(_, object)| object.uid()).collect();
    let canonical = all.iter().map(|(key, object)| (key.clone(), canonical(key, object, &living)));
    Ok(canonical.filter(|(key, _)| !ITS_OWN.contains(&key.as_str())).collect())
}

async fn list(client: &Client, namespace: &str, kind: &str) -> Result<Vec<(String, DynamicObject)>> {
    match api(client, namespace, kind).list(&ListParams::default()).await {
        Ok(list) => {
            Ok(list.items.into_iter().map(|object| (format!("{kind}/{}", object.name_any()), object)).collect())
        }
        // The definition is not there, for now or for ever.
        Err(error) if categorize(&error) == Category::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes everything of some kinds, of all where none is named; returns before all of it is gone.
pub async fn clear(client: &Client, namespace: &str, kinds: &[&str]) -> Result<()> {
    for (_, _, kind, _) in KINDS.iter().filter(|known| kinds.is_empty() || kinds.contains(&known.2)) {
        // The API server deletes no collection of services.
        for (key, object) in list(client, namespace, kind).await? {
            if ITS_OWN.contains(&key.as_str()) {
                continue;
            }
            match api(client, namespace, kind).delete(&object.name_any(), &DeleteParams::background()).await {
                Err(error) if categorize(&error) == Category::NotFound => {}
                other => {
                    other?;
                }
            }
        }
    }
    Ok(())
}

/// The object without times, versions and the reports of Kubernetes' own controllers. Of owners it says whether they live: a child
/// of a dead one is lost soon.
fn canonical(key: &str, object: &DynamicObject, living: &[String]) -> Value {
    let meta = &object.metadata;
    let owners = meta.owner_references.iter().flatten().map(|owner| {
        json!([owner.kind, owner.name, owner.controller, if living.contains(&owner.uid) { "lives" } else { "is gone" }])
    });
    let owners: Vec<_> = owners.collect();
    let mut annotations = meta.annotations.clone().unwrap_or_default();
    // The hash covers the owner's uid, which each run makes anew.
    annotations.retain(|key, _| !key.contains("kubernetes.io/") && key != plimsoll::api::annotations::APPLIED);
    let mut rest: Map<String, Value> = object.data.as_object().cloned().unwrap_or_default();
    let status = rest.remove("status");
    if let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut) {
        for assigned in ["clusterIP", "clusterIPs"] {
            if spec.get(assigned).is_some_and(|address| address != "None" && address != &json!(["None"])) {
                spec.remove(assigned);
            }
        }
    }
    json!({
        "labels": meta.labels,
        "annotations": annotations,
        "finalizers": meta.finalizers,
        "owners": owners,
        "leaving": meta.deletion_timestamp.is_some(),
        "content": rest,
        "status": status.filter(|_| key.starts_with("PerformanceProfile/")).map(|status| reported(&status, meta.generation)),
    })
}

/// Whether an object is there whose owner is gone: the garbage collector, which begins some time after the cluster, has not come yet.
pub fn leftovers(state: &State) -> bool {
    let owners = state.values().filter_map(|object| object.get("owners")?.as_array());
    owners.flatten().any(|owner| owner.get(3) == Some(&json!("is gone")))
}

/// What the operator reports, without times; whether it is about the present generation instead of its number.
fn reported(status: &Value, generation: Option<i64>) -> Value {
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten().map(|condition| {
        let field = |name: &str| condition.get(name).cloned().unwrap_or_default();
        let present = condition.get("observedGeneration").and_then(Value::as_i64) == generation;
        json!([field("type"), field("status"), field("reason"), field("message"), present])
    });
    let mut conditions: Vec<_> = conditions.collect();
    conditions.sort_by_key(Value::to_string);
    json!({
        "conditions": conditions,
        "children": status.get("children"),
        "present": status.get("observedGeneration").and_then(Value::as_i64) == generation,
    })
}

/// What is different: one line for each object, at most so many.
pub fn differences(expected: &State, found: &State, most: usize) -> Vec<String> {
    let missing = expected.keys().filter(|key| !found.contains_key(*key)).map(|key| format!("{key} is missing"));
    let more = found.keys().filter(|key| !expected.contains_key(*key)).map(|key| format!("{key} is too many"));
    let other = expected.iter().filter_map(|(key, expected)| {
        let found = found.get(key).filter(|found| *found != expected)?;
        Some(format!("{key} differs: {}", first_difference("", expected, found)))
    });
    missing.chain(more).chain(other).take(most).collect()
}

fn first_difference(path: &str, expected: &Value, found: &Value) -> String {
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<_> = one.keys().chain(other.keys()).collect();
            keys.sort();
            let differing = keys.into_iter().find(|key| one.get(*key) != other.get(*key));
            let Some(key) = differing else { return "nothing".to_owned() };
            let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            first_difference(&format!("{path}.{key}"), &of(one), &of(other))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let differing = one.iter().zip(other).enumerate().find(|(_, (one, other))| one != other);
            let Some((index, (one, other))) = differing else { return "nothing".to_owned() };
            first_difference(&format!("{path}[{index}]"), one, other)
        }
        _ => format!("{path} is {found} instead of {expected}"),
    }
}
