//! Flags that decide what rules look like: the same for `run` and for the commands that read files.

use clap::Args;
use k8s_openapi::jiff::Timestamp;

use crate::{
    api::Duration,
    profile::{PoolerImages, Settings},
    slo,
};

/// Flags that decide what rules look like.
#[derive(Debug, Args)]
pub struct RuleArgs {
    /// Interval of the rules, and of the evaluation of the objectives
    #[arg(long, env = "PLIMSOLL_EVALUATION_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = evaluation_interval)]
    pub evaluation_interval: Duration,

    /// Interval at which Prometheus scrapes the services: windows of alerts are never shorter than four of these
    #[arg(long, env = "PLIMSOLL_SCRAPE_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = scrape_interval)]
    pub scrape_interval: Duration,

    /// Label on every rule object, for the ruleSelector of the installation's Prometheus or VMAlert; may be repeated
    #[arg(long = "rule-label", env = "PLIMSOLL_RULE_LABEL", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = pair)]
    pub rule_labels: Vec<(String, String)>,

    /// What Thanos Ruler does with a rule when a store does not answer. Default: not written, for Prometheus refuses it
    #[arg(long, env = "PLIMSOLL_PARTIAL_RESPONSE_STRATEGY", value_name = "STRATEGY", value_enum)]
    pub partial_response_strategy: Option<slo::PartialResponse>,

    /// Label that holds the namespace of a series: every selector of a profile gets it, with the profile's own namespace
    #[arg(long, env = "PLIMSOLL_ENFORCE_NAMESPACE_LABEL", value_name = "LABEL", value_parser = slo::fence_label)]
    pub enforce_namespace_label: Option<String>,
}

impl RuleArgs {
    /// The flags as the pipeline takes them.
    pub fn settings(&self) -> Settings {
        Settings {
            rule_labels: self.rule_labels.iter().cloned().collect(),
            partial_response_strategy: self.partial_response_strategy,
            slo: slo::Options { evaluation_interval: self.evaluation_interval, scrape_interval: self.scrape_interval },
            namespace_label: self.enforce_namespace_label.clone(),
            pooler: PoolerImages::default(),
            at: Timestamp::now(),
        }
    }
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Above two minutes a recorded series would be stale, after Prometheus' five, before the rules that read it run twice.
fn evaluation_interval(text: &str) -> Result<Duration, String> {
    interval(text, "2m")
}

fn scrape_interval(text: &str) -> Result<Duration, String> {
    interval(text, "5m")
}

fn interval(text: &str, longest: &str) -> Result<Duration, String> {
    let read = |text: &str| text.parse::<Duration>().map_err(|error| error.to_string());
    let duration = read(text)?;
    if duration >= Duration::from_secs(1) && duration <= read(longest)? {
        Ok(duration)
    } else {
        Err(format!("it must be from 1s to {longest}"))
    }
}
