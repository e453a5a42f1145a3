//! The API reference as Markdown, from the schema: what users read cannot differ from what is checked.

use std::fmt::Write;

use serde_json::Value;

use crate::api::crd;

/// The reference of the whole resource.
pub fn markdown() -> String {
    let mut text = String::from(
        "# API reference\n\nGenerated from the schema by `plimsoll reference`; `kubectl explain \
         performanceprofiles.plimsoll.dev.spec` shows the same.\n\nGroup `plimsoll.dev`, version `v1alpha1`, kind \
         `PerformanceProfile`, short name `pprofile`. OpenShift has a `PerformanceProfile` in another group: on such clusters \
         write `performanceprofiles.plimsoll.dev` in full.\n\n## PerformanceProfile\n\n",
    );
    let schema = crd::schema();
    let _ = writeln!(text, "{}\n", description(&schema));
    rules(&schema, &mut text);
    for part in ["spec", "status"] {
        if let Some(schema) = schema.pointer(&format!("/properties/{part}")) {
            let _ = writeln!(text, "\n## {part}\n\n{}\n", description(schema));
            text.push_str("| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
            fields(schema, part, &mut text);
            let mut all = String::new();
            all_rules(schema, part, &mut all);
            if !all.is_empty() {
                let _ = writeln!(text, "\n### What is refused\n\n{all}");
            }
        }
    }
    text
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Kinds of other APIs, which have references of their own.
const FOREIGN: [&str; 4] = [
    "spec.autoscaling.metrics[]",
    "spec.autoscaling.behavior",
    "spec.pooling.postgres.resources",
    "spec.pooling.postgres.pod.tolerations[]",
];

fn fields(schema: &Value, path: &str, text: &mut String) {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let here = format!("{path}.{name}");
        let default = match field.get("default") {
            Some(Value::String(text)) => format!("`{text}`"),
            Some(value) => format!("`{value}`"),
            None if required.contains(&name.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = format!("{}{}", description(field), bounds(field));
        let _ = writeln!(
            text,
            "| `{here}` | {} | {default} | {} |",
            kind(field),
            meaning.replace('|', "\\|").replace('\n', " ")
        );
        let (below, at) = match field.get("items") {
            Some(items) => (items, format!("{here}[]")),
            None => (field, here),
        };
        if !FOREIGN.contains(&at.as_str()) {
            fields(below, &at, text);
        }
    }
}

fn kind(field: &Value) -> String {
    if field.get("x-kubernetes-int-or-string").is_some() {
        return "integer or string".to_owned();
    }
    if let Some(values) = field.get("enum").and_then(Value::as_array) {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(" or ");
    }
    match field.get("type").and_then(Value::as_str).unwrap_or("object") {
        "array" => format!("list of {}", field.get("items").map_or("object".to_owned(), kind)),
        "object" if field.get("additionalProperties").is_some() => "map of string".to_owned(),
        other => other.to_owned(),
    }
}

fn bounds(field: &Value) -> String {
    let names = [
        ("minimum", "from"),
        ("maximum", "to"),
        ("minLength", "at least this many characters:"),
        ("maxLength", "at most this many characters:"),
        ("maxItems", "at most this many items:"),
        ("maxProperties", "at most this many entries:"),
    ];
    let found: Vec<_> =
        names.iter().filter_map(|(key, words)| Some(format!("{words} {}", field.get(*key)?.as_f64()?))).collect();
    if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) }
}

fn rules(schema: &Value, text: &mut String) {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        let _ = writeln!(text, "- {}", rule.get("message").and_then(Value::as_str).unwrap_or_default());
    }
}

fn all_rules(schema: &Value, path: &str, text: &mut String) {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        let _ = writeln!(text, "- `{path}`: {}", rule.get("message").and_then(Value::as_str).unwrap_or_default());
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        all_rules(field, &format!("{path}.{name}"), text);
        if let Some(items) = field.get("items") {
            all_rules(items, &format!("{path}.{name}[]"), text);
        }
    }
}
