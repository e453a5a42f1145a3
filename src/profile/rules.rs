//! What the rules of a profile follow from. The groups themselves are large, and are built only where they are written.

mod mold;
mod molds;

use molds::MOLDS;

use crate::{
    kube::RuleSource,
    slo::{
        self, Fence, PartialResponse, Rule, RuleGroup, Span, WorkloadIdentity,
        shape::{Names, Shaped},
        signals::SignalOptions,
    },
};

/// Everything that decides what is in the rule groups of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Whose they are.
    pub workload: WorkloadIdentity,
    /// The objectives.
    pub objectives: Vec<Described>,
    /// How the alerts look; nothing where there are none.
    pub alerting: Option<slo::Alerting>,
    /// The alerts on the autoscaler, where it is managed.
    pub utilization: Option<Utilization>,
    /// The alerts on poolers, where there are any, and whether they have pools of replicas.
    pub poolers: Option<bool>,
    /// What is recorded for enforcement.
    pub signals: Option<SignalOptions>,
    /// Time in which the alerts on the workload are quiet.
    pub maintenance: Vec<Span>,
    /// What the installation's Prometheus does.
    pub options: slo::Options,
    /// The namespace's label, which every alert carries where the installation asks for it.
    pub fence: Option<Fence>,
    /// What Thanos Ruler does when a store does not answer.
    pub partial_response: Option<PartialResponse>,
}

/// An objective with what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Described {
    /// The objective.
    pub objective: slo::Objective,
    /// What its alerts say that it is for.
    pub description: Option<String>,
}

/// The targets of the autoscaler, in per cent of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Utilization {
    /// Of CPU, where it is one.
    pub cpu: Option<u32>,
    /// Of memory, where it is one.
    pub memory: Option<u32>,
}

impl Rules {
    /// Every rule group.
    pub fn groups(&self) -> Vec<RuleGroup> {
        let unused = slo::Alerting::default();
        let alerting = self.alerting.as_ref().unwrap_or(&unused);
        let mut groups: Vec<_> = self.objectives.iter().flat_map(|each| self.of_objective(each, alerting)).collect();
        if self.alerting.is_some() {
            if let Some(Utilization { cpu, memory }) = self.utilization {
                groups.push(slo::workload_group(&self.workload, cpu, memory, alerting, &self.maintenance));
            }
            if let Some(replicas) = self.poolers {
                groups.push(slo::pooler_group(&self.workload, replicas, alerting, &self.maintenance));
            }
        }
        groups.extend(self.signal_group());
        for group in &mut groups {
            group.partial_response_strategy = self.partial_response;
            if let Some(fence) = &self.fence {
                label_alerts(group, fence);
            }
        }
        groups
    }

    /// Names of the groups that record something: Prometheus is asked for them by the names of their rules.
    pub fn recording(&self) -> Vec<String> {
        let of_objectives = self.objectives.iter().flat_map(|each| each.objective.groups());
        let signals = self.signal_group().filter(|group| !group.rules.is_empty());
        of_objectives.chain(signals.map(|group| group.name)).collect()
    }

    fn of_objective(&self, each: &Described, alerting: &slo::Alerting) -> Vec<RuleGroup> {
        let Described { objective, description } = each;
        let Some(description) = description else { return self.with_alerts(objective, alerting) };
        let mut alerting = alerting.clone();
        alerting.annotations.entry("objective_description".to_owned()).or_insert_with(|| untemplated(description));
        self.with_alerts(objective, &alerting)
    }

    fn with_alerts(&self, objective: &slo::Objective, alerting: &slo::Alerting) -> Vec<RuleGroup> {
        let mut groups = slo::objective_groups(objective, alerting, &self.options);
        if self.alerting.is_none() {
            for group in &mut groups {
                group.rules.retain(|rule| matches!(rule, Rule::Record { .. }));
            }
        }
        groups
    }

    fn signal_group(&self) -> Option<RuleGroup> {
        let wanted = self.signals.as_ref()?;
        let objectives = self.objectives.iter().map(|each| &each.objective);
        Some(slo::signals::signal_group(&self.workload, objectives, wanted, &self.options))
    }
}

impl RuleSource for Rules {
    fn groups(&self) -> Vec<RuleGroup> {
        Self::groups(self)
    }

    fn json(&self) -> serde_json::Result<String> {
        MOLDS.json(self)
    }
}

impl Rules {
    /// What they are apart from the names in them, with the names.
    fn shape(&self) -> (Self, Names) {
        let (mut shape, mut names) = (self.clone(), Names::default());
        names.take_name(&mut shape.workload.namespace);
        names.take_name(&mut shape.workload.profile);
        for Described { objective, description } in &mut shape.objectives {
            objective.shape(&mut names);
            if let Some(description) = description {
                let mark = names.mark();
                names.add(&mark, &untemplated(&std::mem::replace(description, mark.clone())));
            }
        }
        if let Some(alerting) = &mut shape.alerting {
            let more = alerting.labels.values_mut().chain(alerting.annotations.values_mut());
            more.chain(&mut alerting.runbook_url).for_each(|text| names.take(text));
        }
        if let Some(fence) = &mut shape.fence {
            fence.shape(&mut names);
        }
        (shape, names)
    }
}

/// Plain text where templates are read: braces in it mean themselves.
fn untemplated(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// Puts the label on every alert, so that Alertmanager can tell tenants apart as Prometheus does.
///
/// Recorded series carry `namespace` alone: a label that came and went would make each of them two for as long as a window is.
fn label_alerts(group: &mut RuleGroup, fence: &Fence) {
    for rule in &mut group.rules {
        if let Rule::Alert { labels, .. } = rule {
            labels.insert(fence.label().to_owned(), fence.value().to_owned());
        }
    }
}
