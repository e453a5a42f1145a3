//! Server-side apply and removal of objects that have an owner, without needless writes.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    fmt::Debug,
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::api::FIELD_MANAGER;

mod lost;

/// Whether an object belongs to the owner with this uid, as its controller.
pub fn is_owned_by(meta: &ObjectMeta, owner_uid: &str) -> bool {
    meta.owner_references
        .iter()
        .flatten()
        .any(|reference| reference.uid == owner_uid && reference.controller == Some(true))
}

/// What was last applied, so that the same is not applied again to an object that nobody has touched since.
///
/// A server-side apply that changes nothing is still a write request, and some make a new resource version
/// (kubernetes#124605). Both the opinion and the object as it came back are remembered as hashes; after a restart each
/// object is applied once.
#[derive(Default)]
pub struct AppliedMemory {
    hashes: Mutex<HashMap<Key, (u64, u64)>>,
    /// Only of objects that have lost something, which are few.
    lost: Mutex<HashMap<Key, Vec<String>>>,
}

/// What an apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing was sent: the object is as it was last applied.
    Unchanged,
    /// It was sent.
    Written,
}

impl AppliedMemory {
    /// Applies the whole opinion about an object, by force: the fields in it are ours.
    pub async fn apply<K>(&self, api: &Api<K>, desired: &K, live: Option<&K>) -> Result<Change, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
    {
        let name = desired.meta().name.clone().unwrap_or_default();
        let key = key::<K>(desired.meta());
        let opinion = hash(&serde_json::to_value(desired).unwrap_or_default());
        if let Some(live) = live
            && self.lock().get(&key) == Some(&(opinion, fingerprint(live)))
        {
            return Ok(Change::Unchanged);
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let result = api.patch(&name, &params, &Patch::Apply(desired)).await?;
        self.lock().insert(key.clone(), (opinion, fingerprint(&result)));
        let lost = lost::lost(desired, &result);
        let mut all = self.all_lost();
        if lost.is_empty() {
            all.remove(&key);
        } else {
            all.insert(key, lost);
        }
        Ok(Change::Written)
    }

    /// Paths that the server dropped of what was applied last, as in `spec.behavior.scaleUp.tolerance`.
    pub fn lost<K: Resource<DynamicType = ()>>(&self, desired: &K) -> Vec<String> {
        self.all_lost().get(&key::<K>(desired.meta())).cloned().unwrap_or_default()
    }

    /// Removes an object, if it is still the one that was seen.
    pub async fn remove<K>(&self, api: &Api<K>, live: &K) -> Result<(), kube::Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug,
    {
        let meta = live.meta();
        let key = key::<K>(meta);
        self.lock().remove(&key);
        self.all_lost().remove(&key);
        let preconditions = Preconditions { uid: meta.uid.clone(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match api.delete(meta.name.as_deref().unwrap_or_default(), &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (u64, u64)>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_lost(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Vec<String>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was applied for owners that are gone; `exists` is asked with the owner's uid.
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|(_, _, _, owner), _| exists(owner));
        self.all_lost().retain(|(_, _, _, owner), _| exists(owner));
    }
}

/// Kind, namespace and name of an object, and the uid of its owner.
type Key = (String, String, String, String);

fn key<K: Resource<DynamicType = ()>>(meta: &ObjectMeta) -> Key {
    let owner = meta.owner_references.iter().flatten().find(|reference| reference.controller == Some(true));
    (
        K::kind(&()).into_owned(),
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
        owner.map(|owner| owner.uid.clone()).unwrap_or_default(),
    )
}

/// A hash of everything that a person or another controller may change and an apply would change back: not the status, not the
/// server's bookkeeping, and not the number of replicas, which is an autoscaler's.
fn fingerprint<K: Serialize>(object: &K) -> u64 {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
        if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("replicas");
        }
        if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in ["managedFields", "resourceVersion", "generation", "creationTimestamp"] {
                meta.remove(field);
            }
        }
    }
    hash(&value)
}

/// `serde_json` keeps the keys of objects sorted, so equal values have equal texts.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}
