//! The objects that run a profile's poolers. All but one have one name.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};

use super::{Applied, Live, Outcome, Stage};
use crate::kube::PodMonitor;

/// Every object that runs the poolers, at one stage.
pub struct PoolerChildren<S: Stage> {
    /// The document that the agents follow.
    pub config: S::Of<ConfigMap>,
    /// Who the agents are to the API server.
    pub service_account: S::Of<ServiceAccount>,
    /// They may read that document, and nothing else.
    pub role: S::Of<Role>,
    /// Gives it to them.
    pub role_binding: S::Of<RoleBinding>,
    /// Gives every pooler a host name, for cancels that reach the wrong one.
    pub pods_service: S::Of<Service>,
    /// What clients connect to.
    pub service: S::Of<Service>,
    /// Who may connect.
    pub network_policy: S::Of<NetworkPolicy>,
    /// The poolers.
    pub stateful_set: S::Of<StatefulSet>,
    /// How many of them there are.
    pub autoscaler: S::Of<HorizontalPodAutoscaler>,
    /// Bounds voluntary disruptions of them.
    pub disruption_budget: S::Of<PodDisruptionBudget>,
    /// Has them scraped, where the API of the Prometheus Operator is served.
    pub pod_monitor: S::Of<PodMonitor>,
}

impl Default for PoolerChildren<Live> {
    /// None of them there.
    fn default() -> Self {
        Self {
            config: None,
            service_account: None,
            role: None,
            role_binding: None,
            pods_service: None,
            service: None,
            network_policy: None,
            stateful_set: None,
            autoscaler: None,
            disruption_budget: None,
            pod_monitor: None,
        }
    }
}

impl PoolerChildren<Applied> {
    /// What became of each, in the order in which they are written.
    pub fn outcomes(&self) -> [&Outcome; 11] {
        let Self {
            config,
            service_account,
            role,
            role_binding,
            pods_service,
            service,
            network_policy,
            stateful_set,
            autoscaler,
            disruption_budget,
            pod_monitor,
        } = self;
        [
            config,
            service_account,
            role,
            role_binding,
            pods_service,
            service,
            network_policy,
            stateful_set,
            autoscaler,
            disruption_budget,
            pod_monitor,
        ]
    }
}
