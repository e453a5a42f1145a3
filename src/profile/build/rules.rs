//! The object that holds the rules: a `PrometheusRule`, or the same as a file in a `ConfigMap`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use super::{absent, metadata, rules_name, unbuildable};
use crate::{
    kube::{PrometheusRule, PrometheusRuleSpec},
    profile::{
        children::Plan,
        validate::{Part, Profile, RulesPlan},
    },
    slo, yaml,
};

/// Key of the rule file in its `ConfigMap`.
pub const RULE_FILE_KEY: &str = "rules.yaml";

/// Both kinds of rule object: the one that the cluster can take, and the absence of the other.
pub fn build(profile: &Profile) -> (Plan<PrometheusRule>, Plan<ConfigMap>) {
    match &profile.rules {
        Part::Unwanted(_) => (absent(), absent()),
        Part::Held(why) => (Plan::Hold(why.clone()), Plan::Hold(why.clone())),
        Part::Wanted(plan) if plan.prometheus_rule_api => match rule(profile, plan) {
            Ok(rule) => (Plan::Apply(Box::new(rule)), absent()),
            Err(error) => (unbuildable(error.to_string()), absent()),
        },
        Part::Wanted(plan) => match rule_file_text(&plan.groups) {
            Ok(text) => (absent(), Plan::Apply(Box::new(rule_file(profile, plan, text)))),
            Err(error) => (absent(), unbuildable(error.to_string())),
        },
    }
}

fn rule(profile: &Profile, plan: &RulesPlan) -> Result<PrometheusRule, serde_json::Error> {
    let groups = plan.groups.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    let mut rule = PrometheusRule::new(&rules_name(&profile.name), PrometheusRuleSpec { groups });
    rule.metadata = metadata(profile, rules_name(&profile.name));
    label(&mut rule.metadata.labels, plan);
    Ok(rule)
}

fn rule_file(profile: &Profile, plan: &RulesPlan, text: String) -> ConfigMap {
    let mut map = ConfigMap {
        metadata: metadata(profile, rules_name(&profile.name)),
        data: Some(BTreeMap::from([(RULE_FILE_KEY.to_owned(), text)])),
        ..ConfigMap::default()
    };
    label(&mut map.metadata.labels, plan);
    map
}

fn label(labels: &mut Option<BTreeMap<String, String>>, plan: &RulesPlan) {
    labels.get_or_insert_default().extend(plan.labels.clone());
}

/// A rule file as a bare Prometheus, Mimir or Thanos reads it.
pub fn rule_file_text(groups: &[slo::RuleGroup]) -> Result<String, yaml::YamlError> {
    #[derive(Serialize)]
    struct RuleFile<'a> {
        groups: &'a [slo::RuleGroup],
    }
    yaml::to_string(&RuleFile { groups })
}
