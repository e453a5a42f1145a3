//! Pyrra: the resource `ServiceLevelObjective`.

use super::{Defaults, Fields, Imported, Refusal, Slo, dns_label, promql, target, window};
use crate::{
    api::v1alpha1,
    input::Manifest,
    slo::{self, Selector},
};

/// Labels with this prefix are put on Pyrra's alerts, without it.
const PROPAGATED: &str = "pyrra.dev/";

pub(super) fn read(manifests: &[Manifest], slos: &mut Vec<Slo>, imported: &mut Imported) {
    for manifest in manifests {
        let fields = Fields::new(manifest);
        let version = fields.text("/apiVersion").unwrap_or_default();
        if !version.starts_with("pyrra.dev/") || fields.text("/kind") != Some("ServiceLevelObjective") {
            imported.note(&fields, "", "no ServiceLevelObjective of pyrra.dev: passed over");
            continue;
        }
        imported.found += 1;
        match objective(&fields, imported) {
            Ok((name, objective)) => {
                let defaults = defaults(&fields, imported);
                let service = service(&objective).unwrap_or_else(|| name.clone());
                imported.note(
                    &fields,
                    "/metadata/name",
                    format!(
                        "its workload is not named: Deployment {service} is taken, unless --target-ref says another"
                    ),
                );
                let namespace = fields.text("/metadata/namespace").map(str::to_owned);
                let (file, line) = fields.place("");
                slos.push(Slo { file, line, namespace, service, target: None, objective, defaults });
                imported.leftovers(&fields);
            }
            Err(refusal) => imported.refuse(&fields, refusal),
        }
    }
}

/// The workload after the label `job`, which most installations name like it.
fn service(objective: &v1alpha1::Objective) -> Option<String> {
    let indicator = &objective.indicator;
    let probe = || indicator.probe.as_ref().map(|probe| probe.gauge.clone());
    let text = indicator.ratio.as_ref().map(|ratio| ratio.total.clone()).or_else(probe).or_else(|| {
        indicator
            .latency
            .as_ref()
            .map(|latency| format!("{}{{{}}}", latency.histogram.as_deref().unwrap_or_default(), latency.selector))
    })?;
    let selector: Selector = text.parse().ok()?;
    let (_, job) = selector.without("job");
    let job = job.filter(|job| matches!(job.op, promql_parser::label::MatchOp::Equal))?;
    let name = dns_label(job.value.rsplit('/').next()?, 52);
    (!name.is_empty()).then_some(name)
}

fn objective(fields: &Fields<'_>, imported: &mut Imported) -> Result<(String, v1alpha1::Objective), Refusal> {
    let refused = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
    let name = fields.text("/metadata/name").ok_or_else(|| refused("/metadata", "it has no name"))?;
    let per_cent =
        fields.number("/spec/target").ok_or_else(|| refused("/spec/target", "it is no number of per cent"))?;
    let target = target(per_cent).map_err(|message| ("/spec/target".to_owned(), message))?;
    let period = fields.text("/spec/window").ok_or_else(|| refused("/spec/window", "it is missing"))?;
    let window = window(period).map_err(|message| ("/spec/window".to_owned(), message))?;
    let metric = |path: &str| -> Result<Selector, Refusal> {
        let pointer = format!("/spec/indicator/{path}/metric");
        let text = fields.text(&pointer).ok_or_else(|| refused(&pointer, "it is missing"))?;
        promql::counter(text).map_err(|message| (pointer, message))
    };
    let indicator = if fields.peek("/spec/indicator/ratio").is_some() {
        promql::bad_of(&metric("ratio/errors")?, &metric("ratio/total")?)
    } else if fields.peek("/spec/indicator/latency").is_some() {
        promql::good_of(&metric("latency/success")?, &metric("latency/total")?)
    } else if fields.peek("/spec/indicator/latencyNative").is_some() {
        native(fields, &metric("latencyNative/total")?)?
    } else if fields.peek("/spec/indicator/bool_gauge").is_some() {
        let pointer = "/spec/indicator/bool_gauge/metric";
        let text = fields.text(pointer).ok_or_else(|| refused(pointer, "it is missing"))?;
        let gauge: Selector =
            text.parse().map_err(|error: slo::PromqlError| (pointer.to_owned(), error.to_string()))?;
        let probe = v1alpha1::Probe { gauge: gauge.to_string() };
        v1alpha1::Indicator { probe: Some(probe), ..v1alpha1::Indicator::default() }
    } else {
        let message = "it has none of ratio, latency, latencyNative and bool_gauge";
        return Err(refused("/spec/indicator", message));
    };
    let grouping = grouping(fields, imported);
    let shown = dns_label(name, 40);
    if shown != name {
        imported.note(fields, "/metadata/name", format!("`{name}` becomes `{shown}`"));
    }
    let description = fields.text("/spec/description").filter(|text| !text.is_empty()).map(str::to_owned);
    let objective = v1alpha1::Objective::new(shown, description, target, window, indicator);
    Ok((name.to_owned(), v1alpha1::Objective { grouping, ..objective }))
}

/// A native histogram: `total` is the histogram itself there.
fn native(fields: &Fields<'_>, total: &Selector) -> Result<v1alpha1::Indicator, Refusal> {
    let refused = |message: String| ("/spec/indicator/latencyNative".to_owned(), message);
    let text =
        fields.text("/spec/indicator/latencyNative/latency").ok_or_else(|| refused("it has no latency".to_owned()))?;
    let threshold = text.parse().map_err(|error: crate::api::DurationError| refused(error.to_string()))?;
    let histogram = total.name().ok_or_else(|| refused("total names no metric".to_owned()))?.to_owned();
    let (selector, _) = total.without("__name__");
    let latency = v1alpha1::Latency {
        histogram: Some(histogram),
        selector: selector.to_string(),
        format: v1alpha1::HistogramFormat::Native,
        threshold,
    };
    Ok(v1alpha1::Indicator { latency: Some(latency), ..v1alpha1::Indicator::default() })
}

/// Groups that are followed at a time: the default of the resource. There they have no bound.
const GROUPS: u32 = 20;

/// A budget for each group, as there.
fn grouping(fields: &Fields<'_>, imported: &mut Imported) -> Option<v1alpha1::Grouping> {
    let by: Vec<String> = ["ratio", "latency", "latencyNative", "bool_gauge"]
        .iter()
        .flat_map(|kind| {
            let pointer = format!("/spec/indicator/{kind}/grouping");
            (0..fields.length(&pointer)).filter_map(move |index| fields.text(&format!("{pointer}/{index}")))
        })
        .map(str::to_owned)
        .collect();
    if by.is_empty() {
        return None;
    }
    match slo::Grouping::new(by.clone(), GROUPS) {
        Ok(_) => Some(v1alpha1::Grouping { by, limit: i32::try_from(GROUPS).unwrap_or(i32::MAX) }),
        Err(error) => {
            let why = format!("{error}; the objective is about all groups together");
            imported.note(fields, "/spec/indicator", why);
            None
        }
    }
}

fn defaults(fields: &Fields<'_>, imported: &mut Imported) -> Defaults {
    let mut defaults = Defaults::default();
    for (key, value) in fields.texts("/metadata/labels") {
        match key.strip_prefix(PROPAGATED) {
            Some(name) => {
                let pointer = format!("/metadata/labels/{}", super::fields::escaped(&key));
                super::alert_label(&mut defaults, fields, &pointer, (name, value), imported);
            }
            None => drop(defaults.rule_labels.insert(key, value)),
        }
    }
    defaults.disabled = fields.flag("/spec/alerting/disabled").unwrap_or_default();
    defaults
}
