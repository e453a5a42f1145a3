//! `spec.alerting` and `spec.rules`: what alerts carry, and the object that the rules are in.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Management;

/// What alerts carry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.labels.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]*$') && size(self.labels[k]) <= 256)").message("labels are Prometheus labels: names of letters, digits and underscores, values of at most 256 characters"),
    validation = Rule::new("self.labels.all(k, !(k in ['alertname', 'namespace', 'profile', 'objective', 'severity', 'tier', 'long_window', 'short_window', 'window', 'group']) && !k.startsWith('__'))").message("labels must not name alertname, namespace, profile, objective, severity, tier, long_window, short_window, window or group, which the operator sets, nor begin with __, which Prometheus keeps for itself"),
    validation = Rule::new("self.annotations.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]*$') && size(self.annotations[k]) <= 2048)").message("annotations have names of letters, digits and underscores, and values of at most 2048 characters")
)]
pub struct Alerting {
    /// `Managed` (default): alerts are written. `Disabled`: recording rules and budget only.
    #[serde(default)]
    pub mode: Management,

    /// Labels on every alert, like `team: identity`. Default: none.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 20), extend("additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub labels: BTreeMap<String, String>,

    /// Annotations on every alert, beside those of the operator. Go templates are allowed. Default: none.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 20), extend("additionalProperties" = {"type": "string", "maxLength": 2048}))]
    pub annotations: BTreeMap<String, String>,

    /// Alerts that somebody must act on now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Severity>,

    /// Alerts that can wait for working hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Severity>,

    /// Fewest bad events in a page's long window: below it a page stays silent, so that one error of a quiet service
    /// wakes nobody. Default 5.
    #[serde(default = "default_min_failures")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_failures: i32,

    /// What decides that a budget burns too fast. `Rate` (default): the share of bad events against what is allowed. `Budget`:
    /// their number against the budget of the whole window, so that a failure at night weighs no more than one at noon.
    #[serde(default)]
    pub burn_threshold: BurnThreshold,

    /// Page that tells what to do, put into every alert as `runbook_url`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ ]+$')").message("runbookUrl is an http or https URL"))]
    pub runbook_url: Option<String>,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            mode: Management::Managed,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            page: None,
            ticket: None,
            min_failures: default_min_failures(),
            burn_threshold: BurnThreshold::Rate,
            runbook_url: None,
        }
    }
}

const fn default_min_failures() -> i32 {
    5
}

/// What decides that a budget burns too fast.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BurnThreshold {
    /// The share of bad events.
    #[default]
    Rate,
    /// Their number.
    Budget,
}

/// The `severity` label of a class of alerts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Severity {
    /// Value of the label `severity`. Default: `critical` for pages, `warning` for tickets.
    #[schemars(length(min = 1, max = 63))]
    pub severity: String,
}

/// The object that holds the rules.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.labels.all(k, !k.startsWith('plimsoll.dev/') && k != 'app.kubernetes.io/managed-by')").message("labels must not name plimsoll.dev/… or app.kubernetes.io/managed-by: the operator sets these"),
    validation = Rule::new("self.labels.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$') && self.labels[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))").message("labels are Kubernetes labels: letters, digits, dashes, underscores and dots, like release: kube-prometheus-stack")
)]
pub struct RuleObject {
    /// The kind of the object. `Auto` (default): a PrometheusRule where the cluster serves that API, else a VMRule of the
    /// VictoriaMetrics operator where it serves that one, else a ConfigMap with the rule file. A kind that the cluster does not
    /// serve leaves the rules as they are.
    #[serde(default)]
    pub kind: RuleObjectKind,

    /// Labels on the object, so that the `ruleSelector` of the installation's Prometheus or VMAlert picks it, like
    /// `release: kube-prometheus-stack`. They are added to those that the operator was started with. Default: none.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 20), extend("additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub labels: BTreeMap<String, String>,

    /// What Thanos Ruler does with a rule when a store does not answer: `Warn` evaluates what there is, `Abort` fails the rule.
    /// Only for rules that a Thanos Ruler loads: Prometheus refuses a rule file with it. Default: what the operator was started
    /// with, which is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_response_strategy: Option<PartialResponseStrategy>,
}

/// The kind of the object that holds the rules.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleObjectKind {
    /// What the cluster can take.
    #[default]
    Auto,
    /// Of the Prometheus Operator.
    PrometheusRule,
    /// Of the VictoriaMetrics operator.
    VMRule,
    /// A rule file.
    ConfigMap,
}

/// What Thanos Ruler does with a rule when a store does not answer.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialResponseStrategy {
    /// It evaluates what there is, with a warning.
    Warn,
    /// It fails the rule.
    Abort,
}
