//! Which process looks after which namespaces, where there is more than one: by a hash of the namespace's name.
//!
//! A namespace is whole in one shard: all that a profile looks at (its target, its children, its rivals, others' disruption budgets)
//! is in its own namespace.

use std::{collections::BTreeSet, fmt};

use futures::{Stream, StreamExt, future};
use kube::{
    Resource,
    runtime::watcher::{self, Event},
};
use sha2::{Digest, Sha256};

/// The shard of a namespace, of so many. It is the same in every version and on every machine: the first eight bytes of the SHA-256
/// of the name, as a big-endian number, modulo the number of shards.
///
/// No hash that moves little when the number changes: then all shards change hands at once, whatever the hash.
pub fn shard_of(namespace: &str, count: u16) -> u16 {
    let digest = Sha256::digest(namespace.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(number % u64::from(count.max(1))).unwrap_or_default()
}

/// The shards that a process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards {
    count: u16,
    held: BTreeSet<u16>,
}

impl Default for Shards {
    /// One, and it is held: every namespace.
    fn default() -> Self {
        Self::new(1, BTreeSet::from([0]))
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<_> = self.held.iter().map(ToString::to_string).collect();
        write!(f, "{} of {}", held.join(","), self.count)
    }
}

impl Shards {
    /// These of so many.
    pub fn new(count: u16, held: BTreeSet<u16>) -> Self {
        Self { count, held }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a namespace is in one of them.
    pub fn hold(&self, namespace: &str) -> bool {
        // Where all are held, as with one, nothing need be hashed.
        self.held.len() == usize::from(self.count) || self.held.contains(&shard_of(namespace, self.count))
    }

    /// The events about objects that are in one of them: the API server cannot filter by a hash. What is left out is dropped before it
    /// is stored.
    pub fn events<K: Resource, S: Stream<Item = watcher::Result<Event<K>>>>(
        &self,
        events: S,
    ) -> impl Stream<Item = watcher::Result<Event<K>>> + use<K, S> {
        let shards = self.clone();
        events.filter(move |event| {
            future::ready(match event {
                Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                    shards.hold(object.meta().namespace.as_deref().unwrap_or_default())
                }
                Ok(Event::Init | Event::InitDone) | Err(_) => true,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    /// Replicas of two versions must agree, or two would write to one profile.
    #[test]
    fn the_hash_is_the_same_in_every_version() {
        let all = ["default", "shop", "team-1", "team-2", "kube-system", "", "bücher"];
        let of = |count| all.map(|namespace| shard_of(namespace, count));
        assert_eq!(of(1), [0; 7]);
        assert_eq!(of(2), [1, 1, 0, 0, 1, 0, 0]);
        assert_eq!(of(4), [1, 1, 0, 2, 1, 0, 0]);
        assert_eq!(of(7), [4, 2, 0, 2, 1, 1, 3]);
        assert_eq!(of(64), [61, 61, 56, 26, 1, 20, 60]);
    }

    #[test]
    fn namespaces_spread_evenly() {
        for count in [2_u16, 3, 4, 8, 16] {
            for pattern in ["team-", "plimsoll-test-0000", ""] {
                let mut sizes = vec![0_u32; usize::from(count)];
                (0..10_000).for_each(|i| sizes[usize::from(shard_of(&format!("{pattern}{i}"), count))] += 1);
                let fair = 10_000 / u32::from(count);
                // Five standard deviations of a fair draw.
                let most = 5 * fair.isqrt();
                assert!(sizes.iter().all(|size| size.abs_diff(fair) <= most), "{pattern} {count}: {sizes:?}");
            }
        }
    }

    #[test]
    fn every_namespace_is_in_one_shard_and_one_shard_is_all() {
        for i in 0..200 {
            let namespace = format!("ns-{i}");
            let holders = (0..4).filter(|shard| Shards::new(4, BTreeSet::from([*shard])).hold(&namespace)).count();
            assert_eq!(holders, 1);
            assert!(Shards::default().hold(&namespace));
            assert!(!Shards::new(4, BTreeSet::new()).hold(&namespace));
        }
    }

    #[tokio::test]
    async fn events_of_others_are_dropped_and_the_marks_of_a_list_stay() {
        let of = |namespace: &str| ConfigMap {
            metadata: ObjectMeta { namespace: Some(namespace.to_owned()), ..ObjectMeta::default() },
            ..ConfigMap::default()
        };
        let ours = Shards::new(4, BTreeSet::from([shard_of("ours", 4)]));
        let other = (0..).map(|i| format!("ns-{i}")).find(|namespace| !ours.hold(namespace)).unwrap();
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(of(&other))),
            Ok(Event::InitApply(of("ours"))),
            Ok(Event::InitDone),
            Err(watcher::Error::NoResourceVersion),
            Ok(Event::Apply(of(&other))),
            Ok(Event::Apply(of("ours"))),
            Ok(Event::Delete(of(&other))),
            Ok(Event::Delete(of("ours"))),
        ];
        let left: Vec<_> = ours.events(stream::iter(events)).collect().await;
        let kinds: Vec<_> = left
            .iter()
            .map(|event| match event {
                Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                    object.metadata.namespace.as_deref().unwrap()
                }
                Ok(Event::Init) => "<",
                Ok(Event::InitDone) => ">",
                Err(_) => "!",
            })
            .collect();
        assert_eq!(kinds, ["<", "ours", ">", "!", "ours", "ours"]);
    }
}
