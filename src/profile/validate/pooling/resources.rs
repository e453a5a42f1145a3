//! CPU and memory of a pooler.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};

use crate::profile::finding::{Finding, Level};

use super::PLACE;

/// Share of the CPU that one pooler can use beyond which there are to be more, per cent.
const SCALE_OUT_AT: f64 = 0.7;

/// What is asked for, with the default for each part that is left out.
pub fn or_default(wire: Option<&ResourceRequirements>) -> ResourceRequirements {
    let all = |entries: [(&str, &str); 2]| -> BTreeMap<String, Quantity> {
        entries.map(|(name, value)| (name.to_owned(), Quantity(value.to_owned()))).into()
    };
    let wire = wire.cloned().unwrap_or_default();
    let requests = wire.requests.unwrap_or_else(|| all([("cpu", "250m"), ("memory", "64Mi")]));
    let limits = wire.limits.unwrap_or_else(|| all([("cpu", "1"), ("memory", "256Mi")]));
    ResourceRequirements { requests: Some(requests), limits: Some(limits), claims: wire.claims }
}

/// CPU of a pooler beyond which there are to be more. One `PgBouncer` uses one core, however much it may.
pub fn scale_out_at(resources: &ResourceRequirements) -> Quantity {
    let limit = resources.limits.as_ref().and_then(|limits| limits.get("cpu")).and_then(|cpu| number(&cpu.0));
    let milli = (limit.unwrap_or(1.0).min(1.0) * SCALE_OUT_AT * 1_000.0).round().max(1.0);
    Quantity(format!("{milli}m"))
}

/// Quantities that are none, and requests beyond their limits: the API server would take the pooler's template and refuse its pods.
pub fn findings(wire: Option<&ResourceRequirements>, found: &mut Vec<Finding>) {
    let resources = or_default(wire);
    let mut wrong = |path: String, message: String| {
        found.push(Finding::new(Level::Error, format!("{PLACE}/resources{path}"), message));
    };
    let parts = [("requests", &resources.requests), ("limits", &resources.limits)];
    for (part, entries) in parts {
        for (name, quantity) in entries.iter().flatten() {
            if number(&quantity.0).is_none_or(|number| number < 0.0) {
                wrong(format!("/{part}/{name}"), format!("{:?} is no quantity: write it like 250m or 64Mi", quantity.0));
            }
        }
    }
    for (name, request) in resources.requests.iter().flatten() {
        let limit = resources.limits.as_ref().and_then(|limits| limits.get(name));
        if let Some((limit, (most, asked))) = limit.and_then(|limit| Some((limit, number(&limit.0).zip(number(&request.0))?)))
            && asked > most
        {
            wrong(
                format!("/requests/{name}"),
                format!("the request {} is above the limit {} (defaults: 250m and 64Mi, limits 1 and 256Mi)", request.0, limit.0),
            );
        }
    }
}

/// A quantity as a number of its unit.
fn number(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 12] = [
        ("Ki", 1_024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("m", 1e-3),
        ("u", 1e-6),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let found = UNITS.iter().find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    number.parse::<f64>().ok().filter(|number| plain && number.is_finite()).map(|number| number * factor)
}
