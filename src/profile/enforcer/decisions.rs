//! What was decided for each profile, for the reconcile that carries it out.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use super::look::Pods;
use crate::{
    api::v1alpha1::EnforcementMode,
    enforce::{Decision, Sizing},
};

/// Namespace and name of a profile.
pub type Key = (String, String);

/// The decision for one profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The profile's uid: one that was made again under the name begins anew.
    pub uid: String,
    /// How far enforcement goes.
    pub mode: EnforcementMode,
    /// Fewest and most replicas, as declared by the profile or by the adopted autoscaler.
    pub bounds: (i32, i32),
    /// The pods as they were last seen.
    pub pods: Pods,
    /// What should be so.
    pub decision: Decision,
    /// The sizing as it is shown: it moves when it has moved by a tenth, so that nothing is written for nothing.
    pub shown: Sizing,
}

/// Every decision.
#[derive(Clone, Default)]
pub struct Decisions {
    all: Arc<Mutex<HashMap<Key, Arc<Decided>>>>,
}

impl Decisions {
    /// The last decision for a profile.
    pub fn get(&self, key: &Key, uid: &str) -> Option<Arc<Decided>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|decided| decided.uid == uid).cloned()
    }

    /// Keeps a decision; tells whether it differs from the one before in what is carried out or shown.
    pub fn keep(&self, key: Key, mut decided: Decided) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&key).filter(|before| before.uid == decided.uid);
        decided.shown = shown(before.map(|before| &before.shown), &decided.decision.sizing);
        let news = before.is_none_or(|before| {
            let (old, new) = (&before.decision, &decided.decision);
            before.mode != decided.mode
                || (old.floor, old.hold, &old.freeze, old.strict_budget)
                    != (new.floor, new.hold, &new.freeze, new.strict_budget)
                || old.verdicts != new.verdicts
                || old.memory.actions != new.memory.actions
                || before.shown != decided.shown
        });
        all.insert(key, Arc::new(decided));
        news
    }

    /// Forgets all profiles but these.
    pub fn retain(&self, keys: &HashSet<Key>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| keys.contains(key));
    }
}

/// The sizing to show: each number stays as it was until it has moved by a tenth, and by more than one pod. What is not shown is left
/// out, for it moves at every look.
fn shown(before: Option<&Sizing>, now: &Sizing) -> Sizing {
    let nothing = Sizing::default();
    let before = before.unwrap_or(&nothing);
    let near = |old: Option<f64>, new: Option<f64>, least: f64| match (old, new) {
        (Some(old), Some(new)) if (new - old).abs() <= (old.abs() * 0.1).max(least) => Some(old),
        (_, new) => new,
    };
    let need = match (before.need, now.need) {
        (Some(old), Some(new)) if (new - old).abs() <= 1.max(old / 10) => Some(old),
        (_, new) => new,
    };
    Sizing {
        need,
        capacity_per_pod: near(before.capacity_per_pod, now.capacity_per_pod, 0.0),
        headroom: near(before.headroom, now.headroom, 0.15),
        ..Sizing::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_moves_are_not_shown() {
        let sizing = |need, capacity| Sizing {
            need: Some(need),
            capacity_per_pod: Some(capacity),
            headroom: Some(0.5),
            pressure: Some(capacity / 7.0),
            slowdown: Some(capacity / 9.0),
            ..Sizing::default()
        };
        let first = shown(None, &sizing(10, 20.0));
        assert_eq!(shown(Some(&first), &sizing(11, 21.0)), first);
        let second = shown(Some(&first), &sizing(12, 23.0));
        assert_eq!((second.need, second.capacity_per_pod), (Some(12), Some(23.0)));
        assert_eq!(shown(Some(&second), &Sizing::default()).need, None, "not known is said at once");
    }
}
