//! The `CustomResourceDefinition`: what the derive makes, with the schema made as Kubernetes users know it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::v1alpha1::PerformanceProfile;

/// Text that tells a `Quantity` in a derived schema: its Rust type has no other mark.
const QUANTITY: &str = "Quantity is a fixed-point representation";

/// The definition as it is installed: `plimsoll crd`, `crds/` and the chart all come from here.
///
/// # Panics
///
/// Never: both conversions are of types that are made for JSON; a failure returns the definition as derived.
pub fn crd() -> CustomResourceDefinition {
    let derived = PerformanceProfile::crd();
    let Ok(mut value) = serde_json::to_value(&derived) else { return derived };
    mend(&mut value);
    serde_json::from_value(value).unwrap_or(derived)
}

/// The structural schema of the resource, for checks without a server.
pub fn schema() -> Value {
    let crd = serde_json::to_value(crd()).unwrap_or_default();
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default()
}

/// Walks the whole schema. A quantity may be a number as well as a string, as in every other Kubernetes API, and its
/// description of 2 kB stands once in the API reference of Kubernetes, not eight times here.
fn mend(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_quantity = map.get("description").and_then(Value::as_str).is_some_and(|d| d.starts_with(QUANTITY));
            if is_quantity {
                map.remove("type");
                map.insert("description".into(), json!("A Kubernetes quantity, such as 100, 500m or 64Mi."));
                map.insert("anyOf".into(), json!([{"type": "integer"}, {"type": "string"}]));
                map.insert("x-kubernetes-int-or-string".into(), json!(true));
            }
            // The lines of a doc comment are as long as the code's; the reader's terminal breaks them where it likes.
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description =
                    description.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
            }
            map.values_mut().for_each(mend);
        }
        Value::Array(items) => items.iter_mut().for_each(mend),
        _ => {}
    }
}
