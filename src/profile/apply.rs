//! Carries the plans out, each on its own: one child that fails stops no other.

use std::time::Duration;

use kube::{Api, Client, Resource, ResourceExt};

use super::{
    children::{Applied, Children, Desired, Live, Outcome, Plan, Why},
    error::ChildError,
    observe::{Stores, packed_autoscaler, packed_budget},
};
use crate::{
    api::{reasons, v1alpha1::ChildState},
    kube::{AppliedMemory, Cache, Category, Change, Found, Stub, categorize, message, no_answer},
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
    /// What the watches hold: answers are taken in at once.
    pub stores: &'a Stores,
    /// Counts the writes.
    pub metrics: &'a Metrics,
    /// Namespace of the profile.
    pub namespace: &'a str,
    /// Name of the profile.
    pub profile: &'a str,
    /// The profile's uid: children that another owner has are foreign.
    pub owner_uid: &'a str,
    /// A number for all that the rules follow from; nothing where there are none.
    pub recipe: Option<u64>,
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
        let (autoscaler, answer) = self.child(autoscaler, live_autoscaler.as_deref(), self.profile, &mut errors).await;
        if let Some(answer) = answer {
            self.stores.autoscalers.written(
                (self.namespace, self.profile),
                version(&answer).as_deref(),
                packed_autoscaler(answer),
            );
        }
        let (disruption_budget, answer) =
            self.child(disruption_budget, live_budget.as_deref(), self.profile, &mut errors).await;
        if let Some(answer) = answer {
            let budgets = &self.stores.disruption_budgets;
            budgets.written((self.namespace, self.profile), version(&answer).as_deref(), packed_budget(answer));
        }
        let (live_rule, live_vm_rule, live_rule_file) =
            (live_rule.as_deref(), live_vm_rule.as_deref(), live_rule_file.as_deref());
        let Stores { rules, vm_rules, rule_files, .. } = self.stores;
        let wanted = (
            self.wanted(rule, live_rule, rules_name, rules, &mut errors).await,
            self.wanted(vm_rule, live_vm_rule, rules_name, vm_rules, &mut errors).await,
            self.wanted(rule_file, live_rule_file, rules_name, rule_files, &mut errors).await,
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
        let pooler = Box::pin(self.pooler(pooler, live_pooler, &mut errors)).await;
        Report { children: Children { autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler }, errors }
    }

    /// Carries a plan for rules out, unless it is a removal.
    async fn wanted<K>(
        &self,
        plan: Plan<K>,
        live: Option<&Stub<K>>,
        name: &str,
        cache: &Cache<Stub<K>>,
        errors: &mut Vec<ChildError>,
    ) -> Option<Outcome>
    where
        Stub<K>: Found<Kind = K>,
    {
        if let Plan::Absent = plan {
            return None;
        }
        let (outcome, answer) = self.child_by(self.recipe, plan, live, name, errors).await;
        if let Some(answer) = answer {
            let version = answer.version().map(ToOwned::to_owned);
            cache.written((self.namespace, name), version.as_deref(), answer);
        }
        Some(outcome)
    }

    /// Removes a rule object, unless the one that takes its place is `missing`.
    async fn unwanted<K>(
        &self,
        live: Option<&Stub<K>>,
        missing: Option<&Why>,
        name: &str,
        errors: &mut Vec<ChildError>,
    ) -> Outcome
    where
        Stub<K>: Found<Kind = K>,
    {
        let plan = match missing {
            Some(why) if live.is_some() => Plan::Hold(why.clone()),
            _ => Plan::Absent,
        };
        self.child(plan, live, name, errors).await.0
    }

    /// Carries one plan out. Gives the object as it came back, if it was written.
    async fn child<F: Found>(
        &self,
        plan: Plan<F::Kind>,
        live: Option<&F>,
        name: &str,
        errors: &mut Vec<ChildError>,
    ) -> (Outcome, Option<F>) {
        self.child_by(None, plan, live, name, errors).await
    }

    /// As [`Self::child`], of a plan that follows from a `recipe`.
    async fn child_by<F: Found>(
        &self,
        recipe: Option<u64>,
        plan: Plan<F::Kind>,
        live: Option<&F>,
        name: &str,
        errors: &mut Vec<ChildError>,
    ) -> (Outcome, Option<F>) {
        let kind = kind::<F::Kind>();
        let api = Api::<F::Kind>::namespaced(self.client.clone(), self.namespace);
        let ours = live.is_none_or(|live| live.controller() == Some(self.owner_uid));
        let outcome = |state, why| (Outcome { kind, name: name.to_owned(), state, why }, None);
        let result = match (plan, live) {
            (Plan::Hold(why), live) => {
                let state = (live.is_some() && ours).then_some(ChildState::Held);
                return outcome(state, Some(why));
            }
            (Plan::Absent, None) => return outcome(None, None),
            (Plan::Absent, Some(_)) if !ours => return outcome(None, None),
            (Plan::Absent, Some(live)) => {
                in_time(self.memory.remove(&api, name, live)).await.map(|()| (None, Change::Written, None))
            }
            (Plan::Apply(_), Some(_)) if !ours => {
                return outcome(Some(ChildState::Refused), Some(foreign(kind, name)));
            }
            (Plan::Apply(mut desired), live) => {
                match in_time(self.write(&api, &mut *desired, name, live, recipe)).await {
                    Ok(None) => return outcome(Some(ChildState::Refused), Some(foreign(kind, name))),
                    Ok(Some(Wrote { change, answer })) => Ok((Some(ChildState::Applied), change, answer)),
                    Err(error) => Err(error),
                }
            }
        };
        match result {
            Ok((state, change, answer)) => {
                self.metrics.child_applied(kind, change);
                // Known as long as this process lives: one that starts anew finds it when it writes the next time.
                let lost = state.map(|_| self.memory.lost::<F::Kind>(self.namespace, name)).unwrap_or_default();
                (Outcome { kind, name: name.to_owned(), state, why: dropped::why(kind, name, &lost) }, answer)
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

    /// Applies an opinion. Nothing where the object turns out to be somebody else's.
    async fn write<F: Found>(
        &self,
        api: &Api<F::Kind>,
        desired: &mut F::Kind,
        name: &str,
        live: Option<&F>,
        recipe: Option<u64>,
    ) -> Result<Option<Wrote<F>>, kube::Error> {
        match self.memory.apply(api, desired, live, recipe).await {
            // Something is there that no watch shows: somebody else's, or one of ours that has lost its labels.
            Err(error) if live.is_none() && categorize(&error) == Category::Conflict => match F::read(api, name).await?
            {
                Some(found) if found.controller() != Some(self.owner_uid) => Ok(None),
                Some(found) => self.memory.apply(api, desired, Some(&found), recipe).await.map(Wrote::of).map(Some),
                None => Err(error),
            },
            written => written.map(Wrote::of).map(Some),
        }
    }
}

/// What came of an apply.
struct Wrote<F> {
    change: Change,
    answer: Option<F>,
}

impl<F> Wrote<F> {
    fn of(answer: Option<F>) -> Self {
        let change = if answer.is_some() { Change::Written } else { Change::Unchanged };
        Self { change, answer }
    }
}

fn version(object: &impl ResourceExt) -> Option<String> {
    object.resource_version()
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
