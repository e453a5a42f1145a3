//! Pyrra: the resource `ServiceLevelObjective`.

use super::{Defaults, Fields, Imported, Refusal, Slo, dns_label, promql, target, window};
use crate::{api::v1alpha1, input::Manifest, slo::Selector};

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
    let text = indicator.ratio.as_ref().map(|ratio| ratio.total.clone()).or_else(|| {
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
    } else {
        let message = "only ratio and latency have an equivalent; latencyNative and bool_gauge have none";
        return Err(refused("/spec/indicator", message));
    };
    for kind in ["ratio", "latency"] {
        let pointer = format!("/spec/indicator/{kind}/grouping");
        if fields.length(&pointer) > 0 {
            let _ = fields.value(&pointer);
            imported.note(fields, &pointer, "groups have no equivalent: the objective is about all of them together");
        }
    }
    let shown = dns_label(name, 40);
    if shown != name {
        imported.note(fields, "/metadata/name", format!("`{name}` becomes `{shown}`"));
    }
    let description = fields.text("/spec/description").filter(|text| !text.is_empty()).map(str::to_owned);
    Ok((name.to_owned(), v1alpha1::Objective::new(shown, description, target, window, indicator)))
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
