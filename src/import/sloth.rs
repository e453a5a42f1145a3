//! Sloth: its own files (`version: prometheus/v1`) and the resource `PrometheusServiceLevel`.

use super::{Defaults, Fields, Imported, Refusal, Slo, dns_label, promql, target};
use crate::{
    api::{Duration, v1alpha1},
    input::Manifest,
};

/// Names of fields in the two spellings.
struct Spelling {
    errors: &'static str,
    total: &'static str,
    page: &'static str,
    ticket: &'static str,
}

const FILE: Spelling =
    Spelling { errors: "error_query", total: "total_query", page: "page_alert", ticket: "ticket_alert" };
const RESOURCE: Spelling =
    Spelling { errors: "errorQuery", total: "totalQuery", page: "pageAlert", ticket: "ticketAlert" };

pub(super) fn read(manifests: &[Manifest], slos: &mut Vec<Slo>, imported: &mut Imported) {
    for manifest in manifests {
        let fields = Fields::new(manifest);
        let (root, spelling) = match (fields.text("/version"), fields.text("/apiVersion"), fields.text("/kind")) {
            (Some("prometheus/v1"), _, _) => ("", FILE),
            (_, Some("sloth.slok.dev/v1"), Some("PrometheusServiceLevel")) => ("/spec", RESOURCE),
            _ => {
                imported.note(
                    &fields,
                    "",
                    "neither `version: prometheus/v1` nor a PrometheusServiceLevel: passed over",
                );
                continue;
            }
        };
        let name = fields.text("/metadata/name");
        let Some(service) = fields.text(&format!("{root}/service")).or(name) else {
            imported.found += 1;
            imported.refuse(&fields, (root.to_owned(), "it names no service".to_owned()));
            continue;
        };
        let namespace = fields.text("/metadata/namespace").map(str::to_owned);
        let rule_labels = fields.texts("/metadata/labels");
        let count = fields.length(&format!("{root}/slos"));
        for index in 0..count {
            imported.found += 1;
            let at = format!("{root}/slos/{index}");
            match objective(&fields, &at, &spelling, imported) {
                Ok(objective) => {
                    let mut defaults = defaults(&fields, root, &at, &spelling, imported);
                    defaults.rule_labels.extend(rule_labels.iter().cloned());
                    let (file, line) = fields.place(&at);
                    let namespace = namespace.clone();
                    slos.push(Slo {
                        file,
                        line,
                        namespace,
                        service: service.to_owned(),
                        target: None,
                        objective,
                        defaults,
                    });
                }
                Err(refusal) => {
                    // Said once: the fields of an objective that is not there need no notes of their own.
                    let _ = fields.value(&at);
                    imported.refuse(&fields, refusal);
                }
            }
        }
        if count == 0 {
            imported.note(&fields, root, "it holds no slos");
        } else {
            imported.note(
                &fields,
                root,
                "the window is an option of the Sloth that reads the file: its default of 30d is taken",
            );
        }
        imported.leftovers(&fields);
    }
}

fn objective(
    fields: &Fields<'_>,
    at: &str,
    spelling: &Spelling,
    imported: &mut Imported,
) -> Result<v1alpha1::Objective, Refusal> {
    let here = |path: &str| format!("{at}/{path}");
    let name = fields.text(&here("name")).ok_or_else(|| (at.to_owned(), "it has no name".to_owned()))?;
    let per_cent = fields.number(&here("objective"));
    let per_cent = per_cent.ok_or_else(|| (here("objective"), "it is no number of per cent".to_owned()))?;
    let target = target(per_cent).map_err(|message| (here("objective"), message))?;
    let indicator = indicator(fields, at, spelling, imported)?;
    let shown = dns_label(name, 40);
    if shown != name {
        imported.note(fields, &here("name"), format!("`{name}` becomes `{shown}`"));
    }
    Ok(v1alpha1::Objective::new(
        shown,
        fields.text(&here("description")).filter(|text| !text.is_empty()).map(str::to_owned),
        target,
        Duration::from_secs(30 * 86_400),
        indicator,
    ))
}

fn indicator(
    fields: &Fields<'_>,
    at: &str,
    spelling: &Spelling,
    imported: &mut Imported,
) -> Result<v1alpha1::Indicator, Refusal> {
    let sli = format!("{at}/sli");
    let (errors, total) = (format!("{sli}/events/{}", spelling.errors), format!("{sli}/events/{}", spelling.total));
    match (fields.text(&errors), fields.text(&total)) {
        (Some(bad), Some(all)) => {
            let refusal = match promql::errors_of(&at_window(bad, "5m"), &at_window(all, "5m")) {
                Ok(indicator) => return Ok(indicator),
                Err(refusal) => refusal,
            };
            match promql::raw(&at_window(bad, "$window"), &at_window(all, "$window")) {
                Some(indicator) => {
                    imported.note(fields, &errors, "its queries are taken as they are, as raw expressions");
                    Ok(indicator)
                }
                None => Err((errors, refusal)),
            }
        }
        _ if fields.peek(&format!("{sli}/raw")).is_some() => Err((
            format!("{sli}/raw"),
            "an error ratio without its events cannot be weighed by them: write it as a ratio of two counters"
                .to_owned(),
        )),
        _ if fields.peek(&format!("{sli}/plugin")).is_some() => Err((
            format!("{sli}/plugin"),
            "what a plugin does is not in the file: render it with Sloth and read the queries".to_owned(),
        )),
        _ => Err((sli, "it has neither events with two queries, nor raw, nor plugin".to_owned())),
    }
}

/// The query at one window.
fn at_window(query: &str, window: &str) -> String {
    let mut rest = query;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        match after.split_once("}}") {
            Some((inner, tail)) if inner.trim().trim_matches('-').trim() == ".window" => {
                text.push_str(window);
                rest = tail;
            }
            _ => {
                text.push_str("{{");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn defaults(fields: &Fields<'_>, root: &str, at: &str, spelling: &Spelling, imported: &mut Imported) -> Defaults {
    let mut defaults = Defaults::default();
    for path in [format!("{root}/labels"), format!("{at}/labels"), format!("{at}/alerting/labels")] {
        for (key, value) in fields.texts(&path) {
            super::alert_label(
                &mut defaults,
                fields,
                &format!("{path}/{}", super::fields::escaped(&key)),
                (&key, value),
                imported,
            );
        }
    }
    defaults.annotations.extend(fields.texts(&format!("{at}/alerting/annotations")));
    let mut disabled = [false, false];
    for (index, class) in [spelling.page, spelling.ticket].into_iter().enumerate() {
        let severity = fields.text(&format!("{at}/alerting/{class}/labels/severity")).map(str::to_owned);
        let off = fields.flag(&format!("{at}/alerting/{class}/disable")).unwrap_or_default();
        if let Some(slot) = disabled.get_mut(index) {
            *slot = off;
        }
        if index == 0 {
            defaults.page = severity;
        } else {
            defaults.ticket = severity;
        }
    }
    match disabled {
        [true, true] => defaults.disabled = true,
        [false, false] => {}
        _ => imported.note(
            fields,
            &format!("{at}/alerting"),
            "one class of alerts is disabled: here both are written, or none",
        ),
    }
    defaults
}
