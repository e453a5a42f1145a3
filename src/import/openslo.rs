//! OpenSLO, v1 and v1alpha: `SLO` with the `SLI` that it refers to. What `plimsoll export` writes comes back as it was.

use super::{Defaults, Fields, Imported, Refusal, Slo, dns_label, promql, target, window};
use crate::{
    api::{
        Duration,
        v1alpha1::{self, CalendarPeriod, TargetRef},
    },
    export,
    input::Manifest,
    slo::Selector,
};

pub(super) fn read(manifests: &[Manifest], slos: &mut Vec<Slo>, imported: &mut Imported) {
    let all: Vec<Fields<'_>> = manifests.iter().map(Fields::new).collect();
    for fields in &all {
        let version = fields.text("/apiVersion").unwrap_or_default();
        let kind = fields.text("/kind").unwrap_or_default();
        match (version, kind) {
            ("openslo/v1" | "openslo/v1alpha", "SLO") => slo(fields, version, &all, slos, imported),
            // Read where an SLO refers to it.
            ("openslo/v1", "SLI") => {}
            ("openslo/v1" | "openslo/v1alpha", "Service") => {
                let _ = (fields.text("/metadata/name"), fields.text("/metadata/namespace"));
            }
            ("openslo/v1" | "openslo/v1alpha", _) => {
                imported.note(fields, "", format!("a {kind} has no equivalent and is left out"));
                let _ = fields.value("");
            }
            _ => {
                imported.note(fields, "", "no document of openslo/v1 or openslo/v1alpha: passed over");
                let _ = fields.value("");
            }
        }
    }
    for fields in &all {
        if fields.peek("").is_some() {
            imported.leftovers(fields);
        }
    }
}

fn slo(fields: &Fields<'_>, version: &str, all: &[Fields<'_>], slos: &mut Vec<Slo>, imported: &mut Imported) {
    let count = fields.length("/spec/objectives");
    let before = slos.len();
    for index in 0..count.max(1) {
        imported.found += 1;
        match objective(fields, version, index, count, all, imported) {
            Ok(slo) => slos.push(slo),
            Err(refusal) => imported.refuse(fields, refusal),
        }
    }
    if slos.len() == before {
        // Nothing is imported: its fields need no notes of their own.
        let _ = fields.value("");
    }
}

fn objective(
    fields: &Fields<'_>,
    version: &str,
    index: usize,
    count: usize,
    all: &[Fields<'_>],
    imported: &mut Imported,
) -> Result<Slo, Refusal> {
    let refused = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
    let at = format!("/spec/objectives/{index}");
    let name = fields.text("/metadata/name").ok_or_else(|| refused("/metadata", "it has no name"))?;
    if count == 0 {
        return Err(refused("/spec/objectives", "it has no objective"));
    }
    let service = fields.text("/spec/service").ok_or_else(|| refused("/spec/service", "it names no service"))?;
    match fields.text("/spec/budgetingMethod").unwrap_or("Occurrences") {
        "Occurrences" => {}
        other => {
            return Err((
                "/spec/budgetingMethod".to_owned(),
                format!("{other} counts time slices: only Occurrences, which counts events, has an equivalent"),
            ));
        }
    }
    let calendar = if version == "openslo/v1" { calendar_of(fields, imported)? } else { None };
    let window = match (version, &calendar) {
        // Of no effect beside a calendar.
        (_, Some(_)) => Duration::from_secs(30 * 86_400),
        ("openslo/v1", None) => window_of(fields)?,
        _ => window_of_alpha(fields)?,
    };
    let target = target_of(fields, &at)?;
    let indicator = if version == "openslo/v1" {
        indicator(fields, all)?
    } else {
        metrics(fields, &format!("{at}/ratioMetrics"), "query")?
    };
    let annotation = |key: &str| fields.text(&format!("/metadata/annotations/{}", super::fields::escaped(key)));
    let own = annotation(export::OBJECTIVE);
    let label = fields.text(&format!("{at}/displayName"));
    let full = match (own, count) {
        (Some(own), 1) => own.to_owned(),
        (_, 1) => name.to_owned(),
        _ => format!("{name}-{}", label.map_or_else(|| (index + 1).to_string(), str::to_owned)),
    };
    let shown = dns_label(&full, 40);
    if shown != full {
        imported.note(fields, "/metadata/name", format!("`{full}` becomes `{shown}`"));
    }
    let mut defaults = Defaults::default();
    for (key, value) in fields.texts("/metadata/labels") {
        let pointer = format!("/metadata/labels/{}", super::fields::escaped(&key));
        super::alert_label(&mut defaults, fields, &pointer, (&key, value), imported);
    }
    let (file, line) = fields.place(&at);
    Ok(Slo {
        file,
        line,
        namespace: annotation(export::NAMESPACE).map(str::to_owned),
        service: service.to_owned(),
        target: annotation(export::TARGET).and_then(target_ref),
        objective: v1alpha1::Objective {
            calendar,
            ..v1alpha1::Objective::new(
                shown,
                fields.text("/spec/description").filter(|text| !text.is_empty()).map(str::to_owned),
                target,
                window,
                indicator,
            )
        },
        defaults,
    })
}

/// `apps/v1/Deployment/checkout`.
fn target_ref(text: &str) -> Option<TargetRef> {
    let (rest, name) = text.rsplit_once('/')?;
    let (api_version, kind) = rest.rsplit_once('/')?;
    Some(TargetRef { api_version: api_version.to_owned(), kind: kind.to_owned(), name: name.to_owned() })
}

fn target_of(fields: &Fields<'_>, at: &str) -> Result<crate::api::Target, Refusal> {
    let (share, per_cent) = (format!("{at}/target"), format!("{at}/targetPercent"));
    let (pointer, value) = match (fields.number(&per_cent), fields.number(&share)) {
        (Some(value), _) => (per_cent, value),
        (None, Some(value)) => (share, value * 100.0),
        (None, None) => return Err((at.to_owned(), "it has neither target nor targetPercent".to_owned())),
    };
    target(value).map_err(|message| (pointer, message))
}

/// A window that begins with the week, month or quarter of a zone.
fn calendar_of(fields: &Fields<'_>, imported: &mut Imported) -> Result<Option<v1alpha1::Calendar>, Refusal> {
    let at = "/spec/timeWindow/0";
    if fields.peek(&format!("{at}/calendar/timeZone")).is_none()
        || fields.flag(&format!("{at}/isRolling")) == Some(true)
    {
        return Ok(None);
    }
    let period = match fields.text(&format!("{at}/duration")) {
        Some("1w") => CalendarPeriod::Week,
        Some("1M") => CalendarPeriod::Month,
        Some("1Q") => CalendarPeriod::Quarter,
        _ => return Err((at.to_owned(), "only calendar windows of 1w, 1M and 1Q have an equivalent".to_owned())),
    };
    let start = format!("{at}/calendar/startTime");
    // Written by `export`, and by all who let the window begin with the period.
    if fields.text(&start).is_some_and(|text| !text.ends_with("00:00:00")) {
        imported.note(fields, &start, "the window begins at midnight, with the week, month or quarter");
    }
    let time_zone = fields.text(&format!("{at}/calendar/timeZone")).unwrap_or("UTC").to_owned();
    Ok(Some(v1alpha1::Calendar { period, time_zone }))
}

fn window_of(fields: &Fields<'_>) -> Result<Duration, Refusal> {
    let at = "/spec/timeWindow/0";
    let refused = |message: String| (at.to_owned(), message);
    if fields.length("/spec/timeWindow") != 1 {
        return Err(("/spec/timeWindow".to_owned(), "exactly one time window has an equivalent".to_owned()));
    }
    if fields.flag(&format!("{at}/isRolling")) != Some(true) || fields.peek(&format!("{at}/calendar")).is_some() {
        return Err(refused("a calendar window without a zone has no equivalent".to_owned()));
    }
    let text = fields.text(&format!("{at}/duration")).ok_or_else(|| refused("it has no duration".to_owned()))?;
    window(text).map_err(refused)
}

fn window_of_alpha(fields: &Fields<'_>) -> Result<Duration, Refusal> {
    let at = "/spec/timeWindows/0";
    let refused = |message: &str| (at.to_owned(), message.to_owned());
    if fields.length("/spec/timeWindows") != 1 || fields.flag(&format!("{at}/isRolling")) != Some(true) {
        return Err(refused("exactly one rolling window has an equivalent"));
    }
    let unit = match fields.text(&format!("{at}/unit")) {
        Some("Day") => "d",
        Some("Week") => "w",
        _ => return Err(refused("only windows of days and weeks have an equivalent")),
    };
    let count = fields.number(&format!("{at}/count")).ok_or_else(|| refused("it has no count"))?;
    window(&format!("{count}{unit}")).map_err(|message| (at.to_owned(), message))
}

fn indicator(fields: &Fields<'_>, all: &[Fields<'_>]) -> Result<v1alpha1::Indicator, Refusal> {
    if fields.peek("/spec/indicator").is_some() {
        let _ = fields.text("/spec/indicator/metadata/name");
        return metric(fields, "/spec/indicator/spec");
    }
    let pointer = "/spec/indicatorRef";
    let name = fields
        .text(pointer)
        .ok_or_else(|| ("/spec".to_owned(), "it has neither indicator nor indicatorRef".to_owned()))?;
    let is_it = |other: &&Fields<'_>| other.text("/kind") == Some("SLI") && other.text("/metadata/name") == Some(name);
    let Some(sli) = all.iter().find(is_it) else {
        return Err((pointer.to_owned(), format!("no SLI named {name} is in the files")));
    };
    metric(sli, "/spec").map_err(|(path, message)| {
        (pointer.to_owned(), format!("SLI {name}, {}: {message}", super::fields::shown(&path)))
    })
}

fn metric(fields: &Fields<'_>, at: &str) -> Result<v1alpha1::Indicator, Refusal> {
    let ratio = format!("{at}/ratioMetric");
    if fields.peek(&ratio).is_some() {
        return metrics(fields, &ratio, "metricSource/spec/query");
    }
    Err((
        at.to_owned(),
        "only a ratioMetric has an equivalent: a thresholdMetric compares values, and no events are counted".to_owned(),
    ))
}

fn metrics(fields: &Fields<'_>, at: &str, query: &str) -> Result<v1alpha1::Indicator, Refusal> {
    if fields.peek(at).is_none() {
        return Err((at.to_owned(), "only a ratio of events has an equivalent".to_owned()));
    }
    for (flag, needed) in [("counter", true), ("incremental", true)] {
        let pointer = format!("{at}/{flag}");
        if fields.flag(&pointer).is_some_and(|value| value != needed) {
            return Err((pointer, "only counters that always grow have an equivalent".to_owned()));
        }
    }
    let selector = |what: &str| -> Result<Selector, Refusal> {
        let source = format!("{at}/{what}");
        let kind = format!("{source}/metricSource/type");
        let (alpha, language) = (format!("{source}/source"), format!("{source}/queryType"));
        for pointer in [kind, alpha, language] {
            if let Some(text) = fields.text(&pointer)
                && !["prometheus", "promql"].contains(&text.to_ascii_lowercase().as_str())
            {
                return Err((pointer, format!("{text} is no Prometheus")));
            }
        }
        let pointer = format!("{source}/{query}");
        let text = fields.text(&pointer).ok_or_else(|| (pointer.clone(), "it is missing".to_owned()))?;
        promql::counter(text).map_err(|message| (pointer, message))
    };
    if fields.peek(&format!("{at}/raw")).is_some() {
        return Err((format!("{at}/raw"), "a ratio without its events cannot be weighed by them".to_owned()));
    }
    let total = selector("total")?;
    match (fields.peek(&format!("{at}/good")), fields.peek(&format!("{at}/bad"))) {
        (Some(_), None) => Ok(promql::good_of(&selector("good")?, &total)),
        (None, Some(_)) => Ok(promql::bad_of(&selector("bad")?, &total)),
        _ => Err((at.to_owned(), "it names not exactly one of good and bad".to_owned())),
    }
}
