//! Rule groups in the form of a Prometheus rule file and of the spec of a `PrometheusRule`, which are the same.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer};

use crate::api::Duration;

/// A rule file, or the spec of a `PrometheusRule`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFile {
    /// The groups, in a stable order.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other at one interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleGroup {
    /// Unique within a file.
    pub name: String,
    /// How often the rules are evaluated.
    pub interval: Duration,
    /// What Thanos Ruler does when a store does not answer. Absent: its default; Prometheus knows no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_response_strategy: Option<PartialResponse>,
    /// The rules, in the order in which they build on each other.
    pub rules: Vec<Rule>,
}

/// What Thanos Ruler does with a rule when a store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum, Hash)]
#[serde(rename_all = "lowercase")]
pub enum PartialResponse {
    /// It evaluates what there is, with a warning.
    Warn,
    /// It fails the rule.
    Abort,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Rule {
    /// A recording rule.
    Record {
        /// The metric that is written.
        record: String,
        /// What is written.
        expr: String,
        /// Labels put on the result. Shared: an objective has the same on nearly all of its series.
        #[serde(skip_serializing_if = "none", serialize_with = "shared")]
        labels: Arc<BTreeMap<String, String>>,
    },
    /// An alerting rule.
    Alert {
        /// The name of the alert.
        alert: String,
        /// Fires for every series this yields.
        expr: String,
        /// How long the expression has to hold before the alert fires. Absent: at once.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        hold: Option<Duration>,
        /// How long the alert goes on after the expression has ceased to hold. Absent: it ends at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        keep_firing_for: Option<Duration>,
        /// Labels of the alert.
        labels: BTreeMap<String, String>,
        /// Texts of the alert; Go templates.
        annotations: BTreeMap<String, String>,
    },
}

fn none(labels: &Arc<BTreeMap<String, String>>) -> bool {
    labels.is_empty()
}

fn shared<S: Serializer>(labels: &Arc<BTreeMap<String, String>>, serializer: S) -> Result<S::Ok, S::Error> {
    labels.as_ref().serialize(serializer)
}

impl Rule {
    /// The PromQL of the rule.
    pub fn expr(&self) -> &str {
        match self {
            Self::Record { expr, .. } | Self::Alert { expr, .. } => expr,
        }
    }

    /// The recorded metric, or the name of the alert.
    pub fn name(&self) -> &str {
        match self {
            Self::Record { record, .. } => record,
            Self::Alert { alert, .. } => alert,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_prometheus_reads_it() {
        let group = RuleGroup {
            name: "g".to_owned(),
            interval: Duration::from_secs(30),
            partial_response_strategy: None,
            rules: vec![
                Rule::Record { record: "a:b".to_owned(), expr: "1".to_owned(), labels: Arc::default() },
                Rule::Alert {
                    alert: "A".to_owned(),
                    expr: "a:b > 0".to_owned(),
                    hold: Some(Duration::from_secs(600)),
                    keep_firing_for: Some(Duration::from_secs(120)),
                    labels: BTreeMap::from([("severity".to_owned(), "page".to_owned())]),
                    annotations: BTreeMap::new(),
                },
            ],
        };
        assert_eq!(
            serde_json::to_value(&group).unwrap(),
            serde_json::json!({
                "name": "g", "interval": "30s", "rules": [
                    {"record": "a:b", "expr": "1"},
                    {"alert": "A", "expr": "a:b > 0", "for": "10m", "keep_firing_for": "2m",
                     "labels": {"severity": "page"}, "annotations": {}},
                ]
            })
        );
    }
}
