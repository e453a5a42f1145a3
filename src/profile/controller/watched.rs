//! What of the watches is ours.

use futures::Stream;
use kube::{Resource, runtime::watcher};

use super::Controller;

impl Controller {
    /// Every watch goes through here: what is in another process' shards goes no further.
    pub(super) fn watched<K: Resource, S: Stream<Item = watcher::Result<watcher::Event<K>>>>(
        &self,
        events: S,
    ) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + use<K, S> {
        self.shared.shards.events(events)
    }
}
