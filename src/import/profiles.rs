//! Objectives of one workload into one profile.

use std::collections::BTreeMap;

use kube::core::ObjectMeta;

use super::{Imported, Note, Slo, dns_label};
use crate::api::v1alpha1::{
    Alerting, Management, PerformanceProfile, PerformanceProfileSpec, RuleObject, Severity, TargetRef,
};

/// Most objectives of a profile.
const MOST: usize = 20;

/// What an objective of theirs has on its own and a profile has once: kept where all objectives of the profile agree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Defaults {
    /// Labels of alerts.
    pub labels: BTreeMap<String, String>,
    /// Annotations of alerts.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the rule object.
    pub rule_labels: BTreeMap<String, String>,
    /// The severity of pages.
    pub page: Option<String>,
    /// The severity of tickets.
    pub ticket: Option<String>,
    /// Whether alerts are written.
    pub disabled: bool,
}

/// Profiles of the objectives, in the order of their names.
pub(super) fn gather(slos: Vec<Slo>, target: Option<&TargetRef>, imported: &mut Imported) {
    let mut groups: BTreeMap<(Option<String>, String), Vec<Slo>> = BTreeMap::new();
    for slo in slos {
        let name = target.map_or_else(|| dns_label(&slo.service, 52), |target| dns_label(&target.name, 52));
        groups.entry((slo.namespace.clone(), name)).or_default().push(slo);
    }
    for ((namespace, name), slos) in groups {
        let Some(first) = slos.first() else { continue };
        let target_ref = target.cloned().or_else(|| first.target.clone()).unwrap_or_else(|| TargetRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: name.clone(),
        });
        let (alerting, rules) = agreed(&slos, &name, imported);
        let mut spec = PerformanceProfileSpec {
            target_ref,
            autoscaling: None,
            disruption: None,
            telemetry: None,
            objectives: Vec::new(),
            maintenance: Vec::new(),
            alerting,
            enforcement: None,
            pooling: None,
            rules,
        };
        for slo in slos {
            let refusal = if spec.objectives.iter().any(|other| other.name == slo.objective.name) {
                Some(format!("profile {name} has an objective named {} already", slo.objective.name))
            } else if spec.objectives.len() == MOST {
                Some(format!("profile {name} has {MOST} objectives already, and no profile has more"))
            } else {
                None
            };
            match refusal {
                Some(message) => {
                    imported.notes.push(Note { file: slo.file, line: slo.line, failed: true, message });
                }
                None => spec.objectives.push(slo.objective),
            }
        }
        let metadata = ObjectMeta { name: Some(name), namespace, ..ObjectMeta::default() };
        imported.profiles.push(PerformanceProfile { metadata, spec, status: None });
    }
}

/// What all objectives have in common; the rest is noted.
fn agreed(slos: &[Slo], name: &str, imported: &mut Imported) -> (Option<Alerting>, Option<RuleObject>) {
    let mut lost: Vec<Note> = Vec::new();
    let mut differs = |slo: &Slo, what: String| {
        let message = format!("{what} is left out: in profile {name} it holds for all objectives, and they differ");
        lost.push(Note { file: slo.file.clone(), line: slo.line, failed: false, message });
    };
    let mut map = |of: fn(&Defaults) -> &BTreeMap<String, String>, what: &str| {
        let mut kept = BTreeMap::new();
        for slo in slos {
            for (key, value) in of(&slo.defaults) {
                if slos.iter().all(|other| of(&other.defaults).get(key) == Some(value)) {
                    kept.insert(key.clone(), value.clone());
                } else {
                    differs(slo, format!("the {what} {key}={value} of objective {}", slo.objective.name));
                }
            }
        }
        kept
    };
    let labels = map(|defaults| &defaults.labels, "alert label");
    let annotations = map(|defaults| &defaults.annotations, "alert annotation");
    let rule_labels = map(|defaults| &defaults.rule_labels, "label of the rules");
    let mut severity = |of: fn(&Defaults) -> &Option<String>, what: &str| {
        let first = slos.first().and_then(|slo| of(&slo.defaults).clone());
        if slos.iter().all(|slo| *of(&slo.defaults) == first) {
            return first.map(|severity| Severity { severity });
        }
        for slo in slos.iter().filter(|slo| of(&slo.defaults).is_some()) {
            differs(slo, format!("the severity of {what} of objective {}", slo.objective.name));
        }
        None
    };
    let page = severity(|defaults| &defaults.page, "pages");
    let ticket = severity(|defaults| &defaults.ticket, "tickets");
    let disabled = slos.iter().all(|slo| slo.defaults.disabled);
    if !disabled {
        for slo in slos.iter().filter(|slo| slo.defaults.disabled) {
            differs(slo, format!("that objective {} has no alerts", slo.objective.name));
        }
    }
    imported.notes.extend(lost);
    let alerting = Alerting {
        mode: if disabled { Management::Disabled } else { Management::Managed },
        labels,
        annotations,
        page,
        ticket,
        ..Alerting::default()
    };
    let rules = (!rule_labels.is_empty()).then_some(RuleObject { labels: rule_labels, ..RuleObject::default() });
    ((alerting != Alerting::default()).then_some(alerting), rules)
}
