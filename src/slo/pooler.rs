//! The built-in alerts on the poolers of a profile, from what their agents measure.
//!
//! They look at the agents' own metrics only: these carry the profile, whatever labels a scrape puts on `PgBouncer`'s.

use std::collections::BTreeMap;

use super::{Alerting, RuleGroup, Severity, Span, WorkloadIdentity, alerts::Draft, maintenance::muted, number, promql};
use crate::api::Duration;

/// How often the group is evaluated: the quickest alert waits for two minutes.
const INTERVAL: Duration = Duration::from_secs(30);
/// A wait for a server that clients notice, in seconds.
const LONG_WAIT: u32 = 1;
/// The share of the time of queries that is spent on waiting from which pools are called saturated, in hundredths.
const SATURATED: u32 = 10;
/// The share of `max_client_conn` from which it is nearly reached, in hundredths.
const NEARLY: u32 = 90;
/// Restarts within a quarter of an hour that are no accident.
const RESTARTS: u32 = 3;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// The alerts on the poolers of a profile. Quiet during `maintenance`.
pub fn pooler_group(
    identity: &WorkloadIdentity,
    replicas: bool,
    alerting: &Alerting,
    maintenance: &[Span],
) -> RuleGroup {
    let poolers = Poolers(identity);
    let mut drafts = vec![
        poolers.down(),
        poolers.all_down(),
        poolers.absent(),
        poolers.not_loaded(),
        poolers.restarting(),
        poolers.primary(),
        poolers.waiting(),
        poolers.saturated(),
        poolers.oversubscribed(),
        poolers.clients(),
    ];
    if replicas {
        drafts.push(poolers.out_of_rotation());
        drafts.push(poolers.reads_elsewhere());
    }
    for draft in &mut drafts {
        draft.expr = muted(&draft.expr, maintenance);
    }
    let labels = BTreeMap::from([
        ("namespace".to_owned(), identity.namespace.clone()),
        ("profile".to_owned(), identity.profile.clone()),
    ]);
    RuleGroup {
        name: format!("plimsoll.{}.{}:pooler", identity.namespace, identity.profile),
        interval: INTERVAL,
        partial_response_strategy: None,
        rules: drafts.into_iter().map(|draft| draft.finish(labels.clone(), alerting)).collect(),
    }
}

/// The pooler that an alert is about, in texts.
const POOLER: &str = "{{ $labels.pooler }}";

struct Poolers<'a>(&'a WorkloadIdentity);

impl Poolers<'_> {
    fn select(&self, name: &str, more: &str) -> String {
        let (namespace, profile) = (promql::quote(&self.0.namespace), promql::quote(&self.0.profile));
        format!("plimsoll_pooler_{name}{{namespace={namespace},profile={profile}{more}}}")
    }

    /// One number for each pooler, whatever labels the scrape has added.
    fn each(&self, name: &str, more: &str) -> String {
        format!("max by (namespace, profile, pooler) ({})", self.select(name, more))
    }

    /// One number for all of them.
    fn all(&self, aggregation: &str, name: &str, more: &str) -> String {
        format!("{aggregation} by (namespace, profile) ({})", self.select(name, more))
    }

    fn draft(&self, alert: &'static str, severity: Severity, expr: String, summary: &str) -> Draft {
        let mut draft = Draft::new(alert, severity, expr);
        draft.summary = format!("{}/{}: {summary}", self.0.namespace, self.0.profile);
        draft
    }

    fn down(&self) -> Draft {
        let expr = format!("{} == 0", self.each("up", ""));
        let summary = format!("PgBouncer of {POOLER} does not answer");
        let mut draft = self.draft("PoolerDown", Severity::Ticket, expr, &summary);
        draft.hold = Some(minutes(2));
        draft.description = text(
            "Its agent runs and starts it again when it ends. Clients are sent to the other poolers. The pod's log has what PgBouncer says, and the condition PoolingReady what is wrong.",
        );
        draft
    }

    fn all_down(&self) -> Draft {
        let expr = format!("{} == 0", self.all("max", "ready", ""));
        let mut draft = self.draft("PoolersAllDown", Severity::Page, expr, "no pooler takes clients");
        draft.hold = Some(minutes(2));
        draft.description = text(
            "Every connection through the pools is refused. The condition PoolingReady says what is wrong; the database itself can be reached around them.",
        );
        draft
    }

    fn absent(&self) -> Draft {
        let expr = format!("absent({})", self.select("up", ""));
        let mut draft = self.draft("PoolerMetricsAbsent", Severity::Ticket, expr, "nothing is measured of the poolers");
        draft.hold = Some(minutes(10));
        draft.description = text(
            "Either no pooler runs, or they are not scraped on port 9127. Until they are, none of the other alerts on poolers can fire.",
        );
        draft
    }

    fn not_loaded(&self) -> Draft {
        let expr = format!("{} == 0 and {} == 1", self.each("config_loaded", ""), self.each("up", ""));
        let summary = format!("{POOLER} does not run with its configuration");
        let mut draft = self.draft("PoolerConfigNotLoaded", Severity::Ticket, expr, &summary);
        draft.hold = Some(minutes(5));
        draft.description = text(
            "It goes on with the last configuration that PgBouncer took. The condition PoolingReady says which setting or which file is refused.",
        );
        draft
    }

    fn restarting(&self) -> Draft {
        let restarts = self.select("restarts_total", "");
        let expr = format!("max by (namespace, profile, pooler) (increase({restarts}[15m])) > {}", RESTARTS - 1);
        let summary = format!("PgBouncer of {POOLER} ends again and again");
        let mut draft = self.draft("PoolerRestarting", Severity::Ticket, expr, &summary);
        draft.keep_firing_for = Some(minutes(5));
        draft.description = text(
            "It was started {{ $value | humanize }} times in 15 minutes. Each time its clients lose their connections. The pod's log has the reason.",
        );
        draft
    }

    fn primary(&self) -> Draft {
        let expr = format!(
            "{} == 0 or {} == 1",
            self.all("max", "primary_reachable", ""),
            self.all("min", "primary_in_recovery", "")
        );
        let mut draft =
            self.draft("PoolerPrimaryUnavailable", Severity::Page, expr, "no pooler finds a primary that takes writes");
        draft.hold = Some(minutes(2));
        draft.description = text(
            "What is named as the primary does not answer, or is in recovery. Has it failed over to a server of another name? Then name that one in spec.pooling.postgres.primary.",
        );
        draft
    }

    /// Not while clients are held on purpose.
    fn waiting(&self) -> Draft {
        let expr = format!(
            "{} > {LONG_WAIT} unless {} == 1",
            self.each("client_max_wait_seconds", ""),
            self.each("paused", "")
        );
        let summary = format!("clients of {POOLER} wait {{{{ $value | humanizeDuration }}}} for a connection");
        let mut draft = self.draft("PoolerClientsWaiting", Severity::Ticket, expr, &summary);
        draft.hold = Some(minutes(2));
        draft.description = format!(
            "All server connections of a pool are in use, and clients have waited longer than {LONG_WAIT} s for one for two minutes. Look for long transactions and for a slow database before you make the pool larger."
        );
        draft
    }

    fn saturated(&self) -> Draft {
        let expr = format!("{} > {}", self.each("waiting_share_ratio", ""), number::hundredths(SATURATED));
        let summary =
            format!("queries through {POOLER} spend {{{{ $value | humanizePercentage }}}} of their time on waiting");
        let mut draft = self.draft("PoolerSaturated", Severity::Ticket, expr, &summary);
        draft.hold = Some(minutes(10));
        draft.description = format!(
            "For ten minutes more than {SATURATED} % of the time of queries was waiting for a server connection. If the condition PoolingKeepsUp says DependencyLimited, the database is the limit and more poolers do not help."
        );
        draft
    }

    fn oversubscribed(&self) -> Draft {
        let problem = self.all("max", "problem", ",reason=\"PoolOversubscribed\"");
        let mut draft = self.draft(
            "PoolerBudgetOversubscribed",
            Severity::Ticket,
            format!("{problem} == 1"),
            "the primary does not have the connections that the pools need",
        );
        draft.hold = Some(minutes(10));
        draft.description = text(
            "The condition PoolingWithinBudget has the arithmetic. Raise max_connections, name fewer databases or poolers, or find out who else holds connections.",
        );
        draft
    }

    fn clients(&self) -> Draft {
        let expr = format!(
            "{} / ({} > 0) > {}",
            self.each("client_connections", ""),
            self.each("client_connections_limit", ""),
            number::hundredths(NEARLY)
        );
        let summary = format!("{POOLER} has {{{{ $value | humanizePercentage }}}} of its maxClientConn");
        let mut draft = self.draft("PoolerClientsNearLimit", Severity::Ticket, expr, &summary);
        draft.hold = Some(minutes(5));
        draft.description = text(
            "At the limit it refuses further clients. Raise maxClientConn or instances.min, or have the service keep fewer idle connections.",
        );
        draft
    }

    fn out_of_rotation(&self) -> Draft {
        let expr = format!("max by (namespace, profile, replica) ({}) == 0", self.select("replica_in_rotation", ""));
        let mut draft = self.draft(
            "PoolerReplicaOutOfRotation",
            Severity::Ticket,
            expr,
            "no reads go to the replica {{ $labels.replica }}",
        );
        draft.hold = Some(minutes(5));
        draft.description = text(
            "For five minutes it has not answered any pooler, or was behind by more than spec.pooling.postgres.replicaLag allows. The other replicas bear its reads. It comes back by itself when it keeps up.",
        );
        draft
    }

    fn reads_elsewhere(&self) -> Draft {
        let reads = self.select("reads", ",to!=\"Replicas\"");
        let expr = format!("max by (namespace, profile, to) ({reads}) == 1");
        let mut draft = self.draft(
            "PoolerReadsNotOnReplicas",
            Severity::Ticket,
            expr,
            "too few replicas keep up: reads go to {{ $labels.to }}",
        );
        draft.hold = Some(minutes(5));
        draft.description = text(
            "For five minutes fewer than minReplicas were in rotation, and replicaLag.whenNone decides: Primary is the primary within a bound, Stale is replicas that are behind, Nowhere refuses reads.",
        );
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Rule;

    fn identity() -> WorkloadIdentity {
        WorkloadIdentity { namespace: "shop".into(), profile: "auth".into() }
    }

    #[test]
    fn every_expression_is_of_this_profile_alone() {
        let group = pooler_group(&identity(), true, &Alerting::default(), &[]);
        assert_eq!(group.name, "plimsoll.shop.auth:pooler");
        assert_eq!(group.rules.len(), 12);
        for rule in &group.rules {
            promql_parser::parser::parse(rule.expr()).unwrap();
            let (selectors, ours) = (
                rule.expr().matches("plimsoll_pooler_").count(),
                rule.expr().matches("{namespace=\"shop\",profile=\"auth\"").count(),
            );
            assert_eq!(selectors, ours, "{}", rule.expr());
        }
    }

    #[test]
    fn without_replicas_there_are_no_alerts_on_them() {
        let group = pooler_group(&identity(), false, &Alerting::default(), &[]);
        let names: Vec<_> = group.rules.iter().map(Rule::name).collect();
        assert!(!names.iter().any(|name| name.contains("Replica")), "{names:?}");
    }
}
