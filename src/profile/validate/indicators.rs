//! From the indicator of an objective to what is measured.

use std::{fmt::Display, str::FromStr};

use crate::{
    api::v1alpha1::{self, CompositeMode, HistogramFormat},
    slo::{self, Fenced},
};

/// What is wrong, and where below the objective.
pub type Wrong = Vec<(&'static str, String)>;

/// What indicators are read with, beside their own text.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The metrics whose names are known, fenced already.
    pub preset: Option<&'a slo::Preset>,
    /// What every selector is held to.
    pub fence: Option<&'a slo::Fence>,
}

/// The indicator, unless something is wrong with it.
pub fn indicator(
    identity: &slo::Identity,
    wire: &v1alpha1::Indicator,
    reading: Reading<'_>,
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
        let preset = known(reading.preset, "/indicator/availability", wrong)?;
        return taken(preset.availability(), "/indicator/availability", wrong);
    }
    if let Some(ratio) = ratio {
        return ratio_indicator(ratio, reading.fence, wrong);
    }
    if let Some(latency) = latency {
        return latency_indicator(latency, reading, wrong);
    }
    if let Some(raw) = raw {
        let errors = fenced(&raw.errors, "/indicator/raw/errors", reading.fence, wrong);
        let total = fenced(&raw.total, "/indicator/raw/total", reading.fence, wrong);
        return Some(slo::Indicator::Raw { errors: errors?, total: total? });
    }
    if let Some(probe) = probe {
        return Some(slo::Indicator::Probe {
            gauge: fenced(&probe.gauge, "/indicator/probe/gauge", reading.fence, wrong)?,
        });
    }
    if let Some(throughput) = throughput {
        return throughput_indicator(throughput, reading, wrong);
    }
    if let Some(saturation) = saturation {
        let query = fenced(&saturation.query, "/indicator/saturation/query", reading.fence, wrong);
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

/// What a user wrote, held to the fence.
fn fenced<T: FromStr<Err: Display> + Fenced>(
    text: &str,
    path: &'static str,
    fence: Option<&slo::Fence>,
    wrong: &mut Wrong,
) -> Option<T> {
    let read: T = parsed(text, path, wrong)?;
    match fence {
        None => Some(read),
        Some(fence) => read.within(fence).map_err(|error| wrong.push((path, error.to_string()))).ok(),
    }
}

/// Matchers that stand beside those of a preset, which are fenced.
fn narrowing(text: &str, path: &'static str, fence: Option<&slo::Fence>, wrong: &mut Wrong) -> Option<slo::Matchers> {
    let read: slo::Matchers = parsed(text, path, wrong)?;
    let admitted = fence.map_or(Ok(()), |fence| fence.admits(&read));
    admitted.map_err(|error| wrong.push((path, error.to_string()))).ok().map(|()| read)
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
    reading: Reading<'_>,
    wrong: &mut Wrong,
) -> Option<slo::Indicator> {
    let labels = narrowing(&throughput.selector, "/indicator/throughput/selector", reading.fence, wrong);
    let minimum = parsed(&throughput.minimum, "/indicator/throughput/minimum", wrong);
    let Some(counter) = &throughput.counter else {
        let preset = known(reading.preset, "/indicator/throughput", wrong)?;
        return taken(preset.throughput(&labels?, minimum?), "/indicator/throughput", wrong);
    };
    let selector = format!("{counter}{{{}}}", labels?);
    let counter = fenced(&selector, "/indicator/throughput/counter", reading.fence, wrong);
    Some(slo::Indicator::Throughput { counter: counter?, minimum: minimum? })
}

fn ratio_indicator(ratio: &v1alpha1::Ratio, fence: Option<&slo::Fence>, wrong: &mut Wrong) -> Option<slo::Indicator> {
    let mut selector = |text: &str, path| fenced::<slo::Selector>(text, path, fence, wrong);
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

fn latency_indicator(latency: &v1alpha1::Latency, reading: Reading<'_>, wrong: &mut Wrong) -> Option<slo::Indicator> {
    let threshold = latency.threshold;
    if !(1..=3_600_000).contains(&threshold.as_millis()) {
        wrong.push(("/indicator/latency/threshold", format!("threshold {threshold} is not between 1ms and 1h")));
    }
    let format = match latency.format {
        HistogramFormat::Classic => slo::Format::Classic,
        HistogramFormat::Native => slo::Format::Native,
    };
    let place = "/indicator/latency/selector";
    let Some(histogram) = &latency.histogram else {
        let selector = narrowing(&latency.selector, place, reading.fence, wrong);
        let preset = known(reading.preset, "/indicator/latency", wrong)?;
        return taken(preset.latency(&selector?, threshold, format), "/indicator/latency", wrong);
    };
    let selector = fenced(&latency.selector, place, reading.fence, wrong);
    let histogram = parsed(histogram, "/indicator/latency/histogram", wrong);
    Some(slo::Indicator::Latency {
        histogram: histogram?,
        selector: selector?,
        threshold,
        unit: slo::Unit::Seconds,
        format,
    })
}
