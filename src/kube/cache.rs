//! What a watch has seen, as little of it as is needed, found without looking at all of it.
//!
//! kube's own store holds objects whole, knows no index, and does not know what was just written. Here the answer to a write is taken in
//! at once, so that what is read is never older than what this process has written itself, and the event that follows says nothing new.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, runtime::watcher::Event};
use tokio::sync::watch;

/// Objects of one kind, by namespace and name. Clones share their content.
pub struct Cache<V> {
    state: Arc<RwLock<State<V>>>,
    ready: Arc<watch::Sender<bool>>,
    index: fn(&V) -> Vec<String>,
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ready: Arc::clone(&self.ready), index: self.index }
    }
}

struct State<V> {
    namespaces: HashMap<String, Namespace<V>>,
    /// Versions at which objects went since the last [`Cache::tidy`]: an answer that comes after the deletion is not news.
    gone: HashMap<(String, String), u64>,
    /// Counts the lists: what is not in the newest has gone while nobody watched.
    list: u32,
}

impl<V> State<V> {
    fn held(&self, (namespace, name): &(String, String)) -> Option<&Held<V>> {
        self.namespaces.get(namespace)?.objects.get(name)
    }
}

struct Namespace<V> {
    objects: HashMap<String, Held<V>>,
    index: HashMap<String, BTreeSet<String>>,
}

struct Held<V> {
    version: u64,
    list: u32,
    value: Arc<V>,
}

/// What an event has changed.
pub struct Changed<V> {
    /// As it was; nothing where it is new.
    pub before: Option<Arc<V>>,
    /// As it is; nothing where it is gone.
    pub now: Option<Arc<V>>,
}

impl<V> Cache<V> {
    /// An empty one. `index` gives the words by which [`Cache::indexed`] finds an object.
    pub fn new(index: fn(&V) -> Vec<String>) -> Self {
        let state = State { namespaces: HashMap::new(), gone: HashMap::new(), list: 0 };
        Self { state: Arc::new(RwLock::new(state)), ready: Arc::new(watch::Sender::new(false)), index }
    }

    /// Waits for the end of the first list.
    pub async fn wait_until_ready(&self) {
        // The sender lives as long as this: there is no error.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        let state = self.read();
        state.namespaces.get(namespace)?.objects.get(name).map(|held| Arc::clone(&held.value))
    }

    /// The objects of a namespace that have this word in the index, by name.
    pub fn indexed(&self, namespace: &str, word: &str) -> Vec<Arc<V>> {
        self.indexed_beside(namespace, word, "")
    }

    /// As [`Cache::indexed`], without the one of this name.
    pub fn indexed_beside(&self, namespace: &str, word: &str, own: &str) -> Vec<Arc<V>> {
        let state = self.read();
        let Some(here) = state.namespaces.get(namespace) else { return Vec::new() };
        let names = here.index.get(word).into_iter().flatten().filter(|name| *name != own);
        names.filter_map(|name| here.objects.get(name).map(|held| Arc::clone(&held.value))).collect()
    }

    /// Every object of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<V>> {
        let state = self.read();
        let here = state.namespaces.get(namespace);
        here.into_iter().flat_map(|here| here.objects.values()).map(|held| Arc::clone(&held.value)).collect()
    }

    /// Every object.
    pub fn all(&self) -> Vec<Arc<V>> {
        let state = self.read();
        state.namespaces.values().flat_map(|here| here.objects.values()).map(|held| Arc::clone(&held.value)).collect()
    }

    /// Takes in what the API server has answered to a write. What the watch already knows better is left as it is.
    pub fn written(&self, (namespace, name): (&str, &str), version: Option<&str>, value: V) {
        let key = (namespace.to_owned(), name.to_owned());
        let version = number(version);
        let mut state = self.write();
        if state.held(&key).is_some_and(|held| held.version > version)
            || state.gone.get(&key).is_some_and(|gone| *gone > version)
        {
            return;
        }
        self.put(&mut state, key, version, value);
    }

    /// Takes in one event, and tells what has changed.
    pub fn note<K: Resource>(&self, event: Event<K>, value: impl Fn(K) -> V) -> Vec<Changed<V>> {
        match event {
            Event::Init => self.begin_list(),
            Event::InitApply(object) => self.list(key(object.meta()), version(object.meta()), value(object)),
            Event::InitDone => self.end_list(),
            Event::Apply(object) => self.put_newer(key(object.meta()), version(object.meta()), value(object)),
            Event::Delete(object) => self.delete(key(object.meta()), version(object.meta())),
        }
    }

    /// As [`Cache::note`], of an event that others want whole.
    pub fn note_of<K: Resource>(&self, event: &Event<K>, value: impl Fn(&K) -> V) -> Vec<Changed<V>> {
        match event {
            Event::Init => self.begin_list(),
            Event::InitApply(object) => self.list(key(object.meta()), version(object.meta()), value(object)),
            Event::InitDone => self.end_list(),
            Event::Apply(object) => self.put_newer(key(object.meta()), version(object.meta()), value(object)),
            Event::Delete(object) => self.delete(key(object.meta()), version(object.meta())),
        }
    }

    fn begin_list(&self) -> Vec<Changed<V>> {
        let mut state = self.write();
        state.list = state.list.wrapping_add(1);
        Vec::new()
    }

    /// A list is believed even where its versions are older, as after a restored backup; an answer that came meanwhile is newer.
    fn list(&self, key: (String, String), version: u64, value: V) -> Vec<Changed<V>> {
        let mut state = self.write();
        let list = state.list;
        if state.held(&key).is_some_and(|held| held.list == list && held.version > version) {
            return Vec::new();
        }
        vec![self.put(&mut state, key, version, value)]
    }

    /// What is not in the new list went while nobody watched.
    fn end_list(&self) -> Vec<Changed<V>> {
        let mut state = self.write();
        let list = state.list;
        let mut unlisted = Vec::new();
        for (namespace, here) in &state.namespaces {
            let missing = here.objects.iter().filter(|(_, held)| held.list != list);
            unlisted.extend(missing.map(|(name, _)| (namespace.clone(), name.clone())));
        }
        let taken = unlisted.iter().filter_map(|key| self.take(&mut state, key));
        let gone = taken.map(|before| Changed { before: Some(before), now: None }).collect();
        drop(state);
        self.ready.send_replace(true);
        gone
    }

    fn put_newer(&self, key: (String, String), version: u64, value: V) -> Vec<Changed<V>> {
        let mut state = self.write();
        if version != 0 && state.held(&key).is_some_and(|held| held.version >= version) {
            return Vec::new();
        }
        vec![self.put(&mut state, key, version, value)]
    }

    fn delete(&self, key: (String, String), version: u64) -> Vec<Changed<V>> {
        let mut state = self.write();
        // Made again since, and the answer was taken in before this event came.
        if version != 0 && state.held(&key).is_some_and(|held| held.version > version) {
            return Vec::new();
        }
        let before = self.take(&mut state, &key);
        state.gone.insert(key, version);
        before.into_iter().map(|before| Changed { before: Some(before), now: None }).collect()
    }

    /// Forgets what is remembered of deletions: to be called now and then, more seldom than an answer can be on its way.
    pub fn tidy(&self) {
        let mut state = self.write();
        state.gone = HashMap::new();
    }

    fn put(&self, state: &mut State<V>, key: (String, String), version: u64, value: V) -> Changed<V> {
        let before = self.take(state, &key);
        let (namespace, name) = key;
        let list = state.list;
        let here = state.namespaces.entry(namespace);
        let here = here.or_insert_with(|| Namespace { objects: HashMap::new(), index: HashMap::new() });
        for word in (self.index)(&value) {
            here.index.entry(word).or_default().insert(name.clone());
        }
        let now = Arc::new(value);
        here.objects.insert(name, Held { version, list, value: Arc::clone(&now) });
        Changed { before, now: Some(now) }
    }

    fn take(&self, state: &mut State<V>, (namespace, name): &(String, String)) -> Option<Arc<V>> {
        let here = state.namespaces.get_mut(namespace)?;
        let held = here.objects.remove(name)?;
        for word in (self.index)(&held.value) {
            if let Some(names) = here.index.get_mut(&word) {
                names.remove(name);
                if names.is_empty() {
                    here.index.remove(&word);
                }
            }
        }
        if here.objects.is_empty() {
            state.namespaces.remove(namespace);
        }
        Some(held.value)
    }

    fn read(&self) -> RwLockReadGuard<'_, State<V>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<V>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(meta: &ObjectMeta) -> (String, String) {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// The version as a number. Kubernetes promises since 1.35 that versions of one resource can be compared so, and etcd's always could
/// (KEP-5504). 0 where it is none: then nothing is held for older.
fn number(version: Option<&str>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn version(meta: &ObjectMeta) -> u64 {
    number(meta.resource_version.as_deref())
}

#[cfg(test)]
mod tests;
