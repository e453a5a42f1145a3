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

mod dropped;
mod pooler;

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

impl Report {
    /// The adopted autoscaler could not be read or written: it stands where a child of ours would.
    pub fn adopted_failed(&mut self, error: ChildError, metrics: &Metrics) {
        metrics.child_failed(error.kind, error.category);
        self.children.autoscaler = Outcome {
            kind: error.kind,
            name: error.name.clone(),
            state: Some(ChildState::Failed),
            why: Some(failed(error.category, message(&error.source))),
        };
        self.errors.push(error);
    }
}

impl Applier<'_> {
    /// Carries every plan out. The rule object that is wanted is written before another one is removed, which stays where that
    /// fails, so that the rules are never absent.
    pub async fn apply(&self, desired: Children<Desired>, live: &Children<Live>, rules_name: &str) -> Report {
        let Children { autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler } = desired;
        let Children {
            autoscaler: live_autoscaler,
            disruption_budget: live_budget,
            rule: live_rule,
            vm_rule: live_vm_rule,
            rule_file: live_rule_file,
            pooler: live_pooler,
        } = live;
        let mut errors = Vec::new();
        let autoscaler = self.child(&autoscaler, live_autoscaler.as_ref(), self.profile, &mut errors).await;
        let disruption_budget = self.child(&disruption_budget, live_budget.as_ref(), self.profile, &mut errors).await;
        let (live_rule, live_vm_rule, live_rule_file) =
            (live_rule.as_ref(), live_vm_rule.as_ref(), live_rule_file.as_ref());
        let wanted = (
            self.wanted(&rule, live_rule, rules_name, &mut errors).await,
            self.wanted(&vm_rule, live_vm_rule, rules_name, &mut errors).await,
            self.wanted(&rule_file, live_rule_file, rules_name, &mut errors).await,
        );
        let not_written = |outcome: &&Outcome| outcome.state != Some(ChildState::Applied);
        let missing = [&wanted.0, &wanted.1, &wanted.2].into_iter().flatten().find(not_written).map(kept_for);
        let rule = match wanted.0 {
            Some(outcome) => outcome,
            None => self.unwanted(live_rule, missing.as_ref(), rules_name, &mut errors).await,
        };
        let vm_rule = match wanted.1 {
            Some(outcome) => outcome,
            None => self.unwanted(live_vm_rule, missing.as_ref(), rules_name, &mut errors).await,
        };
        let rule_file = match wanted.2 {
            Some(outcome) => outcome,
            None => self.unwanted(live_rule_file, missing.as_ref(), rules_name, &mut errors).await,
        };
        let pooler = self.pooler(pooler, live_pooler, &mut errors).await;
        Report { children: Children { autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler }, errors }
    }

    /// Carries a plan out, unless it is a removal.
    async fn wanted<K>(
        &self,
        plan: &Plan<K>,
        live: Option<&K>,
        name: &str,
        errors: &mut Vec<ChildError>,
    ) -> Option<Outcome>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + DeserializeOwned + Clone + Debug,
    {
        match plan {
            Plan::Absent => None,
            Plan::Apply(_) | Plan::Hold(_) => Some(self.child(plan, live, name, errors).await),
        }
    }

    /// Removes a rule object, unless the one that takes its place is `missing`.
    async fn unwanted<K>(
        &self,
        live: Option<&K>,
        missing: Option<&Why>,
        name: &str,
        errors: &mut Vec<ChildError>,
    ) -> Outcome
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + DeserializeOwned + Clone + Debug,
    {
        let plan = match missing {
            Some(why) if live.is_some() => Plan::Hold(why.clone()),
            _ => Plan::Absent,
        };
        self.child(&plan, live, name, errors).await
    }

    async fn child<K>(&self, plan: &Plan<K>, live: Option<&K>, name: &str, errors: &mut Vec<ChildError>) -> Outcome
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
                return outcome(state, Some(why.clone()));
            }
            (Plan::Absent, None) => return outcome(None, None),
            (Plan::Absent, Some(_)) if !ours => return outcome(None, None),
            (Plan::Absent, Some(live)) => {
                in_time(self.memory.remove(&api, live)).await.map(|()| (None, Change::Written, None))
            }
            (Plan::Apply(_), Some(_)) if !ours => {
                return outcome(Some(ChildState::Refused), Some(foreign(kind, name)));
            }
            (Plan::Apply(desired), live) => in_time(self.memory.apply(&api, desired, live)).await.map(|change| {
                (Some(ChildState::Applied), change, dropped::why(kind, name, &self.memory.lost(&**desired)))
            }),
        };
        match result {
            Ok((state, change, why)) => {
                self.metrics.child_applied(kind, change);
                outcome(state, why)
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

/// Why a rule object stays that another one is to replace.
fn kept_for(replacement: &Outcome) -> Why {
    let reason = replacement.why.as_ref().map_or(reasons::PENDING, |why| why.reason);
    Why::new(reason, format!("kept until {} {} is written", replacement.kind, replacement.name))
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

pub fn failed(category: Category, message: String) -> Why {
    match category {
        Category::NamespaceTerminating => Why::new(reasons::NAMESPACE_TERMINATING, "the namespace is being deleted"),
        _ => Why::new(reasons::APPLY_FAILED, dropped::with_version(message)),
    }
}
