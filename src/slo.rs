//! Objectives as Prometheus rules, and what the recorded numbers say.
//!
//! Pure: no clock, no network, no Kubernetes. An [`Objective`] goes in, [`RuleGroup`]s come out, and what Prometheus has
//! recorded goes through [`evaluate`] into a report.
//!
//! The arithmetic is that of *events*: bad and total events are recorded apart and divided once, at the end, over
//! whatever window. An average of ratios would weigh a quiet night like a busy noon.

mod alerts;
mod calendar;
mod composite;
pub mod evaluate;
mod expression;
mod fence;
mod grouping;
pub(crate) mod indicator;
mod maintenance;
pub mod number;
mod pooler;
mod preset;
mod promql;
mod record;
pub mod replay;
mod rule;
pub(crate) mod shape;
pub mod signals;
mod slices;
mod syntax;
mod tiers;
mod window;
mod workload;

use std::collections::BTreeMap;

pub use calendar::{Period, Periods};
pub use composite::{Composite, Mode, Part};
pub use expression::{Expression, ExpressionError, MAX_EXPRESSION_LENGTH, WindowExpression};
pub use fence::{Fence, FenceError, Fenced, asks_prometheus, fence_label};
pub use grouping::{Grouping, GroupingError};
pub use indicator::{BadEvents, Format, Indicator, Unit};
pub use maintenance::Span;
pub use number::{Decimal, DecimalError};
pub use pooler::pooler_group;
pub use preset::{Preset, Source};
pub use promql::{MAX_LENGTH, Matchers, MetricName, PromqlError, Selector};
pub use rule::{PartialResponse, Rule, RuleFile, RuleGroup};
pub(crate) use syntax::parse as parse_promql;
#[cfg(test)]
pub(crate) use syntax::walk as walk_promql;
pub use syntax::{MAX_DEPTH, MAX_SELECTORS};
pub use tiers::{Factor, Severity, Tier, TierName, Tiers, tiers};
pub use window::{Window, WindowError};
pub use workload::{WorkloadIdentity, workload_group};

use crate::api::{Duration, Target};

/// Labels that say which objective a series or an alert is about. Users cannot set them.
const IDENTITY: [&str; 3] = ["namespace", "profile", "objective"];

/// Which objective: the labels of everything that is recorded and alerted on. The names are those of Kubernetes objects,
/// checked by the API server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The namespace of the profile.
    pub namespace: String,
    /// The name of the profile.
    pub profile: String,
    /// The name of the objective within the profile.
    pub objective: String,
}

/// One objective: so many per cent of the events over a window are good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Objective {
    /// Which one.
    pub identity: Identity,
    /// The share of events that must be good.
    pub target: Target,
    /// The rolling window over which it is measured. With a calendar only the windows of the burn rates follow from it:
    /// 7, 30 or 90 days.
    pub window: Window,
    /// What is measured.
    pub indicator: Indicator,
    /// The week, month or quarter that is measured instead of the last so many days.
    pub calendar: Option<Periods>,
    /// Further rolling windows with a budget of their own, and no burn rates.
    pub further_windows: Vec<Window>,
    /// The labels whose values have budgets of their own.
    pub grouping: Option<Grouping>,
    /// Time that counts for nothing: sorted, without overlaps.
    pub maintenance: Vec<Span>,
}

impl Objective {
    /// An objective over one rolling window, without groups or maintenance.
    pub const fn new(identity: Identity, target: Target, window: Window, indicator: Indicator) -> Self {
        Self {
            identity,
            target,
            window,
            indicator,
            calendar: None,
            further_windows: Vec::new(),
            grouping: None,
            maintenance: Vec::new(),
        }
    }

    /// What it is measured over, in a word: `30d`, or `month`.
    pub fn span(&self) -> String {
        self.calendar.as_ref().map_or_else(|| self.window.to_string(), |periods| periods.kind.to_owned())
    }

    /// Names of its rule groups: the burn rates', and that of the numbers over whole windows.
    pub fn groups(&self) -> [String; 2] {
        // No name of an object holds a colon: the second cannot collide with that of another objective.
        let name = self.identity.group();
        [name.clone(), format!("{name}:window")]
    }

    /// Every rolling window.
    fn windows(&self) -> impl Iterator<Item = Window> {
        [self.window].into_iter().chain(self.further_windows.iter().copied())
    }
}

/// How the alerts of a profile look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alerting {
    /// Labels added to every alert. Those that identify the objective cannot be set.
    pub labels: BTreeMap<String, String>,
    /// Annotations added to every alert, Go templates allowed. They win over the ones written here.
    pub annotations: BTreeMap<String, String>,
    /// The label `severity` of alerts that wake someone up. Default `critical`.
    pub page_severity: String,
    /// The label `severity` of alerts for the working day. Default `warning`.
    pub ticket_severity: String,
    /// Bad events that the long window of a burn rate must hold before it alerts. Default 5.
    ///
    /// At 99.9 % and fewer than 69 requests an hour a single failed request burns over 14.4 times the allowed rate.
    pub min_failures: u32,
    /// The annotation `runbook_url` of every alert. Default: none.
    pub runbook_url: Option<String>,
    /// What a burn rate is compared with.
    pub threshold: Threshold,
}

/// What decides that a budget burns too fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Threshold {
    /// The share of bad events within a window, against a multiple of the share that is allowed. A failure at night weighs
    /// as much as many at noon.
    #[default]
    Rate,
    /// The number of bad events within a window, against a share of the number that the whole window allows. A failure
    /// weighs the same at any time of day.
    Budget,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            page_severity: "critical".to_owned(),
            ticket_severity: "warning".to_owned(),
            min_failures: 5,
            runbook_url: None,
            threshold: Threshold::Rate,
        }
    }
}

/// What the installation's Prometheus does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The interval of the rule groups. Default 30s; at most 2m, or numbers go stale from one evaluation to the next.
    pub evaluation_interval: Duration,
    /// How often the targets are scraped. Default 30s.
    pub scrape_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { evaluation_interval: Duration::from_secs(30), scrape_interval: Duration::from_secs(30) }
    }
}

/// The rule groups of one objective: the burn rates with their alerts, and, at a longer interval, the numbers over the
/// whole window with the alerts on the budget.
pub fn objective_groups(objective: &Objective, alerting: &Alerting, options: &Options) -> Vec<RuleGroup> {
    objective_groups_every(record::rollup(options), objective, alerting, options)
}

/// As [`objective_groups`], with the numbers over the whole window recorded at every `evaluations`-th evaluation instead
/// of every fourth or second. For engines that evaluate all groups at one interval, like that of `promtool test rules`: the counts
/// there are right with 1 only.
pub fn objective_groups_every(
    evaluations: u64,
    objective: &Objective,
    alerting: &Alerting,
    options: &Options,
) -> Vec<RuleGroup> {
    let tiers = tiers(objective.window, objective.target, options);
    let series = record::Series::new(objective);
    let [name, of_windows] = objective.groups();
    let mut rules = record::burn_rates(objective, &tiers.active, options, &series);
    rules.extend(alerts::present(objective, &tiers.active, alerting, options, &series));
    let rollup = Duration::from_millis(options.evaluation_interval.as_millis() * evaluations);
    let mut numbers = record::window_numbers(objective, rollup, &series);
    numbers.extend(alerts::budget(objective, alerting, options, &series));
    vec![
        RuleGroup { name, interval: options.evaluation_interval, partial_response_strategy: None, rules },
        RuleGroup { name: of_windows, interval: rollup, partial_response_strategy: None, rules: numbers },
    ]
}

impl Identity {
    /// The name of the rule group. Dots, because namespaces and objectives hold none: with dashes, profile `b-c` in
    /// namespace `a` and profile `c` in namespace `a-b` would share a name in one rule file.
    fn group(&self) -> String {
        format!("plimsoll.{}.{}.{}", self.namespace, self.profile, self.objective)
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let values = [&self.namespace, &self.profile, &self.objective];
        IDENTITY.map(str::to_owned).into_iter().zip(values.map(Clone::clone)).collect()
    }

    /// Whether a label of a recorded series is set by its rules.
    pub(crate) fn is_own(label: &str) -> bool {
        label == "__name__" || label == composite::LABEL || IDENTITY.contains(&label)
    }

    /// The matchers that select the series of this objective, without braces.
    pub(crate) fn matchers(&self) -> String {
        format!(
            "namespace={},profile={},objective={}",
            promql::quote(&self.namespace),
            promql::quote(&self.profile),
            promql::quote(&self.objective)
        )
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
