//! The schema of the resource and the rules in it, without a server.

use std::sync::LazyLock;

use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
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

/// The value as the API server stores it: a null stands for a field that is absent, or gets its default.
pub fn without_nulls(value: &Value) -> Value {
    let mut value = value.clone();
    drop_nulls(&mut value, &STRUCTURAL);
    value
}

fn drop_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            let of = |name: &str| schema.pointer("/properties")?.get(name);
            map.retain(|name, child| {
                let absent =
                    |field: &Value| field.get("nullable") == Some(&json!(true)) || field.get("default").is_some();
                !(child.is_null() && of(name).is_some_and(absent))
            });
            for (name, child) in map.iter_mut() {
                if let Some(field) = of(name) {
                    drop_nulls(child, field);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    drop_nulls(item, schema);
                }
            }
        }
        _ => {}
    }
}

/// What the API server would say of the shape: types, bounds, required and unknown fields.
pub fn shape(value: &Value) -> Vec<Finding> {
    let version = format!("{}/{}", crate::api::GROUP, "v1alpha1");
    let mut findings = Vec::new();
    if value.pointer("/apiVersion").and_then(Value::as_str) != Some(&version) {
        findings.push(Finding::new(
            Level::Error,
            "/apiVersion",
            format!("this version of the program knows {version} only"),
        ));
    }
    match value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default() {
        // One of the wrong type is found below.
        "" if value.pointer("/metadata/name").is_none_or(|name| name.is_null() || name.is_string()) => {
            findings.push(Finding::new(Level::Error, "/metadata", "metadata.name is missing"));
        }
        "" => {}
        name if !is_subdomain(name) => {
            let message = format!(
                "{name:?} is no name: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters and '-'"
            );
            findings.push(Finding::new(Level::Error, "/metadata/name", message));
        }
        _ => {}
    }
    match &*VALIDATOR {
        Some(validator) => {
            // Of a value of the wrong type it need not be said as well that it is none of the right values.
            let mut wrong_type = Vec::new();
            for error in validator.iter_errors(value) {
                if matches!(error.kind(), ValidationErrorKind::Type { .. }) {
                    wrong_type.push(error.instance_path().to_string());
                }
                findings.extend(explain(&error));
            }
            findings
                .retain(|finding| !(finding.message.starts_with(UNSUPPORTED) && wrong_type.contains(&finding.pointer)));
        }
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
            .map(|error| Finding::new(Level::Error, pointer(&error.field_path, &error.message), error.message))
            .collect(),
    }
}

/// `spec.objectives[0].name` as `/spec/objectives/0/name`. A rule on the name can only stand at the root of the schema.
fn pointer(path: &str, message: &str) -> String {
    if path.is_empty() {
        return if message.starts_with("metadata.name") { "/metadata/name".to_owned() } else { String::new() };
    }
    format!("/{}", path.replace('[', ".").replace(']', "").replace('.', "/"))
}

/// How the API server begins when a value is none of those of an enumeration.
const UNSUPPORTED: &str = "Unsupported value";

/// The words of the API server for what the validator says in those of its specification, so that one search finds both.
fn explain(error: &ValidationError<'_>) -> Vec<Finding> {
    let pointer = error.instance_path().to_string();
    let instance = error.instance();
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let at = |name: &String| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let message = "unknown field: see kubectl explain performanceprofiles.plimsoll.dev.spec";
            return unexpected.iter().map(|name| Finding::new(Level::Error, at(name), message)).collect();
        }
        ValidationErrorKind::Required { property } => {
            let at = format!("{pointer}/{}", property.as_str().unwrap_or_default());
            return vec![Finding::new(Level::Error, at, "Required value: the field is missing")];
        }
        ValidationErrorKind::Type { kind } => {
            let kinds = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    let names: Vec<_> =
                        kinds.iter().map(|kind| kind.to_string()).filter(|name| name != "null").collect();
                    names.join(" or ")
                }
            };
            format!("must be of type {kinds}, and is {}{}", shown(instance), hint(instance, &kinds))
        }
        ValidationErrorKind::Enum { options } => {
            let names: Vec<_> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter(|value| !value.is_null())
                .map(ToString::to_string)
                .collect();
            format!("{UNSUPPORTED}: {instance}: supported values: {}", names.join(", "))
        }
        ValidationErrorKind::Minimum { limit } => {
            format!("{instance} should be greater than or equal to {}", whole(limit))
        }
        ValidationErrorKind::Maximum { limit } => {
            format!("{instance} should be less than or equal to {}", whole(limit))
        }
        ValidationErrorKind::MinLength { limit } => format!("should be at least {limit} chars long"),
        ValidationErrorKind::MaxLength { limit } => format!("Too long: may not be more than {limit} bytes"),
        ValidationErrorKind::MinItems { limit } => format!("should have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => {
            format!("Too many: {}: must have at most {limit} items", instance.as_array().map_or(0, Vec::len))
        }
        ValidationErrorKind::MaxProperties { limit } => {
            format!(
                "Too many: {}: must have at most {limit} items",
                instance.as_object().map_or(0, serde_json::Map::len)
            )
        }
        _ => error.to_string(),
    };
    vec![Finding::new(Level::Error, pointer, message)]
}

/// A scalar as it is; of the others the kind, for they may be long.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// What a value of the wrong type may have been meant as.
fn hint(value: &Value, kinds: &str) -> String {
    match value {
        Value::Bool(_) => format!(
            ": words such as Off, On, Yes and No are booleans in YAML: put them in quotes, or write {} where a mode is asked for",
            mode_names()
        ),
        Value::Number(number) if kinds.contains("string") => format!(": put it in quotes, \"{number}\""),
        Value::String(_) if kinds.contains("integer") => ": leave the quotes out".to_owned(),
        _ => String::new(),
    }
}

/// Bounds are floating-point numbers in the schema, and mean whole ones.
fn whole(limit: &Value) -> String {
    limit.to_string().trim_end_matches(".0").to_owned()
}

/// Whether Kubernetes takes the text as the name of an object.
fn is_subdomain(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label =
        |part: &str| !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-');
    name.split('.').all(label)
}

fn mode_names() -> String {
    format!("{:?} or {:?}", v1alpha1::Management::Managed, v1alpha1::Management::Disabled)
}

/// What users write of an object's metadata; the rest of it is the API server's.
fn metadata() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": ["object", "null"], "additionalProperties": text});
    let fields = json!({"name": text, "namespace": text, "labels": texts, "annotations": texts});
    json!({"type": "object", "properties": fields, "additionalProperties": true})
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
            let closed =
                map.get("properties").is_some_and(Value::is_object) && !map.contains_key("additionalProperties");
            if closed {
                map.insert("additionalProperties".into(), json!(false));
            }
            if root && let Some(Value::Object(fields)) = map.get_mut("properties") {
                // Every object has these, and no schema of a resource names them.
                fields.extend(
                    [("apiVersion", json!({})), ("kind", json!({})), ("metadata", metadata())]
                        .map(|(k, v)| (k.to_owned(), v)),
                );
            }
            for (key, child) in map.iter_mut() {
                match (key.as_str(), child) {
                    // The keys of `properties` are names of fields, which may well be called `nullable` or `format`.
                    ("properties", Value::Object(fields)) => {
                        fields.values_mut().for_each(|field| as_json_schema(field, false));
                    }
                    ("default" | "enum" | "x-kubernetes-validations", _) => {}
                    (_, child) => as_json_schema(child, false),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| as_json_schema(item, false)),
        _ => {}
    }
}
