//! Objects as they are found: whole, or only what a writer must know of them.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fmt::Debug,
    hash::Hasher,
    marker::PhantomData,
};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Resource,
    api::PatchParams,
    core::{NamespaceResourceScope, PartialObjectMeta},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    controller_of,
    covers::covers,
    lost::lost,
    number,
    opinion::{Answer, send},
};
use crate::{
    api::{GROUP, annotations},
    kube::PodMonitor,
};

/// A kind that is written.
pub trait Written:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Send
    + Sync
    + 'static
{
    /// The object as JSON.
    fn json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

macro_rules! written {
    ($($kind:ty),* $(,)?) => { $(impl Written for $kind {})* };
}

written!(
    ConfigMap,
    HorizontalPodAutoscaler,
    NetworkPolicy,
    PodDisruptionBudget,
    PodMonitor,
    Role,
    RoleBinding,
    Service,
    ServiceAccount,
    StatefulSet,
);

/// An object as it was found.
pub trait Found: Send + Sync + Sized {
    /// Its kind.
    type Kind: Written;

    /// Its uid.
    fn uid(&self) -> Option<&str>;

    /// The uid of its controller.
    fn controller(&self) -> Option<&str>;

    /// What it says was applied to it last.
    fn applied(&self) -> Option<&str>;

    /// A hash of everything that a person or another controller may change and an apply would change back.
    fn fingerprint(&self) -> u64;

    /// Reads it.
    fn read(api: &Api<Self::Kind>, name: &str) -> impl Future<Output = Result<Option<Self>, kube::Error>> + Send;

    /// Whether it holds every value of an opinion. Reads it where it is not known whole.
    fn holds(
        &self,
        api: &Api<Self::Kind>,
        desired: &Self::Kind,
    ) -> impl Future<Output = Result<bool, kube::Error>> + Send;

    /// Paths of an opinion that the server has not stored.
    fn lost(&self, desired: &Self::Kind) -> Vec<String>;

    /// Applies an opinion, given as JSON.
    fn patch(
        api: &Api<Self::Kind>,
        name: &str,
        params: &PatchParams,
        opinion: Vec<u8>,
    ) -> impl Future<Output = Result<Self, kube::Error>> + Send;
}

impl<K: Written> Found for K {
    type Kind = K;

    fn uid(&self) -> Option<&str> {
        self.meta().uid.as_deref()
    }

    fn controller(&self) -> Option<&str> {
        controller_of(self.meta())
    }

    fn applied(&self) -> Option<&str> {
        self.meta().annotations.as_ref()?.get(annotations::APPLIED).map(|text| &**text)
    }

    /// Without the status, the server's bookkeeping, and the number of replicas, which is an autoscaler's.
    fn fingerprint(&self) -> u64 {
        // Every object is JSON; its fields, and the keys of its maps, are always in one order.
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut all = fields(&text);
        all.remove("status");
        let mut spec = within(&mut all, "spec");
        spec.remove("replicas");
        let mut meta = within(&mut all, "metadata");
        for field in ["managedFields", "resourceVersion", "generation", "creationTimestamp"] {
            meta.remove(field);
        }
        let mut notes = within(&mut meta, "annotations");
        notes.remove(annotations::LAST_APPLIED);
        number(
            &[all, spec, meta, notes]
                .map(|fields| fields.into_iter().map(|(name, value)| (name, value.get())).collect::<Vec<_>>()),
        )
    }

    async fn read(api: &Api<K>, name: &str) -> Result<Option<K>, kube::Error> {
        api.get_opt(name).await
    }

    async fn holds(&self, _api: &Api<K>, desired: &K) -> Result<bool, kube::Error> {
        let value = |object: &K| serde_json::to_value(object).unwrap_or_default();
        Ok(covers(&value(self), &value(desired)))
    }

    fn lost(&self, desired: &K) -> Vec<String> {
        lost(desired, self)
    }

    async fn patch(api: &Api<K>, name: &str, params: &PatchParams, opinion: Vec<u8>) -> Result<K, kube::Error> {
        send(api, name, params, opinion, Answer::Whole).await
    }
}

/// The fields of an object as they stand in its text.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn fields(text: &str) -> Fields<'_> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Takes one out, and apart.
fn within<'a>(all: &mut Fields<'a>, name: &str) -> Fields<'a> {
    all.remove(name).map(|value| fields(value.get())).unwrap_or_default()
}

/// What must be known of an object whose metadata are watched, and nothing else: rules are large, and there are many.
pub struct Stub<K> {
    namespace: Box<str>,
    name: Box<str>,
    uid: Option<Box<str>>,
    version: Option<Box<str>>,
    controller: Option<Box<str>>,
    profile: Option<Box<str>>,
    applied: Option<Box<str>>,
    fingerprint: u64,
    kind: PhantomData<fn() -> K>,
}

impl<K> From<PartialObjectMeta<K>> for Stub<K> {
    fn from(object: PartialObjectMeta<K>) -> Self {
        let meta = object.metadata;
        let mut hasher = DefaultHasher::new();
        // A kind without generations has no status either: each of its versions is a change.
        let version = meta.generation.map_or_else(|| meta.resource_version.clone(), |number| Some(number.to_string()));
        let changeable = (&version, &meta.uid, &meta.labels, &meta.annotations, &meta.finalizers);
        std::hash::Hash::hash(&changeable, &mut hasher);
        for owner in meta.owner_references.iter().flatten() {
            std::hash::Hash::hash(
                &(&owner.uid, &owner.name, owner.controller, owner.block_owner_deletion),
                &mut hasher,
            );
        }
        let owner = meta
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.kind == "PerformanceProfile" && owner.api_version.split('/').next() == Some(GROUP));
        Self {
            controller: controller_of(&meta).map(Into::into),
            profile: owner.map(|owner| (&*owner.name).into()),
            applied: meta.annotations.as_ref().and_then(|all| Some((&**all.get(annotations::APPLIED)?).into())),
            namespace: meta.namespace.unwrap_or_default().into(),
            name: meta.name.unwrap_or_default().into(),
            uid: meta.uid.map(Into::into),
            version: meta.resource_version.map(Into::into),
            fingerprint: hasher.finish(),
            kind: PhantomData,
        }
    }
}

impl<K> Stub<K> {
    /// Namespace and name.
    pub fn key(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    /// The version that it had.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Name of the profile that owns it.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

impl<K: Written> Found for Stub<K> {
    type Kind = K;

    fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    fn controller(&self) -> Option<&str> {
        self.controller.as_deref()
    }

    fn applied(&self) -> Option<&str> {
        self.applied.as_deref()
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    async fn read(api: &Api<K>, name: &str) -> Result<Option<Self>, kube::Error> {
        Ok(api.get_metadata_opt(name).await?.map(Self::from))
    }

    async fn holds(&self, api: &Api<K>, desired: &K) -> Result<bool, kube::Error> {
        match api.get_opt(&self.name).await? {
            Some(live) => live.holds(api, desired).await,
            None => Ok(false),
        }
    }

    /// What is not read is not compared: rules have no field that an older definition lacks.
    fn lost(&self, _desired: &K) -> Vec<String> {
        Vec::new()
    }

    async fn patch(api: &Api<K>, name: &str, params: &PatchParams, opinion: Vec<u8>) -> Result<Self, kube::Error> {
        let answer: PartialObjectMeta<K> = send(api, name, params, opinion, Answer::Metadata).await?;
        Ok(answer.into())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::{Value, json};

    use super::*;

    fn fingerprint(pointer: &str, value: Value) -> u64 {
        let mut object = json!({"metadata": {
            "name": "web-slo", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
            "labels": {"a": "b"}, "annotations": {annotations::APPLIED: "0"}, "finalizers": [],
            "ownerReferences": [{"apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "name": "web", "uid": "p",
                "controller": true}],
        }});
        *object.pointer_mut(pointer).unwrap() = value;
        Stub::from(serde_json::from_value::<PartialObjectMeta<ConfigMap>>(object).unwrap()).fingerprint()
    }

    #[test]
    fn a_whole_object_changes_with_what_an_apply_would_change_back() {
        let of = |pointer: &str, value: Value| {
            let mut object = json!({
                "metadata": {"name": "web", "resourceVersion": "7", "generation": 2, "labels": {"a": "b"},
                    "creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": [{"manager": "m"}],
                    "annotations": {annotations::LAST_APPLIED: "{}", "c": "d"}},
                "spec": {"replicas": 3, "selector": {"matchLabels": {}}, "template": {}},
                "status": {"replicas": 3},
            });
            *object.pointer_mut(pointer).unwrap() = value;
            serde_json::from_value::<StatefulSet>(object).unwrap().fingerprint()
        };
        let before = of("/metadata/name", json!("web"));
        for (pointer, value) in [
            ("/metadata/resourceVersion", json!("8")),
            ("/metadata/generation", json!(3)),
            ("/metadata/creationTimestamp", json!("2026-01-02T03:04:06Z")),
            ("/metadata/managedFields", json!([])),
            ("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", json!("{\"a\":1}")),
            ("/spec/replicas", json!(4)),
            ("/status/replicas", json!(4)),
        ] {
            assert_eq!(of(pointer, value), before, "{pointer}");
        }
        for (pointer, value) in [
            ("/metadata/labels/a", json!("c")),
            ("/metadata/annotations/c", json!("e")),
            ("/spec/selector/matchLabels", json!({"a": "b"})),
            ("/spec/template", json!({"metadata": {"labels": {"a": "b"}}})),
        ] {
            assert_ne!(of(pointer, value), before, "{pointer}");
        }
    }

    #[test]
    fn a_stub_changes_with_what_an_apply_would_change_back() {
        let before = fingerprint("/metadata/name", json!("web-slo"));
        assert_eq!(fingerprint("/metadata/resourceVersion", json!("8")), before, "a status is no change");
        for (pointer, value) in [
            ("/metadata/generation", json!(3)),
            ("/metadata/uid", json!("v")),
            ("/metadata/labels/a", json!("c")),
            ("/metadata/annotations", json!({})),
            ("/metadata/finalizers", json!(["x"])),
            ("/metadata/ownerReferences/0/uid", json!("q")),
            ("/metadata/ownerReferences/0/controller", json!(false)),
            ("/metadata/ownerReferences", json!([])),
        ] {
            assert_ne!(fingerprint(pointer, value), before, "{pointer}");
        }
        let without = |version: &str| {
            let object = json!({"metadata": {"name": "web-slo", "resourceVersion": version}});
            Stub::from(serde_json::from_value::<PartialObjectMeta<ConfigMap>>(object).unwrap()).fingerprint()
        };
        assert_ne!(without("7"), without("8"), "a kind without generations");
    }
}
