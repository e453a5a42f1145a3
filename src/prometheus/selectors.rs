//! Which rules the installation's `Prometheus` objects select, so that a message can say which label is missing.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind, Selector, SelectorExt},
};

/// What one `Prometheus` object selects.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSelector {
    /// Namespace and name of the `Prometheus`.
    pub prometheus: String,
    /// Its `ruleSelector`; nothing selects no rule at all.
    pub selector: Option<LabelSelector>,
}

/// Reads the `ruleSelector` of every `Prometheus` object; none where there are none, or where they cannot be read.
pub async fn read(client: &Client) -> Vec<RuleSelector> {
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("monitoring.coreos.com", "v1", "Prometheus"),
        "prometheuses",
    );
    match Api::<DynamicObject>::all_with(client.clone(), &resource).list(&ListParams::default()).await {
        Ok(list) => list.items.iter().map(selector).collect(),
        Err(error) => {
            tracing::debug!(error = crate::kube::message(&error), "no Prometheus objects to read a ruleSelector from");
            Vec::new()
        }
    }
}

fn selector(prometheus: &DynamicObject) -> RuleSelector {
    let selector = prometheus.data.pointer("/spec/ruleSelector").filter(|value| !value.is_null());
    RuleSelector {
        prometheus: format!("{}/{}", prometheus.namespace().unwrap_or_default(), prometheus.name_any()),
        selector: selector.and_then(|value| serde_json::from_value(value.clone()).ok()),
    }
}

/// What to do when rules with these labels are not loaded: the labels that some `Prometheus` asks for and that are not
/// there. Nothing where the labels are not the cause.
pub fn missing_labels(labels: &BTreeMap<String, String>, selectors: &[RuleSelector]) -> Option<String> {
    let selects =
        |selector: &LabelSelector| Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels));
    if selectors.is_empty() || selectors.iter().any(|each| each.selector.as_ref().is_some_and(selects)) {
        return None;
    }
    let wanted: Vec<_> = selectors
        .iter()
        .map(|each| match &each.selector {
            None => format!("Prometheus {} has no ruleSelector and selects nothing", each.prometheus),
            Some(selector) => {
                let absent: Vec<_> = selector
                    .match_labels
                    .iter()
                    .flatten()
                    .filter(|(key, value)| labels.get(*key) != Some(value))
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                if absent.is_empty() {
                    format!("Prometheus {} has a ruleSelector with expressions that do not match", each.prometheus)
                } else {
                    format!("Prometheus {} selects rules with the label {}", each.prometheus, absent.join(", "))
                }
            }
        })
        .collect();
    Some(format!(
        "{}: the rules lack it; set it under spec.rules.labels, or for all profiles with --rule-label",
        wanted.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selecting(key: &str, value: &str) -> RuleSelector {
        let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        RuleSelector {
            prometheus: "monitoring/k8s".to_owned(),
            selector: Some(LabelSelector { match_labels: Some(labels), match_expressions: None }),
        }
    }

    #[test]
    fn says_which_label_is_missing() {
        let none = BTreeMap::new();
        let message = missing_labels(&none, &[selecting("release", "prod")]).unwrap();
        assert!(message.contains("monitoring/k8s selects rules with the label release=prod"), "{message}");
        assert!(message.contains("spec.rules.labels"), "{message}");
    }

    #[test]
    fn labels_that_match_any_of_them_are_not_the_cause() {
        let labels = BTreeMap::from([("release".to_owned(), "prod".to_owned())]);
        assert_eq!(missing_labels(&labels, &[selecting("release", "test"), selecting("release", "prod")]), None);
        assert_eq!(missing_labels(&labels, &[]), None);
        let everything = RuleSelector { prometheus: "a/b".to_owned(), selector: Some(LabelSelector::default()) };
        assert_eq!(missing_labels(&BTreeMap::new(), &[everything]), None, "an empty selector selects all");
        let nothing = RuleSelector { prometheus: "a/b".to_owned(), selector: None };
        assert!(missing_labels(&labels, &[nothing]).unwrap().contains("selects nothing"));
    }
}
