//! Decides for every profile, each time that the quick signals have been read. The reconcile carries the decisions out.

use std::{collections::HashSet, sync::Arc};

use k8s_openapi::{
    api::{
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{Node, Pod},
    },
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{DynamicObject, Selector},
    runtime::reflector::ObjectRef,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Kept,
    kept::key,
    observe::{Kind, Stores, TargetKinds},
    overlay::own_minimum,
    poolers::Poolers,
    validate::{EnforcementPlan, enforcement, is_paused, maintenance_between},
    workloads::{Seen, seen},
};
use crate::{
    api::v1alpha1::{AutoscalingMode, PerformanceProfile, TargetRef},
    enforce::{Memory, decide},
    kube::{is_owned_by, message},
    prometheus::{SignalSnapshot, Signals, Wanted},
};

mod decisions;
mod look;

pub use decisions::{Decided, Decisions, Key};
use look::{Pods, Sources, look};

/// After a restart nothing is relaxed for the long window of the page tier, in seconds: until then the burn of the time before is
/// not known to be over.
const HOLD_STILL: i64 = 3_600;
/// Most pods that are looked at of one workload.
const MOST_PODS: u32 = 500;

/// Decides for the profiles of one controller.
pub struct Enforcer {
    /// Connection to the API server.
    pub client: Client,
    /// What the watches hold.
    pub stores: Stores,
    /// What is known of targets' kinds.
    pub kinds: Arc<TargetKinds>,
    /// The quick signals.
    pub signals: watch::Receiver<Arc<SignalSnapshot>>,
    /// Set while any profile wants signals.
    pub wanted: Arc<Wanted>,
    /// Where the decisions go.
    pub decisions: Decisions,
    /// What the poolers' agents say.
    pub poolers: Poolers,
    /// Profiles whose decision has changed.
    pub news: mpsc::UnboundedSender<ObjectRef<Kept>>,
}

impl Enforcer {
    /// Decides until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.signals.changed() => if changed.is_err() { return },
            }
            let snapshot = Arc::clone(&self.signals.borrow_and_update());
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&snapshot) => {}
            }
        }
    }

    async fn round(&self, snapshot: &SignalSnapshot) {
        let now = Timestamp::now();
        let profiles = self.stores.profiles.state();
        let mut keys = HashSet::new();
        let mut enforced = Vec::new();
        for kept in profiles.iter().filter(|kept| kept.asks().enforcement) {
            let Ok(profile) = kept.read() else { continue };
            let plan = enforcement(&profile, now).filter(|_| profile.metadata.deletion_timestamp.is_none());
            if let Some(plan) = plan {
                keys.insert(key(kept));
                enforced.push((Arc::clone(kept), plan));
            }
        }
        self.decisions.retain(&keys);
        // Only ever set here: another controller of this process may want signals although this one does not.
        if !enforced.is_empty() {
            self.wanted.say();
        }
        // Before the first look nothing is known, which is not the same as numbers that are gone.
        let Some(signals) = &snapshot.answer else { return };
        let cordoned = if enforced.is_empty() { Some(HashSet::new()) } else { self.cordoned().await };
        for (kept, plan) in enforced {
            if let Ok(profile) = kept.read() {
                self.one(&profile, plan, signals, cordoned.as_ref(), now).await;
            }
        }
    }

    async fn one(
        &self,
        profile: &PerformanceProfile,
        mut plan: EnforcementPlan,
        signals: &Signals,
        cordoned: Option<&HashSet<String>>,
        now: Timestamp,
    ) {
        // Paused by its annotation, a profile is left as it stands.
        if is_paused(profile) {
            return;
        }
        let key = (profile.namespace().unwrap_or_default(), profile.name_any());
        let uid = profile.uid().unwrap_or_default();
        let adopts = profile.spec.autoscaling.as_ref().is_some_and(|a| a.mode == AutoscalingMode::Adopt);
        let autoscaler = self.autoscaler(profile, &uid, adopts);
        let Some(workload) = self.workload(profile, &key.0, autoscaler.as_ref()).await else { return };
        let before = self.decisions.get(&key, &uid);
        if adopts {
            adopt_bounds(&mut plan, autoscaler.as_ref(), profile, before.as_deref());
        }
        let mut memory = match &before {
            Some(decided) => decided.decision.memory.clone(),
            None => remembered(profile, now),
        };
        // What was begun in one mode is not what is done in another.
        if before.as_ref().is_some_and(|before| before.mode != plan.mode) {
            memory =
                Memory { learned: memory.learned, release: memory.release, trust: memory.trust, ..Memory::default() };
        }
        let last = before.as_ref().map(|before| before.pods).unwrap_or_default();
        let pods = self.pods(&key.0, &workload, cordoned, last).await;
        let soon = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
        let maintenance = !maintenance_between(profile, now, soon).0.is_empty();
        let capacity_per_pod = before.and_then(|before| before.decision.sizing.capacity_per_pod);
        let sources = Sources {
            profile,
            plan: &plan,
            signals,
            workload: &workload,
            pods,
            autoscaler: autoscaler.as_ref(),
            maintenance,
            capacity_per_pod,
            pool_waiting: self.poolers.get(&key).and_then(|seen| seen.waiting_idle),
        };
        let decision = decide(&look(&sources, now), &plan.settings, &memory);
        let shown = decision.sizing.clone();
        let bounds = (plan.settings.min, plan.settings.max);
        if self.decisions.keep(key.clone(), Decided { uid, mode: plan.mode, bounds, pods, decision, shown }) {
            // Without a receiver the controller is about to end.
            let _ = self.news.send(ObjectRef::new(&key.1).within(&key.0));
        }
    }

    /// The workload: from the watches, or, of a kind that is not watched, from the API server. Where Flagger has taken the workload's
    /// traffic to a copy, that copy: it is what the autoscaler scales.
    async fn workload(
        &self,
        profile: &PerformanceProfile,
        namespace: &str,
        autoscaler: Option<&HorizontalPodAutoscaler>,
    ) -> Option<Arc<Seen>> {
        let mut target = profile.spec.target_ref.clone();
        if let Some(autoscaler) = autoscaler {
            target.name.clone_from(&autoscaler.spec.scale_target_ref.name);
        }
        if target.api_version == "apps/v1"
            && let Some(seen) = self.stores.workloads.get(&target.kind, namespace, &target.name)
        {
            return Some(seen);
        }
        let Kind::Scalable(resource) = self.kinds.find(&self.client, &target).await.ok()? else { return None };
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        let object = api.get_opt(&target.name).await.ok()??;
        Some(Arc::new(seen(&object.data)))
    }

    /// The autoscaler that scales the target: ours, or the one that is adopted.
    fn autoscaler(&self, profile: &PerformanceProfile, uid: &str, adopts: bool) -> Option<HorizontalPodAutoscaler> {
        let namespace = profile.namespace().unwrap_or_default();
        let of = |target: &TargetRef, ours: bool| {
            let found = self.stores.autoscalers_of(&namespace, target);
            found.into_iter().find(|one| is_owned_by(&one.metadata, uid) == ours)
        };
        let target = &profile.spec.target_ref;
        if !adopts {
            return of(target, true);
        }
        // Flagger's name for the copy that carries the traffic.
        let primary = TargetRef { name: format!("{}-primary", target.name), ..target.clone() };
        of(&primary, false).or_else(|| of(target, false))
    }

    /// Names of the cordoned nodes; nothing where they cannot be listed. An operator for some namespaces may not: then no surge is made
    /// for drains.
    async fn cordoned(&self) -> Option<HashSet<String>> {
        let list = ListParams::default().fields("spec.unschedulable=true").limit(MOST_PODS);
        match Api::<Node>::all(self.client.clone()).list_metadata(&list).await {
            Ok(nodes) => Some(nodes.iter().map(ResourceExt::name_any).collect()),
            Err(error) => {
                tracing::debug!(error = message(&error), "nodes cannot be listed");
                None
            }
        }
    }

    /// The pods, only where something may be wrong with them: a list costs. What cannot be listed is as it was last.
    async fn pods(&self, namespace: &str, workload: &Seen, cordoned: Option<&HashSet<String>>, last: Pods) -> Pods {
        let selector = Selector::try_from(workload.selector.clone()).unwrap_or_default();
        let nothing = Pods { unschedulable: 0, draining: if cordoned.is_some() { 0 } else { last.draining } };
        let calm = cordoned.is_none_or(HashSet::is_empty) && workload.ready >= workload.replicas;
        if calm || selector.selects_all() {
            return nothing;
        }
        let params = ListParams::default().labels_from(&selector).limit(MOST_PODS);
        match Api::<Pod>::namespaced(self.client.clone(), namespace).list(&params).await {
            Ok(pods) => counted(&pods.items, cordoned, last),
            Err(error) => {
                tracing::debug!(error = message(&error), "pods cannot be listed");
                last
            }
        }
    }
}

/// What a process before this one left in the status.
fn remembered(profile: &PerformanceProfile, now: Timestamp) -> Memory {
    let status = profile.status.as_ref().and_then(|status| status.enforcement.as_ref());
    let wanted = profile.spec.enforcement.as_ref().map(|wire| wire.mode);
    let text = status.filter(|status| Some(status.mode) == wanted).and_then(|status| status.memory.as_deref());
    text.and_then(|text| Memory::resumed(text, now.as_second(), HOLD_STILL)).unwrap_or_default()
}

/// Of an adopted autoscaler the bounds are its own: the minimum is the one that it had before a floor was written.
fn adopt_bounds(
    plan: &mut EnforcementPlan,
    autoscaler: Option<&HorizontalPodAutoscaler>,
    profile: &PerformanceProfile,
    before: Option<&Decided>,
) {
    let Some(autoscaler) = autoscaler else {
        plan.settings.scaling = false;
        return;
    };
    let status = profile.status.as_ref();
    let written = status.is_some_and(|status| status.enforcement.as_ref().is_some_and(|e| e.floor.is_some()));
    let known = before.filter(|before| before.decision.floor.is_some()).map(|before| before.bounds.0);
    // The note on the object is the best witness; KEDA's own autoscaler has none.
    let noted = own_minimum(autoscaler);
    let known =
        noted.or(known).or_else(|| status.filter(|_| written)?.scaling.as_ref().map(|scaling| scaling.declared_min));
    plan.settings.max = autoscaler.spec.max_replicas;
    plan.settings.min = known.or(autoscaler.spec.min_replicas).unwrap_or(1).min(plan.settings.max);
}

fn counted(pods: &[Pod], cordoned: Option<&HashSet<String>>, last: Pods) -> Pods {
    let alive = || pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let unschedulable = |pod: &&Pod| {
        pod.status.as_ref().and_then(|status| status.conditions.as_ref()).into_iter().flatten().any(|condition| {
            condition.type_ == "PodScheduled"
                && condition.status == "False"
                && condition.reason.as_deref() == Some("Unschedulable")
        })
    };
    let on = |nodes: &HashSet<String>, pod: &Pod| {
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()).is_some_and(|node| nodes.contains(node))
    };
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    Pods {
        unschedulable: count(alive().filter(unschedulable).count()),
        draining: cordoned.map_or(last.draining, |nodes| count(alive().filter(|pod| on(nodes, pod)).count())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods() -> Vec<Pod> {
        let pending = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]});
        let all = json!([
            {"metadata": {}, "spec": {"nodeName": "one", "containers": []}},
            {"metadata": {}, "spec": {"containers": []}, "status": pending},
            {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"nodeName": "one", "containers": []}},
        ]);
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn pods_without_a_node_are_seen_also_where_nodes_are_not() {
        let one = HashSet::from(["one".to_owned()]);
        let last = Pods { unschedulable: 0, draining: 3 };
        assert_eq!(counted(&pods(), Some(&one), last), Pods { unschedulable: 1, draining: 1 });
        assert_eq!(counted(&pods(), Some(&HashSet::new()), last), Pods { unschedulable: 1, draining: 0 });
        assert_eq!(counted(&pods(), None, last), Pods { unschedulable: 1, draining: 3 }, "not known is as it was");
    }
}
