//! `plimsoll inhibit-rules`: what Alertmanager mutes while something faster says the same.
//!
//! A budget that burns at the rate of a page burns at the rate of every ticket too: one alert is enough. All rules hold within
//! one objective, and within one group of it, only.

use serde::Serialize;

use crate::yaml::{self, YamlError};

/// Labels that the muting alert and the muted one share. One that both lack is shared: objectives without groups have no
/// `group`.
const EQUAL: [&str; 4] = ["namespace", "profile", "objective", "group"];

/// The form to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The section `inhibit_rules` of Alertmanager's configuration file
    Alertmanager,
    /// An `AlertmanagerConfig` of the Prometheus Operator
    #[value(name = "alertmanagerconfig")]
    AlertmanagerConfig,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Compare {
    #[serde(rename = "=")]
    Is,
    #[serde(rename = "!=")]
    IsNot,
    #[serde(rename = "=~")]
    Matches,
}

impl Compare {
    const fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Matches => "=~",
        }
    }
}

/// A condition on a label. No value here holds a quote or a backslash, which the two forms would write in their own ways.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Matcher {
    name: &'static str,
    value: &'static str,
    match_type: Compare,
}

const fn matcher(name: &'static str, match_type: Compare, value: &'static str) -> Matcher {
    Matcher { name, value, match_type }
}

impl Matcher {
    fn text(self) -> String {
        format!("{}{}\"{}\"", self.name, self.match_type.sign(), self.value)
    }
}

/// Alerts that mute others.
struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<&'static str>,
}

impl Inhibition {
    /// The muting alert is about an objective, and with [`EQUAL`] the muted one is: alerts of others may have the same names.
    fn new(mut source: Vec<Matcher>, target: Vec<Matcher>) -> Self {
        source.push(matcher("objective", Compare::IsNot, ""));
        Self { source, target, equal: EQUAL.to_vec() }
    }
}

/// Every rule, the fastest first.
fn inhibitions() -> Vec<Inhibition> {
    let alert = |name| matcher("alertname", Compare::Is, name);
    let burn = |tier| vec![alert("ErrorBudgetBurn"), tier];
    let is = |tier| matcher("tier", Compare::Is, tier);
    let one_of = |tiers| matcher("tier", Compare::Matches, tiers);
    let mut exhausted = Inhibition::new(vec![alert("ErrorBudgetExhausted")], vec![alert("ErrorBudgetLow")]);
    // A budget over 7 days that is exhausted says nothing of that over 30.
    exhausted.equal.push("window");
    vec![
        Inhibition::new(burn(is("page-fast")), burn(one_of("page-slow|ticket-fast|ticket-slow"))),
        Inhibition::new(burn(is("page-slow")), burn(one_of("ticket-fast|ticket-slow"))),
        Inhibition::new(burn(is("ticket-fast")), burn(is("ticket-slow"))),
        Inhibition::new(
            burn(one_of("page-fast|page-slow")),
            vec![matcher("alertname", Compare::Matches, "ErrorRateHigh|LatencyAboveTarget")],
        ),
        Inhibition::new(vec![alert("ErrorBudgetBurn")], vec![alert("ErrorTrickle")]),
        exhausted,
    ]
}

/// The rules in a form.
pub fn inhibit_rules(format: Format) -> Result<String, YamlError> {
    match format {
        Format::Alertmanager => yaml::to_string(&Section::new(&inhibitions())),
        Format::AlertmanagerConfig => yaml::to_string(&Object::new(inhibitions())),
    }
}

#[derive(Serialize)]
struct Section {
    inhibit_rules: Vec<SectionRule>,
}

#[derive(Serialize)]
struct SectionRule {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    equal: Vec<&'static str>,
}

impl Section {
    fn new(inhibitions: &[Inhibition]) -> Self {
        let texts = |matchers: &[Matcher]| matchers.iter().map(|matcher| matcher.text()).collect();
        let rule = |inhibition: &Inhibition| SectionRule {
            source_matchers: texts(&inhibition.source),
            target_matchers: texts(&inhibition.target),
            equal: inhibition.equal.clone(),
        };
        Self { inhibit_rules: inhibitions.iter().map(rule).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    api_version: &'static str,
    kind: &'static str,
    metadata: Name,
    spec: ObjectSpec,
}

#[derive(Serialize)]
struct Name {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectSpec {
    inhibit_rules: Vec<ObjectRule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRule {
    source_match: Vec<Matcher>,
    target_match: Vec<Matcher>,
    equal: Vec<&'static str>,
}

impl Object {
    fn new(inhibitions: Vec<Inhibition>) -> Self {
        let rule =
            |Inhibition { source, target, equal }| ObjectRule { source_match: source, target_match: target, equal };
        Self {
            api_version: "monitoring.coreos.com/v1alpha1",
            kind: "AlertmanagerConfig",
            metadata: Name { name: "plimsoll-inhibit-rules" },
            spec: ObjectSpec { inhibit_rules: inhibitions.into_iter().map(rule).collect() },
        }
    }
}
