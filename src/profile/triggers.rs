//! What makes a profile be looked at again, besides its own change.
//!
//! Each stream turns watch events into profiles, and lets through only what matters: an autoscaler's status moves at every
//! sync, and a reconcile for each would be a loop. kube's predicates are not used here because they hide deletions whose
//! last state equals the one before (kube#1768).

use std::sync::Arc;

use futures::{Stream, StreamExt, future, stream};
use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, policy::v1::PodDisruptionBudget};
use kube::{
    Resource, ResourceExt,
    runtime::{
        reflector::ObjectRef,
        watcher::{self, Event},
    },
};

use super::{
    Kept,
    observe::{Claim, Stores, owner_of},
    workloads::Seen,
};
use crate::{
    api::v1alpha1::TargetRef,
    kube::{Cache, Changed, Found, Stub, Written},
};

/// A profile to look at.
type Ref = ObjectRef<Kept>;

/// How the names of poolers' objects end.
const POOLERS: &str = "-pgbouncer";

/// Takes watch events into a cache, and turns them into profiles: those of each object that is new, gone, or not the `same` as before. A
/// profile that an object belonged to before its change has lost it, and is told too.
pub fn triggers<K: Resource, V>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    cache: Cache<V>,
    value: fn(K) -> V,
    same: impl Fn(&V, &V) -> bool,
    profiles_of: impl Fn(&V) -> Vec<Ref>,
) -> impl Stream<Item = Ref> {
    events
        .filter_map(move |event| {
            future::ready(match event {
                Ok(event) => Some(cache.note(event, value)),
                Err(error) => {
                    tracing::warn!(kind = std::any::type_name::<K>(), %error, "watch interrupted; it goes on by itself");
                    None
                }
            })
        })
        .flat_map(stream::iter)
        .flat_map(move |Changed { before, now }| {
            let unchanged = before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| same(before, now));
            let either = if unchanged { [None, None] } else { [before, now] };
            let mut profiles: Vec<Ref> = either.iter().flatten().flat_map(|value: &Arc<V>| profiles_of(value)).collect();
            let mut seen = std::collections::HashSet::new();
            profiles.retain(|profile| seen.insert(profile.clone()));
            stream::iter(profiles)
        })
}

fn profile(namespace: &str, name: &str) -> Ref {
    ObjectRef::new(name).within(namespace)
}

fn claims(claims: &[Arc<Claim>]) -> impl Iterator<Item = Ref> {
    claims.iter().map(|claim| profile(&claim.namespace, &claim.name))
}

/// The profile that owns an object.
fn owner<K: Resource>(object: &K) -> Option<Ref> {
    let namespace = object.meta().namespace.as_deref().unwrap_or_default();
    owner_of(object).map(|name| profile(namespace, name))
}

/// The owner of an autoscaler, and the profiles whose target it scales.
pub fn of_autoscaler(autoscaler: &HorizontalPodAutoscaler, stores: &Stores) -> Vec<Ref> {
    let mut all: Vec<Ref> = owner(autoscaler).into_iter().collect();
    all.extend(claims(&stores.claims_of(autoscaler)));
    all.extend(same_name(autoscaler));
    all
}

/// The owner of a disruption budget, and every profile of its namespace when it is foreign: whose pods it selects is for
/// the reconcile to say.
pub fn of_disruption_budget(budget: &PodDisruptionBudget, stores: &Stores) -> Vec<Ref> {
    let mut all: Vec<Ref> = match owner(budget) {
        Some(owner) => vec![owner],
        None => claims(&stores.claims.in_namespace(&budget.namespace().unwrap_or_default())).collect(),
    };
    all.extend(same_name(budget));
    all
}

/// The profiles whose child has this name: a foreign object in its place that goes away makes room.
fn same_name<K: Resource>(object: &K) -> Vec<Ref> {
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    let of_pooler = name.strip_suffix(POOLERS);
    [Some(&*name), of_pooler].into_iter().flatten().map(|name| profile(&namespace, name)).collect()
}

/// The profiles whose target this workload is, and the one whose poolers it runs.
pub fn of_workload(workload: &Seen, kind: &str, stores: &Stores) -> Vec<Ref> {
    let target = TargetRef { api_version: "apps/v1".to_owned(), kind: kind.to_owned(), name: workload.name.clone() };
    let mut all: Vec<Ref> = workload.owner.iter().map(|owner| profile(&workload.namespace, owner)).collect();
    all.extend(claims(&stores.claims_on(&workload.namespace, &target)));
    all
}

/// The other profiles with the same target: when one goes, the next may take its place.
pub fn of_claim(claim: &Claim, stores: &Stores) -> Vec<Ref> {
    claims(&stores.claims_on(&claim.namespace, &claim.target)).filter(|other| other.name != claim.name).collect()
}

/// The profile that owns what is watched as metadata only.
pub fn of_stub<K>(stub: &Stub<K>) -> Vec<Ref> {
    stub.profile().map(|name| profile(stub.key().0, name)).into_iter().collect()
}

/// Whether nothing is changed that an apply would change back.
pub fn same_stub<K: Written>(one: &Stub<K>, other: &Stub<K>) -> bool {
    one.fingerprint() == other.fingerprint()
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
        let same = |one: &ConfigMap, other: &ConfigMap| one.metadata == other.metadata;
        let all = triggers(events, Cache::new(|_| Vec::new()), |map| map, same, same_name);
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
            Event::Delete(map("a", "3")),
        ];
        assert_eq!(names(events).await, ["a", "b", "a", "a"]);
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
