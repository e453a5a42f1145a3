//! What enforcement looks at every few seconds, as a rule group of its own: events of the last minute, load, and what waits.
//!
//! They are read from the user's series, not from what is recorded for the budget: that is taken over five minutes, and five
//! minutes are an incident.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Expression, Format, Indicator, Objective, Options, Rule, RuleGroup, WorkloadIdentity, grouping::By,
    indicator::series, promql,
};
use crate::api::Duration;

/// All events per second over the last minute, by objective.
pub const TOTAL: &str = "plimsoll:signal:total";
/// Bad events per second over the last minute, by objective.
pub const BAD: &str = "plimsoll:signal:bad";
/// Requests per second over the last minute.
pub const REQUESTS: &str = "plimsoll:signal:requests";
/// Requests in flight: the seconds of all requests that ended in the last minute, per second.
pub const IN_FLIGHT: &str = "plimsoll:signal:in_flight";
/// Series that the requests are counted in.
pub const SERIES: &str = "plimsoll:signal:series";
/// What waits for a dependency.
pub const WAITING: &str = "plimsoll:signal:waiting";
/// Requests per second in the coming hour of past days: the second highest of them.
pub const SEASONAL: &str = "plimsoll:signal:seasonal_requests";
/// Selects the names of all of these.
pub const RECORDED: &str = "plimsoll:signal:.+|plimsoll:(bad|total):rate5m";

/// The interval of the group: a decision rests on numbers that are this old at most, besides the scrape.
const INTERVAL: Duration = Duration::from_secs(15);
/// The range of the rates: a minute, or four scrapes where those take longer.
const RANGE: Duration = Duration::from_secs(60);
const SCRAPES: u64 = 4;
/// Ahead of now: the hour of past days that is looked at ends so much later.
const HOUR: u64 = 3_600;

/// What enforcement needs beside the objectives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SignalOptions {
    /// How many requests wait for something that more pods do not help.
    pub waiting: Option<Expression>,
    /// Past days that the coming hour is looked up in; 0 for none.
    pub seasonal_days: u32,
}

/// The range that the rates are taken over.
pub fn range(options: &Options) -> Duration {
    Duration::from_millis((options.scrape_interval.as_millis() * SCRAPES).max(RANGE.as_millis()))
}

/// Whether an objective's events are requests, so that its burn can be one for want of pods.
pub const fn is_about_requests(indicator: &Indicator) -> bool {
    matches!(indicator, Indicator::Ratio { .. } | Indicator::Latency { .. } | Indicator::Raw { .. })
}

/// The rule group.
pub fn signal_group<'a>(
    identity: &WorkloadIdentity,
    objectives: impl Iterator<Item = &'a Objective> + Clone,
    wanted: &SignalOptions,
    options: &Options,
) -> RuleGroup {
    let range = range(options);
    let mut rules = Vec::new();
    for objective in objectives.clone().filter(|objective| is_about_requests(&objective.indicator)) {
        let total = format!("{TOTAL}{{{}}}", objective.identity.matchers());
        let by = By::default();
        let labels = objective.identity.labels();
        let all = objective.indicator.total(range, by).zip(objective.indicator.bad(range, &total, by));
        if let Some((all, bad)) = all {
            rules.push(record(TOTAL, all, labels.clone()));
            rules.push(record(BAD, bad, labels));
        }
    }
    let labels = BTreeMap::from([
        ("namespace".to_owned(), identity.namespace.clone()),
        ("profile".to_owned(), identity.profile.clone()),
    ]);
    let mut loads = objectives.filter_map(|objective| load(&objective.indicator, range));
    if let Some((requests, in_flight, count)) = loads.next() {
        rules.push(record(REQUESTS, requests, labels.clone()));
        rules.push(record(IN_FLIGHT, in_flight, labels.clone()));
        rules.push(record(SERIES, count, labels.clone()));
        if wanted.seasonal_days > 0 {
            rules.push(record(SEASONAL, seasonal(identity, wanted.seasonal_days), labels.clone()));
        }
    }
    if let Some(waiting) = &wanted.waiting {
        rules.push(record(WAITING, format!("sum({waiting})"), labels));
    }
    RuleGroup {
        name: format!("plimsoll.{}.{}:signals", identity.namespace, identity.profile),
        interval: Duration::from_millis(INTERVAL.as_millis().min(options.evaluation_interval.as_millis())),
        partial_response_strategy: None,
        rules,
    }
}

fn record(name: &str, expr: String, labels: BTreeMap<String, String>) -> Rule {
    Rule::Record { record: name.to_owned(), expr, labels: Arc::new(labels) }
}

/// Requests, requests in flight, and series, of a histogram of durations.
fn load(indicator: &Indicator, range: Duration) -> Option<(String, String, String)> {
    let Indicator::Latency { histogram, selector, unit, format, .. } = indicator else { return None };
    let per_second = match unit {
        super::Unit::Seconds => "",
        super::Unit::Milliseconds => " / 1000",
    };
    Some(match format {
        Format::Classic => (
            format!("sum(rate({}[{range}]))", series(histogram, "_count", selector, None)),
            format!("sum(rate({}[{range}])){per_second}", series(histogram, "_sum", selector, None)),
            format!("count({})", series(histogram, "_count", selector, None)),
        ),
        Format::Native => {
            let rate = format!("sum(rate({}[{range}]))", series(histogram, "", selector, None));
            (
                format!("histogram_count({rate})"),
                format!("histogram_sum({rate}){per_second}"),
                format!("count({})", series(histogram, "", selector, None)),
            )
        }
    })
}

/// The second highest of the highest loads in the coming hour of past days; of one day, that day's.
fn seasonal(identity: &WorkloadIdentity, days: u32) -> String {
    let (namespace, profile) = (promql::quote(&identity.namespace), promql::quote(&identity.profile));
    let past = (1..=u64::from(days)).map(|day| {
        let back = Duration::from_secs(day * 86_400 - HOUR);
        let hour = format!("max_over_time({REQUESTS}{{namespace={namespace},profile={profile}}}[1h] offset {back})");
        format!("label_replace({hour}, \"day\", \"{day}\", \"\", \"\")")
    });
    format!("min(topk(2, {}))", past.collect::<Vec<_>>().join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> WorkloadIdentity {
        WorkloadIdentity { namespace: "shop".to_owned(), profile: "web".to_owned() }
    }

    #[test]
    fn the_load_is_that_of_the_first_histogram() {
        let classic = Indicator::Latency {
            histogram: "h".parse().unwrap(),
            selector: "job=\"x\"".parse().unwrap(),
            threshold: "200ms".parse().unwrap(),
            unit: super::super::Unit::Milliseconds,
            format: Format::Classic,
        };
        let (requests, in_flight, count) = load(&classic, RANGE).unwrap();
        assert_eq!(requests, "sum(rate(h_count{job=\"x\"}[1m]))");
        assert_eq!(in_flight, "sum(rate(h_sum{job=\"x\"}[1m])) / 1000");
        assert_eq!(count, "count(h_count{job=\"x\"})");
    }

    #[test]
    fn the_season_is_the_coming_hour_of_past_days() {
        let expr = seasonal(&identity(), 2);
        assert!(expr.starts_with("min(topk(2, label_replace(max_over_time(plimsoll:signal:requests{"), "{expr}");
        assert!(expr.contains("[1h] offset 23h)") && expr.contains("[1h] offset 1d23h)"), "{expr}");
    }

    #[test]
    fn rare_scrapes_lengthen_the_range() {
        let options = Options { scrape_interval: Duration::from_secs(30), ..Options::default() };
        assert_eq!(range(&options).to_string(), "2m");
    }
}
