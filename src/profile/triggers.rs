//! What makes a profile be looked at again, besides its own change.
//!
//! Each stream turns watch events into profiles, and lets through only what matters: an autoscaler's status moves at every
//! sync, and a reconcile for each would be a loop. kube's predicates are not used here because they hide deletions whose
//! last state equals the one before (kube#1768).

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use futures::{Stream, StreamExt, future, stream};
use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, policy::v1::PodDisruptionBudget};
use kube::{
    Resource, ResourceExt,
    core::DynamicObject,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::{self, Event},
    },
};
use serde_json::json;

use super::{Guarded, observe::same_target};
use crate::api::{GROUP, annotations, v1alpha1::TargetRef};

/// Turns watch events into profiles: one for each object that is new, gone, or changed in what the fingerprint covers.
pub fn triggers<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    fingerprint: impl Fn(&K) -> u64,
    profiles_of: impl Fn(&K) -> Vec<ObjectRef<Guarded>>,
) -> impl Stream<Item = ObjectRef<Guarded>>
where
    K: Resource,
{
    let mut known: HashMap<String, (u64, Vec<ObjectRef<Guarded>>)> = HashMap::new();
    let mut listed: HashSet<String> = HashSet::new();
    events
        .filter_map(move |event| {
            future::ready(match event {
                Ok(event) => Some(changed(event, &mut known, &mut listed, &fingerprint, &profiles_of)),
                Err(error) => {
                    tracing::warn!(kind = std::any::type_name::<K>(), %error, "watch interrupted; it goes on by itself");
                    None
                }
            })
        })
        .flat_map(stream::iter)
}

fn changed<K: Resource>(
    event: Event<K>,
    known: &mut HashMap<String, (u64, Vec<ObjectRef<Guarded>>)>,
    listed: &mut HashSet<String>,
    fingerprint: &impl Fn(&K) -> u64,
    profiles_of: &impl Fn(&K) -> Vec<ObjectRef<Guarded>>,
) -> Vec<ObjectRef<Guarded>> {
    let mut seen = |object: &K| {
        let now = (fingerprint(object), profiles_of(object));
        let before = known.insert(key(object), now.clone());
        match before {
            Some((print, _)) if print == now.0 => Vec::new(),
            // A profile that the object belonged to before its change has lost it.
            Some((_, before)) => before.into_iter().chain(now.1).collect(),
            None => now.1,
        }
    };
    match event {
        Event::Apply(object) => seen(&object),
        Event::InitApply(object) => {
            listed.insert(key(&object));
            seen(&object)
        }
        Event::Delete(object) => {
            let before = known.remove(&key(&object)).map(|(_, profiles)| profiles).unwrap_or_default();
            before.into_iter().chain(profiles_of(&object)).collect()
        }
        Event::Init => {
            listed.clear();
            Vec::new()
        }
        // What is not in the new list went while nobody watched.
        Event::InitDone => {
            let gone: Vec<_> = known.keys().filter(|key| !listed.contains(*key)).cloned().collect();
            gone.iter().filter_map(|key| known.remove(key)).flat_map(|(_, profiles)| profiles).collect()
        }
    }
}

fn key<K: Resource>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// The profile that owns an object.
pub fn owner<K: Resource>(object: &K) -> Vec<ObjectRef<Guarded>> {
    let namespace = object.namespace().unwrap_or_default();
    let owners = object.owner_references().iter();
    owners
        .filter(|owner| owner.kind == "PerformanceProfile" && owner.api_version.starts_with(GROUP))
        .map(|owner| ObjectRef::new(&owner.name).within(&namespace))
        .collect()
}

/// The profiles of a namespace that satisfy a condition.
fn profiles_where(
    profiles: &Store<Guarded>,
    namespace: Option<&str>,
    condition: impl Fn(&TargetRef) -> bool,
) -> Vec<ObjectRef<Guarded>> {
    let all = profiles.state();
    all.iter()
        .filter(|guarded| guarded.namespace().as_deref() == namespace)
        .filter(|guarded| guarded.0.as_ref().is_ok_and(|profile| condition(&profile.spec.target_ref)))
        .map(|guarded| ObjectRef::from_obj(&**guarded))
        .collect()
}

/// The owner of an autoscaler, and the profiles whose target it scales.
pub fn of_autoscaler(autoscaler: &HorizontalPodAutoscaler, profiles: &Store<Guarded>) -> Vec<ObjectRef<Guarded>> {
    let mut all = owner(autoscaler);
    let namespace = autoscaler.namespace();
    all.extend(profiles_where(profiles, namespace.as_deref(), |target| same_target(autoscaler, target)));
    all.extend(same_name(autoscaler, ""));
    all.extend(same_name(autoscaler, "-pgbouncer"));
    all
}

/// The owner of a disruption budget, and every profile of its namespace when it is foreign: whose pods it selects is for
/// the reconcile to say.
pub fn of_disruption_budget(budget: &PodDisruptionBudget, profiles: &Store<Guarded>) -> Vec<ObjectRef<Guarded>> {
    match owner(budget) {
        owned if owned.is_empty() => profiles_where(profiles, budget.namespace().as_deref(), |_| true),
        owned => owned,
    }
}

/// The profile whose child has this name: a foreign object in its place that goes away makes room.
pub fn same_name<K: Resource>(object: &K, suffix: &str) -> Vec<ObjectRef<Guarded>> {
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    name.strip_suffix(suffix).map(|profile| ObjectRef::new(profile).within(&namespace)).into_iter().collect()
}

/// The profiles whose target this workload is, and the one whose poolers it runs.
pub fn of_workload(workload: &DynamicObject, kind: &str, profiles: &Store<Guarded>) -> Vec<ObjectRef<Guarded>> {
    let name = workload.name_any();
    let mut all = owner(workload);
    all.extend(profiles_where(profiles, workload.namespace().as_deref(), |target| target.kind == kind && target.name == name));
    all
}

/// The other profiles with the same target: when one goes, the next may take its place.
pub fn of_rival(gone: &Guarded, profiles: &Store<Guarded>) -> Vec<ObjectRef<Guarded>> {
    let Ok(profile) = &gone.0 else { return Vec::new() };
    profiles_where(profiles, gone.namespace().as_deref(), |target| *target == profile.spec.target_ref)
}

/// What matters of an autoscaler: its spec, whose it is, how many pods it sees and wants, and whether it can scale; not
/// the measurements, which move at each sync.
pub fn autoscaler_fingerprint(autoscaler: &HorizontalPodAutoscaler) -> u64 {
    let status = autoscaler.status.clone().unwrap_or_default();
    let conditions: Vec<_> = status.conditions.iter().flatten().map(|c| json!([c.type_, c.status, c.reason])).collect();
    digest(&json!([
        autoscaler.spec,
        autoscaler.metadata.labels,
        autoscaler.metadata.owner_references,
        autoscaler.metadata.uid,
        autoscaler.metadata.deletion_timestamp,
        status.current_replicas,
        status.desired_replicas,
        conditions,
    ]))
}

/// What matters of a disruption budget: all but its status.
pub fn disruption_budget_fingerprint(budget: &PodDisruptionBudget) -> u64 {
    digest(&json!([budget.spec, budget.metadata.labels, budget.metadata.owner_references, budget.metadata.uid]))
}

/// What matters of a workload: its generation, how many of its pods are ready, and whether it overrides a freeze.
pub fn workload_fingerprint(workload: &DynamicObject) -> u64 {
    digest(&json!([
        workload.metadata.uid,
        workload.metadata.generation,
        workload.data.pointer("/status/replicas"),
        workload.data.pointer("/status/readyReplicas"),
        workload.annotations().get(annotations::OVERRIDE),
    ]))
}

/// Any change of an object of which only the metadata are watched.
pub fn version_fingerprint<K: Resource>(object: &K) -> u64 {
    digest(&json!([object.meta().uid, object.meta().resource_version]))
}

/// What matters of another profile: whether it is there.
pub fn presence_fingerprint<K: Resource>(object: &K) -> u64 {
    digest(&json!(object.meta().uid))
}

fn digest(value: &serde_json::Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    fn map(name: &str, version: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some("ns".to_owned()),
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    async fn names(events: Vec<Event<ConfigMap>>) -> Vec<String> {
        let events = stream::iter(events.into_iter().map(Ok));
        let all = triggers(events, version_fingerprint, |object| same_name(object, ""));
        all.map(|reference| reference.name).collect().await
    }

    #[tokio::test]
    async fn only_changes_and_deletions_come_through() {
        let events = vec![
            Event::Init,
            Event::InitApply(map("a", "1")),
            Event::InitApply(map("b", "1")),
            Event::InitDone,
            Event::Apply(map("a", "1")),
            Event::Apply(map("a", "2")),
            Event::Delete(map("a", "2")),
        ];
        assert_eq!(names(events).await, ["a", "b", "a", "a", "a", "a"]);
    }

    #[tokio::test]
    async fn what_went_while_nobody_watched_comes_through() {
        let events = vec![
            Event::Init,
            Event::InitApply(map("a", "1")),
            Event::InitApply(map("b", "1")),
            Event::InitDone,
            Event::Init,
            Event::InitApply(map("b", "1")),
            Event::InitDone,
        ];
        assert_eq!(names(events).await, ["a", "b", "a"]);
    }
}
