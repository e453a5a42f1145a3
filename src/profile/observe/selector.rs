//! A label selector from its text form, as the scale subresource gives it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Reads `app=web,tier in (a,b),!canary`. Nothing where the text is empty or not understood: an empty selector would
/// select every pod.
pub fn selector_from_text(text: &str) -> Option<LabelSelector> {
    let mut labels = BTreeMap::new();
    let mut expressions = Vec::new();
    for part in split(text)? {
        match requirement(part.trim())? {
            Requirement::Equals(key, value) => {
                labels.insert(key, value);
            }
            Requirement::Expression(expression) => expressions.push(expression),
        }
    }
    Some(LabelSelector {
        match_labels: (!labels.is_empty()).then_some(labels),
        match_expressions: (!expressions.is_empty()).then_some(expressions),
    })
}

enum Requirement {
    Equals(String, String),
    Expression(LabelSelectorRequirement),
}

/// Splits at the commas outside of parentheses.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut depth = 0_i32;
    let mut start = 0;
    let mut parts = Vec::new();
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text.get(start..index)?);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!text.trim().is_empty() && depth == 0).then_some(parts)
}

fn requirement(text: &str) -> Option<Requirement> {
    let expression = |key: &str, operator: &str, values: Option<Vec<String>>| {
        is_key(key).then(|| {
            Requirement::Expression(LabelSelectorRequirement {
                key: key.to_owned(),
                operator: operator.to_owned(),
                values,
            })
        })
    };
    if let Some(key) = text.strip_prefix('!') {
        return expression(key.trim(), "DoesNotExist", None);
    }
    for (word, operator) in [(" notin ", "NotIn"), (" in ", "In")] {
        if let Some((key, values)) = text.split_once(word) {
            let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
            return expression(key.trim(), operator, Some(values.split(',').map(|v| v.trim().to_owned()).collect()));
        }
    }
    if let Some((key, value)) = text.split_once("!=") {
        return expression(key.trim(), "NotIn", Some(vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        let key = key.trim();
        return is_key(key).then(|| Requirement::Equals(key.to_owned(), value.trim().to_owned()));
    }
    expression(text, "Exists", None)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_every_form() {
        let selector = selector_from_text("app=web, tier in (a, b),zone notin (x),x!=y,v==1,has,!canary").unwrap();
        assert_eq!(
            serde_json::to_value(selector).unwrap(),
            json!({
                "matchLabels": {"app": "web", "v": "1"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "zone", "operator": "NotIn", "values": ["x"]},
                    {"key": "x", "operator": "NotIn", "values": ["y"]},
                    {"key": "has", "operator": "Exists"},
                    {"key": "canary", "operator": "DoesNotExist"},
                ]
            })
        );
    }

    #[test]
    fn an_empty_or_broken_text_selects_nothing() {
        for text in ["", "  ", "a in x", "a in (x", ",", "a b"] {
            assert_eq!(selector_from_text(text), None, "{text:?}");
        }
    }
}
