//! The alerts of an objective.

mod draft;

pub(super) use draft::Draft;

use super::{
    Alerting, Format, Identity, Indicator, Objective, Options, Rule, Severity, Threshold, Tier, Window,
    grouping::By,
    maintenance::Mask,
    number, promql,
    record::{BASE, GROUPS_LEFT_OUT, Series, burn_name, ratio_name, suffix},
    slices,
};
use crate::api::{Duration, Target};

/// Evaluations for which an alert on a burn rate goes on after the burning has ended, so that it does not flap.
pub(super) const KEEP_FIRING: u64 = 4;

/// How long an alert on the budget goes on: the budget moves slowly.
pub(super) const KEEP_FIRING_BUDGET: Duration = Duration::from_secs(900);

/// The share of the budget below which it is called low, in hundredths.
pub(super) const LOW_BUDGET: u32 = 25;

/// The share of the budget that bad events must have taken within a trickle's window, as one over this.
pub(super) const TRICKLE_SHARE: u32 = 5;

/// The least number of bad events that is a pattern and not an accident.
pub(super) const PATTERN: u32 = 2;

/// The error rate that is alerted on at once, in ten-millionths: 5 %.
pub(super) const HIGH_ERROR_PARTS: u32 = 500_000;

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
    drafts.extend(objective.grouping.as_ref().map(|grouping| context.too_many_groups(grouping.limit())));
    drafts.push(match &objective.indicator {
        Indicator::Ratio { .. } | Indicator::Raw { .. } | Indicator::Probe { .. } | Indicator::Composite(_) => {
            context.error_rate()
        }
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
    context.finish(drafts)
}

/// The alerts on what is left of the budget. They go with the rules that record it, and see it at the same instant.
pub(super) fn budget(objective: &Objective, alerting: &Alerting, options: &Options, series: &Series) -> Vec<Rule> {
    let context = Context { objective, alerting, options, series };
    let further = objective.further_windows.iter().map(|window| Some(*window));
    let drafts = [None].into_iter().chain(further).flat_map(|window| [context.low(window), context.exhausted(window)]);
    context.finish(drafts.collect())
}

struct Context<'a> {
    objective: &'a Objective,
    alerting: &'a Alerting,
    options: &'a Options,
    series: &'a Series,
}

impl Context<'_> {
    /// The rules, quiet during maintenance, with a label that tells groups apart.
    fn finish(&self, drafts: Vec<Draft>) -> Vec<Rule> {
        let finish = |mut draft: Draft| {
            draft.expr = Mask::new(&self.objective.maintenance, self.series, self.options).outside(draft.expr);
            if let Some(grouping) = self.objective.grouping.as_ref().filter(|_| draft.by_group) {
                draft.labels.push(("group", grouping.template()));
            }
            draft.finish(self.objective.identity.labels(), self.alerting)
        };
        drafts.into_iter().map(finish).collect()
    }

    fn by(&self) -> By<'_> {
        By(self.objective.grouping.as_ref())
    }

    /// What an alert is about, in texts.
    fn subject(&self) -> String {
        let Identity { namespace, profile, objective } = &self.objective.identity;
        let group = self.objective.grouping.as_ref().map(|grouping| format!(", {grouping} {}", grouping.template()));
        format!("{namespace}/{profile}, objective {objective}{}", group.unwrap_or_default())
    }

    /// A pipeline of a template that asks Prometheus for `expr`, which holds so many selectors of recorded series.
    fn query(&self, expr: &str, selectors: usize) -> String {
        let arguments = self.by().arguments();
        if arguments.is_empty() {
            return format!("query `{expr}`");
        }
        format!("printf `{expr}`{} | query", arguments.repeat(selectors))
    }

    /// A selector of a recorded series of the alert's group, for [`Self::query`].
    fn select(&self, name: &str) -> String {
        let matchers = self.by().matchers();
        let matchers = matchers.trim_start_matches(',');
        if matchers.is_empty() { self.series.select(name) } else { self.series.select_with(name, matchers) }
    }

    /// A piece of a template: what a query yields through `format`, or `otherwise`.
    fn shown(query: &str, format: &str, otherwise: &str) -> String {
        format!("{{{{ with {query} }}}}{{{{ . | first | value{format} }}}}{{{{ else }}}}{otherwise}{{{{ end }}}}")
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
        let left = self.query(&self.select("plimsoll:budget_remaining:ratio"), 1);
        format!("Budget left: {}.", Self::shown(&left, " | humanizePercentage", "unknown"))
    }

    /// One tier: the budget burns fast in the long window and in the short one.
    fn burn(&self, tier: &Tier) -> Draft {
        let (long, short) = (self.series.burn(tier.long), self.series.burn(tier.short));
        let expr = match self.alerting.threshold {
            Threshold::Rate => format!("{long} > {0} and {short} > {0}", tier.factor),
            // The value stays the burn rate, which the texts speak of.
            Threshold::Budget => {
                let budget = self.series.select("plimsoll:budget:events");
                let over = |window: Duration| {
                    let whole = self.objective.window.as_secs();
                    let bad = self.series.bad_count(window);
                    format!("{bad} > {} * {} / {whole} * {budget}", tier.factor, window.as_secs())
                };
                format!("{long} > 0 and {} and {}", over(tier.long), over(tier.short))
            }
        };
        let mut draft = Draft::new("ErrorBudgetBurn", tier.severity, self.guarded(&expr, tier.long));
        draft.keep_firing_for = Some(self.keep_firing());
        draft.labels = vec![
            ("tier", tier.name.to_string()),
            ("long_window", tier.long.to_string()),
            ("short_window", tier.short.to_string()),
        ];
        draft.summary =
            format!("{}: the error budget burns {{{{ $value | humanize }}}} times as fast as allowed", self.subject());
        let left = self.select("plimsoll:budget_remaining:ratio");
        let until =
            format!("({left} > 0) * {} / {}", self.objective.window.as_secs(), self.select(&burn_name(tier.long)));
        let why = match self.alerting.threshold {
            Threshold::Rate => format!(
                "bad events came at more than {} times the rate at which the budget of a target of {} % lasts {}",
                tier.factor,
                self.objective.target,
                self.lasts()
            ),
            Threshold::Budget => format!(
                "bad events took more than {} % and {} % of the budget that a target of {} % leaves for {}",
                number::percent(number::round3(tier.share(tier.long, self.objective.window))),
                number::percent(number::round3(tier.share(tier.short, self.objective.window))),
                self.objective.target,
                self.lasts()
            ),
        };
        draft.description = format!(
            "Over the last {} and the last {} {why}. {} {{{{ with {} }}}}At this rate it is exhausted in {{{{ . | first | value | humanizeDuration }}}}.{{{{ end }}}}",
            tier.long,
            tier.short,
            self.budget_left(),
            self.query(&until, 2)
        );
        draft
    }

    /// What the budget lasts, in texts.
    fn lasts(&self) -> String {
        match &self.objective.calendar {
            None => self.objective.window.to_string(),
            Some(periods) => format!("a {}", periods.kind),
        }
    }

    /// The ending of names of the numbers over a window, its label, and what it is in texts.
    fn over(&self, window: Option<Window>) -> (String, Vec<(&'static str, String)>, String) {
        match window {
            None => (String::new(), Vec::new(), self.lasts()),
            Some(window) => (suffix(window), vec![("window", window.to_string())], window.to_string()),
        }
    }

    /// A quarter of the budget is left.
    fn low(&self, window: Option<Window>) -> Draft {
        let (suffix, labels, lasts) = self.over(window);
        let left = self.series.select(&format!("plimsoll:budget_remaining:ratio{suffix}"));
        let few = Self::at_least(&self.series.select(&format!("plimsoll:bad:events{suffix}")), PATTERN);
        let expr = format!("({left} < {}) > 0 and {few}", number::hundredths(LOW_BUDGET));
        let mut draft = Draft::new("ErrorBudgetLow", Severity::Ticket, expr);
        draft.keep_firing_for = Some(KEEP_FIRING_BUDGET);
        draft.labels = labels;
        draft.summary =
            format!("{}: {{{{ $value | humanizePercentage }}}} of the error budget is left", self.subject());
        draft.description = format!(
            "The target is {} % over {lasts}. Hold back changes that can fail until the budget has recovered.",
            self.objective.target
        );
        draft
    }

    /// Nothing of the budget is left: the objective is missed.
    fn exhausted(&self, window: Option<Window>) -> Draft {
        let (suffix, labels, lasts) = self.over(window);
        let left = self.series.select(&format!("plimsoll:budget_remaining:ratio{suffix}"));
        let few = Self::at_least(&self.series.select(&format!("plimsoll:bad:events{suffix}")), PATTERN);
        let mut draft = Draft::new("ErrorBudgetExhausted", Severity::Ticket, format!("{left} <= 0 and {few}"));
        draft.keep_firing_for = Some(KEEP_FIRING_BUDGET);
        draft.labels = labels;
        draft.summary = format!("{}: the error budget is exhausted", self.subject());
        let now = self.query(&self.select(&format!("plimsoll:objective:ratio{suffix}")), 1);
        draft.description = format!(
            "The target of {} % over {lasts} is missed: {{{{ with {now} }}}}{{{{ . | first | value | humanizePercentage }}}} of the events were good{{{{ else }}}}unknown{{{{ end }}}}.",
            self.objective.target
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
            "There is little traffic: a target of {} % over {} allows {} bad events in all. {}",
            self.objective.target,
            self.lasts(),
            Self::shown(&self.query(&self.select("plimsoll:budget:events"), 1), " | humanize", "few"),
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
        draft.by_group = false;
        let Identity { namespace, profile, objective } = &self.objective.identity;
        draft.summary = format!("{namespace}/{profile}, objective {objective}: nothing is measured");
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
            Indicator::Composite(composite) => {
                let parts =
                    composite.parts.iter().map(|part| format!("{}/{}", part.identity.profile, part.identity.objective));
                format!("no numbers of one of its parts: {}", parts.collect::<Vec<_>>().join(", "))
            }
        };
        draft.description = format!(
            "{{{{ $value }}}} pods are ready and Prometheus has {what}. Until it has, the objective is unknown and none of its other alerts can fire."
        );
        draft
    }

    /// There are more groups than are followed.
    fn too_many_groups(&self, limit: u32) -> Draft {
        let left_out = self.series.select(GROUPS_LEFT_OUT);
        let mut draft = Draft::new("ObjectiveGroupsLeftOut", Severity::Ticket, format!("{left_out} > 0"));
        draft.hold = Some(Duration::from_secs(3_600));
        draft.by_group = false;
        let Identity { namespace, profile, objective } = &self.objective.identity;
        draft.summary =
            format!("{namespace}/{profile}, objective {objective}: {{{{ $value }}}} groups are not followed");
        draft.description = format!(
            "There are more values of the labels to group by than the limit of {limit}: those that are left out have no budget and no alerts. Raise the limit, group by fewer labels, or have the service use fewer values."
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
            self.lasts(),
            self.budget_left()
        );
        draft
    }
}

/// The larger of the share that a target allows and `parts` ten-millionths, as an exact decimal.
fn higher(target: Target, parts: u32) -> String {
    if target.budget_parts() > parts { target.budget_fraction() } else { number::hundredths(parts / 100_000) }
}
