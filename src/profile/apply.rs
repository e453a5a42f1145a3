//! Carries the plans out, each on its own: one child that fails stops no other.

use std::{fmt::Debug, time::Duration};

use kube::{Api, Client, Resource, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    children::{Applied, Children, Desired, Live, Outcome, Plan, Why},
    error::ChildError,
};
use crate::{
    api::{reasons, v1alpha1::ChildState},
    kube::{AppliedMemory, Category, Change, categorize, is_owned_by, message, no_answer},
    metrics::Metrics,
};

/// Longest wait for the write of one child: one that hangs must leave the others, and the status, their time.
const LONGEST: Duration = Duration::from_secs(5);

/// The profile that children are written for, and the means to write them.
pub struct Applier<'a> {
    /// Connection to the API server.
    pub client: Client,
    /// What was applied before.
    pub memory: &'a AppliedMemory,
    /// Counts the writes.
    pub metrics: &'a Metrics,
    /// Namespace of the profile.
    pub namespace: &'a str,
    /// Name of the profile.
    pub profile: &'a str,
    /// The profile's uid: children that another owner has are foreign.
    pub owner_uid: &'a str,
}

/// Every child's outcome, and the failures that are worth another try.
pub struct Report {
    /// What became of each child.
    pub children: Children<Applied>,
    /// What went wrong on the way, in no order.
    pub errors: Vec<ChildError>,
}

impl Applier<'_> {
    /// Carries every plan out. The rule object that is wanted is written before the other one is removed, so that the
    /// rules are never absent.
    pub async fn apply(&self, desired: Children<Desired>, live: &Children<Live>, rules_name: &str) -> Report {
        let Children { autoscaler, disruption_budget, rule, rule_file } = desired;
        let Children {
            autoscaler: live_autoscaler,
            disruption_budget: live_budget,
            rule: live_rule,
            rule_file: live_rule_file,
        } = live;
        let mut errors = Vec::new();
        let autoscaler = self.child(autoscaler, live_autoscaler.as_ref(), self.profile, &mut errors).await;
        let disruption_budget = self.child(disruption_budget, live_budget.as_ref(), self.profile, &mut errors).await;
        let (rule, rule_file) = if matches!(rule, Plan::Absent) {
            let rule_file = self.child(rule_file, live_rule_file.as_ref(), rules_name, &mut errors).await;
            (self.child(rule, live_rule.as_ref(), rules_name, &mut errors).await, rule_file)
        } else {
            let rule = self.child(rule, live_rule.as_ref(), rules_name, &mut errors).await;
            (rule, self.child(rule_file, live_rule_file.as_ref(), rules_name, &mut errors).await)
        };
        Report { children: Children { autoscaler, disruption_budget, rule, rule_file }, errors }
    }

    async fn child<K>(&self, plan: Plan<K>, live: Option<&K>, name: &str, errors: &mut Vec<ChildError>) -> Outcome
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + DeserializeOwned + Clone + Debug,
    {
        let kind = kind::<K>();
        let api = Api::<K>::namespaced(self.client.clone(), self.namespace);
        let ours = live.is_none_or(|live| is_owned_by(live.meta(), self.owner_uid));
        let outcome = |state, why| Outcome { kind, name: name.to_owned(), state, why };
        let result = match (plan, live) {
            (Plan::Hold(why), live) => {
                let state = (live.is_some() && ours).then_some(ChildState::Held);
                return outcome(state, Some(why));
            }
            (Plan::Absent, None) => return outcome(None, None),
            (Plan::Absent, Some(_)) if !ours => return outcome(None, None),
            (Plan::Absent, Some(live)) => {
                in_time(self.memory.remove(&api, live)).await.map(|()| (None, Change::Written))
            }
            (Plan::Apply(_), Some(_)) if !ours => {
                return outcome(Some(ChildState::Refused), Some(foreign(kind, name)));
            }
            (Plan::Apply(desired), live) => {
                in_time(self.memory.apply(&api, &desired, live)).await.map(|change| (Some(ChildState::Applied), change))
            }
        };
        match result {
            Ok((state, change)) => {
                self.metrics.child_applied(kind, change);
                outcome(state, None)
            }
            Err(error) => {
                let category = categorize(&error);
                self.metrics.child_failed(kind, category);
                let why = failed(category, message(&error));
                errors.push(ChildError { kind, name: name.to_owned(), category, source: error });
                outcome(Some(ChildState::Failed), Some(why))
            }
        }
    }
}

async fn in_time<T>(write: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    tokio::time::timeout(LONGEST, write).await.unwrap_or_else(|_| Err(no_answer(LONGEST)))
}

/// The kind as a word that metrics can have for ever.
fn kind<K: Resource<DynamicType = ()>>() -> &'static str {
    match K::kind(&()) {
        std::borrow::Cow::Borrowed(kind) => kind,
        std::borrow::Cow::Owned(_) => "Unknown",
    }
}

fn foreign(kind: &str, name: &str) -> Why {
    Why::new(
        reasons::FOREIGN_OBJECT,
        format!(
            "{kind} {name} exists and does not belong to this profile; it is left alone: delete or rename it, and the \
             operator writes its own"
        ),
    )
}

fn failed(category: Category, message: String) -> Why {
    match category {
        Category::NamespaceTerminating => Why::new(reasons::NAMESPACE_TERMINATING, "the namespace is being deleted"),
        _ => Why::new(reasons::APPLY_FAILED, message),
    }
}
