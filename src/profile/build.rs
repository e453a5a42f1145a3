//! A checked profile in, every child as it should be out. No client, no clock.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    acting::Acting,
    children::{Children, Desired, Plan, Why},
    validate::{Part, Profile},
};
use crate::api::{labels, reasons};

mod autoscaler;
mod disruption_budget;
mod pooling;
mod rules;

pub use pooling::{pooler_name, pooler_pods_name};
pub use rules::{RULE_FILE_KEY, rule_file_text};

/// Every child of the profile, as it should be while enforcement acts like this.
pub fn build(profile: &Profile, acting: &Acting) -> Children<Desired> {
    let (rule, vm_rule, rule_file) = rules::build(profile);
    Children {
        autoscaler: plan(&profile.autoscaler, |part| autoscaler::build(profile, part, acting)),
        disruption_budget: plan(&profile.disruption_budget, |part| disruption_budget::build(profile, part, acting)),
        rule,
        vm_rule,
        rule_file,
        pooler: pooling::build(profile),
    }
}

fn plan<T, K>(part: &Part<T>, build: impl FnOnce(&T) -> K) -> Plan<K> {
    match part {
        Part::Wanted(part) => Plan::Apply(Box::new(build(part))),
        Part::Unwanted(_) => Plan::Absent,
        Part::Held(why) => Plan::Hold(why.clone()),
    }
}

/// Name of the objects that hold the rules.
pub fn rules_name(profile: &str) -> String {
    format!("{profile}-slo")
}

fn metadata(profile: &Profile, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(profile.namespace.clone()),
        labels: Some(BTreeMap::from([
            (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_VALUE.to_owned()),
            (labels::PROFILE.to_owned(), profile.name.clone()),
        ])),
        owner_references: profile.owner.clone().map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// What a rule object is held for while the other kind of it is written.
fn absent<K>() -> Plan<K> {
    Plan::Absent
}

/// The reason of a part that cannot be turned into an object.
fn unbuildable<K>(message: String) -> Plan<K> {
    Plan::Hold(Why::new(reasons::INVALID, message))
}
