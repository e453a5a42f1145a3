//! From the indicator of an objective to what is measured.

use std::{fmt::Display, str::FromStr};

use crate::{
    api::v1alpha1::{self, CompositeMode, HistogramFormat},
    slo,
};

/// What is wrong, and where below the objective.
pub type Wrong = Vec<(&'static str, String)>;

/// The indicator, unless something is wrong with it.
pub fn indicator(
    identity: &slo::Identity,
    wire: &v1alpha1::Indicator,
    preset: Option<&slo::Preset>,
    wrong: &mut Wrong,
) -> Option<slo::Indicator> {
    let v1alpha1::Indicator { availability, ratio, latency, raw, probe, throughput, saturation, composite } = wire;
    let kinds = [
        availability.is_some(),
        ratio.is_some(),
        latency.is_some(),
        raw.is_some(),
        probe.is_some(),
        throughput.is_some(),
        saturation.is_some(),
        composite.is_some(),
    ];
    if kinds.into_iter().filter(|named| *named).count() != 1 {
        wrong.push(("/indicator", ONE_KIND.to_owned()));
        return None;
    }
    if let Some(v1alpha1::Availability {}) = availability {
        let preset = known(preset, "/indicator/availability", wrong)?;
        return taken(preset.availability(), "/indicator/availability", wrong);
    }
    if let Some(ratio) = ratio {
        return ratio_indicator(ratio, wrong);
    }
    if let Some(latency) = latency {
        return latency_indicator(latency, preset, wrong);
    }
    if let Some(raw) = raw {
        let errors = parsed(&raw.errors, "/indicator/raw/errors", wrong);
        let total = parsed(&raw.total, "/indicator/raw/total", wrong);
        return Some(slo::Indicator::Raw { errors: errors?, total: total? });
    }
    if let Some(probe) = probe {
        return Some(slo::Indicator::Probe { gauge: parsed(&probe.gauge, "/indicator/probe/gauge", wrong)? });
    }
    if let Some(throughput) = throughput {
        return throughput_indicator(throughput, preset, wrong);
    }
    if let Some(saturation) = saturation {
        let query = parsed(&saturation.query, "/indicator/saturation/query", wrong);
        let maximum = parsed(&saturation.maximum, "/indicator/saturation/maximum", wrong);
        return Some(slo::Indicator::Saturation { query: query?, maximum: maximum? });
    }
    composite_indicator(identity, composite.as_ref()?, wrong)
}

const ONE_KIND: &str =
    "an indicator is exactly one of availability, ratio, latency, raw, probe, throughput, saturation and composite";

/// The metrics whose names are known, where the profile says whose they are.
fn known<'a>(preset: Option<&'a slo::Preset>, path: &'static str, wrong: &mut Wrong) -> Option<&'a slo::Preset> {
    if preset.is_none() {
        let why = "it names no metric, and there is no spec.telemetry: name a preset there, or the metric here";
        wrong.push((path, why.to_owned()));
    }
    preset
}

fn taken<T>(result: Result<T, slo::PromqlError>, path: &'static str, wrong: &mut Wrong) -> Option<T> {
    result.map_err(|error| wrong.push((path, error.to_string()))).ok()
}

fn parsed<T: FromStr<Err: Display>>(text: &str, path: &'static str, wrong: &mut Wrong) -> Option<T> {
    text.parse().map_err(|error: T::Err| wrong.push((path, error.to_string()))).ok()
}

fn composite_indicator(
    identity: &slo::Identity,
    composite: &v1alpha1::Composite,
    wrong: &mut Wrong,
) -> Option<slo::Indicator> {
    let mut parts: Vec<slo::Part> = Vec::new();
    for part in &composite.objectives {
        let path = "/indicator/composite/objectives";
        let named = slo::Identity {
            namespace: identity.namespace.clone(),
            profile: part.profile.clone().unwrap_or_else(|| identity.profile.clone()),
            objective: part.objective.clone(),
        };
        let shown = format!("{}/{}", named.profile, named.objective);
        if named == *identity {
            wrong.push((path, format!("{shown} is this objective: it cannot be a part of itself")));
        } else if parts.iter().any(|earlier| earlier.identity == named) {
            wrong.push((path, format!("{shown} is named twice: give it a higher weight instead")));
        } else if let Some(weight) = parsed(&part.weight, path, wrong) {
            parts.push(slo::Part { identity: named, weight });
        }
    }
    let mode = match composite.mode {
        CompositeMode::Weakest => slo::Mode::Weakest,
        CompositeMode::Weighted => slo::Mode::Weighted,
    };
    (parts.len() == composite.objectives.len()).then_some(slo::Indicator::Composite(slo::Composite { mode, parts }))
}

fn throughput_indicator(
    throughput: &v1alpha1::Throughput,
    preset: Option<&slo::Preset>,
    wrong: &mut Wrong,
) -> Option<slo::Indicator> {
    let labels: Option<slo::Matchers> = parsed(&throughput.selector, "/indicator/throughput/selector", wrong);
    let minimum = parsed(&throughput.minimum, "/indicator/throughput/minimum", wrong);
    let Some(counter) = &throughput.counter else {
        let preset = known(preset, "/indicator/throughput", wrong)?;
        return taken(preset.throughput(&labels?, minimum?), "/indicator/throughput", wrong);
    };
    let selector = format!("{counter}{{{}}}", labels?);
    let counter = parsed(&selector, "/indicator/throughput/counter", wrong);
    Some(slo::Indicator::Throughput { counter: counter?, minimum: minimum? })
}

fn ratio_indicator(ratio: &v1alpha1::Ratio, wrong: &mut Wrong) -> Option<slo::Indicator> {
    let mut selector =
        |text: &str, path| text.parse::<slo::Selector>().map_err(|error| wrong.push((path, error.to_string()))).ok();
    let total = selector(&ratio.total, "/indicator/ratio/total");
    let bad = match (&ratio.errors, &ratio.good) {
        (Some(errors), None) => selector(errors, "/indicator/ratio/errors").map(slo::BadEvents::Errors),
        (None, Some(good)) => selector(good, "/indicator/ratio/good").map(slo::BadEvents::Good),
        _ => {
            wrong.push(("/indicator/ratio", "a ratio names exactly one of errors and good, beside total".to_owned()));
            None
        }
    };
    Some(slo::Indicator::Ratio { bad: bad?, total: total? })
}

fn latency_indicator(
    latency: &v1alpha1::Latency,
    preset: Option<&slo::Preset>,
    wrong: &mut Wrong,
) -> Option<slo::Indicator> {
    let selector = latency
        .selector
        .parse::<slo::Matchers>()
        .map_err(|error| wrong.push(("/indicator/latency/selector", error.to_string())))
        .ok();
    let threshold = latency.threshold;
    if !(1..=3_600_000).contains(&threshold.as_millis()) {
        wrong.push(("/indicator/latency/threshold", format!("threshold {threshold} is not between 1ms and 1h")));
    }
    let format = match latency.format {
        HistogramFormat::Classic => slo::Format::Classic,
        HistogramFormat::Native => slo::Format::Native,
    };
    let Some(histogram) = &latency.histogram else {
        let preset = known(preset, "/indicator/latency", wrong)?;
        return taken(preset.latency(&selector?, threshold, format), "/indicator/latency", wrong);
    };
    let histogram = parsed(histogram, "/indicator/latency/histogram", wrong);
    Some(slo::Indicator::Latency {
        histogram: histogram?,
        selector: selector?,
        threshold,
        unit: slo::Unit::Seconds,
        format,
    })
}
