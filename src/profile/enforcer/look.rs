//! From what watches and Prometheus say to the signals that a decision rests on. Pure.

use k8s_openapi::{api::autoscaling::v2::HorizontalPodAutoscaler, jiff::Timestamp};

use crate::{
    api::v1alpha1::{BurnStatus, ObjectiveState, ObjectiveStatus, PerformanceProfile},
    enforce::{self, Autoscaler, Limits, Load, Measured, Metrics, Objective, Rates, Workload},
    profile::{validate::EnforcementPlan, workloads::Seen},
    prometheus::{ObjectiveSignals, ProfileSignals, Signals},
};

/// Burn rates beyond this, over five minutes and over an hour, page (the first tier of the SRE workbook, ch. 5).
const PAGES: f64 = 14.4;

/// What is seen of pods beside their counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pods {
    /// Pods that find no node.
    pub unschedulable: i32,
    /// Pods on cordoned nodes.
    pub draining: i32,
}

/// Everything that one look at a profile rests on.
pub struct Sources<'a> {
    /// The profile, with its status: budgets and long burn rates stand there.
    pub profile: &'a PerformanceProfile,
    /// What may be done.
    pub plan: &'a EnforcementPlan,
    /// The quick signals of all profiles.
    pub signals: &'a Signals,
    /// The workload.
    pub workload: &'a Seen,
    /// The pods.
    pub pods: Pods,
    /// The autoscaler that scales it.
    pub autoscaler: Option<&'a HorizontalPodAutoscaler>,
    /// Announced maintenance goes on.
    pub maintenance: bool,
    /// Capacity of a pod that was learned, in requests a second: what a season's requests are divided by.
    pub capacity_per_pod: Option<f64>,
    /// Clients of the profile's poolers that wait while these have CPU left.
    pub pool_waiting: Option<f64>,
}

/// The signals.
pub fn look(sources: &Sources<'_>, now: Timestamp) -> enforce::Signals {
    let Sources { profile, plan, signals, workload, pods, autoscaler, maintenance, capacity_per_pod, pool_waiting } =
        sources;
    let key =
        (profile.metadata.namespace.clone().unwrap_or_default(), profile.metadata.name.clone().unwrap_or_default());
    let found = signals.as_ref().map(|all| all.get(&key).cloned().unwrap_or_default());
    let missing = if workload.cannot_create { (workload.replicas - workload.existing).max(0) } else { 0 };
    let unschedulable = pods.unschedulable.max(missing);
    enforce::Signals {
        now: now.as_second(),
        metrics: match &found {
            Err(why) => Metrics::Unknown((*why).clone()),
            Ok(found) => match found.stale(now) {
                Some(why) => Metrics::Unknown(why),
                None => Metrics::Measured(measured(profile, found, *pool_waiting)),
            },
        },
        workload: Workload {
            replicas: workload.replicas,
            ready: workload.ready,
            unschedulable,
            revision: workload.revision.clone(),
            images: workload.images.clone(),
        },
        autoscaler: autoscaler.map_or_else(Autoscaler::default, scaler),
        limits: Limits { connections: plan.connections },
        scheduled: plan.scheduled.clone(),
        seasonal: found.ok().and_then(|found| found.seasonal).zip(*capacity_per_pod).and_then(season),
        maintenance: *maintenance,
        draining: pods.draining,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of a replica count before")]
fn season((requests, capacity): (f64, f64)) -> Option<i32> {
    (requests.is_finite() && capacity > 0.0).then(|| (requests / capacity).ceil().clamp(0.0, 100_000.0) as i32)
}

fn measured(profile: &PerformanceProfile, found: &ProfileSignals, pool_waiting: Option<f64>) -> Measured {
    let status = profile.status.as_ref();
    let objectives = profile.spec.objectives.iter().filter_map(|wire| {
        let signals = found.objectives.get(&wire.name)?;
        let allowed = wire.target.budget();
        let before = status.and_then(|status| status.objectives.iter().find(|each| each.name == wire.name));
        Some(objective(&wire.name, allowed, *signals, before))
    });
    Measured {
        objectives: objectives.collect(),
        load: found.requests.zip(found.in_flight).map(|(rate, in_flight)| Load { rate, in_flight }),
        series: found.series,
        // The user's own expression counts alone, also while it has no samples.
        waiting: found.waiting.or(pool_waiting.filter(|_| !states_waiting(profile))),
    }
}

/// Whether the profile says itself how waiting is measured.
fn states_waiting(profile: &PerformanceProfile) -> bool {
    let scaling = profile.spec.enforcement.as_ref().and_then(|enforcement| enforcement.scaling.as_ref());
    scaling.is_some_and(|scaling| scaling.dependency_waiting.is_some())
}

fn objective(name: &str, allowed: f64, signals: ObjectiveSignals, status: Option<&ObjectiveStatus>) -> Objective {
    let ObjectiveSignals { bad, total, bad_5m, total_5m } = signals;
    let rates = |bad: Option<f64>, total: Option<f64>| bad.zip(total).map(|(bad, total)| Rates { bad, total });
    let known = status.filter(|status| status.state != ObjectiveState::Unknown);
    let burn = |seconds: f64| nearest(&known?.burn, seconds);
    // One bad event of a budget of one is no exhaustion: the verdict is that of the objective.
    let exhausted = known.is_some_and(|known| known.state == ObjectiveState::Exhausted);
    let least = if exhausted { f64::NEG_INFINITY } else { 0.001 };
    let mut objective = Objective {
        name: name.to_owned(),
        allowed,
        minute: rates(bad, total),
        five_minutes: rates(bad_5m, total_5m),
        burn_30m: burn(1_800.0),
        burn_1h: burn(3_600.0),
        burn_6h: burn(21_600.0),
        pages: false,
        budget_remaining: known
            .filter(|known| known.state != ObjectiveState::LowTraffic)
            .and_then(|known| known.budget.as_ref()?.remaining.parse::<f64>().ok())
            .map(|percent| (percent / 100.0).max(least)),
    };
    let both = objective.burn_5m().zip(objective.burn_1h).is_some_and(|(short, long)| short > PAGES && long > PAGES);
    objective.pages = both || known.is_some_and(|known| known.state == ObjectiveState::Burning);
    objective
}

/// The burn rate over the window that is nearest to a length: those of an objective grow with its own window. Windows below five
/// minutes are none of the long ones.
fn nearest(burn: &[BurnStatus], seconds: f64) -> Option<f64> {
    let all = burn.iter().filter_map(|burn| {
        let window = burn.window.parse::<crate::api::Duration>().ok()?.as_secs();
        #[expect(clippy::cast_precision_loss, reason = "at most 90 days in seconds")]
        let length = window as f64;
        let rate = burn.rate.parse::<f64>().ok()?;
        (window >= 300).then(|| ((length / seconds).ln().abs(), rate))
    });
    all.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, rate)| rate)
}

/// The autoscaler as it shows itself. Its CPU is that of the pod, or of the container where it measures one.
fn scaler(autoscaler: &HorizontalPodAutoscaler) -> Autoscaler {
    let status = autoscaler.status.clone().unwrap_or_default();
    let target = autoscaler.spec.metrics.iter().flatten().find_map(|metric| {
        let (name, target) = match (&metric.resource, &metric.container_resource) {
            (Some(resource), _) => (&resource.name, &resource.target),
            (None, Some(container)) => (&container.name, &container.target),
            (None, None) => return None,
        };
        target.average_utilization.filter(|_| name == "cpu")
    });
    let current = status.current_metrics.iter().flatten().find_map(|metric| {
        let (name, current) = match (&metric.resource, &metric.container_resource) {
            (Some(resource), _) => (&resource.name, &resource.current),
            (None, Some(container)) => (&container.name, &container.current),
            (None, None) => return None,
        };
        current.average_utilization.filter(|_| name == "cpu")
    });
    let at_max = status.conditions.iter().flatten().any(|condition| {
        condition.type_ == "ScalingLimited"
            && condition.status == "True"
            && condition.reason.as_deref() == Some("TooManyReplicas")
    });
    Autoscaler { cpu: current.zip(target).map(|(current, target)| (f64::from(current), f64::from(target))), at_max }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;
    use crate::profile::validate::enforcement;

    fn profile() -> PerformanceProfile {
        serde_json::from_value(json!({
            "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "targetRef": {"name": "web"},
                "objectives": [{"name": "latency", "target": "99", "indicator": {
                    "latency": {"histogram": "h", "threshold": "200ms"}}}],
                "enforcement": {"mode": "Enforce", "scaling": {"concurrency": 8,
                    "connections": {"perPod": 10, "maximum": 100, "reserve": 15}}},
            },
            "status": {"objectives": [{"name": "latency", "target": "99", "state": "AtRisk",
                "budget": {"remaining": "12.5", "consumedEvents": "1", "totalEvents": "2"},
                "burn": [{"window": "1h", "rate": "2.5"}, {"window": "6h", "rate": "0.4"}]}]},
        }))
        .unwrap()
    }

    fn snapshot(newest: f64) -> HashMap<(String, String), ProfileSignals> {
        let objective = ObjectiveSignals { bad: Some(0.5), total: Some(10.0), bad_5m: Some(0.2), total_5m: Some(10.0) };
        let signals = ProfileSignals {
            objectives: HashMap::from([("latency".to_owned(), objective)]),
            requests: Some(10.0),
            in_flight: Some(1.5),
            seasonal: Some(100.0),
            newest: Some(newest),
            ..ProfileSignals::default()
        };
        HashMap::from([(("shop".to_owned(), "web".to_owned()), signals)])
    }

    #[test]
    fn numbers_come_from_the_signals_and_the_status() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let profile = profile();
        let plan = enforcement(&profile, now).unwrap();
        let workload = Seen { replicas: 5, existing: 3, ready: 3, cannot_create: true, ..Seen::default() };
        let signals = Ok(snapshot(1_799_999_990.0));
        let sources = Sources {
            profile: &profile,
            plan: &plan,
            signals: &signals,
            workload: &workload,
            pods: Pods::default(),
            autoscaler: None,
            maintenance: false,
            capacity_per_pod: Some(15.0),
            pool_waiting: Some(9.0),
        };
        let seen = look(&sources, now);
        let Metrics::Measured(measured) = &seen.metrics else { panic!("{seen:?}") };
        let latency = &measured.objectives[0];
        assert!((latency.burn_1m().unwrap() - 5.0).abs() < 1e-9 && (latency.burn_5m().unwrap() - 2.0).abs() < 1e-9);
        assert_eq!((latency.burn_1h, latency.burn_6h, latency.budget_remaining), (Some(2.5), Some(0.4), Some(0.125)));
        assert_eq!((seen.seasonal, seen.limits.connections), (Some(7), Some(8)));
        assert_eq!(seen.workload.unschedulable, 2, "a quota is used up");
        assert_eq!(measured.waiting, Some(9.0), "the poolers say it where the user does not");
        let mut stated = profile.clone();
        let scaling = stated.spec.enforcement.as_mut().unwrap().scaling.as_mut().unwrap();
        scaling.dependency_waiting = Some("sum(waiting)".to_owned());
        let Metrics::Measured(measured) = look(&Sources { profile: &stated, ..sources }, now).metrics else { panic!() };
        assert_eq!(measured.waiting, None, "the user's own expression counts alone");
        let stale = Ok(snapshot(1_799_999_000.0));
        let seen = look(&Sources { signals: &stale, ..sources }, now);
        assert!(matches!(seen.metrics, Metrics::Unknown(_)));
    }
}
