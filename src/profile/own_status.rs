//! Statuses that this process has written and that the watch has not shown yet.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use kube::ResourceExt;

use super::Kept;
use crate::api::v1alpha1::{PerformanceProfile, PerformanceProfileStatus};

/// By the profile's uid: the version that the write made, and what was written.
type Written = HashMap<String, (u64, PerformanceProfileStatus)>;

/// Statuses on their way: an event that shows one is no reason to look again, and a look before the event must not miss it.
#[derive(Clone, Default)]
pub struct OwnStatus {
    written: Arc<Mutex<Written>>,
}

impl OwnStatus {
    /// A status was written; `answer` is the version that came of it.
    pub fn wrote(&self, uid: Option<&str>, answer: Option<&str>, status: PerformanceProfileStatus) {
        if let (Some(uid), Some(version)) = (uid, number(answer)) {
            self.lock().insert(uid.to_owned(), (version, status));
        }
    }

    /// Whether this is the profile just as the last write left it. It is forgotten then: the watch has caught up.
    pub fn is_own(&self, profile: &Kept) -> bool {
        let (Some(uid), Some(version)) = (profile.uid(), number(profile.resource_version().as_deref())) else {
            return false;
        };
        let mut written = self.lock();
        let known = written.get(&uid).map(|(known, _)| *known);
        if known.is_some_and(|known| known <= version) {
            written.remove(&uid);
        }
        known == Some(version)
    }

    /// The profile with the newest status that is known.
    pub fn newest<'a>(&self, profile: &'a PerformanceProfile) -> Cow<'a, PerformanceProfile> {
        let version = number(profile.metadata.resource_version.as_deref());
        let mut written = self.lock();
        let uid = profile.metadata.uid.as_deref().unwrap_or_default();
        match written.get(uid) {
            Some((known, status)) if version.is_some_and(|version| version < *known) => {
                Cow::Owned(PerformanceProfile { status: Some(status.clone()), ..profile.clone() })
            }
            // The event was faster than the answer.
            Some(_) => {
                written.remove(uid);
                Cow::Borrowed(profile)
            }
            None => Cow::Borrowed(profile),
        }
    }

    /// Forgets profiles that are gone.
    pub fn retain(&self, alive: &HashSet<String>) {
        self.lock().retain(|uid, _| alive.contains(uid));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A version as a number; see [`crate::kube::Cache`].
fn number(version: Option<&str>) -> Option<u64> {
    version?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(version: &str) -> PerformanceProfile {
        let value = serde_json::json!({
            "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile",
            "metadata": {"name": "auth", "namespace": "shop", "uid": "u", "resourceVersion": version},
            "spec": {"targetRef": {"name": "auth"}},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_was_written_is_known_until_the_watch_shows_it() {
        let own = OwnStatus::default();
        let guarded = |version: &str| Kept::from(profile(version));
        let status = PerformanceProfileStatus { observed_generation: Some(3), ..PerformanceProfileStatus::default() };
        own.wrote(Some("u"), Some("20"), status);
        let seen =
            |version: &str| own.newest(&profile(version)).status.as_ref().and_then(|one| one.observed_generation);
        assert_eq!(seen("10"), Some(3), "the watch is behind");
        assert!(!own.is_own(&guarded("15")), "somebody else's change");
        assert!(own.is_own(&guarded("20")));
        assert_eq!(seen("20"), None, "the watch has caught up");
        assert!(!own.is_own(&guarded("20")), "a list shows it again: that is a reason to look");
    }
}
