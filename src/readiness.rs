//! Whether the operator can do its work, and what it waits for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What the operator waits for, by name; it is ready when nothing is left.
///
/// Readiness, not liveness: to start the operator again does not make a missing definition appear.
#[derive(Clone, Default)]
pub struct Readiness {
    missing: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// The operator waits for something.
    pub fn wait_for(&self, what: &'static str, message: impl Into<String>) {
        self.lock().insert(what, message.into());
    }

    /// It waits for it no longer.
    pub fn found(&self, what: &'static str) {
        self.lock().remove(what);
    }

    /// Everything that is still missing.
    pub fn missing(&self) -> Vec<String> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
