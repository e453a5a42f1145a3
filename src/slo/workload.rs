//! The built-in alerts on the workload, from the operator's own metrics.

use std::collections::BTreeMap;

use super::{Alerting, RuleGroup, Severity, Span, alerts::Draft, maintenance::muted, number, promql};
use crate::api::Duration;

/// How long a condition has to hold before it is alerted on.
const HOLD: Duration = Duration::from_secs(600);

/// How often the group is evaluated. Nothing here is quicker than ten minutes.
const INTERVAL: Duration = Duration::from_secs(30);

/// Which workload: the profile that looks after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadIdentity {
    /// The namespace of the profile.
    pub namespace: String,
    /// The name of the profile.
    pub profile: String,
}

/// The alerts on a workload: CPU and memory over their targets (per cent of the requests; absent: no such target, no such
/// alert), and an autoscaler that would go on if it were allowed to. Quiet during `maintenance`.
pub fn workload_group(
    identity: &WorkloadIdentity,
    cpu_percent: Option<u32>,
    memory_percent: Option<u32>,
    alerting: &Alerting,
    maintenance: &[Span],
) -> RuleGroup {
    let utilization = [
        ("CPUUtilizationHigh", "cpu", "CPU", cpu_percent),
        ("MemoryUtilizationHigh", "memory", "memory", memory_percent),
    ];
    let mut drafts: Vec<Draft> = utilization
        .into_iter()
        .filter_map(|(alert, resource, shown, percent)| Some(over_target(identity, alert, resource, shown, percent?)))
        .collect();
    drafts.push(at_maximum(identity));
    for draft in &mut drafts {
        draft.expr = muted(&draft.expr, maintenance);
    }
    let labels = BTreeMap::from([
        ("namespace".to_owned(), identity.namespace.clone()),
        ("profile".to_owned(), identity.profile.clone()),
    ]);
    RuleGroup {
        name: format!("plimsoll.{}.{}:workload", identity.namespace, identity.profile),
        interval: INTERVAL,
        partial_response_strategy: None,
        rules: drafts.into_iter().map(|draft| draft.finish(labels.clone(), alerting)).collect(),
    }
}

fn over_target(identity: &WorkloadIdentity, alert: &'static str, resource: &str, shown: &str, percent: u32) -> Draft {
    let value = metric(identity, "plimsoll_autoscaler_utilization_ratio", &format!(",resource=\"{resource}\""));
    let mut draft = Draft::new(alert, Severity::Ticket, format!("{value} > {}", number::hundredths(percent)));
    draft.hold = Some(HOLD);
    draft.summary = format!(
        "{}/{}: {shown} at {{{{ $value | humanizePercentage }}}} of the requests",
        identity.namespace, identity.profile
    );
    draft.description = format!(
        "The target is {percent} %, and the autoscaler has not brought the average back to it for {HOLD}. Is it at its maximum, or are new pods not becoming ready?"
    );
    draft
}

fn at_maximum(identity: &WorkloadIdentity) -> Draft {
    let value = metric(identity, "plimsoll_autoscaler_at_max", "");
    let mut draft = Draft::new("AutoscalerAtMaximum", Severity::Ticket, format!("{value} == 1"));
    draft.hold = Some(HOLD);
    draft.summary = format!("{}/{}: the autoscaler is held at its maximum", identity.namespace, identity.profile);
    let most = metric(identity, "plimsoll_autoscaler_max_replicas", "");
    draft.description = format!(
        "For {HOLD} it would have gone beyond {{{{ with query `{most}` }}}}{{{{ . | first | value }}}} replicas{{{{ else }}}}the maximum{{{{ end }}}}. Raise maxReplicas, or find out what the load is."
    );
    draft
}

/// One number from the operator's metrics, whatever labels the scrape of its pods has added.
fn metric(identity: &WorkloadIdentity, name: &str, more: &str) -> String {
    let (namespace, profile) = (promql::quote(&identity.namespace), promql::quote(&identity.profile));
    format!("max by (namespace, profile) ({name}{{namespace={namespace},profile={profile}{more}}})")
}
