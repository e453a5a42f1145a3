//! The object that holds the rules: a `PrometheusRule`, a `VMRule`, or the same as a file in a `ConfigMap`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use super::{absent, metadata, rules_name, unbuildable};
use crate::{
    kube::{PrometheusRule, PrometheusRuleSpec, RuleGroups, VMRule, VMRuleSpec},
    profile::{
        children::Plan,
        validate::{Part, Profile, RuleKind, RulesPlan},
    },
    slo, yaml,
};

/// Key of the rule file in its `ConfigMap`.
pub const RULE_FILE_KEY: &str = "rules.yaml";

/// Every kind of rule object: the one that is wanted, and the absence of the others.
pub fn build(profile: &Profile) -> (Plan<PrometheusRule>, Plan<VMRule>, Plan<ConfigMap>) {
    let plan = match &profile.rules {
        Part::Unwanted(_) => return (absent(), absent(), absent()),
        Part::Held(why) => return (Plan::Hold(why.clone()), Plan::Hold(why.clone()), Plan::Hold(why.clone())),
        Part::Wanted(plan) => plan,
    };
    match plan.kind {
        RuleKind::PrometheusRule => (Plan::Apply(Box::new(rule(profile, plan))), absent(), absent()),
        RuleKind::VMRule => (absent(), Plan::Apply(Box::new(vm_rule(profile, plan))), absent()),
        RuleKind::ConfigMap => {
            let file = rule_file_text(&plan.rules.groups()).map_or_else(
                |error| unbuildable(error.to_string()),
                |text| Plan::Apply(Box::new(rule_file(profile, plan, text))),
            );
            (absent(), absent(), file)
        }
    }
}

fn rule(profile: &Profile, plan: &RulesPlan) -> PrometheusRule {
    let mut rule = PrometheusRule::new(&rules_name(&profile.name), PrometheusRuleSpec { groups: groups(plan) });
    rule.metadata = metadata(profile, rules_name(&profile.name));
    label(&mut rule.metadata.labels, plan);
    rule
}

fn vm_rule(profile: &Profile, plan: &RulesPlan) -> VMRule {
    let mut rule = VMRule::new(&rules_name(&profile.name), VMRuleSpec { groups: groups(plan) });
    rule.metadata = metadata(profile, rules_name(&profile.name));
    label(&mut rule.metadata.labels, plan);
    rule
}

fn groups(plan: &RulesPlan) -> RuleGroups {
    RuleGroups::Wanted(plan.rules.clone())
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
