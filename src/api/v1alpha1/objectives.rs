//! `spec.objectives`: what the service promises.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, Target};

/// One promise: this share of events is good over this window.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Name of the objective, a DNS label such as `availability`. It is part of metric labels and alerts.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("the name of an objective is a DNS label: lower case letters, digits and dashes, like availability"))]
    pub name: String,

    /// What the objective is for, in a sentence. Its alerts carry it as `objective_description`. Default: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,

    /// Share of events that must be good, per cent, a decimal string from `"50"` to `"99.99999"`, like `"99.9"`.
    pub target: Target,

    /// Rolling window in whole days, from 1d to 90d. Default: `30d`.
    #[serde(default = "default_window")]
    #[x_kube(validation = Rule::new("self.matches('^([1-9]|[1-8][0-9]|90)d$') || self.matches('^([1-9]|1[0-2])w$')").message("window is a whole number of days from 1d to 90d, or of weeks from 1w to 12w, like 30d"))]
    pub window: Duration,

    /// How events are counted, and which of them are bad.
    pub indicator: Indicator,
}

/// How events are counted: exactly one of the fields.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.ratio) != has(self.latency)").message("an indicator is exactly one of ratio and latency"))]
pub struct Indicator {
    /// Two counters: bad (or good) events, and all events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,

    /// A histogram of durations: an event is good when it took at most the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// Bad or good events of all events. Each is a PromQL selector of counters: a metric name with label matchers, without
/// `rate`, range or `sum`, which the operator adds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.errors) != has(self.good)").message("a ratio names exactly one of errors and good, beside total"))]
pub struct Ratio {
    /// Selector of the bad events, like `http_requests_total{job="azora-auth",code=~"5.."}`. No such series counts as no errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub errors: Option<String>,

    /// Selector of the good events, instead of `errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub good: Option<String>,

    /// Selector of all events, like `http_requests_total{job="azora-auth"}`.
    #[schemars(length(min = 1, max = 1024))]
    pub total: String,
}

/// Events that take at most a threshold, from a classic Prometheus histogram. "p95 under 200 ms" is a target of `"95"` with
/// a threshold of `200ms`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Name of the histogram in seconds, without `_bucket`, like `http_request_duration_seconds`.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')").message("histogram is a metric name, without labels; label matchers go into selector"))]
    pub histogram: String,

    /// Label matchers, like `job="azora-auth",route!="/healthz"`. Default: all series of the histogram.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub selector: String,

    /// Longest time that a good event takes, from 1ms to 1h. It must be the upper bound of one of the histogram's buckets.
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?([0-9]{1,7}ms)?$') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')").message("threshold is a time from 1ms to 1h in whole h, m, s and ms, like 200ms or 1s500ms"))]
    pub threshold: Duration,
}

const fn default_window() -> Duration {
    Duration::from_secs(30 * 86_400)
}
