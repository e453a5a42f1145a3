//! The objects that run the poolers.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use crate::{
    api::labels,
    pooler::wanted::KEY,
    profile::{
        children::{Desired, Plan, PoolerChildren},
        validate::{Part, PoolingPlan, Profile},
    },
};

mod access;
mod limits;
mod network;
mod stateful_set;
mod template;
mod volumes;

/// Name of a profile's poolers, and of all objects that run them but one.
pub fn pooler_name(profile: &str) -> String {
    format!("{profile}-pgbouncer")
}

/// Name of the `Service` that gives every pooler a host name.
pub fn pooler_pods_name(profile: &str) -> String {
    format!("{}-pods", pooler_name(profile))
}

/// Every object that runs the poolers.
pub fn build(profile: &Profile) -> PoolerChildren<Desired> {
    let part = &profile.pooling;
    let scraped = matches!(part, Part::Wanted(plan) if plan.scraped);
    PoolerChildren {
        config: super::plan(part, |plan| config(profile, plan)),
        service_account: super::plan(part, |_| access::service_account(profile)),
        role: super::plan(part, |_| access::role(profile)),
        role_binding: super::plan(part, |_| access::role_binding(profile)),
        pods_service: super::plan(part, |_| network::pods_service(profile)),
        service: super::plan(part, |_| network::service(profile)),
        network_policy: super::plan(part, |_| network::network_policy(profile)),
        stateful_set: super::plan(part, |plan| stateful_set::build(profile, plan)),
        autoscaler: super::plan(part, |plan| limits::autoscaler(profile, plan)),
        disruption_budget: super::plan(part, |_| limits::disruption_budget(profile)),
        pod_monitor: match part {
            Part::Wanted(_) if !scraped => Plan::Absent,
            _ => super::plan(part, |plan| network::pod_monitor(profile, plan)),
        },
    }
}

fn config(profile: &Profile, plan: &PoolingPlan) -> ConfigMap {
    ConfigMap {
        metadata: metadata(profile, pooler_name(&profile.name)),
        data: Some(BTreeMap::from([(KEY.to_owned(), plan.document.text.clone())])),
        ..ConfigMap::default()
    }
}

fn metadata(profile: &Profile, name: String) -> ObjectMeta {
    let mut metadata = super::metadata(profile, name);
    metadata.labels.get_or_insert_default().insert(labels::NAME.to_owned(), labels::PGBOUNCER.to_owned());
    metadata
}

/// Labels of the poolers' pods by which they are found; for ever the same, for the selector of a `StatefulSet` cannot be changed.
fn pod_labels(profile: &Profile) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::NAME.to_owned(), labels::PGBOUNCER.to_owned()),
        (labels::PROFILE.to_owned(), profile.name.clone()),
    ])
}

fn selector(profile: &Profile) -> LabelSelector {
    LabelSelector { match_labels: Some(pod_labels(profile)), match_expressions: None }
}
