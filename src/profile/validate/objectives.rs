//! From the objectives of a profile to rule groups.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{
    Part, RulesPlan, indicators,
    metrics::{CPU_UTILIZATION, MEMORY_UTILIZATION, held_utilization},
};
use crate::{
    api::{
        labels, reasons,
        v1alpha1::{self, Autoscaling, Management, PerformanceProfile},
    },
    profile::{
        children::Why,
        finding::{Finding, Level},
        observe::Observed,
        settings::Settings,
    },
    slo,
};

/// The sound objectives, and the rules of all of them. One objective that is wrong holds the rules as they are: half of
/// them would silently drop the alerts of the rest of an edit.
pub fn rules(
    profile: &PerformanceProfile,
    autoscaling: &Autoscaling,
    observed: &Observed,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> (Vec<slo::Objective>, Part<RulesPlan>) {
    let (sound, found) = objectives(profile, &settings.slo);
    let first_error = found.iter().find(|finding| finding.level == Level::Error).map(ToString::to_string);
    findings.extend(found);
    if profile.spec.objectives.is_empty() {
        return (sound, Part::Unwanted(Why::new(reasons::NOT_DECLARED, "the profile declares no objectives")));
    }
    if let Some(message) = first_error {
        return (sound, Part::Held(Why::new(reasons::INVALID, message)));
    }
    let alerting = alerting(profile);
    findings.extend(alerting.findings().into_iter().map(|why| Finding::new(Level::Warning, "/spec/alerting", why)));
    let mut groups: Vec<_> = sound
        .iter()
        .flat_map(|objective| {
            slo::objective_groups(objective, &described(&alerting, profile, objective), &settings.slo)
        })
        .collect();
    let alerts = profile.spec.alerting.as_ref().is_none_or(|alerting| alerting.mode == Management::Managed);
    if !alerts {
        for group in &mut groups {
            group.rules.retain(|rule| matches!(rule, slo::Rule::Record { .. }));
        }
    }
    if alerts && autoscaling.mode == Management::Managed {
        let workload =
            slo::WorkloadIdentity { namespace: profile.namespace().unwrap_or_default(), profile: profile.name_any() };
        let cpu = held_utilization(autoscaling.cpu.as_ref(), CPU_UTILIZATION);
        let memory = held_utilization(autoscaling.memory.as_ref(), MEMORY_UTILIZATION);
        groups.push(slo::workload_group(&workload, percent(cpu), percent(memory), &alerting));
    }
    let labels = rule_labels(profile, settings);
    (sound, Part::Wanted(RulesPlan { groups, labels, prometheus_rule_api: observed.prometheus_rule_api }))
}

/// The alerts of an objective say what it is for.
fn described(alerting: &slo::Alerting, profile: &PerformanceProfile, objective: &slo::Objective) -> slo::Alerting {
    let mut alerting = alerting.clone();
    let wire = profile.spec.objectives.iter().find(|wire| wire.name == objective.identity.objective);
    if let Some(description) = wire.and_then(|wire| wire.description.as_deref()) {
        // Plain text, not a template: braces in it mean themselves.
        let text = description.replace("{{", "{{ \"{{\" }}");
        alerting.annotations.entry("objective_description".to_owned()).or_insert(text);
    }
    alerting
}

fn percent(utilization: Option<i32>) -> Option<u32> {
    utilization.and_then(|percent| u32::try_from(percent).ok())
}

/// The labels of the object that holds the rules, those of the profile before those of the installation.
fn rule_labels(profile: &PerformanceProfile, settings: &Settings) -> BTreeMap<String, String> {
    let mut all = settings.rule_labels.clone();
    all.extend(profile.spec.rules.clone().unwrap_or_default().labels);
    all.retain(|key, _| key != labels::PROFILE && key != labels::MANAGED_BY);
    all
}

/// What the profile's alerts carry.
pub fn alerting(profile: &PerformanceProfile) -> slo::Alerting {
    let alerting = profile.spec.alerting.clone().unwrap_or_default();
    let severity = |chosen: Option<v1alpha1::Severity>, default: &str| {
        chosen.map_or_else(|| default.to_owned(), |severity| severity.severity)
    };
    slo::Alerting {
        labels: alerting.labels,
        annotations: alerting.annotations,
        page_severity: severity(alerting.page, "critical"),
        ticket_severity: severity(alerting.ticket, "warning"),
        min_failures: u32::try_from(alerting.min_failures).unwrap_or(1),
        runbook_url: alerting.runbook_url,
    }
}

/// Every objective that is sound, and what is wrong with the others.
pub fn objectives(profile: &PerformanceProfile, options: &slo::Options) -> (Vec<slo::Objective>, Vec<Finding>) {
    let mut sound = Vec::new();
    let mut findings = Vec::new();
    for (index, wire) in profile.spec.objectives.iter().enumerate() {
        let at = |path: &str| format!("/spec/objectives/{index}{path}");
        if profile.spec.objectives.iter().take(index).any(|earlier| earlier.name == wire.name) {
            let message = format!("two objectives are named {}: each needs a name of its own", wire.name);
            findings.push(Finding::new(Level::Error, at("/name"), message));
            continue;
        }
        match objective(profile, wire) {
            Ok(objective) => {
                let tiers = slo::tiers(objective.window, objective.target, options);
                findings.extend(tiers.findings().map(|why| Finding::new(Level::Warning, at("/window"), why)));
                sound.push(objective);
            }
            Err(wrong) => {
                findings.extend(wrong.into_iter().map(|(path, message)| Finding::new(Level::Error, at(path), message)));
            }
        }
    }
    (sound, findings)
}

/// One objective, or each thing that is wrong with it and where.
pub fn objective(
    profile: &PerformanceProfile,
    wire: &v1alpha1::Objective,
) -> Result<slo::Objective, Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    let window = slo::Window::try_from(wire.window).map_err(|error| wrong.push(("/window", error.to_string()))).ok();
    let indicator = indicators::indicator(&wire.indicator, &mut wrong);
    match (window, indicator) {
        (Some(window), Some(indicator)) if wrong.is_empty() => Ok(slo::Objective {
            identity: slo::Identity {
                namespace: profile.namespace().unwrap_or_default(),
                profile: profile.name_any(),
                objective: wire.name.clone(),
            },
            target: wire.target,
            window,
            indicator,
        }),
        _ => Err(wrong),
    }
}
