//! From the objectives of a profile to rule groups.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{
    Part, RulesPlan,
    indicators::{self, Reading},
    metrics::{CPU_UTILIZATION, MEMORY_UTILIZATION, held_utilization},
    rule_object,
    schedule::{self, Stretch},
    tenancy,
};
use crate::{
    api::{
        reasons,
        v1alpha1::{self, Autoscaling, AutoscalingMode, BurnThreshold, Management, PerformanceProfile},
    },
    profile::{
        children::Why,
        finding::{Finding, Level},
        observe::Observed,
        rules::{Described, Rules, Utilization},
        settings::Settings,
    },
    slo::{self, Fenced},
};

/// The sound objectives, and the rules of all of them. One objective that is wrong holds the rules as they are: half of
/// them would silently drop the alerts of the rest of an edit.
pub fn rules(
    profile: &PerformanceProfile,
    autoscaling: &Autoscaling,
    observed: &Observed,
    settings: &Settings,
    (stretches, wrong): &(Vec<Stretch>, Vec<Finding>),
    findings: &mut Vec<Finding>,
) -> (Vec<slo::Objective>, Part<RulesPlan>) {
    let maintenance = schedule::spans(stretches);
    let (sound, mut found) = objectives(profile, settings, observed.now, &maintenance);
    found.extend(wrong.iter().cloned());
    let fence = settings.fence(profile);
    found.extend(fence.iter().flat_map(|_| tenancy::templates(profile)));
    let first_error = found.iter().find(|finding| finding.level == Level::Error).map(ToString::to_string);
    findings.extend(found);
    let pooled = pooled(profile);
    if profile.spec.objectives.is_empty() && pooled.is_none() {
        return (sound, Part::Unwanted(Why::new(reasons::NOT_DECLARED, "the profile declares no objectives")));
    }
    if let Some(message) = first_error {
        return (sound, Part::Held(Why::new(reasons::INVALID, message)));
    }
    let alerting = alerting(profile);
    findings.extend(alerting.findings().into_iter().map(|why| Finding::new(Level::Warning, "/spec/alerting", why)));
    let alerts = profile.spec.alerting.as_ref().is_none_or(|alerting| alerting.mode == Management::Managed);
    let scaled = autoscaling.mode == AutoscalingMode::Managed && !profile.spec.objectives.is_empty();
    let signals = match super::enforcement::signal_options(profile, fence.as_ref()).transpose() {
        Ok(signals) => signals,
        Err(finding) => {
            let message = finding.to_string();
            findings.push(finding);
            return (sound, Part::Held(Why::new(reasons::INVALID, message)));
        }
    };
    let kind = match rule_object::kind(profile, observed.rule_apis) {
        Ok(kind) => kind,
        Err(why) => return (sound, Part::Held(why)),
    };
    if let Some(finding) = rule_object::unfit(profile, kind) {
        let message = finding.to_string();
        findings.push(finding);
        return (sound, Part::Held(Why::new(reasons::INVALID, message)));
    }
    let rules = Rules {
        workload: slo::WorkloadIdentity {
            namespace: profile.namespace().unwrap_or_default(),
            profile: profile.name_any(),
        },
        objectives: sound.iter().map(|objective| described(profile, objective)).collect(),
        alerting: alerts.then_some(alerting),
        utilization: scaled.then(|| Utilization {
            cpu: percent(held_utilization(autoscaling.cpu.as_ref(), CPU_UTILIZATION)),
            memory: percent(held_utilization(autoscaling.memory.as_ref(), MEMORY_UTILIZATION)),
        }),
        poolers: pooled.map(|pooling| !pooling.replicas.is_empty()),
        signals,
        maintenance,
        options: settings.slo,
        fence,
        partial_response: rule_object::partial_response(profile, settings, kind, findings),
    };
    let labels = rule_object::labels(profile, settings);
    (sound, Part::Wanted(RulesPlan { rules: Arc::new(rules), labels, kind }))
}

/// The pools that the operator runs, which have alerts of their own.
fn pooled(profile: &PerformanceProfile) -> Option<&v1alpha1::PostgresPooling> {
    let pooling = profile.spec.pooling.as_ref()?.postgres.as_ref()?;
    (pooling.mode == Management::Managed).then_some(pooling)
}

/// The alerts of an objective say what it is for.
fn described(profile: &PerformanceProfile, objective: &slo::Objective) -> Described {
    let wire = profile.spec.objectives.iter().find(|wire| wire.name == objective.identity.objective);
    Described { objective: objective.clone(), description: wire.and_then(|wire| wire.description.clone()) }
}

fn percent(utilization: Option<i32>) -> Option<u32> {
    utilization.and_then(|percent| u32::try_from(percent).ok())
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
        threshold: match alerting.burn_threshold {
            BurnThreshold::Rate => slo::Threshold::Rate,
            BurnThreshold::Budget => slo::Threshold::Budget,
        },
    }
}

/// Every objective that is sound, and what is wrong with the others.
fn objectives(
    profile: &PerformanceProfile,
    settings: &Settings,
    now: Timestamp,
    maintenance: &[slo::Span],
) -> (Vec<slo::Objective>, Vec<Finding>) {
    let mut sound = Vec::new();
    let mut findings = Vec::new();
    let fence = settings.fence(profile);
    let preset = match preset(profile, fence.as_ref()) {
        Ok(preset) => preset,
        // Of the objectives nothing is said that follows from this alone.
        Err(why) => return (sound, vec![Finding::new(Level::Error, "/spec/telemetry/selector", why)]),
    };
    let reading = Reading { preset: preset.as_ref(), fence: fence.as_ref() };
    for (index, wire) in profile.spec.objectives.iter().enumerate() {
        let at = |path: &str| format!("/spec/objectives/{index}{path}");
        if profile.spec.objectives.iter().take(index).any(|earlier| earlier.name == wire.name) {
            let message = format!("two objectives are named {}: each needs a name of its own", wire.name);
            findings.push(Finding::new(Level::Error, at("/name"), message));
            continue;
        }
        match objective(profile, wire, reading, now) {
            Ok(mut objective) => {
                objective.maintenance = maintenance.to_vec();
                let tiers = slo::tiers(objective.window, objective.target, &settings.slo);
                let place = if objective.calendar.is_some() { "/calendar" } else { "/window" };
                findings.extend(
                    threshold(wire, preset.as_ref())
                        .map(|why| Finding::new(Level::Warning, at("/indicator/latency/threshold"), why)),
                );
                findings.extend(tiers.findings().map(|why| Finding::new(Level::Warning, at(place), why)));
                sound.push(objective);
            }
            Err(wrong) => {
                findings.extend(wrong.into_iter().map(|(path, message)| Finding::new(Level::Error, at(path), message)));
            }
        }
    }
    (sound, findings)
}

/// The metrics whose names are known, if the profile says whose they are.
fn preset(profile: &PerformanceProfile, fence: Option<&slo::Fence>) -> Result<Option<slo::Preset>, String> {
    use slo::Source;
    use v1alpha1::TelemetryPreset as Wire;
    let Some(telemetry) = &profile.spec.telemetry else { return Ok(None) };
    let selector: slo::Matchers = telemetry.selector.parse().map_err(|error: slo::PromqlError| error.to_string())?;
    let selector = match fence {
        Some(fence) => selector.within(fence).map_err(|error| error.to_string())?,
        None => selector,
    };
    let source = match telemetry.preset {
        Wire::OpenTelemetry => Source::OpenTelemetry,
        Wire::Prometheus => Source::Prometheus,
        Wire::Istio => Source::Istio,
        Wire::Linkerd => Source::Linkerd,
        Wire::IngressNginx => Source::IngressNginx,
        Wire::EnvoyGateway => Source::EnvoyGateway,
    };
    Ok(Some(slo::Preset::new(source, selector)))
}

/// A threshold of a known histogram that is no bound of its usual buckets.
fn threshold(wire: &v1alpha1::Objective, preset: Option<&slo::Preset>) -> Option<String> {
    let latency = wire.indicator.latency.as_ref().filter(|latency| latency.histogram.is_none())?;
    if latency.format == v1alpha1::HistogramFormat::Native {
        return None;
    }
    preset?.between_bounds(latency.threshold)
}

/// One objective, or each thing that is wrong with it and where.
fn objective(
    profile: &PerformanceProfile,
    wire: &v1alpha1::Objective,
    reading: Reading<'_>,
    now: Timestamp,
) -> Result<slo::Objective, Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    let identity = slo::Identity {
        namespace: profile.namespace().unwrap_or_default(),
        profile: profile.name_any(),
        objective: wire.name.clone(),
    };
    let calendar = wire.calendar.as_ref().and_then(|calendar| {
        schedule::periods(calendar, now).map_err(|error| wrong.push(("/calendar/timeZone", error.to_string()))).ok()
    });
    let (calendar, length) = calendar.map_or((None, wire.window), |(periods, length)| (Some(periods), length));
    let window = slo::Window::try_from(length).map_err(|error| wrong.push(("/window", error.to_string()))).ok();
    let further_windows = further_windows(wire, window.filter(|_| calendar.is_none()), &mut wrong);
    let grouping = wire.grouping.as_ref().and_then(|grouping| {
        slo::Grouping::new(grouping.by.clone(), u32::try_from(grouping.limit).unwrap_or_default())
            .map_err(|error| wrong.push(("/grouping", error.to_string())))
            .ok()
    });
    let indicator = indicators::indicator(&identity, &wire.indicator, reading, &mut wrong);
    if wire.grouping.is_some()
        && indicator.as_ref().is_some_and(|indicator| {
            use slo::Indicator::{Composite, Saturation, Throughput};
            matches!(indicator, Throughput { .. } | Saturation { .. } | Composite(_))
        })
    {
        let why = "grouping goes with ratio, latency, raw and probe: the others have one number for all";
        wrong.push(("/grouping", why.to_owned()));
    }
    match (window, indicator) {
        (Some(window), Some(indicator)) if wrong.is_empty() => Ok(slo::Objective {
            calendar,
            further_windows,
            grouping,
            ..slo::Objective::new(identity, wire.target, window, indicator)
        }),
        _ => Err(wrong),
    }
}

/// The additional windows, each another one than the objective's own.
fn further_windows(
    wire: &v1alpha1::Objective,
    own: Option<slo::Window>,
    wrong: &mut Vec<(&'static str, String)>,
) -> Vec<slo::Window> {
    let mut windows = Vec::new();
    for window in &wire.additional_windows {
        match slo::Window::try_from(*window) {
            Ok(window) if own == Some(window) || windows.contains(&window) => {
                wrong.push(("/additionalWindows", format!("the window {window} is there twice")));
            }
            Ok(window) => windows.push(window),
            Err(error) => wrong.push(("/additionalWindows", error.to_string())),
        }
    }
    windows
}
