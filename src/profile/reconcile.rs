//! One profile, from what is declared to what is so. Reads as a table of contents.

use std::{collections::HashSet, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Client, ResourceExt,
    runtime::{controller::Action, events::Recorder},
};
use tokio::sync::watch;

use super::{
    Kept,
    acting::acting,
    adoption::{self, Records},
    apply::Applier,
    backoff::{Backoff, resync},
    build::{build, rules_name},
    children::Children,
    collector::Overrides,
    enforcer::{Decisions, Key},
    error::Error,
    evaluation::evaluate,
    observe::{Reader, Stores, TargetKinds},
    own_status::OwnStatus,
    poolers::{Goal, Poolers},
    publish::Publisher,
    settings::Settings,
    status::{self, Facts},
    validate::{Document, Part, alerting, blocked, validate},
};
use crate::{
    api::v1alpha1::{ChildState, PerformanceProfile},
    kube::{AppliedMemory, RuleApis, ScalerApis},
    metrics::Metrics,
    prometheus::Snapshot,
};

/// Longest time for one reconcile: a call to the API server may hang for minutes.
const LONGEST: Duration = Duration::from_secs(30);

/// What every reconcile shares.
pub struct Context {
    /// Connection to the API server.
    pub client: Client,
    /// What an installation decides for all profiles.
    pub settings: Settings,
    /// What the watches hold.
    pub stores: Stores,
    /// What is known of targets' kinds.
    pub kinds: Arc<TargetKinds>,
    /// What enforcement has decided.
    pub decisions: Decisions,
    /// What the poolers' agents say.
    pub poolers: Poolers,
    /// What was applied before.
    pub memory: AppliedMemory,
    /// Which APIs for rule objects the cluster serves.
    pub rule_apis: watch::Receiver<RuleApis>,
    /// Which APIs of other autoscalers the cluster serves.
    pub scaler_apis: watch::Receiver<ScalerApis>,
    /// What was written to adopted autoscalers.
    pub records: Records,
    /// What Prometheus said last.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Publishes events; one for the process, because it adds up repeated ones.
    pub recorder: Recorder,
    /// Failures in a row.
    pub backoff: Backoff,
    /// Counts everything.
    pub metrics: Arc<Metrics>,
    /// Counts overrides of freezes, as long as the profiles live.
    pub overrides: Overrides,
    /// Statuses that were written a moment ago.
    pub own_status: OwnStatus,
}

impl Context {
    fn publisher(&self) -> Publisher<'_> {
        Publisher {
            client: &self.client,
            recorder: &self.recorder,
            metrics: &self.metrics,
            overrides: &self.overrides,
            own_status: &self.own_status,
        }
    }

    /// Forgets what is remembered of profiles that are gone: names come and go for as long as the process lives.
    pub fn tidy(&self) {
        let profiles = self.stores.profiles.state();
        let uids: HashSet<String> = profiles.iter().filter_map(|profile| profile.uid()).collect();
        let names: HashSet<String> = profiles.iter().map(|profile| name(profile)).collect();
        self.memory.retain(&uids);
        self.own_status.retain(&uids);
        self.stores.tidy();
        self.backoff.retain(|name| names.contains(name));
        self.records.retain(|uid| uids.contains(uid));
    }
}

/// Reconciles one profile, in bounded time, and counts it.
pub async fn reconcile(kept: Arc<Kept>, context: Arc<Context>) -> Result<Action, Error> {
    let mut counted = context.metrics.reconcile_started();
    let result = match kept.read() {
        Ok(profile) if profile.metadata.deletion_timestamp.is_some() => Ok(Action::await_change()),
        Ok(profile) => {
            let profile = context.own_status.newest(&profile);
            let limited = tokio::time::timeout(LONGEST, Box::pin(pipeline(&profile, &context))).await;
            limited.unwrap_or(Err(Error::Timeout(LONGEST)))
        }
        Err(invalid) => context.publisher().undecodable(&invalid).await.map(|()| Action::await_change()),
    };
    counted.outcome(result.as_ref().map_or_else(|error| error.category().as_str(), |_| "ok"));
    if result.is_ok() {
        context.backoff.succeeded(&name(&kept));
    }
    result
}

async fn pipeline(profile: &PerformanceProfile, context: &Context) -> Result<Action, Error> {
    let now = Timestamp::now();
    let rule_apis = *context.rule_apis.borrow();
    let scaler_apis = *context.scaler_apis.borrow();
    let snapshot = Arc::clone(&context.snapshots.borrow());

    let reader = Reader { client: &context.client, stores: &context.stores, kinds: &context.kinds };
    let observed = Box::pin(reader.observe(profile, rule_apis, scaler_apis, now)).await?;
    let checked = validate(profile, &observed, &context.settings);
    let owner: Key = (checked.namespace.clone(), checked.name.clone());
    let decided = context.decisions.get(&owner, profile.metadata.uid.as_deref().unwrap_or_default());
    let acting = acting(profile, &checked, decided.as_deref(), now);
    let desired = build(&checked, &acting);
    let writer = Applier {
        client: context.client.clone(),
        memory: &context.memory,
        stores: &context.stores,
        metrics: &context.metrics,
        namespace: &checked.namespace,
        profile: &checked.name,
        owner_uid: profile.metadata.uid.as_deref().unwrap_or_default(),
        recipe: checked.rules_recipe(),
    };
    let mut applied = Box::pin(writer.apply(desired, &observed.live, &rules_name(&checked.name))).await;
    let client = &context.client;
    let overlay = match blocked(profile, &observed) {
        None => {
            adoption::write(client, &context.metrics, &context.records, profile, &observed.adoptable, &acting, now)
                .await
        }
        // What was written stays as it is while the profile is paused.
        Some(_) => Ok(None),
    };
    let overlay = overlay.unwrap_or_else(|error| {
        applied.adopted_failed(error, &context.metrics);
        None
    });
    let alerting = alerting(profile);
    let evaluation = evaluate(&checked, &alerting, &context.settings.slo, &snapshot, profile.status.as_ref());
    if let Part::Wanted(plan) = &checked.pooling {
        let Document { wanted, hash, .. } = &plan.document;
        let pause = wanted.pause.as_ref().map(|pause| pause.id.clone());
        context.poolers.want(&owner, Goal { hash: hash.clone(), pause, instances: wanted.instances });
    }
    let poolers = context.poolers.get(&owner);
    let facts = Facts {
        profile,
        checked: &checked,
        observed: &observed,
        applied: &applied.children,
        evaluation: &evaluation,
        decided: decided.as_deref(),
        overlay: overlay.as_ref(),
        poolers: poolers.as_deref(),
    };
    let status = status::status(&facts, now);
    context.publisher().publish(profile, status).await?;
    if applied.errors.is_empty() {
        Ok(Action::requeue(next_look(&facts, now)))
    } else {
        Err(Error::Children(applied.errors))
    }
}

/// A `Deployment` or `StatefulSet` is watched, and so are all autoscalers and disruption budgets. Targets of other kinds and
/// rule objects of others are not: they are looked at again and again, as is an autoscaler whose grace ends, and maintenance that
/// begins or is over.
fn next_look(facts: &Facts<'_>, now: Timestamp) -> Duration {
    let target = &facts.profile.spec.target_ref;
    let watched = target.api_version == "apps/v1" && matches!(&*target.kind, "Deployment" | "StatefulSet");
    let Children { autoscaler: _, disruption_budget: _, rule, vm_rule, rule_file, pooler } = facts.applied;
    let refused = [rule, vm_rule, rule_file]
        .into_iter()
        .chain(pooler.outcomes())
        .any(|outcome| outcome.state == Some(ChildState::Refused));
    let usual = if watched && !refused { resync() } else { resync() / 10 };
    let sooner = [status::grace_ends_in(facts, now), status::maintenance_changes_in(facts, now)];
    sooner.into_iter().flatten().fold(usual, Duration::min)
}

/// What to do after a failure: try again after a delay of the profile's own.
#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
pub fn retry(kept: Arc<Kept>, error: &Error, context: Arc<Context>) -> Action {
    let delay = context.backoff.failed(&name(&kept));
    tracing::warn!(profile = name(&kept), %error, category = error.category().as_str(), retry_s = delay.as_secs(), "not reconciled");
    Action::requeue(delay)
}

fn name(kept: &Kept) -> String {
    format!("{}/{}", kept.namespace().unwrap_or_default(), kept.name_any())
}
