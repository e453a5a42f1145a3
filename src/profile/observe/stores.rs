//! What the watches hold in memory, pruned to what is used.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::ConfigMap, policy::v1::PodDisruptionBudget},
    jiff::Timestamp,
};
use kube::{Resource, ResourceExt, runtime::reflector::Store};
use serde::{Serialize, de::DeserializeOwned};

use super::matters;
use crate::{
    api::{GROUP, annotations, v1alpha1::TargetRef},
    kube::{Cache, Packed, PrometheusRule, RuleApis, Stub, VMRule},
    profile::{Kept, error::Error, workloads::Workloads},
};

/// Longest wait for the first list of a kind.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// The word of autoscalers that carry what some profile has written to them.
const WRITTEN: &str = "written";

/// What the watches hold in memory.
#[derive(Clone)]
pub struct Stores {
    /// Every profile.
    pub profiles: Store<Kept>,
    /// What every profile claims.
    pub claims: Cache<Claim>,
    /// Every autoscaler, foreign ones included.
    pub autoscalers: Cache<Packed<HorizontalPodAutoscaler>>,
    /// Every disruption budget, foreign ones included.
    pub disruption_budgets: Cache<Packed<PodDisruptionBudget>>,
    /// Our rules.
    pub rules: Cache<Stub<PrometheusRule>>,
    /// Our rules for the VictoriaMetrics operator.
    pub vm_rules: Cache<Stub<VMRule>>,
    /// Our rules as files.
    pub rule_files: Cache<Stub<ConfigMap>>,
    /// Every workload of the kinds that are watched.
    pub workloads: Workloads,
}

impl Stores {
    /// Empty ones, beside the profiles'.
    pub fn new(profiles: Store<Kept>) -> Self {
        Self {
            profiles,
            claims: Cache::new(|claim| vec![target_word(&claim.target)]),
            autoscalers: Cache::new(Packed::words),
            disruption_budgets: Cache::new(Packed::words),
            rules: Cache::new(|_| Vec::new()),
            vm_rules: Cache::new(|_| Vec::new()),
            rule_files: Cache::new(|_| Vec::new()),
            workloads: Workloads::default(),
        }
    }

    /// Waits for the first lists. Before, nothing is known of others' objects, and what is not known is not absent: to
    /// write then would be to fight with them.
    pub async fn listed(&self, apis: RuleApis) -> Result<(), Error> {
        let listed = async {
            self.claims.wait_until_ready().await;
            self.autoscalers.wait_until_ready().await;
            self.disruption_budgets.wait_until_ready().await;
            self.rule_files.wait_until_ready().await;
            self.workloads.wait_until_ready().await;
            if apis.prometheus_rule {
                self.rules.wait_until_ready().await;
            }
            if apis.vm_rule {
                self.vm_rules.wait_until_ready().await;
            }
        };
        tokio::time::timeout(FIRST_LIST, listed).await.map_err(|_| Error::NotListed(FIRST_LIST))
    }

    /// The autoscaler of this name.
    pub fn autoscaler(&self, namespace: &str, name: &str) -> Option<HorizontalPodAutoscaler> {
        self.autoscalers.get(namespace, name).map(|packed| packed.unpack())
    }

    /// Every autoscaler of a namespace.
    pub fn autoscalers_in(&self, namespace: &str) -> Vec<HorizontalPodAutoscaler> {
        unpacked(&self.autoscalers.in_namespace(namespace))
    }

    /// The autoscalers that scale a target.
    pub fn autoscalers_of(&self, namespace: &str, target: &TargetRef) -> Vec<HorizontalPodAutoscaler> {
        unpacked(&self.autoscalers.indexed(namespace, &target_word(target)))
    }

    /// The autoscalers that carry what some profile has written to them.
    pub fn written_autoscalers(&self, namespace: &str) -> Vec<HorizontalPodAutoscaler> {
        unpacked(&self.autoscalers.indexed(namespace, WRITTEN))
    }

    /// The same in all namespaces.
    pub fn all_written_autoscalers(&self) -> Vec<HorizontalPodAutoscaler> {
        let all = self.autoscalers.all();
        all.iter().filter(|packed| packed.has(WRITTEN)).map(|packed| packed.unpack()).collect()
    }

    /// The disruption budget of this name.
    pub fn disruption_budget(&self, namespace: &str, name: &str) -> Option<PodDisruptionBudget> {
        self.disruption_budgets.get(namespace, name).map(|packed| packed.unpack())
    }

    /// The profiles that claim what an autoscaler scales.
    pub fn claims_of(&self, autoscaler: &HorizontalPodAutoscaler) -> Vec<Arc<Claim>> {
        let namespace = autoscaler.metadata.namespace.as_deref().unwrap_or_default();
        self.claims.indexed(namespace, &word_of_autoscaler(autoscaler))
    }

    /// The profiles that claim a target, of whatever version.
    pub fn claims_on(&self, namespace: &str, target: &TargetRef) -> Vec<Arc<Claim>> {
        self.claims.indexed(namespace, &target_word(target))
    }

    /// The autoscalers that scale a target, without the one of this name.
    pub fn autoscalers_beside(&self, namespace: &str, target: &TargetRef, own: &str) -> Vec<HorizontalPodAutoscaler> {
        unpacked(&self.autoscalers.indexed_beside(namespace, &target_word(target), own))
    }

    /// The disruption budgets that may select pods with these labels, without the one of this name.
    pub fn budgets_beside(
        &self,
        namespace: &str,
        own: &str,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> Vec<PodDisruptionBudget> {
        let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let words = pairs.chain([String::new()]);
        words.flat_map(|word| unpacked(&self.disruption_budgets.indexed_beside(namespace, &word, own))).collect()
    }

    /// Forgets what is remembered of objects that are gone.
    pub fn tidy(&self) {
        let Self { profiles: _, claims, autoscalers, disruption_budgets, rules, vm_rules, rule_files, workloads } =
            self;
        claims.tidy();
        autoscalers.tidy();
        disruption_budgets.tidy();
        rules.tidy();
        vm_rules.tidy();
        rule_files.tidy();
        workloads.tidy();
    }
}

fn unpacked<K: Serialize + DeserializeOwned + Default>(all: &[Arc<Packed<K>>]) -> Vec<K> {
    all.iter().map(|packed| packed.unpack()).collect()
}

/// What a profile claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The profile's namespace.
    pub namespace: String,
    /// The profile's name.
    pub name: String,
    /// The profile's uid.
    pub uid: Option<String>,
    /// When the profile was made.
    pub created: Option<Timestamp>,
    /// The workload; nothing where the profile cannot be decoded.
    pub target: TargetRef,
}

impl Claim {
    /// What a profile claims; one that cannot be decoded claims a workload without a name.
    pub fn of(kept: &Kept) -> Self {
        let nothing = || TargetRef { api_version: String::new(), kind: String::new(), name: String::new() };
        Self {
            namespace: kept.namespace().unwrap_or_default(),
            name: kept.name_any(),
            uid: kept.uid(),
            created: kept.creation_timestamp().map(|time| time.0),
            target: kept.target().unwrap_or_else(nothing),
        }
    }

    /// The first of two profiles for one target keeps it; the name decides where they were made in the same second.
    pub fn comes_before(&self, other: &Self) -> bool {
        (self.created, &self.name) < (other.created, &other.name)
    }
}

/// An autoscaler as it is kept.
pub fn packed_autoscaler(autoscaler: HorizontalPodAutoscaler) -> Packed<HorizontalPodAutoscaler> {
    let autoscaler = pruned(autoscaler);
    Packed::new(&autoscaler, words_of_autoscaler(&autoscaler), matters::of_autoscaler(&autoscaler))
}

/// A disruption budget as it is kept. Nobody reads its status here, and it moves with every pod.
pub fn packed_budget(budget: PodDisruptionBudget) -> Packed<PodDisruptionBudget> {
    let budget = PodDisruptionBudget { status: None, ..pruned(budget) };
    Packed::new(&budget, vec![word_of_budget(&budget)], matters::of_budget(&budget))
}

/// Without what nobody reads: the server's bookkeeping, which is often larger than the object.
fn pruned<K: Resource>(mut object: K) -> K {
    prune(&mut object);
    object
}

/// As [`pruned`], in place.
pub fn prune<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(all) = &mut meta.annotations {
        all.remove(annotations::LAST_APPLIED);
    }
}

/// Group, kind and name. The version is left out: `apps/v1` and `apps/v1beta2` are one object.
fn target_word(target: &TargetRef) -> String {
    format!("{}/{}/{}", group(&target.api_version), target.kind, target.name)
}

fn word_of_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> String {
    let reference = &autoscaler.spec.scale_target_ref;
    format!("{}/{}/{}", group(reference.api_version.as_deref().unwrap_or_default()), reference.kind, reference.name)
}

fn words_of_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> Vec<String> {
    let written = autoscaler.annotations().contains_key(annotations::ORIGINAL).then(|| WRITTEN.to_owned());
    [word_of_autoscaler(autoscaler)].into_iter().chain(written).collect()
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// One label that every pod has that the budget selects: the one with the longest value is most likely to be the name of something. An
/// empty word where the budget asks for none.
fn word_of_budget(budget: &PodDisruptionBudget) -> String {
    let labels = budget.spec.iter().flat_map(|spec| &spec.selector).flat_map(|selector| &selector.match_labels);
    let longest = labels.flatten().max_by_key(|(_, value)| value.len());
    longest.map(|(key, value)| format!("{key}={value}")).unwrap_or_default()
}

/// Whether an autoscaler scales this target.
pub fn same_target(autoscaler: &HorizontalPodAutoscaler, target: &TargetRef) -> bool {
    let reference = &autoscaler.spec.scale_target_ref;
    reference.name == target.name
        && reference.kind == target.kind
        && group(reference.api_version.as_deref().unwrap_or_default()) == group(&target.api_version)
}

/// The name of the profile that owns an object.
pub fn owner_of<K: Resource>(object: &K) -> Option<&str> {
    let owners = object.meta().owner_references.iter().flatten();
    let mut profiles =
        owners.filter(|owner| owner.kind == "PerformanceProfile" && owner.api_version.starts_with(GROUP));
    profiles.next().map(|owner| &*owner.name)
}
