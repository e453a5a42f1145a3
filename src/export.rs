//! `plimsoll export`: profiles as documents of OpenSLO v1. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::v1alpha1::{self, CalendarPeriod, PerformanceProfile, TargetRef},
    load::Loaded,
    slo::{self, BadEvents, Indicator, indicator},
};

/// What OpenSLO has no field for, and `import` needs to give back the same profile.
pub const OBJECTIVE: &str = "plimsoll.dev/objective";
/// The namespace of the profile.
pub const NAMESPACE: &str = "plimsoll.dev/namespace";
/// The workload, as `apps/v1/Deployment/checkout`.
pub const TARGET: &str = "plimsoll.dev/target";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// OpenSLO v1
    Openslo,
}

/// What came out.
pub struct Exported {
    /// The documents.
    pub documents: Vec<Value>,
    /// Everything that has no equivalent.
    pub notes: Vec<String>,
    /// How many objectives are among it.
    pub missing: usize,
}

/// The documents, and a note for everything that has no equivalent.
pub fn openslo(objectives: &[Loaded]) -> Exported {
    let (mut documents, mut notes, mut missing) = (Vec::new(), Vec::new(), 0);
    let mut services: Vec<(Option<&str>, &str)> = Vec::new();
    for loaded in objectives {
        let profile = &loaded.profile;
        let name = profile.metadata.name.as_deref().unwrap_or_default();
        let key = (profile.metadata.namespace.as_deref(), name);
        if !services.contains(&key) {
            if !services.iter().any(|(_, other)| *other == name) {
                documents.push(
                    json!({"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": name}, "spec": {}}),
                );
            }
            notes.extend(without_equivalent(profile).map(|what| {
                format!("{}: note: profile {name}: {what} has no equivalent and is left out", loaded.file.display())
            }));
            services.push(key);
        }
        if let Some(ratio) = ratio(&loaded.objective.indicator) {
            documents.push(slo(loaded, name, &ratio));
            let beside = [
                (!loaded.wire.additional_windows.is_empty(), "additionalWindows"),
                (loaded.wire.grouping.is_some(), "grouping"),
            ];
            notes.extend(beside.iter().filter(|(there, _)| *there).map(|(_, what)| {
                format!(
                    "{}: note: profile {name}, objective {}: {what} has no equivalent and is left out",
                    loaded.file.display(),
                    loaded.wire.name
                )
            }));
        } else {
            missing += 1;
            notes.push(format!(
                "{}: not exported: profile {name}, objective {}: only counters and classic histograms have an equivalent",
                loaded.file.display(),
                loaded.wire.name
            ));
        }
    }
    Exported { documents, notes, missing }
}

fn without_equivalent(profile: &PerformanceProfile) -> impl Iterator<Item = &'static str> {
    let spec = &profile.spec;
    let parts = [
        (spec.autoscaling.is_some(), "spec.autoscaling"),
        (spec.disruption.is_some(), "spec.disruption"),
        (spec.alerting.is_some(), "spec.alerting"),
        (spec.rules.is_some(), "spec.rules"),
        (!spec.maintenance.is_empty(), "spec.maintenance"),
        (profile.metadata.labels.is_some(), "metadata.labels"),
        (profile.metadata.annotations.is_some(), "metadata.annotations"),
    ];
    parts.into_iter().filter_map(|(there, what)| there.then_some(what))
}

fn slo(loaded: &Loaded, profile: &str, ratio: &Value) -> Value {
    let v1alpha1::Objective { name, description, target, .. } = &loaded.wire;
    let TargetRef { api_version, kind, name: workload } = &loaded.profile.spec.target_ref;
    let annotations = json!({
        OBJECTIVE: name,
        NAMESPACE: loaded.profile.metadata.namespace,
        TARGET: format!("{api_version}/{kind}/{workload}"),
    });
    // As a number with exactly the decimals that were written: a fraction would come with noise.
    let per_cent: Value = serde_json::from_str(&target.to_string()).unwrap_or_default();
    let mut spec = json!({
        "service": profile,
        "indicator": {"metadata": {"name": format!("{profile}-{name}")}, "spec": {"ratioMetric": ratio}},
        "timeWindow": [time_window(loaded)],
        "budgetingMethod": "Occurrences",
        "objectives": [{"targetPercent": per_cent}],
    });
    if let (Some(description), Some(spec)) = (description, spec.as_object_mut()) {
        spec.insert("description".to_owned(), json!(description));
    }
    json!({
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": format!("{profile}-{name}"), "annotations": annotations},
        "spec": spec,
    })
}

/// A calendar window begins in OpenSLO at a date of its zone: the first of the period that has begun.
fn time_window(loaded: &Loaded) -> Value {
    let (Some(calendar), Some(periods)) = (&loaded.wire.calendar, &loaded.objective.calendar) else {
        return json!({"duration": loaded.wire.window, "isRolling": true});
    };
    let duration = match calendar.period {
        CalendarPeriod::Week => "1w",
        CalendarPeriod::Month => "1M",
        CalendarPeriod::Quarter => "1Q",
    };
    let start = local(periods.current.span.start, &calendar.time_zone).unwrap_or_default();
    json!({"duration": duration, "isRolling": false, "calendar": {"startTime": start, "timeZone": calendar.time_zone}})
}

/// `2026-11-01 00:00:00`, as the clocks of the zone show it.
fn local(second: i64, zone: &str) -> Option<String> {
    let zoned = Timestamp::from_second(second).ok()?.in_tz(zone).ok()?;
    Some(zoned.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// `None`: OpenSLO has no field for it that means the same.
fn ratio(indicator: &Indicator) -> Option<Value> {
    let source = |selector: String| json!({"metricSource": {"type": "Prometheus", "spec": {"query": format!("sum({selector})")}}});
    let of = |part: &str, selector: String, total: String| json!({"counter": true, part: source(selector), "total": source(total)});
    match indicator {
        Indicator::Ratio { bad: BadEvents::Errors(errors), total } => {
            Some(of("bad", errors.to_string(), total.to_string()))
        }
        Indicator::Ratio { bad: BadEvents::Good(good), total } => Some(of("good", good.to_string(), total.to_string())),
        Indicator::Latency { histogram, selector, threshold, unit, format: slo::Format::Classic } => {
            let le = indicator::le(&unit.of(*threshold));
            let good = indicator::series(histogram, "_bucket", selector, Some(&le));
            Some(of("good", good, indicator::series(histogram, "_count", selector, None)))
        }
        _ => None,
    }
}
