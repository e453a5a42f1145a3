//! An account as JSON for programs.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::account::{Account, Outcome};
use crate::slo::Severity;

/// The accounts as a document: `{"objectives": […]}`. Shares are from 0 to 1, times in RFC 3339, lengths in seconds; what is
/// not known is null. The first outcome is that of the profile's own target.
pub fn json(accounts: &[Account]) -> Value {
    json!({"objectives": accounts.iter().map(one).collect::<Vec<_>>()})
}

fn one(account: &Account) -> Value {
    let crate::slo::Identity { namespace, profile, objective } = &account.identity;
    json!({
        "namespace": namespace,
        "profile": profile,
        "objective": objective,
        "window": account.span,
        "from": time(account.from),
        "until": time(account.until),
        "measuredSeconds": account.measured,
        "measuredBeforeSeconds": account.measured_before,
        "totalEvents": account.total_events,
        "badEvents": account.bad_events,
        "notes": account.notes,
        "outcomes": account.outcomes.iter().map(outcome).collect::<Vec<_>>(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let alerts = outcome.fired.iter().map(|fired| {
        json!({
            "alert": fired.alert,
            "tier": fired.tier,
            "severity": severity(fired.severity),
            "from": time(fired.from),
            "until": fired.until.map(time),
        })
    });
    json!({
        "target": outcome.target.to_string(),
        "indicator": outcome.indicator,
        "budgetRemaining": outcome.remaining,
        "lowest": outcome.lowest.map(|(left, at)| json!({"budgetRemaining": left, "at": time(at)})),
        "exhausted": outcome.exhausted_at.map(|at| json!({"from": time(at), "seconds": outcome.exhausted_for})),
        "pages": outcome.count(Severity::Page),
        "tickets": outcome.count(Severity::Ticket),
        "alerts": alerts.collect::<Vec<_>>(),
    })
}

fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

/// `page` or `ticket`: the severity as its kind, whatever the profile calls it.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    }
}
