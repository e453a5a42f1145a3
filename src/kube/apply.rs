//! Server-side apply and removal of objects that have an owner, without needless writes.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Resource,
    api::{DeleteParams, PatchParams, Preconditions},
};

use super::{Category, categorize};
use crate::api::{FIELD_MANAGER, annotations};

mod covers;
mod found;
mod lost;
mod opinion;

pub use found::{Found, Stub, Written};
use opinion::Opinion;

/// A version that no object has. An apply with it makes what is absent, and is a conflict where anything is: so what another has made
/// meanwhile, or what no watch shows, is never taken over.
const NO_VERSION: &str = "1";

/// Whether an object belongs to the owner with this uid, as its controller.
pub fn is_owned_by(meta: &ObjectMeta, owner_uid: &str) -> bool {
    controller_of(meta) == Some(owner_uid)
}

fn controller_of(meta: &ObjectMeta) -> Option<&str> {
    let controller = meta.owner_references.iter().flatten().find(|reference| reference.controller == Some(true));
    controller.map(|reference| &*reference.uid)
}

/// What was last applied, so that the same is not applied again to an object that nobody has touched since.
///
/// A server-side apply that changes nothing is still a write request, and some make a new resource version
/// (kubernetes#124605). Both the opinion and the object as it came back are remembered as hashes. The opinion's hash also stands in an
/// annotation of the object: after a restart an object that says so, and holds every value of the opinion, is left as it is.
#[derive(Default)]
pub struct AppliedMemory {
    hashes: Mutex<HashMap<u64, Remembered>>,
    /// Only of objects that have lost something, which are few.
    lost: Mutex<HashMap<u64, Vec<String>>>,
}

#[derive(Clone, Copy)]
struct Remembered {
    opinion: u64,
    object: u64,
    owner: u64,
    recipe: Option<u64>,
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
    /// Applies the whole opinion about an object, by force: the fields in it are ours. Gives the object as it came back, if anything
    /// was sent. What is not `live` must not be there: it is a conflict, and nothing is written.
    ///
    /// `recipe` is a number for all that the opinion follows from, where it is large: with that of the last time it is not looked at.
    pub async fn apply<F: Found>(
        &self,
        api: &Api<F::Kind>,
        desired: &mut F::Kind,
        live: Option<&F>,
        recipe: Option<u64>,
    ) -> Result<Option<F>, kube::Error> {
        unmarked(desired.meta_mut());
        let name = desired.meta().name.clone().unwrap_or_default();
        let key = key::<F::Kind>(desired.meta());
        let owner = number(controller_of(desired.meta()).unwrap_or_default());
        let known = self.lock().get(&key).copied();
        if let Some((known, live)) = known.zip(live)
            && recipe.is_some_and(|recipe| known.recipe == Some(recipe))
            && known.object == live.fingerprint()
        {
            return Ok(None);
        }
        let text = Opinion::of(desired)?;
        let opinion = text.digest();
        let remember = |object| self.lock().insert(key, Remembered { opinion, object, owner, recipe });
        if let Some(live) = live {
            match known {
                Some(known) if known.opinion == opinion && known.object == live.fingerprint() => {
                    remember(known.object);
                    return Ok(None);
                }
                None if live.applied() == Some(&*mark(opinion)) && live.holds(api, desired).await? => {
                    remember(live.fingerprint());
                    return Ok(None);
                }
                _ => {}
            }
        }
        let meta = desired.meta_mut();
        meta.annotations.get_or_insert_default().insert(annotations::APPLIED.to_owned(), mark(opinion));
        match live {
            // One that was made again under the same name has another uid, and may be another's.
            Some(live) => meta.uid = live.uid().map(ToOwned::to_owned),
            None => meta.resource_version = Some(NO_VERSION.to_owned()),
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let answer = F::patch(api, &name, &params, text.with_metadata_of(desired)?).await?;
        remember(answer.fingerprint());
        let lost = answer.lost(desired);
        let mut all = self.all_lost();
        if lost.is_empty() {
            all.remove(&key);
        } else {
            all.insert(key, lost);
        }
        drop(all);
        Ok(Some(answer))
    }

    /// Paths that the server dropped of what was applied last, as in `spec.behavior.scaleUp.tolerance`.
    pub fn lost<K: Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) -> Vec<String> {
        let key = number(&(K::kind(&()), Some(namespace), Some(name)));
        self.all_lost().get(&key).cloned().unwrap_or_default()
    }

    /// Removes an object, if it is still the one that was seen.
    pub async fn remove<F: Found>(&self, api: &Api<F::Kind>, name: &str, live: &F) -> Result<(), kube::Error> {
        let preconditions = Preconditions { uid: live.uid().map(ToOwned::to_owned), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match api.delete(name, &params).await {
            Ok(_) => Ok(()),
            // kube's own `is_not_found` overlooks the answer of an API that is gone, which is no `Status`.
            Err(error) if categorize(&error) == Category::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Remembered>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_lost(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Vec<String>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was applied for owners that are gone; `alive` are the uids of those that are there.
    pub fn retain(&self, alive: &HashSet<String>) {
        let alive: HashSet<u64> = alive.iter().map(number).collect();
        let mut hashes = self.lock();
        hashes.retain(|_, remembered| alive.contains(&remembered.owner));
        self.all_lost().retain(|key, _| hashes.contains_key(key));
    }
}

/// Takes away what an apply before this one has added to an opinion.
fn unmarked(meta: &mut ObjectMeta) {
    meta.uid = None;
    meta.resource_version = None;
    if let Some(all) = &mut meta.annotations {
        all.remove(annotations::APPLIED);
    }
    meta.annotations.take_if(|all| all.is_empty());
}

fn key<K: Resource<DynamicType = ()>>(meta: &ObjectMeta) -> u64 {
    number(&(K::kind(&()), &meta.namespace, &meta.name))
}

fn number(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A hash as it stands in the annotation.
fn mark(digest: u64) -> String {
    format!("{digest:016x}")
}
