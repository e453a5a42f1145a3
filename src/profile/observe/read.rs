//! Reads everything that a decision about one profile rests on.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DynamicObject, NamespaceResourceScope, Selector, SelectorExt},
};
use serde::de::DeserializeOwned;

use super::{
    Claim, Observed, Rivals, Stores, TargetState, Workload,
    kinds::{Kind, TargetKinds},
    pooler,
    selector::selector_from_text,
};
use crate::{
    api::{
        annotations,
        v1alpha1::{PerformanceProfile, TargetRef},
    },
    kube::{Category, RuleApis, ScalerApis, categorize, is_owned_by, message},
    profile::{adoption::adoptable, build::rules_name, children::Children, error::Error, workloads::seen_object},
};

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
        self.stores.listed(rule_apis).await?;
        let namespace = profile.namespace().unwrap_or_default();
        let name = profile.name_any();
        let rules = rules_name(&name);
        let (target, pooler) = tokio::join!(
            self.target(&namespace, &profile.spec.target_ref),
            pooler::read(self.client, self.stores, profile, rule_apis.pod_monitor),
        );
        let target = target?;
        let rivals = self.rivals(profile, &target);
        let adoptable = adoptable(self.client, self.stores, profile, scaler_apis).await;
        let adoptable =
            adoptable.map_err(|source| Error::Read { what: "what scales the target".to_owned(), source })?;
        let Stores { rules: rule_objects, vm_rules, rule_files, .. } = self.stores;
        let live = Children {
            autoscaler: self.stores.autoscaler(&namespace, &name).map(Arc::new),
            disruption_budget: self.stores.disruption_budget(&namespace, &name).map(Arc::new),
            // Of an API that is not served any more the watch knows what was.
            rule: rule_apis.prometheus_rule.then(|| rule_objects.get(&namespace, &rules)).flatten(),
            vm_rule: rule_apis.vm_rule.then(|| vm_rules.get(&namespace, &rules)).flatten(),
            rule_file: rule_files.get(&namespace, &rules),
            pooler: pooler?,
        };
        Ok(Observed { now, target, rivals, live, rule_apis, adoptable })
    }

    /// The workload. A target that may not be read is something that the user can mend; a server that fails is not.
    async fn target(&self, namespace: &str, target: &TargetRef) -> Result<TargetState, Error> {
        if target.api_version == "apps/v1"
            && let Some(seen) = self.stores.workloads.get(&target.kind, namespace, &target.name)
        {
            return Ok(TargetState::Found(seen.workload()));
        }
        // One that no watch has shown may have been made a moment ago, together with its profile.
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
            return Ok(TargetState::Found(seen_object(object).workload()));
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
        let name = profile.name_any();
        let uid = profile.uid().unwrap_or_default();
        let wanted = &profile.spec.target_ref;
        let own = Claim {
            created: profile.creation_timestamp().map(|time| time.0),
            uid: profile.uid(),
            target: wanted.clone(),
            namespace,
            name,
        };
        let (namespace, name) = (&own.namespace, &own.name);
        let claims = self.stores.claims_on(namespace, wanted);
        let older = claims.iter().filter(|other| other.uid != own.uid && other.target == own.target);
        let older = older.filter(|other| other.comes_before(&own)).map(|other| other.name.clone()).min();
        // Those of the names of the profile's own children are looked at where these are written.
        let foreign = |meta: &ObjectMeta| !is_owned_by(meta, &uid);
        let autoscalers = self.stores.autoscalers_beside(namespace, wanted, name);
        let autoscalers = autoscalers.iter().filter(|other| foreign(&other.metadata)).map(ResourceExt::name_any);
        let pod_labels = match target {
            TargetState::Found(workload) => &workload.pod_labels,
            _ => &BTreeMap::new(),
        };
        let mut disruption_budgets = Vec::new();
        if !pod_labels.is_empty() {
            for other in self.stores.budgets_beside(namespace, name, pod_labels) {
                let selector = other.spec.as_ref().and_then(|spec| spec.selector.clone());
                if foreign(&other.metadata) && selector.is_some_and(|selector| selects(selector, pod_labels)) {
                    disruption_budgets.push(other.name_any());
                }
            }
        }
        disruption_budgets.sort_unstable();
        // In the order of their names: the index has them so.
        Rivals { profile: older, autoscalers: autoscalers.collect(), disruption_budgets }
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

fn selects(selector: LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    // In policy/v1 an empty selector selects every pod of the namespace, which `Selector` sees as well.
    Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
}

fn override_reason(object: &DynamicObject) -> Option<String> {
    object.annotations().get(annotations::OVERRIDE).cloned()
}

fn pod_labels(object: &DynamicObject) -> BTreeMap<String, String> {
    let labels = object.data.pointer("/spec/template/metadata/labels");
    labels.and_then(|labels| serde_json::from_value(labels.clone()).ok()).unwrap_or_default()
}

fn number(object: &DynamicObject, pointer: &str) -> Option<i32> {
    object.data.pointer(pointer).and_then(serde_json::Value::as_i64).and_then(|number| i32::try_from(number).ok())
}
