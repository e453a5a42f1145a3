//! The size of each workload as metrics, read from the watches at each scrape: the built-in alerts need nothing else.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{
    kept::{Kept, key},
    observe::Stores,
};
use crate::{
    api::{
        conditions,
        v1alpha1::{ActionState, ActionStatus, PerformanceProfile},
    },
    enforce::Kind,
    kube::is_owned_by,
};

/// What one controller's watches hold.
#[derive(Clone)]
pub struct View {
    /// Every profile, autoscaler and workload.
    pub stores: Stores,
    /// Overrides of freezes.
    pub overrides: Overrides,
}

/// Overrides that were given in freezes, by namespace and name of the profile.
#[derive(Clone, Default)]
pub struct Overrides {
    counts: Arc<Mutex<HashMap<(String, String), u64>>>,
}

impl Overrides {
    /// One more was given.
    pub fn given(&self, namespace: &str, profile: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((namespace.to_owned(), profile.to_owned())).or_default() += 1;
    }

    /// Of the profiles that there are; what was counted of others is forgotten.
    fn of(&self, sizes: &[Size]) -> Vec<u64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = sizes.iter().map(|size| (size.namespace.clone(), size.profile.clone())).collect();
        let live: HashSet<_> = keys.iter().collect();
        counts.retain(|key, _| live.contains(key));
        keys.iter().map(|key| counts.get(key).copied().unwrap_or(0)).collect()
    }
}

/// Shows every view; a replica that does not lead has none.
#[derive(Clone, Default)]
pub struct WorkloadCollector {
    views: Arc<Mutex<Vec<View>>>,
}

impl fmt::Debug for WorkloadCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkloadCollector")
    }
}

impl WorkloadCollector {
    /// Shows one more view.
    pub fn add(&self, view: View) {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).push(view);
    }

    /// Shows none any more: whoever works next adds its own.
    pub fn clear(&self) {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn views(&self) -> Vec<View> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One workload at one scrape.
struct Size {
    namespace: String,
    profile: String,
    ready: Option<i64>,
    autoscaler: Option<Scaler>,
    /// Nothing where it is not known.
    rollout_allowed: Option<bool>,
    overrides: u64,
    enforcement: Option<Enforced>,
}

/// What enforcement does for one workload.
struct Enforced {
    floor: Option<i64>,
    demand: Option<i64>,
    open: Vec<String>,
    proposed: Vec<String>,
}

fn enforced(profile: &PerformanceProfile) -> Option<Enforced> {
    let status = profile.status.as_ref()?;
    let enforcement = status.enforcement.as_ref()?;
    let scaling = status.scaling.as_ref();
    let kinds = |state: ActionState| {
        let of_state = |action: &&ActionStatus| action.state == state;
        enforcement.actions.iter().filter(of_state).map(|action| action.kind.clone()).collect()
    };
    Some(Enforced {
        floor: scaling.and_then(|scaling| scaling.floor).map(i64::from),
        demand: scaling.and_then(|scaling| scaling.unclamped_demand).map(i64::from),
        open: kinds(ActionState::Open),
        proposed: kinds(ActionState::Proposed),
    })
}

struct Scaler {
    replicas: i64,
    max: i64,
    at_max: bool,
    utilization: Vec<(String, f64)>,
}

fn sizes(view: &View) -> Vec<Size> {
    let all = view.stores.profiles.state();
    let mut sizes: Vec<_> = all.iter().filter_map(|kept| size(view, kept)).collect();
    let overrides = view.overrides.of(&sizes);
    for (size, overrides) in sizes.iter_mut().zip(overrides) {
        size.overrides = overrides;
    }
    sizes
}

/// Nothing of a profile that cannot be read. Only one with enforcement is read at all: there may be thousands of the others.
fn size(view: &View, kept: &Kept) -> Option<Size> {
    let Stores { claims, workloads, .. } = &view.stores;
    let (namespace, name) = key(kept);
    let claim = claims.get(&namespace, &name).filter(|claim| !claim.target.name.is_empty())?;
    let acting = if kept.asks().enforcement { kept.read().ok() } else { None };
    let uid = claim.uid.as_deref().unwrap_or_default();
    let autoscaler = view.stores.autoscaler(&namespace, &name);
    let ours = autoscaler.filter(|autoscaler| is_owned_by(&autoscaler.metadata, uid));
    let ready = workloads.get(&claim.target.kind, &namespace, &claim.target.name).map(|seen| i64::from(seen.ready));
    Some(Size {
        ready,
        autoscaler: ours.map(|autoscaler| scaler(&autoscaler)),
        rollout_allowed: acting.as_ref().and_then(rollout_allowed),
        overrides: 0,
        enforcement: acting.as_ref().and_then(enforced),
        namespace,
        profile: name,
    })
}

/// What the condition says.
fn rollout_allowed(profile: &PerformanceProfile) -> Option<bool> {
    let all = &profile.status.as_ref()?.conditions;
    match &*all.iter().find(|condition| condition.type_ == conditions::ROLLOUT_ALLOWED)?.status {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

fn scaler(autoscaler: &HorizontalPodAutoscaler) -> Scaler {
    let status = autoscaler.status.clone().unwrap_or_default();
    let limited = |condition: &k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerCondition| {
        condition.type_ == "ScalingLimited"
            && condition.status == "True"
            && condition.reason.as_deref() == Some("TooManyReplicas")
    };
    let utilization = status.current_metrics.iter().flatten().filter_map(|metric| {
        let (name, current) = match (&metric.resource, &metric.container_resource) {
            (Some(resource), _) => (&resource.name, &resource.current),
            (None, Some(container)) => (&container.name, &container.current),
            (None, None) => return None,
        };
        Some((name.clone(), f64::from(current.average_utilization?) / 100.0))
    });
    Scaler {
        replicas: i64::from(status.current_replicas.unwrap_or(0)),
        max: i64::from(autoscaler.spec.max_replicas),
        at_max: status.conditions.iter().flatten().any(limited),
        utilization: utilization.collect(),
    }
}

impl Collector for WorkloadCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let views = self.views();
        if views.is_empty() {
            return Ok(());
        }
        let sizes: Vec<Size> = views.iter().flat_map(sizes).collect();
        let scalers = || sizes.iter().filter_map(|size| Some((size, size.autoscaler.as_ref()?)));
        let labels = |size: &Size| [("namespace", size.namespace.clone()), ("profile", size.profile.clone())];

        let count = ConstGauge::new(i64::try_from(sizes.len()).unwrap_or(i64::MAX));
        count.encode(encoder.encode_descriptor(
            "profiles",
            "Profiles that this replica looks after",
            None,
            MetricType::Gauge,
        )?)?;
        gauges(
            &mut encoder,
            "target_ready_pods",
            "Ready pods of the profile's target",
            sizes.iter().filter_map(|size| Some((labels(size), size.ready?))),
        )?;
        gauges(
            &mut encoder,
            "autoscaler_replicas",
            "Pods that the autoscaler sees",
            scalers().map(|(size, scaler)| (labels(size), scaler.replicas)),
        )?;
        gauges(
            &mut encoder,
            "autoscaler_max_replicas",
            "Most pods that the autoscaler may make",
            scalers().map(|(size, scaler)| (labels(size), scaler.max)),
        )?;
        gauges(
            &mut encoder,
            "autoscaler_at_max",
            "1 while the autoscaler would go beyond its maximum",
            scalers().map(|(size, scaler)| (labels(size), i64::from(scaler.at_max))),
        )?;
        gauges(
            &mut encoder,
            "rollout_allowed",
            "1 while the profile allows rollouts, 0 while they are frozen; absent while that is not known",
            sizes.iter().filter_map(|size| Some((labels(size), i64::from(size.rollout_allowed?)))),
        )?;
        enforcement(&mut encoder, &sizes)?;
        overridden(&mut encoder, &sizes)?;
        let utilization = scalers().flat_map(|(size, scaler)| {
            scaler.utilization.iter().map(move |(resource, ratio)| {
                (
                    [
                        ("namespace", size.namespace.clone()),
                        ("profile", size.profile.clone()),
                        ("resource", resource.clone()),
                    ],
                    *ratio,
                )
            })
        });
        let help = "Mean use of the pods' requests that the autoscaler measures; 1 is all";
        let mut family = encoder.encode_descriptor("autoscaler_utilization_ratio", help, None, MetricType::Gauge)?;
        for (labels, ratio) in utilization {
            ConstGauge::new(ratio).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn overridden(encoder: &mut DescriptorEncoder<'_>, sizes: &[Size]) -> Result<(), fmt::Error> {
    let help = "Overrides given in a freeze of rollouts";
    let mut family = encoder.encode_descriptor("freeze_overrides", help, None, MetricType::Counter)?;
    for size in sizes {
        let labels = [("namespace", size.namespace.clone()), ("profile", size.profile.clone())];
        ConstCounter::new(size.overrides).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// What enforcement does.
fn enforcement(encoder: &mut DescriptorEncoder<'_>, sizes: &[Size]) -> Result<(), fmt::Error> {
    let labels = |size: &Size| [("namespace", size.namespace.clone()), ("profile", size.profile.clone())];
    let enforced = || sizes.iter().filter_map(|size| Some((size, size.enforcement.as_ref()?)));
    gauges(
        encoder,
        "enforcement_floor_replicas",
        "Replicas below which the autoscaler does not go now",
        enforced().filter_map(|(size, enforced)| Some((labels(size), enforced.floor?))),
    )?;
    gauges(
        encoder,
        "demand_replicas",
        "Pods that the measured demand needs, whatever the bounds are",
        enforced().filter_map(|(size, enforced)| Some((labels(size), enforced.demand?))),
    )?;
    let open = enforced().map(|(size, enforced)| (labels(size), &enforced.open));
    actions(encoder, "enforcement_action_open", "1 for each kind of action of enforcement that is open", open)?;
    let help = "1 for each kind of action that enforcement would take, were its mode Enforce";
    let proposed = enforced().map(|(size, enforced)| (labels(size), &enforced.proposed));
    actions(encoder, "enforcement_action_proposed", help, proposed)
}

/// A sample for each kind of action, so that one that ends is seen to end.
fn actions<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    all: impl Iterator<Item = ([(&'static str, String); 2], &'a Vec<String>)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for ([namespace, profile], these) in all {
        for kind in Kind::ALL {
            let is = these.iter().any(|this| this == kind.as_str());
            let labels = [namespace.clone(), profile.clone(), ("kind", kind.as_str().to_owned())];
            ConstGauge::new(i64::from(is)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = ([(&'static str, String); 2], i64)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Shown(PerformanceProfile);

    impl Collector for Shown {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
            let size = Size {
                namespace: "shop".to_owned(),
                profile: "auth".to_owned(),
                ready: None,
                autoscaler: None,
                rollout_allowed: None,
                overrides: 0,
                enforcement: enforced(&self.0),
            };
            enforcement(&mut encoder, &[size])
        }
    }

    #[test]
    fn what_is_open_and_what_is_proposed_are_told_apart() {
        let action = |kind: &str, state: &str| {
            json!({"kind": kind, "state": state, "since": "2026-01-01T00:00:00Z", "trigger": "", "evidence": "",
                "bound": "", "expected": "", "undo": ""})
        };
        let actions =
            [action("RaiseFloor", "Proposed"), action("HoldScaleDown", "Open"), action("FreezeRollouts", "Ended")];
        let profile = json!({"apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": "auth"},
            "spec": {"targetRef": {"name": "auth"}},
            "status": {"enforcement": {"mode": "Observe", "actions": actions}}});
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(Shown(serde_json::from_value(profile).unwrap())));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let on: Vec<_> = text.lines().filter(|line| line.ends_with(" 1")).collect();
        let of = |name: &str, kind: &str| format!(r#"{name}{{namespace="shop",profile="auth",kind="{kind}"}} 1"#);
        assert_eq!(
            on,
            [of("enforcement_action_open", "HoldScaleDown"), of("enforcement_action_proposed", "RaiseFloor")]
        );
    }
}
