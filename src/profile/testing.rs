//! Fixtures: a profile from YAML, a cluster in which nothing stands in the way.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{
    children::{Applied, Children, Outcome, PoolerChildren},
    observe::{Observed, Rivals, TargetState, Workload},
};
use crate::{
    api::v1alpha1::{ChildState, PerformanceProfile},
    kube::RuleApis,
    yaml,
};

/// A profile named `shop` in the namespace `store` for the Deployment `web`, with this spec beside the target.
pub fn profile(spec: &str) -> PerformanceProfile {
    let indented: Vec<_> = spec.lines().map(|line| format!("  {line}")).collect();
    let text = format!(
        "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {{name: shop, namespace: store, uid: u1, \
         generation: 7}}\nspec:\n  targetRef: {{name: web}}\n{}\n",
        indented.join("\n")
    );
    let mut documents = yaml::documents(&text).unwrap();
    serde_json::from_value(documents.remove(0).value).unwrap()
}

/// A ratio objective that is sound.
pub const AVAILABILITY: &str = "objectives:
- name: availability
  target: \"99.9\"
  indicator: {ratio: {errors: 'http_requests_total{code=~\"5..\"}', total: http_requests_total}}
";

/// A cluster in which the target runs with three pods.
pub fn observed() -> Observed {
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    let selector = serde_json::from_value(serde_json::json!({"matchLabels": {"app": "web"}})).unwrap();
    Observed {
        now: Timestamp::from_second(1_800_000_000).unwrap(),
        target: TargetState::Found(Workload {
            replicas: 3,
            ready: Some(3),
            selector: Some(selector),
            pod_labels: labels,
            override_reason: None,
        }),
        rivals: Rivals::default(),
        live: Children::default(),
        rule_apis: RuleApis { prometheus_rule: true, vm_rule: false, pod_monitor: true },
        adoptable: crate::profile::Adoptable::default(),
    }
}

/// The objects that run poolers, all in this state.
pub fn poolers(state: Option<ChildState>) -> PoolerChildren<Applied> {
    let outcome = |kind| Outcome { kind, name: "shop-pgbouncer".to_owned(), state, why: None };
    PoolerChildren {
        config: outcome("ConfigMap"),
        service_account: outcome("ServiceAccount"),
        role: outcome("Role"),
        role_binding: outcome("RoleBinding"),
        pods_service: outcome("Service"),
        service: outcome("Service"),
        network_policy: outcome("NetworkPolicy"),
        stateful_set: outcome("StatefulSet"),
        autoscaler: outcome("HorizontalPodAutoscaler"),
        disruption_budget: outcome("PodDisruptionBudget"),
        pod_monitor: outcome("PodMonitor"),
    }
}
