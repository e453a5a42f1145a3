//! `spec.objectives`: what the service promises.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, Target};

/// One promise: this share of events is good over this window.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.grouping) || !(has(self.indicator.throughput) || has(self.indicator.saturation) || has(self.indicator.composite))").message("grouping goes with ratio, latency, raw and probe: the others have one number for all"))]
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

    /// Week, month or quarter that has a budget, instead of the last so many days: `window` is of no effect then. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,

    /// Further rolling windows with a budget and alerts on it, but without burn rates, like `["7d", "90d"]`. At most 4. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(w, w.matches('^([1-9]|[1-8][0-9]|90)d$') || w.matches('^([1-9]|1[0-2])w$'))").message("an additional window is a whole number of days from 1d to 90d, or of weeks from 1w to 12w, like 7d"))]
    pub additional_windows: Vec<Duration>,

    /// Labels whose values have budgets and alerts of their own, such as each route. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<Grouping>,

    /// How events are counted, and which of them are bad.
    pub indicator: Indicator,
}

impl Objective {
    /// An objective over a rolling window, without anything that has a default.
    pub const fn new(
        name: String,
        description: Option<String>,
        target: Target,
        window: Duration,
        indicator: Indicator,
    ) -> Self {
        Self {
            name,
            description,
            target,
            window,
            calendar: None,
            additional_windows: Vec::new(),
            grouping: None,
            indicator,
        }
    }
}

/// A window that begins with the week, month or quarter, and with it a new budget.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// How long it is: `Week` (from Monday on), `Month` or `Quarter`.
    pub period: CalendarPeriod,

    /// IANA time zone whose midnight it begins at, like `Africa/Johannesburg`. Default: `UTC`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

/// How long a calendar window is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarPeriod {
    /// From Monday to Sunday. Burn rates are those of a window of 7 days.
    Week,
    /// From the first day to the last. Burn rates are those of a window of 30 days.
    Month,
    /// Three months, from January, April, July or October on. Burn rates are those of a window of 90 days.
    Quarter,
}

/// Labels whose values have budgets of their own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Grouping {
    /// The labels, like `["route"]`: 1 to 3.
    #[schemars(length(min = 1, max = 3), inner(length(max = 64)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(l, l.matches('^[a-zA-Z_][a-zA-Z0-9_]*$') && !l.startsWith('__') && !(l in ['alertname', 'alertstate', 'composite', 'group', 'le', 'long_window', 'namespace', 'objective', 'period', 'profile', 'severity', 'short_window', 'target', 'tier', 'window']))").message("by has names of Prometheus labels, and none that the rules need for themselves, such as namespace, profile, objective, severity, tier, group and le"))]
    pub by: Vec<String>,

    /// Most groups that are followed at a time, from 1 to 100; those beyond it are counted, and an alert says so. Default: 20.
    #[serde(default = "default_group_limit")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: i32,
}

/// How events are counted: exactly one of the fields.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.availability), has(self.ratio), has(self.latency), has(self.raw), has(self.probe), has(self.throughput), has(self.saturation), has(self.composite)].filter(named, named).size() == 1").message("an indicator is exactly one of availability, ratio, latency, raw, probe, throughput, saturation and composite"))]
pub struct Indicator {
    /// Requests that the server did not fail: the metrics are those of `spec.telemetry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,

    /// Two counters: bad (or good) events, and all events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,

    /// A histogram of durations: an event is good when it took at most the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,

    /// Two PromQL expressions, where selectors are not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Raw>,

    /// A gauge that is 1 while all is well and 0 while it is not: each of its samples is an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,

    /// A counter that must rise fast enough: a minute in which it does not is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,

    /// Something that must not be too full: a minute in which it is, is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Saturation>,

    /// Other objectives, of this profile and of others in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composite: Option<Composite>,
}

/// An objective made of others. At any five minutes the share of bad events is that of the weakest of them, or their weighted
/// mean. As soon as one of them is not measured, the whole is unknown.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Composite {
    /// `Weakest`: as bad as the weakest part, for a chain of services that a request needs all of. `Weighted`: the weighted
    /// mean of the parts.
    pub mode: CompositeMode,

    /// The parts: 2 to 10 objectives that are no composites themselves.
    #[schemars(length(min = 2, max = 10))]
    pub objectives: Vec<CompositePart>,
}

/// How the parts of a composite make the whole.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompositeMode {
    /// As bad as the weakest part.
    Weakest,
    /// The weighted mean of the parts.
    Weighted,
}

/// One part of a composite.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CompositePart {
    /// Profile of the objective, in the same namespace. Default: this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 52))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("profile is the name of a PerformanceProfile"))]
    pub profile: Option<String>,

    /// Name of the objective.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("objective is the name of an objective"))]
    pub objective: String,

    /// Weight against the other parts, a decimal string above zero, like `"2"`. Default: `"1"`. Of no effect with `Weakest`.
    #[serde(default = "default_weight")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{1,12}([.][0-9]{1,6})?$') && !self.matches('^[0.]*$')").message("weight is a number above zero as a string, like \"2\" or \"0.5\""))]
    pub weight: String,
}

/// Server errors of all requests, under the names of the preset in `spec.telemetry`. It has no fields.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {}

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

/// Bad events and all events per second, each as a PromQL expression with `$window` for the range. Windows of up to an hour
/// are put in; longer ones are counted from what was recorded over 5m. Several series are added up; values that are no
/// number, infinite or below zero are left out. Ranges other than `$window` stay as they are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Raw {
    /// Bad events per second, like `sum(rate(jobs_total[$window])) - sum(rate(jobs_done_total[$window]))`. Nothing counts as no
    /// errors.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.contains('$window')").message("a raw expression has $window where its range stands, like rate(http_requests_total[$window])"))]
    pub errors: String,

    /// All events per second, like `rate(jobs_total[$window])`. While it yields nothing, the objective is unknown.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.contains('$window')").message("a raw expression has $window where its range stands, like rate(http_requests_total[$window])"))]
    pub total: String,
}

/// Availability by samples: one that is 0 is bad, one that is 1 is good. Without a scrape there is no event.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Selector of the gauge, like `probe_success{job="azora-auth"}`.
    #[schemars(length(min = 1, max = 1024))]
    pub gauge: String,
}

/// Events per second that are promised. Events of this objective are minutes: at every evaluation the rate of the last
/// minute (of four scrapes, where those take longer) is compared, and the time until the next evaluation is good or bad.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Throughput {
    /// Name of the counter, like `http_requests_total`. Default: that of `spec.telemetry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')").message("counter is a metric name, without labels; label matchers go into selector"))]
    pub counter: Option<String>,

    /// Label matchers, like `job="azora-auth"`; without a counter they narrow those of `spec.telemetry` down. Default: all series
    /// of the counter.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub selector: String,

    /// Fewest events per second that are good, a decimal string like `"1000"`.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{1,12}([.][0-9]{1,6})?$') && !self.matches('^[0.]*$')").message("minimum is a number above zero as a string, like \"1000\" or \"0.5\""))]
    pub minimum: String,
}

/// How full something may be. Events of this objective are minutes: at every evaluation the value is compared, and the time
/// until the next evaluation is good or bad.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// How full it is: a gauge or any PromQL expression, like `pool_connections_used / pool_connections_max`. Of several series
    /// the highest counts; what is no number is left out.
    #[schemars(length(min = 1, max = 2048))]
    pub query: String,

    /// Highest value that is good, a decimal string like `"0.8"`.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{1,12}([.][0-9]{1,6})?$') && !self.matches('^[0.]*$')").message("maximum is a number above zero as a string, like \"0.8\""))]
    pub maximum: String,
}

/// How a histogram is stored.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistogramFormat {
    /// A series per bucket, with its upper bound in the label `le`.
    #[default]
    Classic,
    /// A native histogram: one series, whose samples are histograms.
    Native,
}

/// Events that take at most a threshold, from a Prometheus histogram. "p95 under 200 ms" is a target of `"95"` with
/// a threshold of `200ms`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Name of the histogram in seconds, without `_bucket`, like `http_request_duration_seconds`. Default: that of
    /// `spec.telemetry`, in the unit that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')").message("histogram is a metric name, without labels; label matchers go into selector"))]
    pub histogram: Option<String>,

    /// Label matchers, like `job="azora-auth",route!="/healthz"`; without a histogram they narrow those of `spec.telemetry`
    /// down. Default: all series of the histogram.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub selector: String,

    /// How the histogram is stored. `Classic` (default): a series per bucket. `Native`: a native histogram.
    #[serde(default)]
    pub format: HistogramFormat,

    /// Longest time that a good event takes, from 1ms to 1h. It must be the upper bound of one of the buckets of a classic
    /// histogram; within a bucket of a native one it is interpolated.
    #[x_kube(validation = Rule::new("size(self) > 1 && self.matches('^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?([0-9]{1,7}ms)?$') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')").message("threshold is a time from 1ms to 1h in whole h, m, s and ms, like 200ms or 1s500ms"))]
    pub threshold: Duration,
}

const fn default_window() -> Duration {
    Duration::from_secs(30 * 86_400)
}

const fn default_group_limit() -> i32 {
    20
}

fn default_weight() -> String {
    "1".to_owned()
}

pub(super) fn utc() -> String {
    "UTC".to_owned()
}
