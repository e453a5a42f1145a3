//! Reads everything that a decision about one profile rests on.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::ConfigMap, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DynamicObject, NamespaceResourceScope, Selector, SelectorExt},
    runtime::reflector::Store,
};
use serde::de::DeserializeOwned;

use super::{
    Observed, Rivals, TargetState, Workload,
    kinds::{Kind, TargetKinds},
    pooler,
    selector::selector_from_text,
};
use crate::{
    api::{
        annotations,
        v1alpha1::{PerformanceProfile, TargetRef},
    },
    kube::{Category, PrometheusRule, RuleApis, ScalerApis, VMRule, categorize, is_owned_by, message},
    profile::{Guarded, adoption::adoptable, build::rules_name, children::Children, error::Error},
};

/// Longest wait for the first list of a kind.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// What the watches hold in memory.
#[derive(Clone)]
pub struct Stores {
    /// Every profile.
    pub profiles: Store<Guarded>,
    /// Every autoscaler, foreign ones included.
    pub autoscalers: Store<HorizontalPodAutoscaler>,
    /// Every disruption budget, foreign ones included.
    pub disruption_budgets: Store<PodDisruptionBudget>,
}

impl Stores {
    /// Waits for the first lists. Before, nothing is known of others' objects, and what is not known is not absent: to
    /// write then would be to fight with them.
    async fn listed(&self) -> Result<(), Error> {
        let listed =
            async { tokio::join!(self.autoscalers.wait_until_ready(), self.disruption_budgets.wait_until_ready()) };
        match tokio::time::timeout(FIRST_LIST, listed).await {
            Ok((Ok(()), Ok(()))) => Ok(()),
            _ => Err(Error::NotListed(FIRST_LIST)),
        }
    }
}

/// Reads for one profile.
pub struct Reader<'a> {
    /// Connection to the API server.
    pub client: &'a Client,
    /// What the watches hold.
    pub stores: &'a Stores,
    /// What is known of targets' kinds.
    pub kinds: &'a TargetKinds,
}

impl Reader<'_> {
    /// Everything, as it is now.
    pub async fn observe(
        &self,
        profile: &PerformanceProfile,
        rule_apis: RuleApis,
        scaler_apis: ScalerApis,
        now: Timestamp,
    ) -> Result<Observed, Error> {
        self.stores.listed().await?;
        let namespace = profile.namespace().unwrap_or_default();
        let name = profile.name_any();
        let rules = rules_name(&name);
        let (target, autoscaler, disruption_budget, rule, vm_rule, rule_file, pooler) = tokio::join!(
            self.target(&namespace, &profile.spec.target_ref),
            self.child::<HorizontalPodAutoscaler>(&namespace, &name),
            self.child::<PodDisruptionBudget>(&namespace, &name),
            async {
                if rule_apis.prometheus_rule {
                    self.child::<PrometheusRule>(&namespace, &rules).await
                } else {
                    Ok(None)
                }
            },
            async { if rule_apis.vm_rule { self.child::<VMRule>(&namespace, &rules).await } else { Ok(None) } },
            self.child::<ConfigMap>(&namespace, &rules),
            pooler::read(self.client, profile, rule_apis.pod_monitor),
        );
        let target = target?;
        let rivals = self.rivals(profile, &target);
        let adoptable = adoptable(self.client, &self.stores.autoscalers, profile, scaler_apis).await;
        let adoptable =
            adoptable.map_err(|source| Error::Read { what: "what scales the target".to_owned(), source })?;
        let live = Children {
            autoscaler: autoscaler?,
            disruption_budget: disruption_budget?,
            rule: rule?,
            vm_rule: vm_rule?,
            rule_file: rule_file?,
            pooler: pooler?,
        };
        Ok(Observed { now, target, rivals, live, rule_apis, adoptable })
    }

    async fn child<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
    {
        child(self.client, namespace, name).await
    }

    /// The workload. A target that may not be read is something that the user can mend; a server that fails is not.
    async fn target(&self, namespace: &str, target: &TargetRef) -> Result<TargetState, Error> {
        let read = self.read_target(namespace, target).await;
        match read {
            Ok(state) => Ok(state),
            Err(source) if matches!(categorize(&source), Category::Forbidden | Category::Invalid) => {
                Ok(TargetState::Unreadable(message(&source)))
            }
            Err(source) => Err(Error::Read { what: format!("{} {}", target.kind, target.name), source }),
        }
    }

    async fn read_target(&self, namespace: &str, target: &TargetRef) -> Result<TargetState, kube::Error> {
        let resource = match self.kinds.find(self.client, target).await? {
            Kind::Scalable(resource) => resource,
            Kind::NotScalable => return Ok(TargetState::NotScalable),
            Kind::Unknown => return Ok(TargetState::UnknownKind),
        };
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        let Some(object) = api.get_opt(&target.name).await? else { return Ok(TargetState::Missing) };
        if resource.group == "apps" {
            return Ok(TargetState::Found(app_workload(&object)));
        }
        let scale = api.get_scale(&target.name).await?;
        let status = scale.status.unwrap_or_default();
        Ok(TargetState::Found(Workload {
            replicas: status.replicas,
            ready: number(&object, "/status/readyReplicas"),
            selector: status.selector.as_deref().and_then(selector_from_text),
            pod_labels: pod_labels(&object),
            override_reason: override_reason(&object),
        }))
    }

    fn rivals(&self, profile: &PerformanceProfile, target: &TargetState) -> Rivals {
        let namespace = profile.namespace().unwrap_or_default();
        let uid = profile.uid().unwrap_or_default();
        let here = |candidate: Option<String>| candidate.as_deref() == Some(&namespace);
        let claims: Vec<Arc<Guarded>> = self.stores.profiles.state();
        let older = claims
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .filter(|other| here(other.namespace()) && other.uid() != profile.uid())
            .filter(|other| other.spec.target_ref == profile.spec.target_ref && comes_before(other, profile))
            .map(ResourceExt::name_any)
            .min();
        let mut autoscalers: Vec<_> = self
            .stores
            .autoscalers
            .state()
            .iter()
            .filter(|other| here(other.namespace()) && !is_owned_by(&other.metadata, &uid))
            .filter(|other| same_target(other, &profile.spec.target_ref) && !other.name_any().eq(&profile.name_any()))
            .map(|other| other.name_any())
            .collect();
        autoscalers.sort_unstable();
        let pod_labels = match target {
            TargetState::Found(workload) => workload.pod_labels.clone(),
            _ => std::collections::BTreeMap::new(),
        };
        let mut disruption_budgets: Vec<_> = self
            .stores
            .disruption_budgets
            .state()
            .iter()
            .filter(|other| here(other.namespace()) && !is_owned_by(&other.metadata, &uid))
            .filter(|other| !pod_labels.is_empty() && !other.name_any().eq(&profile.name_any()))
            .filter(|other| {
                other.spec.as_ref().and_then(|spec| spec.selector.clone()).is_some_and(|s| selects(s, &pod_labels))
            })
            .map(|other| other.name_any())
            .collect();
        disruption_budgets.sort_unstable();
        Rivals { profile: older, autoscalers, disruption_budgets }
    }
}

/// One object, if it is there.
pub async fn child<K>(client: &Client, namespace: &str, name: &str) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
{
    let read = Api::<K>::namespaced(client.clone(), namespace).get_opt(name).await;
    read.map_err(|source| Error::Read { what: format!("{} {name}", K::kind(&())), source })
}

/// The first of two profiles for one target keeps it; the name decides where they were made in the same second.
fn comes_before(one: &PerformanceProfile, other: &PerformanceProfile) -> bool {
    let key = |profile: &PerformanceProfile| (profile.creation_timestamp().map(|time| time.0), profile.name_any());
    key(one) < key(other)
}

/// Whether an autoscaler scales this target. The version is left out: `apps/v1` and `apps/v1beta2` are one object.
pub fn same_target(autoscaler: &HorizontalPodAutoscaler, target: &TargetRef) -> bool {
    let group = |version: &str| version.split_once('/').map_or("", |(group, _)| group).to_owned();
    let reference = &autoscaler.spec.scale_target_ref;
    reference.name == target.name
        && reference.kind == target.kind
        && group(reference.api_version.as_deref().unwrap_or_default()) == group(&target.api_version)
}

fn selects(selector: LabelSelector, labels: &std::collections::BTreeMap<String, String>) -> bool {
    // In policy/v1 an empty selector selects every pod of the namespace, which `Selector` sees as well.
    Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
}

fn app_workload(object: &DynamicObject) -> Workload {
    let selector =
        object.data.pointer("/spec/selector").and_then(|s| serde_json::from_value::<LabelSelector>(s.clone()).ok());
    let names_something = |selector: &LabelSelector| {
        selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
            || selector.match_expressions.as_ref().is_some_and(|all| !all.is_empty())
    };
    Workload {
        replicas: number(object, "/status/replicas").unwrap_or(0),
        ready: Some(number(object, "/status/readyReplicas").unwrap_or(0)),
        selector: selector.filter(names_something),
        pod_labels: pod_labels(object),
        override_reason: override_reason(object),
    }
}

fn override_reason(object: &DynamicObject) -> Option<String> {
    object.annotations().get(annotations::OVERRIDE).cloned()
}

fn pod_labels(object: &DynamicObject) -> std::collections::BTreeMap<String, String> {
    let labels = object.data.pointer("/spec/template/metadata/labels");
    labels.and_then(|labels| serde_json::from_value(labels.clone()).ok()).unwrap_or_default()
}

fn number(object: &DynamicObject, pointer: &str) -> Option<i32> {
    object.data.pointer(pointer).and_then(serde_json::Value::as_i64).and_then(|number| i32::try_from(number).ok())
}
