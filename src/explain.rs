//! `plimsoll explain`: one objective in words, for those who have to agree to it.
//!
//! Pure: the values that Prometheus holds come in as [`Present`].

mod text;

use std::{collections::BTreeMap, fmt::Write};

pub(crate) use text::{aligned, human_time, seconds};
use text::{grouped, row, wrapped};

use crate::{
    profile::Finding,
    slo::{self, Alerting, BadEvents, Indicator, Objective, Options, Rule, Tier, number},
};

/// What Prometheus has recorded of an objective: by metric name.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// The last values.
    pub values: BTreeMap<String, f64>,
}

/// Everything that is told of one objective.
pub struct Subject<'a> {
    /// The objective.
    pub objective: &'a Objective,
    /// What its author wrote about it.
    pub description: Option<&'a str>,
    /// How its alerts look.
    pub alerting: &'a Alerting,
    /// Whether its alerts are written at all.
    pub alerts: bool,
    /// The intervals of the installation.
    pub options: &'a Options,
    /// What is wrong with it, or could be better.
    pub findings: &'a [Finding],
    /// The present values, where Prometheus was asked.
    pub present: Option<&'a Present>,
}

/// The error ratios for which the time to detection is told, in per cent.
const ERROR_RATIOS: [(&str, f64); 3] = [("all fail", 1.0), ("10 % fail", 0.1), ("1 % fail", 0.01)];

/// The objective in words.
pub fn explain(subject: &Subject<'_>) -> String {
    let mut text = String::new();
    let slo::Identity { namespace, profile, objective } = &subject.objective.identity;
    let _ = writeln!(text, "{namespace}/{profile}, objective {objective}");
    if let Some(description) = subject.description {
        let _ = writeln!(text, "  {description}");
    }
    counted(&subject.objective.indicator, &mut text);
    if let Some(grouping) = &subject.objective.grouping {
        let _ = writeln!(
            text,
            "  {:<11} a budget and alerts for each {grouping}; at most {} are followed at a time",
            "groups",
            grouping.limit()
        );
    }
    promise(subject.objective, &mut text);
    tiers(subject, &mut text);
    rules(subject, &mut text);
    if !subject.findings.is_empty() {
        text.push_str("\nFindings\n");
        for finding in subject.findings {
            let _ = writeln!(text, "  {finding}");
        }
    }
    if let Some(present) = subject.present {
        now(subject, present, &mut text);
    }
    text
}

fn counted(indicator: &Indicator, text: &mut String) {
    text.push_str("\nWhat is counted\n");
    let mut line = |name: &str, what: String| {
        let _ = writeln!(text, "  {name:<11} {what}");
    };
    match indicator {
        Indicator::Ratio { bad, total } => {
            line("all events", format!("{total}"));
            match bad {
                BadEvents::Errors(errors) => {
                    line("bad events", format!("{errors}"));
                    line("", "As long as there is no such series, nothing bad has happened.".to_owned());
                }
                BadEvents::Good(good) => line("good events", format!("{good}; all others are bad")),
            }
        }
        Indicator::Latency { histogram, selector, threshold, unit, format } => {
            let narrowed = if selector.to_string().is_empty() { String::new() } else { format!("{{{selector}}}") };
            let unit = match unit {
                slo::Unit::Seconds => "",
                slo::Unit::Milliseconds => ", in milliseconds",
            };
            line("all events", format!("observations of the histogram {histogram}{narrowed}{unit}"));
            let bound = match format {
                slo::Format::Classic => "which must be the bound of a bucket",
                slo::Format::Native => "interpolated within its bucket",
            };
            line("bad events", format!("those that took longer than {threshold}, {bound}"));
        }
        Indicator::Raw { errors, total } => {
            line("all events", format!("{total}, each second"));
            line("bad events", format!("{errors}, each second"));
        }
        Indicator::Probe { gauge } => {
            line("all events", format!("samples of {gauge}"));
            line("bad events", "samples that are 0".to_owned());
        }
        Indicator::Throughput { counter, minimum } => {
            line("all events", "the minutes of the window".to_owned());
            line("bad events", format!("minutes in which {counter} rises by less than {minimum} a second"));
        }
        Indicator::Composite(composite) => {
            let parts = || composite.parts.iter().map(|part| (&part.identity, part.weight.to_string()));
            line("all events", "those of its parts together".to_owned());
            match composite.mode {
                slo::Mode::Weakest => {
                    line("bad events", "at any five minutes, the share of the weakest part".to_owned());
                }
                slo::Mode::Weighted => {
                    line("bad events", "at any five minutes, the weighted mean of the parts' shares".to_owned());
                }
            }
            for (identity, weight) in parts() {
                let weight = match composite.mode {
                    slo::Mode::Weakest => String::new(),
                    slo::Mode::Weighted => format!(", weight {weight}"),
                };
                line("part", format!("{}/{}{weight}", identity.profile, identity.objective));
            }
        }
        Indicator::Saturation { query, maximum } => {
            line("all events", "the minutes of the window".to_owned());
            line("bad events", format!("minutes in which {query} is above {maximum}"));
        }
    }
    line("", "Events are counted over a window and divided once: a busy hour weighs more than a quiet one.".to_owned());
}

fn promise(objective: &Objective, text: &mut String) {
    let (target, window) = (objective.target, objective.window);
    let over = match &objective.calendar {
        None => format!("over a rolling window of {window}"),
        Some(periods) => format!("in each calendar {}; now it is {}", periods.kind, periods.current.name),
    };
    let _ = writeln!(text, "\nTarget\n  {target} % of the events are good {over}.");
    if !objective.further_windows.is_empty() {
        let windows: Vec<String> = objective.further_windows.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  The same over {}, with alerts on the budget only.", windows.join(" and "));
    }
    if !objective.maintenance.is_empty() {
        let _ = writeln!(
            text,
            "  Announced maintenance counts for nothing: {} in the coming week.",
            objective.maintenance.len()
        );
    }
    let budget = target.budget();
    let million = number::percent(budget * 10_000.0);
    let outage = human_time(budget * seconds(window.as_secs()));
    let _ = writeln!(
        text,
        "\nBudget\n  {} of a million events may be bad. With even traffic that is {outage} of total outage in {window}.",
        grouped(&million)
    );
}

fn tiers(subject: &Subject<'_>, text: &mut String) {
    let objective = subject.objective;
    let tiers = slo::tiers(objective.window, objective.target, subject.options);
    if tiers.active.is_empty() {
        return;
    }
    text.push_str("\nAlerts on the burn rate: how many times as fast as allowed the budget is spent\n");
    let mut table = vec![row(
        ["tier", "windows", "fires above", "errors", "budget spent"],
        ERROR_RATIOS.map(|(n, _)| n.to_owned()),
    )];
    for tier in &tiers.active {
        let factor = tier.factor.value();
        let share = factor * seconds(tier.long.as_secs()) / seconds(objective.window.as_secs());
        let detection =
            ERROR_RATIOS.map(|(_, errors)| detection(tier, objective, errors).map_or("never".to_owned(), human_time));
        table.push(row(
            [
                tier.name.as_str(),
                &format!("{} and {}", tier.long, tier.short),
                &format!("{} times", tier.factor),
                &format!("{} %", number::percent(number::round3(factor * objective.target.budget()))),
                &format!("{} %", number::percent(number::round3(share))),
            ],
            detection,
        ));
    }
    text.push_str(&aligned(&table));
    text.push_str(
        "  Time to detection: (1 - target) / error ratio x long window x factor (The Site Reliability Workbook, chapter 5), with\n  \
         even traffic and a budget that was not burning before; up to one scrape and one evaluation come on top.\n",
    );
    if subject.alerting.threshold == slo::Threshold::Budget {
        text.push_str(
            "  Threshold: the number of bad events in both windows against the budget of the whole window (burnThreshold: Budget),\n  \
             so that a failure weighs the same at any time of day.\n",
        );
    }
    let least = subject.alerting.min_failures;
    if least > 0 {
        let _ = writeln!(
            text,
            "  Guard: the long window must hold {least} bad event{} or more. Fewer, in a service with little traffic, are left to\n  \
             ErrorTrickle, which counts them against the budget of the whole window.",
            if least == 1 { "" } else { "s" }
        );
    }
}

/// Seconds until the tier fires when a share of all events starts to fail.
fn detection(tier: &Tier, objective: &Objective, errors: f64) -> Option<f64> {
    let needed = tier.factor.value() * objective.target.budget();
    (errors > needed).then(|| needed / errors * seconds(tier.long.as_secs()))
}

fn rules(subject: &Subject<'_>, text: &mut String) {
    let groups = slo::objective_groups(subject.objective, subject.alerting, subject.options);
    text.push_str("\nAlerts\n");
    if subject.alerts {
        let mut table = Vec::new();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            let Rule::Alert { alert, hold, labels, .. } = rule else { continue };
            let tier = labels.get("tier").map_or(String::new(), |tier| format!(" {tier}"));
            let severity = labels.get("severity").cloned().unwrap_or_default();
            let hold = hold.map_or("at once".to_owned(), |hold| format!("after {hold}"));
            table.push(vec![format!("{alert}{tier}"), severity, hold, meaning(alert).to_owned()]);
        }
        text.push_str(&aligned(&table));
    } else {
        text.push_str("  none: spec.alerting.mode is Disabled\n");
    }
    text.push_str("\nRecording rules\n");
    for group in &groups {
        let names: Vec<&str> =
            group.rules.iter().filter(|rule| matches!(rule, Rule::Record { .. })).map(Rule::name).collect();
        let _ = writeln!(text, "  group {}, every {}", group.name, group.interval);
        text.push_str(&wrapped(&names));
    }
}

/// What an alert says, in a few words.
fn meaning(alert: &str) -> &'static str {
    match alert {
        "ErrorBudgetBurn" => "the budget burns faster than its tier allows",
        "ErrorTrickle" => "few failures, and many for the budget of so little traffic",
        "ObjectiveMetricsAbsent" => "pods are ready and nothing is measured",
        "ErrorRateHigh" => "many errors within five minutes",
        "LatencyAboveTarget" => "more events are slow than the target allows",
        "ThroughputBelowMinimum" => "fewer events than the minimum",
        "SaturationAboveMaximum" => "fuller than the maximum",
        "ObjectiveGroupsLeftOut" => "more groups than are followed",
        "ErrorBudgetLow" => "less than 25 % of the budget is left",
        "ErrorBudgetExhausted" => "the objective is missed",
        _ => "",
    }
}

fn now(subject: &Subject<'_>, present: &Present, text: &mut String) {
    text.push_str("\nNow\n");
    let value = |name: &str| present.values.get(name).copied().filter(|value| value.is_finite());
    let mut table = Vec::new();
    let mut line = |name: &str, shown: Option<String>| {
        table.push(vec![name.to_owned(), shown.unwrap_or_else(|| "unknown".to_owned())]);
    };
    let percent = |value: f64| format!("{} %", number::percent(number::round3(value)));
    if present.values.is_empty() {
        text.push_str(
            "  Prometheus has no recorded series of this objective: has it loaded the rules of the profile?\n",
        );
        return;
    }
    line(
        "indicator",
        value("plimsoll:objective:ratio").map(|v| format!("{} %", number::percent(number::round_good(v)))),
    );
    line("budget left", value("plimsoll:budget_remaining:ratio").map(percent));
    let count = |name| value(name).map(number::human_count);
    line("bad events", count("plimsoll:bad:events"));
    line("all events", count("plimsoll:total:events"));
    line("data", value("plimsoll:coverage:ratio").map(|v| format!("{} of the window", percent(v))));
    for tier in slo::tiers(subject.objective.window, subject.objective.target, subject.options).active {
        let burn = |window| value(&format!("plimsoll:burn_rate:{window}"));
        let shown = burn(tier.long).zip(burn(tier.short)).map(|(long, short)| {
            let over = long > tier.factor.value() && short > tier.factor.value();
            format!(
                "{} over {}, {} over {}: {} {}",
                number::round3(long),
                tier.long,
                number::round3(short),
                tier.short,
                if over { "above" } else { "not above" },
                tier.factor
            )
        });
        line(&format!("burn {}", tier.name), shown);
    }
    text.push_str(&aligned(&table));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection_is_that_of_the_workbook() {
        let objective = Objective::new(
            slo::Identity { namespace: "n".into(), profile: "p".into(), objective: "o".into() },
            "99.9".parse().unwrap(),
            "30d".parse::<crate::api::Duration>().unwrap().try_into().unwrap(),
            Indicator::Ratio { bad: BadEvents::Errors("e".parse().unwrap()), total: "t".parse().unwrap() },
        );
        let tiers = slo::tiers(objective.window, objective.target, &Options::default()).active;
        let of = |tier: usize, errors| detection(&tiers[tier], &objective, errors);
        assert!((of(0, 1.0).unwrap() - 51.84).abs() < 1e-6);
        assert!((of(0, 0.1).unwrap() - 518.4).abs() < 1e-6);
        assert_eq!(of(0, 0.01), None);
        assert!((of(1, 0.01).unwrap() - 12_960.0).abs() < 1e-6, "216 minutes");
        assert!((of(3, 0.002).unwrap() - 129_600.0).abs() < 1e-6, "36 hours");
    }
}
