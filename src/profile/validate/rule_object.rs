//! The object that the rules are in.

use std::collections::BTreeMap;

use super::RuleKind;
use crate::{
    api::{
        labels, reasons,
        v1alpha1::{HistogramFormat, Objective, PartialResponseStrategy, PerformanceProfile, RuleObjectKind},
    },
    kube::RuleApis,
    profile::{
        children::Why,
        finding::{Finding, Level},
        settings::Settings,
    },
    slo,
};

/// The kind that is asked for, or the one that the cluster can take; nothing where it cannot take what is asked for.
pub fn kind(profile: &PerformanceProfile, served: RuleApis) -> Result<RuleKind, Why> {
    let asked = profile.spec.rules.as_ref().map_or(RuleObjectKind::Auto, |rules| rules.kind);
    let absent = |api: &str| {
        let message = format!(
            "spec.rules.kind asks for {api}, which the cluster does not serve: install it, or set kind: Auto; the rules stay as they are"
        );
        Err(Why::new(reasons::RULE_KIND_NOT_SERVED, message))
    };
    match asked {
        RuleObjectKind::PrometheusRule if !served.prometheus_rule => {
            absent("a PrometheusRule of monitoring.coreos.com/v1")
        }
        RuleObjectKind::VMRule if !served.vm_rule => absent("a VMRule of operator.victoriametrics.com/v1beta1"),
        RuleObjectKind::PrometheusRule => Ok(RuleKind::PrometheusRule),
        RuleObjectKind::VMRule => Ok(RuleKind::VMRule),
        RuleObjectKind::Auto if served.prometheus_rule => Ok(RuleKind::PrometheusRule),
        RuleObjectKind::Auto if served.vm_rule => Ok(RuleKind::VMRule),
        RuleObjectKind::ConfigMap | RuleObjectKind::Auto => Ok(RuleKind::ConfigMap),
    }
}

/// What a rule object of this kind cannot hold: VictoriaMetrics has none of the functions for native histograms, and refuses all
/// rules of an object for one that it cannot read.
pub fn unfit(profile: &PerformanceProfile, kind: RuleKind) -> Option<Finding> {
    let native = |objective: &Objective| {
        objective.indicator.latency.as_ref().is_some_and(|latency| latency.format == HistogramFormat::Native)
    };
    let index = profile.spec.objectives.iter().position(native).filter(|_| kind == RuleKind::VMRule)?;
    let message = "VictoriaMetrics has no functions for native histograms, and would refuse the whole VMRule: use the \
                   classic histogram, or a rules.kind whose rules a Prometheus loads";
    let pointer = format!("/spec/objectives/{index}/indicator/latency/format");
    Some(Finding::new(Level::Error, pointer, message.to_owned()))
}

/// The labels of the object, those of the profile before those of the installation.
pub fn labels(profile: &PerformanceProfile, settings: &Settings) -> BTreeMap<String, String> {
    let mut all = settings.rule_labels.clone();
    all.extend(profile.spec.rules.clone().unwrap_or_default().labels);
    all.retain(|key, _| key != labels::PROFILE && key != labels::MANAGED_BY);
    all
}

/// What Thanos Ruler is to do about stores that do not answer: as the profile says, else as the installation does. A `VMRule`
/// with it could not be read.
pub fn partial_response(
    profile: &PerformanceProfile,
    settings: &Settings,
    kind: RuleKind,
    findings: &mut Vec<Finding>,
) -> Option<slo::PartialResponse> {
    let asked = profile.spec.rules.as_ref().and_then(|rules| rules.partial_response_strategy);
    let asked = asked.map(|strategy| match strategy {
        PartialResponseStrategy::Warn => slo::PartialResponse::Warn,
        PartialResponseStrategy::Abort => slo::PartialResponse::Abort,
    });
    if kind == RuleKind::VMRule {
        if asked.is_some() {
            let message = "partialResponseStrategy is for Thanos Ruler, and a VMRule has no such field: it is left out";
            findings.push(Finding::new(Level::Warning, "/spec/rules/partialResponseStrategy", message.to_owned()));
        }
        return None;
    }
    asked.or(settings.partial_response_strategy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{
        testing::{AVAILABILITY, observed, profile},
        validate::{Part, validate},
    };

    const APIS: [RuleApis; 4] = [
        RuleApis { prometheus_rule: false, vm_rule: false, pod_monitor: false },
        RuleApis { prometheus_rule: false, vm_rule: true, pod_monitor: false },
        RuleApis { prometheus_rule: true, vm_rule: false, pod_monitor: true },
        RuleApis { prometheus_rule: true, vm_rule: true, pod_monitor: true },
    ];

    fn kinds(asked: &str) -> [Option<RuleKind>; 4] {
        let profile = profile(&format!("rules: {{kind: {asked}}}\n{AVAILABILITY}"));
        APIS.map(|served| kind(&profile, served).ok())
    }

    #[test]
    fn the_kind_is_the_one_asked_for_or_the_first_that_is_served() {
        use RuleKind::{ConfigMap, PrometheusRule, VMRule};
        assert_eq!(kinds("Auto"), [Some(ConfigMap), Some(VMRule), Some(PrometheusRule), Some(PrometheusRule)]);
        assert_eq!(kinds("PrometheusRule"), [None, None, Some(PrometheusRule), Some(PrometheusRule)]);
        assert_eq!(kinds("VMRule"), [None, Some(VMRule), None, Some(VMRule)]);
        assert_eq!(kinds("ConfigMap"), [Some(ConfigMap); 4]);
        assert_eq!(kind(&profile(AVAILABILITY), APIS[1]), Ok(VMRule), "Auto is the default");
    }

    #[test]
    fn a_kind_that_is_not_served_holds_the_rules() {
        let checked =
            validate(&profile(&format!("rules: {{kind: VMRule}}\n{AVAILABILITY}")), &observed(), &Settings::default());
        let Part::Held(why) = checked.rules else { panic!("{:?}", checked.rules) };
        assert_eq!(why.reason, reasons::RULE_KIND_NOT_SERVED);
        assert!(why.message.contains("VMRule of operator.victoriametrics.com/v1beta1"), "{}", why.message);
        assert_eq!(checked.objectives.len(), 1, "they are evaluated all the same");
    }

    #[test]
    fn native_histograms_are_not_for_victoria_metrics() {
        let latency = "objectives:\n- {name: quick, target: \"99\", indicator: {latency: {histogram: h, format: Native, threshold: 1s}}}";
        let mut all = observed();
        all.rule_apis.vm_rule = true;
        let checked = |kind: &str| {
            let profile = profile(&format!("rules: {{kind: {kind}}}\n{latency}"));
            validate(&profile, &all, &Settings::default())
        };
        assert!(matches!(checked("Auto").rules, Part::Wanted(_)));
        let refused = checked("VMRule");
        let Part::Held(why) = refused.rules else { panic!("{:?}", refused.rules) };
        assert_eq!(why.reason, reasons::INVALID);
        assert!(why.message.starts_with("spec.objectives[0].indicator.latency.format: "), "{}", why.message);
        assert_eq!(refused.findings.len(), 1);
    }

    #[test]
    fn the_profile_says_more_than_the_installation_about_missing_stores() {
        let of_installation =
            Settings { partial_response_strategy: Some(slo::PartialResponse::Warn), ..Settings::default() };
        let strategies = |rules: &str, settings: &Settings| {
            let mut all = observed();
            all.rule_apis.vm_rule = true;
            let checked = validate(&profile(&format!("rules: {{{rules}}}\n{AVAILABILITY}")), &all, settings);
            let Part::Wanted(plan) = checked.rules else { panic!("{:?}", checked.rules) };
            let mut found: Vec<_> = plan.rules.groups().iter().map(|group| group.partial_response_strategy).collect();
            assert_eq!(found.len(), 3);
            found.dedup();
            (found, checked.findings.len())
        };
        assert_eq!(strategies("", &Settings::default()), (vec![None], 0));
        assert_eq!(strategies("", &of_installation), (vec![Some(slo::PartialResponse::Warn)], 0));
        let abort = "partialResponseStrategy: Abort";
        assert_eq!(strategies(abort, &of_installation), (vec![Some(slo::PartialResponse::Abort)], 0));
        assert_eq!(strategies("kind: VMRule", &of_installation), (vec![None], 0));
        assert_eq!(strategies(&format!("kind: VMRule, {abort}"), &of_installation), (vec![None], 1));
    }
}
