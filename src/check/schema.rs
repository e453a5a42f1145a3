//! The schema of the resource and the rules in it, without a server.

use std::sync::LazyLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use kube::core::cel;
use serde_json::{Value, json};

use crate::{
    api::{crd, v1alpha1},
    profile::{Finding, Level},
};

static STRUCTURAL: LazyLock<Value> = LazyLock::new(crd::schema);
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let mut schema = STRUCTURAL.clone();
    as_json_schema(&mut schema, true);
    jsonschema::validator_for(&schema).ok()
});

/// What the API server would say of the shape: types, bounds, required and unknown fields.
pub fn shape(value: &Value) -> Vec<Finding> {
    let version = format!("{}/{}", crate::api::GROUP, "v1alpha1");
    let mut findings = Vec::new();
    if value.pointer("/apiVersion").and_then(Value::as_str) != Some(&version) {
        findings.push(Finding::new(Level::Error, "/apiVersion", format!("this version of the program knows {version} only")));
    }
    if value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().is_empty() {
        findings.push(Finding::new(Level::Error, "/metadata", "metadata.name is missing"));
    }
    match &*VALIDATOR {
        Some(validator) => findings.extend(validator.iter_errors(value).map(|error| explain(&error))),
        None => findings.push(Finding::new(Level::Error, "", "the schema in this program is broken: report it")),
    }
    findings
}

/// What the API server would say of the rules in the schema.
pub fn rules(value: &Value) -> Vec<Finding> {
    match cel::Validator::new().validate_with_defaults(&STRUCTURAL, value, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors
            .into_vec()
            .into_iter()
            .map(|error| Finding::new(Level::Error, pointer(&error.field_path), error.message))
            .collect(),
    }
}

/// `spec.objectives[0].name` as `/spec/objectives/0/name`.
fn pointer(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    format!("/{}", path.replace('[', ".").replace(']', "").replace('.', "/"))
}

/// The words of a user for what the validator says in those of the specification.
fn explain(error: &ValidationError<'_>) -> Finding {
    let pointer = error.instance_path().to_string();
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("unknown field {}: see kubectl explain performanceprofiles.plimsoll.dev.spec", unexpected.join(", "))
        }
        ValidationErrorKind::Required { property } => {
            format!("the field {} is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::Type { .. } if error.instance().is_boolean() => format!(
            "{error}; words such as Off, On, Yes and No are booleans in YAML: put them in quotes, or write {} where a mode is asked for",
            mode_names()
        ),
        _ => error.to_string(),
    };
    Finding::new(Level::Error, pointer, message)
}

fn mode_names() -> String {
    format!("{:?} or {:?}", v1alpha1::Management::Managed, v1alpha1::Management::Disabled)
}

/// A structural schema of Kubernetes as a JSON Schema: nullable types, numbers or strings, and no fields but the named.
fn as_json_schema(value: &mut Value, root: bool) {
    match value {
        Value::Object(map) => {
            let nullable = map.remove("nullable") == Some(json!(true));
            if map.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
                map.remove("anyOf");
                map.insert("type".into(), json!(["integer", "string"]));
            }
            map.remove("format");
            if nullable && let Some(kind) = map.get("type").cloned() {
                let mut kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind]);
                kinds.push(json!("null"));
                map.insert("type".into(), Value::Array(kinds));
                if let Some(Value::Array(values)) = map.get_mut("enum") {
                    values.push(Value::Null);
                }
            }
            let closed = map.get("properties").is_some_and(Value::is_object) && !map.contains_key("additionalProperties");
            if closed && !root {
                map.insert("additionalProperties".into(), json!(false));
            }
            for (key, child) in map.iter_mut() {
                match (key.as_str(), child) {
                    // The keys of `properties` are names of fields, which may well be called `nullable` or `format`.
                    ("properties", Value::Object(fields)) => fields.values_mut().for_each(|field| as_json_schema(field, false)),
                    ("default" | "enum" | "x-kubernetes-validations", _) => {}
                    (_, child) => as_json_schema(child, false),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| as_json_schema(item, false)),
        _ => {}
    }
}
