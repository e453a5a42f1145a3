//! What of the watches is ours.

use futures::Stream;
use kube::{
    Resource,
    core::PartialObjectMeta,
    runtime::{reflector::ObjectRef, watcher},
};

use super::Controller;
use crate::{
    kube::{Cache, Light, Stub, Written},
    profile::{
        Kept,
        triggers::{self, triggers},
    },
};

/// Objects in one page of a list: all of a page are in memory at once, whole, and little of them is kept.
const PAGE: u32 = 100;

/// What is read of an object that is watched for its metadata.
pub(super) type Metadata<K> = Light<PartialObjectMeta<K>>;

/// Lists everything in small pages, and watches it.
pub(super) fn in_pages() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

impl Controller {
    /// Every watch goes through here: what is in another process' shards goes no further.
    pub(super) fn watched<K: Resource, S: Stream<Item = watcher::Result<watcher::Event<K>>>>(
        &self,
        events: S,
    ) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + use<K, S> {
        self.shared.shards.events(events)
    }
}

/// Profiles whose child of this kind has changed in any way that an apply would change back.
pub(super) fn stubs<K: Written>(
    events: impl Stream<Item = watcher::Result<watcher::Event<Metadata<K>>>>,
    cache: Cache<Stub<K>>,
) -> impl Stream<Item = ObjectRef<Kept>> {
    triggers(events, cache, |Light(object)| Stub::from(object), triggers::same_stub, triggers::of_stub)
}
