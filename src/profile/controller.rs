//! Wires watches to the reconcile.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::ConfigMap,
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{
    Api, Client, Resource,
    core::{ApiResource, DynamicObject},
    runtime::{
        self, WatchStreamExt,
        controller::{self, Config},
        events::Recorder,
        reflector::{self, ObjectRef, Store},
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Kept,
    collector::{Overrides, View},
    enforcer::{Decisions, Enforcer},
    kept::key,
    observe::{Claim, Stores, TargetKinds, packed_autoscaler, packed_budget},
    own_status::OwnStatus,
    poolers::{PoolerWatch, Poolers},
    reconcile::{Context, reconcile, retry},
    settings::Settings,
    triggers::{self, triggers},
    workloads::{Seen, seen_object},
};
use crate::{
    api::labels,
    kube::{Cache, Changed, Light, Packed, PrometheusRule, RuleApis, ScalerApis, VMRule},
    metrics::Metrics,
    prometheus::{News, SignalSnapshot, Snapshot, Wanted},
    shard::Shards,
};

/// Changes that come together are looked at once. Short: an edit waits for it, and in a switchover the clients of a pool do, twice.
const DEBOUNCE: Duration = Duration::from_millis(10);

mod poolers;
mod watched;

use watched::{Metadata, in_pages, stubs};

/// Time between two clearances of what is remembered of profiles that are gone.
const TIDY: Duration = Duration::from_mins(10);

/// Time between two looks for what deleted profiles have written to others' autoscalers.
const GIVE_BACK: Duration = Duration::from_secs(30);

/// What the controllers of all namespaces share.
#[derive(Clone)]
pub struct Shared {
    /// Connection to the API server.
    pub client: Client,
    /// What an installation decides for all profiles.
    pub settings: Settings,
    /// Counts everything.
    pub metrics: Arc<Metrics>,
    /// What Prometheus said last.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What enforcement looks at.
    pub signals: watch::Receiver<Arc<SignalSnapshot>>,
    /// Set while any profile wants signals.
    pub signals_wanted: Arc<Wanted>,
    /// Profiles about which Prometheus has news.
    pub news: broadcast::Sender<Arc<Vec<News>>>,
    /// Which APIs for rule objects the cluster serves.
    pub rule_apis: watch::Receiver<RuleApis>,
    /// Which APIs of other autoscalers the cluster serves.
    pub scaler_apis: watch::Receiver<ScalerApis>,
    /// Publishes events.
    pub recorder: Recorder,
    /// Profiles that are reconciled at the same time.
    pub concurrency: u16,
    /// Shows the workloads' sizes as metrics.
    pub collector: super::WorkloadCollector,
    /// The namespaces that this process looks after.
    pub shards: Shards,
}

/// The controller of one namespace, or of all.
pub struct Controller {
    namespace: Option<String>,
    shared: Shared,
}

impl Controller {
    /// A controller for a namespace; for all where it is nothing.
    pub fn new(namespace: Option<String>, shared: Shared) -> Self {
        Self { namespace, shared }
    }

    /// Runs until told to stop; reconciles that are under way come to their end.
    pub async fn run(self, stop: CancellationToken) {
        let everything = in_pages();
        let ours = everything.clone().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE));
        let (profiles, writer) = reflector::store();
        let stores = Stores::new(profiles.clone());
        let overrides = Overrides::default();
        self.shared.collector.add(View { stores: stores.clone(), overrides: overrides.clone() });

        let (claimed, claims_made) = mpsc::unbounded_channel();
        let own_status = OwnStatus::default();
        let main =
            runtime::Controller::for_stream(self.profiles(writer, &stores, claimed, &own_status), profiles.clone());
        let autoscaler_events =
            watcher(self.api::<Light<HorizontalPodAutoscaler>>(), everything.clone()).default_backoff();
        let autoscaler_events = self.watched(autoscaler_events);
        let budget_events =
            self.watched(watcher(self.api::<Light<PodDisruptionBudget>>(), everything).default_backoff());

        let kinds = Arc::new(TargetKinds::default());
        let decisions = Decisions::default();
        let poolers = Poolers::default();
        let (decided, decisions_made) = mpsc::unbounded_channel();
        let (looked, looks_made) = mpsc::unbounded_channel();
        let watching = self.watching(&stores, poolers.clone(), looked).run(stop.clone());
        let enforcer = Enforcer {
            client: self.shared.client.clone(),
            stores: stores.clone(),
            kinds: Arc::clone(&kinds),
            signals: self.shared.signals.clone(),
            wanted: Arc::clone(&self.shared.signals_wanted),
            decisions: decisions.clone(),
            poolers: poolers.clone(),
            news: decided,
        };
        let enforcing = enforcer.run(stop.clone());
        let (s1, s2) = (stores.clone(), stores.clone());
        let Stores { autoscalers, disruption_budgets, rules, vm_rules, rule_files, .. } = stores.clone();
        let deployments = self.workloads::<Deployment>("Deployment", &stores, stores.workloads.deployments.clone());
        let stateful_sets =
            self.workloads::<StatefulSet>("StatefulSet", &stores, stores.workloads.stateful_sets.clone());
        let context = self.context(stores, kinds, decisions, poolers, overrides, own_status);
        let tidying = tidy(Arc::clone(&context), stop.clone());
        let giving_back =
            give_back(Arc::clone(&context), self.namespace.clone(), self.shared.shards.clone(), stop.clone());
        let running = main
            .with_config(Config::default().concurrency(self.shared.concurrency).debounce(DEBOUNCE))
            .reconcile_on(triggers(
                autoscaler_events,
                autoscalers,
                |Light(autoscaler)| packed_autoscaler(autoscaler),
                Packed::same,
                move |autoscaler| triggers::of_autoscaler(&autoscaler.unpack(), &s1),
            ))
            .reconcile_on(triggers(
                budget_events,
                disruption_budgets,
                |Light(budget)| packed_budget(budget),
                Packed::same,
                move |budget| triggers::of_disruption_budget(&budget.unpack(), &s2),
            ))
            .reconcile_on(stubs(self.metadata::<ConfigMap>(ours.clone()), rule_files))
            .reconcile_on(stubs(self.rules::<PrometheusRule>(ours.clone(), |apis| apis.prometheus_rule), rules))
            .reconcile_on(stubs(self.rules::<VMRule>(ours, |apis| apis.vm_rule), vm_rules))
            .reconcile_on(self.poolers())
            .reconcile_on(deployments)
            .reconcile_on(stateful_sets)
            .reconcile_on(received(claims_made))
            .reconcile_on(self.news(profiles))
            .reconcile_on(received(decisions_made))
            .reconcile_on(received(looks_made))
            .reconcile_all_on(changes(self.shared.rule_apis.clone()))
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(reconcile, retry, context)
            .for_each(|result| {
                log(result);
                std::future::ready(())
            });
        tokio::join!(running, tidying, enforcing, watching, giving_back);
    }

    fn watching(&self, stores: &Stores, poolers: Poolers, news: mpsc::UnboundedSender<ObjectRef<Kept>>) -> PoolerWatch {
        PoolerWatch {
            client: self.shared.client.clone(),
            namespace: self.namespace.clone(),
            stores: stores.clone(),
            poolers,
            news,
            shards: self.shared.shards.clone(),
        }
    }

    fn context(
        &self,
        stores: Stores,
        kinds: Arc<TargetKinds>,
        decisions: Decisions,
        poolers: Poolers,
        overrides: Overrides,
        own_status: OwnStatus,
    ) -> Arc<Context> {
        Arc::new(Context {
            client: self.shared.client.clone(),
            settings: self.shared.settings.clone(),
            stores,
            kinds,
            decisions,
            poolers,
            memory: crate::kube::AppliedMemory::default(),
            rule_apis: self.shared.rule_apis.clone(),
            scaler_apis: self.shared.scaler_apis.clone(),
            records: super::adoption::Records::default(),
            snapshots: self.shared.snapshots.clone(),
            recorder: self.shared.recorder.clone(),
            backoff: super::backoff::Backoff::default(),
            metrics: Arc::clone(&self.shared.metrics),
            overrides,
            own_status,
        })
    }

    /// The profiles: into the store, and those to reconcile. What this process has written into a status is no reason to look again.
    fn profiles(
        &self,
        writer: reflector::store::Writer<Kept>,
        stores: &Stores,
        claimed: mpsc::UnboundedSender<ObjectRef<Kept>>,
        own_status: &OwnStatus,
    ) -> impl Stream<Item = Result<Kept, watcher::Error>> + use<> {
        let (stores, own_status) = (stores.clone(), own_status.clone());
        self.watched(watcher(self.api::<Kept>(), in_pages()).default_backoff())
            .inspect_ok(move |event| {
                for Changed { before, now } in stores.claims.note_of(event, Claim::of) {
                    if before != now {
                        let either = [before, now];
                        let others = either.iter().flatten().flat_map(|claim| triggers::of_claim(claim, &stores));
                        // Without a receiver the controller is about to end.
                        others.for_each(|other| drop(claimed.send(other)));
                    }
                }
            })
            .reflect(writer)
            .touched_objects()
            .try_filter(move |profile| std::future::ready(!own_status.is_own(profile)))
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.shared.client.clone(), namespace),
            None => Api::all(self.shared.client.clone()),
        }
    }

    fn metadata<K>(
        &self,
        config: watcher::Config,
    ) -> impl Stream<Item = watcher::Result<watcher::Event<Metadata<K>>>> + use<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        self.watched(watcher(self.api::<Metadata<K>>(), config).default_backoff())
    }

    /// Starts when the API of the rule objects appears: before, every watch would be a 404.
    fn rules<K>(
        &self,
        config: watcher::Config,
        served: fn(&RuleApis) -> bool,
    ) -> impl Stream<Item = watcher::Result<watcher::Event<Metadata<K>>>> + use<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let mut apis = self.shared.rule_apis.clone();
        let events = self.metadata::<K>(config);
        stream::once(async move {
            let _ = apis.wait_for(served).await;
            events
        })
        .flatten()
    }

    /// Workloads that are some profile's target, when their template or their ready pods change.
    fn workloads<K>(
        &self,
        kind: &'static str,
        stores: &Stores,
        cache: Cache<Seen>,
    ) -> impl Stream<Item = ObjectRef<Kept>> + use<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let resource = ApiResource::erase::<K>(&());
        let api = match &self.namespace {
            Some(namespace) => {
                Api::<Light<DynamicObject>>::namespaced_with(self.shared.client.clone(), namespace, &resource)
            }
            None => Api::all_with(self.shared.client.clone(), &resource),
        };
        let events = self.watched(watcher(api, in_pages()).default_backoff());
        let stores = stores.clone();
        let seen = |Light(object)| seen_object(object);
        triggers(events, cache, seen, Seen::same, move |workload| triggers::of_workload(workload, kind, &stores))
    }

    fn news(&self, profiles: Store<Kept>) -> impl Stream<Item = ObjectRef<Kept>> + use<> {
        let receiver = self.shared.news.subscribe();
        stream::unfold(receiver, |mut receiver| async move {
            match receiver.recv().await {
                Ok(news) => Some((Some(news), receiver)),
                // What was missed may be about anyone.
                Err(broadcast::error::RecvError::Lagged(_)) => Some((None, receiver)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        })
        .flat_map(move |news| stream::iter(concerned(&profiles, news.as_deref())))
    }
}

/// The profiles that news are about: all that have objectives, where they are about all.
fn concerned(profiles: &Store<Kept>, news: Option<&Vec<News>>) -> Vec<ObjectRef<Kept>> {
    let about_all = news.is_none_or(|news| news.iter().any(|(_, name)| name.is_empty()));
    let all = profiles.state();
    all.iter()
        .filter(|kept| kept.asks().objectives)
        .filter(|kept| about_all || news.is_some_and(|news| news.contains(&key(kept))))
        .map(|kept| ObjectRef::from_obj(&**kept))
        .collect()
}

fn received(receiver: mpsc::UnboundedReceiver<ObjectRef<Kept>>) -> impl Stream<Item = ObjectRef<Kept>> {
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|profile| (profile, receiver)) })
}

async fn tidy(context: Arc<Context>, stop: CancellationToken) {
    while tokio::time::timeout(TIDY, stop.cancelled()).await.is_err() {
        context.tidy();
    }
}

/// A profile that is deleted while it acts leaves no other trace than what it has written to others' autoscalers.
async fn give_back(context: Arc<Context>, namespace: Option<String>, shards: Shards, stop: CancellationToken) {
    let Context { client, stores, scaler_apis, .. } = &*context;
    let work = async {
        loop {
            tokio::time::sleep(GIVE_BACK).await;
            // Before the first list every profile would be gone.
            stores.claims.wait_until_ready().await;
            stores.autoscalers.wait_until_ready().await;
            let apis = *scaler_apis.borrow();
            super::adoption::give_back_orphans(client, stores, namespace.as_deref(), &shards, apis).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

fn changes(receiver: watch::Receiver<RuleApis>) -> impl Stream<Item = ()> {
    stream::unfold(receiver, |mut receiver| async move { receiver.changed().await.ok().map(|()| ((), receiver)) })
}

fn log(result: Result<(ObjectRef<Kept>, controller::Action), controller::Error<super::Error, watcher::Error>>) {
    match result {
        Ok((profile, _)) => tracing::debug!(%profile, "reconciled"),
        // Its children still fire after it is gone (kube#1167).
        Err(controller::Error::ObjectNotFound(profile)) => tracing::debug!(%profile, "gone"),
        // Logged where the retry is decided.
        Err(controller::Error::ReconcilerFailed(..)) => {}
        Err(error) => tracing::warn!(%error, "watch of the profiles interrupted; it goes on by itself"),
    }
}
