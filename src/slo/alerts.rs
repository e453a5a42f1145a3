//! The alerts of an objective.

use std::collections::BTreeMap;

use super::{
    Alerting, Format, IDENTITY, Identity, Indicator, Objective, Options, Rule, Severity, Tier, number, promql,
    record::{BASE, Series, ratio_name},
    slices,
};
use crate::api::{Duration, Target};

/// Labels that the alerts set themselves. Users cannot set them.
const OWN: [&str; 5] = ["alertname", "severity", "tier", "long_window", "short_window"];

/// Evaluations for which an alert on a burn rate goes on after the burning has ended, so that it does not flap.
const KEEP_FIRING: u64 = 4;

/// How long an alert on the budget goes on: the budget moves slowly.
const KEEP_FIRING_BUDGET: Duration = Duration::from_secs(900);

/// The share of the budget below which it is called low, in hundredths.
const LOW_BUDGET: u32 = 25;

/// The share of the budget that bad events must have taken within a trickle's window, as one over this.
const TRICKLE_SHARE: u32 = 5;

/// The least number of bad events that is a pattern and not an accident.
const PATTERN: u32 = 2;

/// The error rate that is alerted on at once, in ten-millionths: 5 %.
const HIGH_ERROR_PARTS: u32 = 500_000;

/// One alert before the user's labels and annotations are added.
pub(super) struct Draft {
    pub(super) alert: &'static str,
    pub(super) severity: Severity,
    pub(super) expr: String,
    pub(super) hold: Option<Duration>,
    pub(super) keep_firing_for: Option<Duration>,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) summary: String,
    pub(super) description: String,
}

impl Draft {
    pub(super) fn new(alert: &'static str, severity: Severity, expr: String) -> Self {
        Self {
            alert,
            severity,
            expr,
            hold: None,
            keep_firing_for: None,
            labels: Vec::new(),
            summary: String::new(),
            description: String::new(),
        }
    }

    /// The rule, with the labels of `identity` over everything else.
    pub(super) fn finish(self, identity: BTreeMap<String, String>, alerting: &Alerting) -> Rule {
        let mut labels: BTreeMap<String, String> =
            alerting.labels.iter().filter(|(name, _)| may_set(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let severity = match self.severity {
            Severity::Page => &alerting.page_severity,
            Severity::Ticket => &alerting.ticket_severity,
        };
        labels.insert("severity".to_owned(), severity.clone());
        labels.extend(self.labels.into_iter().map(|(name, value)| (name.to_owned(), value)));
        labels.extend(identity);
        let mut annotations =
            BTreeMap::from([("summary".to_owned(), self.summary), ("description".to_owned(), self.description)]);
        annotations.extend(alerting.runbook_url.iter().map(|url| ("runbook_url".to_owned(), url.clone())));
        let named = |(name, _): &(&String, &String)| promql::is_label_name(name);
        annotations.extend(alerting.annotations.iter().filter(named).map(|(n, v)| (n.clone(), v.clone())));
        Rule::Alert {
            alert: self.alert.to_owned(),
            expr: self.expr,
            hold: self.hold,
            keep_firing_for: self.keep_firing_for,
            labels,
            annotations,
        }
    }
}

/// Whether a user may put a label of this name on an alert.
fn may_set(name: &str) -> bool {
    promql::is_label_name(name) && !name.starts_with("__") && !IDENTITY.contains(&name) && !OWN.contains(&name)
}

impl Alerting {
    /// What of the user's labels and annotations is not put on alerts, as sentences for the user.
    pub fn findings(&self) -> Vec<String> {
        let labels = self.labels.keys().filter(|name| !may_set(name)).map(|name| {
            format!("the alert label `{name}` is left out: it is set here, or is no label name that Prometheus takes")
        });
        let annotations = self.annotations.keys().filter(|name| !promql::is_label_name(name));
        let annotations = annotations.map(|name| {
            format!(
                "the alert annotation `{name}` is left out: Prometheus takes letters, digits and `_` in its name only"
            )
        });
        labels.chain(annotations).collect()
    }
}

/// The window of the alert on a trickle of failures: a thirtieth of the objective's, a day of 30 days.
pub(super) fn trickle_window(objective: &Objective) -> Duration {
    Duration::from_secs(objective.window.as_secs() / 30)
}

/// The alerts on what happens now: burn rates, trickles, missing metrics, and the requirements' own.
pub(super) fn present(
    objective: &Objective,
    tiers: &[Tier],
    alerting: &Alerting,
    options: &Options,
    series: &Series,
) -> Vec<Rule> {
    let context = Context { objective, alerting, options, series };
    let mut drafts: Vec<Draft> = tiers.iter().map(|tier| context.burn(tier)).collect();
    if alerting.min_failures > 0 {
        // Without the guard the tiers themselves fire at the first failure.
        drafts.push(context.trickle());
    }
    drafts.push(context.absent());
    drafts.push(match &objective.indicator {
        Indicator::Ratio { .. } | Indicator::Raw { .. } | Indicator::Probe { .. } => context.error_rate(),
        Indicator::Latency { threshold, .. } => context.latency(*threshold),
        Indicator::Throughput { minimum, .. } => context.slices(
            "ThroughputBelowMinimum",
            &format!("{{{{ $value | humanize }}}} events per second, and {minimum} are promised"),
        ),
        Indicator::Saturation { maximum, .. } => context.slices(
            "SaturationAboveMaximum",
            &format!("at {{{{ $value | humanize }}}}, and {maximum} is the most that is promised"),
        ),
    });
    drafts.into_iter().map(|draft| draft.finish(objective.identity.labels(), alerting)).collect()
}

/// The alerts on what is left of the budget. They go with the rules that record it, and see it at the same instant.
pub(super) fn budget(objective: &Objective, alerting: &Alerting, options: &Options, series: &Series) -> Vec<Rule> {
    let context = Context { objective, alerting, options, series };
    [context.low(), context.exhausted()]
        .into_iter()
        .map(|draft| draft.finish(objective.identity.labels(), alerting))
        .collect()
}

struct Context<'a> {
    objective: &'a Objective,
    alerting: &'a Alerting,
    options: &'a Options,
    series: &'a Series,
}

impl Context<'_> {
    /// What an alert is about, in texts.
    fn subject(&self) -> String {
        let Identity { namespace, profile, objective } = &self.objective.identity;
        format!("{namespace}/{profile}, objective {objective}")
    }

    /// A condition that is true once a window holds `least` bad events. Counts that come from rates are not whole: half an
    /// event less is enough.
    fn at_least(count: &str, least: u32) -> String {
        format!("{count} > {}", number::tenths((least * 10).saturating_sub(5)))
    }

    /// `expr` as soon as a window holds as many bad events as an alert needs.
    fn guarded(&self, expr: &str, window: Duration) -> String {
        match self.alerting.min_failures {
            0 => expr.to_owned(),
            least => format!("{expr} and {}", Self::at_least(&self.series.bad_count(window), least)),
        }
    }

    fn keep_firing(&self) -> Duration {
        Duration::from_millis(self.options.evaluation_interval.as_millis() * KEEP_FIRING)
    }

    /// A sentence on what is left of the budget, as a template.
    fn budget_left(&self) -> String {
        let left = self.series.select("plimsoll:budget_remaining:ratio");
        format!(
            "Budget left: {{{{ with query `{left}` }}}}{{{{ . | first | value | humanizePercentage }}}}{{{{ else }}}}unknown{{{{ end }}}}."
        )
    }

    /// One tier: the budget burns fast in the long window and in the short one.
    fn burn(&self, tier: &Tier) -> Draft {
        let (long, short) = (self.series.burn(tier.long), self.series.burn(tier.short));
        let expr = format!("{long} > {0} and {short} > {0}", tier.factor);
        let mut draft = Draft::new("ErrorBudgetBurn", tier.severity, self.guarded(&expr, tier.long));
        draft.keep_firing_for = Some(self.keep_firing());
        draft.labels = vec![
            ("tier", tier.name.to_string()),
            ("long_window", tier.long.to_string()),
            ("short_window", tier.short.to_string()),
        ];
        draft.summary =
            format!("{}: the error budget burns {{{{ $value | humanize }}}} times as fast as allowed", self.subject());
        let left = self.series.select("plimsoll:budget_remaining:ratio");
        let until = format!("({left} > 0) * {} / {long}", self.objective.window.as_secs());
        draft.description = format!(
            "Over the last {} and the last {} bad events came at more than {} times the rate at which the budget of a target of {} % lasts {}. {} {{{{ with query `{until}` }}}}At this rate it is exhausted in {{{{ . | first | value | humanizeDuration }}}}.{{{{ end }}}}",
            tier.long,
            tier.short,
            tier.factor,
            self.objective.target,
            self.objective.window,
            self.budget_left()
        );
        draft
    }

    /// A quarter of the budget is left.
    fn low(&self) -> Draft {
        let left = self.series.select("plimsoll:budget_remaining:ratio");
        let few = Self::at_least(&self.series.select("plimsoll:bad:events"), PATTERN);
        let expr = format!("({left} < {}) > 0 and {few}", number::hundredths(LOW_BUDGET));
        let mut draft = Draft::new("ErrorBudgetLow", Severity::Ticket, expr);
        draft.keep_firing_for = Some(KEEP_FIRING_BUDGET);
        draft.summary =
            format!("{}: {{{{ $value | humanizePercentage }}}} of the error budget is left", self.subject());
        draft.description = format!(
            "The target is {} % over {}. Hold back changes that can fail until the budget has recovered.",
            self.objective.target, self.objective.window
        );
        draft
    }

    /// Nothing of the budget is left: the objective is missed.
    fn exhausted(&self) -> Draft {
        let left = self.series.select("plimsoll:budget_remaining:ratio");
        let few = Self::at_least(&self.series.select("plimsoll:bad:events"), PATTERN);
        let mut draft = Draft::new("ErrorBudgetExhausted", Severity::Ticket, format!("{left} <= 0 and {few}"));
        draft.keep_firing_for = Some(KEEP_FIRING_BUDGET);
        draft.summary = format!("{}: the error budget is exhausted", self.subject());
        let now = self.series.select("plimsoll:objective:ratio");
        draft.description = format!(
            "The target of {} % over {} is missed: {{{{ with query `{now}` }}}}{{{{ . | first | value | humanizePercentage }}}} of the events were good{{{{ else }}}}unknown{{{{ end }}}}.",
            self.objective.target, self.objective.window
        );
        draft
    }

    /// Failures too few for any burn rate, and too many for the budget.
    ///
    /// With little traffic the budget itself is a handful of failures: 7 in 30 days for 99.9 % at 10 requests an hour. A
    /// burn rate there is either deaf (it waits for `min_failures`) or fires at every single failure. So what counts is
    /// the number of failures against the budget of the *whole* window: two or more within a thirtieth of it, and more
    /// than a fifth of all that are allowed. Where a fifth of the budget is `min_failures` or more, the tiers see it.
    fn trickle(&self) -> Draft {
        let window = trickle_window(self.objective);
        let (count, budget) = (self.series.bad_count(window), self.series.select("plimsoll:budget:events"));
        let least = PATTERN.min(self.alerting.min_failures);
        let upper = TRICKLE_SHARE * self.alerting.min_failures;
        let share = format!("{} * {budget}", number::hundredths(100 / TRICKLE_SHARE));
        let expr = format!("{} and {count} > {share} and {budget} < {upper}", Self::at_least(&count, least));
        let mut draft = Draft::new("ErrorTrickle", Severity::Ticket, expr);
        draft.keep_firing_for = Some(self.keep_firing());
        draft.labels = vec![("long_window", window.to_string())];
        draft.summary = format!("{}: {{{{ $value | humanize }}}} bad events within {window}", self.subject());
        draft.description = format!(
            "There is little traffic: a target of {} % over {} allows {{{{ with query `{budget}` }}}}{{{{ . | first | value | humanize }}}}{{{{ else }}}}few{{{{ end }}}} bad events in all. {}",
            self.objective.target,
            self.objective.window,
            self.budget_left()
        );
        draft
    }

    /// Pods are ready, and nothing is measured.
    fn absent(&self) -> Draft {
        let Identity { namespace, profile, .. } = &self.objective.identity;
        let (namespace, profile) = (promql::quote(namespace), promql::quote(profile));
        let ready = format!("plimsoll_target_ready_pods{{namespace={namespace},profile={profile}}}");
        let bad = self.series.select(&format!("plimsoll:bad:rate{BASE}"));
        // The highest of what different operator pods say: their own labels must not restart the alert.
        let expr = format!("max by (namespace, profile) ({ready}) > 0 unless on (namespace, profile) {bad}");
        let mut draft = Draft::new("ObjectiveMetricsAbsent", Severity::Ticket, expr);
        draft.hold = Some(Duration::from_secs(600));
        draft.summary = format!("{}: nothing is measured", self.subject());
        let what = match &self.objective.indicator {
            Indicator::Ratio { total, .. } => format!("no samples of `{total}`"),
            Indicator::Latency { histogram, format: Format::Native, .. } => {
                format!("no samples of the native histogram `{histogram}`: are native histograms scraped?")
            }
            Indicator::Latency { histogram, threshold, format: Format::Classic, .. } => {
                format!("no samples of the histogram `{histogram}`, or it has no bucket that ends at {threshold}")
            }
            Indicator::Raw { .. } => "nothing that the expression for all events finds".to_owned(),
            Indicator::Probe { gauge } => format!("no samples of `{gauge}`"),
            Indicator::Throughput { counter, .. } => format!("no samples of `{counter}`"),
            Indicator::Saturation { .. } => "nothing that the query of the saturation finds".to_owned(),
        };
        draft.description = format!(
            "{{{{ $value }}}} pods are ready and Prometheus has {what}. Until it has, the objective is unknown and none of its other alerts can fire."
        );
        draft
    }

    /// The requirements' alert on errors: over 5 %, at once. Where the target allows more than that, over what it allows.
    fn error_rate(&self) -> Draft {
        let limit = higher(self.objective.target, HIGH_ERROR_PARTS);
        let expr = format!("{} > {limit}", self.series.select(&ratio_name(BASE)));
        let mut draft = Draft::new("ErrorRateHigh", Severity::Page, self.guarded(&expr, BASE));
        draft.keep_firing_for = Some(self.keep_firing());
        draft.summary = format!("{}: {{{{ $value | humanizePercentage }}}} of the events are bad", self.subject());
        draft.description = format!("Over the last {BASE}. {}", self.budget_left());
        draft
    }

    /// The requirements' alert on latency: more than the target allows are slower than the threshold for five minutes. For
    /// a target of 95 that is a 95th percentile over the threshold.
    fn latency(&self, threshold: Duration) -> Draft {
        let target = self.objective.target;
        let expr = format!("{} > {}", self.series.select(&ratio_name(BASE)), target.budget_fraction());
        let mut draft = Draft::new("LatencyAboveTarget", Severity::Ticket, self.guarded(&expr, BASE));
        draft.hold = Some(Duration::from_secs(300));
        draft.keep_firing_for = Some(self.keep_firing());
        draft.summary =
            format!("{}: {{{{ $value | humanizePercentage }}}} took longer than {threshold}", self.subject());
        draft.description =
            format!("{target} % are to be done within {threshold}. Over the last {BASE}. {}", self.budget_left());
        draft
    }

    /// The state that makes time slices bad has lasted for five minutes.
    fn slices(&self, alert: &'static str, state: &str) -> Draft {
        let beyond = slices::beyond(&self.objective.indicator, self.series, "").unwrap_or_default();
        let mut draft = Draft::new(alert, Severity::Ticket, beyond);
        draft.hold = Some(Duration::from_secs(300));
        draft.keep_firing_for = Some(self.keep_firing());
        draft.summary = format!("{}: {state}", self.subject());
        draft.description = format!(
            "It has been so for {BASE}. The target is {} % of the minutes over {}. {}",
            self.objective.target,
            self.objective.window,
            self.budget_left()
        );
        draft
    }
}

/// The larger of the share that a target allows and `parts` ten-millionths, as an exact decimal.
fn higher(target: Target, parts: u32) -> String {
    if target.budget_parts() > parts { target.budget_fraction() } else { number::hundredths(parts / 100_000) }
}
