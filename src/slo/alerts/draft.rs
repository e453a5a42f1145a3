//! An alert before it is a rule, and what users may put on it.

use std::collections::BTreeMap;

use crate::{
    api::Duration,
    slo::{Alerting, IDENTITY, Rule, Severity, promql},
};

/// Labels that the alerts set themselves. Users cannot set them.
const OWN: [&str; 7] = ["alertname", "severity", "tier", "long_window", "short_window", "window", "group"];

/// One alert before the user's labels and annotations are added.
pub(in crate::slo) struct Draft {
    pub(in crate::slo) alert: &'static str,
    pub(in crate::slo) severity: Severity,
    pub(in crate::slo) expr: String,
    pub(in crate::slo) hold: Option<Duration>,
    pub(in crate::slo) keep_firing_for: Option<Duration>,
    pub(in crate::slo) labels: Vec<(&'static str, String)>,
    pub(in crate::slo) summary: String,
    pub(in crate::slo) description: String,
    /// Whether each group has an alert of its own, where an objective is grouped.
    pub(in crate::slo) by_group: bool,
}

impl Draft {
    pub(in crate::slo) fn new(alert: &'static str, severity: Severity, expr: String) -> Self {
        Self {
            alert,
            severity,
            expr,
            hold: None,
            keep_firing_for: None,
            labels: Vec::new(),
            summary: String::new(),
            description: String::new(),
            by_group: true,
        }
    }

    /// The rule, with the labels of `identity` over everything else.
    pub(in crate::slo) fn finish(self, identity: BTreeMap<String, String>, alerting: &Alerting) -> Rule {
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
