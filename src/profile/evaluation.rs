//! What the last answer of Prometheus means for one profile. Pure.

use k8s_openapi::jiff::Timestamp;

use super::validate::{Part, Profile, RuleKind, RulesPlan};
use crate::{
    api::v1alpha1::PerformanceProfileStatus,
    prometheus::{
        Answer, ClientError, Given, GroupState, Loaded, RuleSelector, Snapshot, age, longest_age, missing_labels,
    },
    slo,
};

/// What is known of a profile's objectives.
#[derive(Debug)]
pub enum Evaluation {
    /// The profile has none.
    NoObjectives,
    /// The operator was started without a Prometheus.
    NotConfigured,
    /// Prometheus has not been asked yet.
    Pending,
    /// Prometheus did not answer.
    Failed(ClientError),
    /// Prometheus answered.
    Given {
        /// Each sound objective.
        objectives: Vec<Measured>,
        /// Whether the rules are loaded.
        rules: RulesLoaded,
    },
}

/// One objective as measured.
#[derive(Debug)]
pub struct Measured {
    /// Name of the objective.
    pub name: String,
    /// The numbers; their state is `Unknown` where there are none.
    pub report: slo::evaluate::Report,
    /// How old the samples are.
    pub freshness: Freshness,
}

/// How old the samples of an objective are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Freshness {
    /// Taken at this time.
    Fresh(Timestamp),
    /// Too old to act on: seconds.
    Stale(i64),
    /// There are none.
    Absent,
}

/// Whether Prometheus has the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesLoaded {
    /// All of them, and they are well.
    Yes,
    /// Not written, or not asked.
    Unknown(String),
    /// Not all; what to do.
    Missing(String),
    /// Loaded, and failing.
    Failing(String),
}

/// What the last answer means for one profile.
pub fn evaluate(
    profile: &Profile,
    alerting: &slo::Alerting,
    options: &slo::Options,
    snapshot: &Snapshot,
    old: Option<&PerformanceProfileStatus>,
) -> Evaluation {
    if profile.objectives.is_empty() {
        return Evaluation::NoObjectives;
    }
    match &snapshot.answer {
        Answer::NotConfigured => Evaluation::NotConfigured,
        Answer::Pending => Evaluation::Pending,
        Answer::Failed(error) => Evaluation::Failed(error.clone()),
        Answer::Given(given) => Evaluation::Given {
            objectives: profile
                .objectives
                .iter()
                .map(|objective| measured(objective, alerting, options, given, snapshot.at, old))
                .collect(),
            rules: rules_loaded(profile, &given.loaded),
        },
    }
}

fn measured(
    objective: &slo::Objective,
    alerting: &slo::Alerting,
    options: &slo::Options,
    given: &Given,
    at: Timestamp,
    old: Option<&PerformanceProfileStatus>,
) -> Measured {
    let name = objective.identity.objective.clone();
    let old = old.and_then(|old| old.objectives.iter().find(|each| each.name == name));
    let before = |group: &slo::evaluate::Group| {
        let old = old?;
        if group.is_empty() {
            return Some(old.state);
        }
        old.groups.iter().find(|each| each.labels == *group).map(|each| each.state)
    };
    let found = given.samples.get(&objective.identity);
    let freshness =
        found.and_then(|found| found.newest).map_or(Freshness::Absent, |newest| freshness(newest, at, options));
    let nothing = slo::evaluate::Samples::default();
    let samples = match (found, freshness) {
        (Some(found), Freshness::Fresh(_)) => &found.samples,
        _ => &nothing,
    };
    let terms = slo::evaluate::Terms { objective, alerting, options, now: at.as_second() };
    Measured { report: slo::evaluate::evaluate(terms, samples, &before), name, freshness }
}

fn freshness(newest: f64, at: Timestamp, options: &slo::Options) -> Freshness {
    let age = age(newest, at);
    match Timestamp::from_second(at.as_second() - age) {
        Ok(taken) if age <= longest_age(options.evaluation_interval.into()) => Freshness::Fresh(taken),
        _ => Freshness::Stale(age),
    }
}

fn rules_loaded(profile: &Profile, loaded: &Loaded) -> RulesLoaded {
    let Part::Wanted(plan) = &profile.rules else {
        return RulesLoaded::Unknown("the rules are not written as the profile declares them".to_owned());
    };
    let (groups, selectors) = match loaded {
        Loaded::Unknown(message) => {
            return RulesLoaded::Unknown(format!("Prometheus does not tell its rules: {message}"));
        }
        Loaded::Groups { groups, selectors } => (groups, selectors),
    };
    // The group of the workload has only alerts, and is not asked for by the names of its rules.
    let expected = plan.rules.recording();
    if let Some(name) = expected.iter().find(|name| !groups.contains_key(*name)) {
        return RulesLoaded::Missing(format!(
            "Prometheus has no rule group {name}: {}",
            not_loaded(profile, plan, selectors)
        ));
    }
    let failing = |name: &str| groups.get(name).and_then(|GroupState { error, .. }| error.clone());
    match expected.iter().find_map(|name| failing(name).map(|error| (name, error))) {
        Some((name, error)) => RulesLoaded::Failing(format!("rule group {name}: {error}")),
        None => RulesLoaded::Yes,
    }
}

/// Why a Prometheus may not have the rules, and what to do.
fn not_loaded(profile: &Profile, plan: &RulesPlan, selectors: &[RuleSelector]) -> String {
    match plan.kind {
        RuleKind::PrometheusRule => missing_labels(&plan.labels, selectors).unwrap_or_else(|| {
            "if it was written less than a minute ago, wait; else see that the ruleSelector and the \
             ruleNamespaceSelector of your Prometheus select it, and that the Prometheus Operator reports no error"
                .to_owned()
        }),
        RuleKind::VMRule => format!(
            "if it was written less than a minute ago, wait; else see that the ruleSelector and the ruleNamespaceSelector \
             of your VMAlert select VMRule {0}, that the status of VMRule {0} shows no error, and that the URL that is \
             asked answers for that VMAlert",
            super::build::rules_name(&profile.name)
        ),
        RuleKind::ConfigMap => format!(
            "they are in a file: load that in ConfigMap {} into Prometheus",
            super::build::rules_name(&profile.name)
        ),
    }
}
