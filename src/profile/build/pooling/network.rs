//! How the poolers are reached.

use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort, ServiceSpec},
        networking::v1::{
            NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
        },
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use serde_json::json;

use super::{metadata, pod_labels, pooler_name, pooler_pods_name, selector, template};
use crate::{
    kube::{PodMonitor, PodMonitorSpec},
    pooler::wanted::{AGENT_PORT, CLIENT_PORT},
    profile::validate::{PoolingPlan, Profile},
};

/// What clients connect to: the poolers that are ready.
pub fn service(profile: &Profile) -> Service {
    Service {
        metadata: metadata(profile, pooler_name(&profile.name)),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(pod_labels(profile)),
            ports: Some(vec![port(template::CLIENTS, CLIENT_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// A host name for each pooler, ready or not: a cancel belongs to one that may be on its way out.
pub fn pods_service(profile: &Profile) -> Service {
    Service {
        metadata: metadata(profile, pooler_pods_name(&profile.name)),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(pod_labels(profile)),
            ports: Some(vec![port(template::CLIENTS, CLIENT_PORT), port(template::METRICS, AGENT_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, number: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

/// Clients come from the profile's own namespace; another policy may let in more. The agent's port is open to the cluster: Prometheus and
/// the operator read it, it takes no commands, and it holds no secret.
pub fn network_policy(profile: &Profile) -> NetworkPolicy {
    let to = |name: &str| NetworkPolicyPort {
        port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    };
    let here = NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() };
    NetworkPolicy {
        metadata: metadata(profile, pooler_name(&profile.name)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(profile)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![
                NetworkPolicyIngressRule { from: Some(vec![here]), ports: Some(vec![to(template::CLIENTS)]) },
                NetworkPolicyIngressRule { from: None, ports: Some(vec![to(template::METRICS)]) },
            ]),
            egress: None,
        }),
    }
}

/// The labels that the agent puts on its series are its own: the profile's namespace and name.
pub fn pod_monitor(profile: &Profile, plan: &PoolingPlan) -> PodMonitor {
    let spec = PodMonitorSpec {
        selector: selector(profile),
        pod_metrics_endpoints: vec![json!({"port": template::METRICS, "path": "/metrics", "honorLabels": true})],
    };
    let mut monitor = PodMonitor::new(&pooler_name(&profile.name), spec);
    monitor.metadata = metadata(profile, pooler_name(&profile.name));
    monitor.metadata.labels.get_or_insert_default().extend(plan.scrape_labels.clone());
    monitor
}
