//! One pooler: the agent as the first process, `PgBouncer` as its child, in whatever image has it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, LocalObjectReference,
        ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
        SecurityContext, TopologySpreadConstraint,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::ObjectMeta,
        util::intstr::IntOrString,
    },
};

use super::{pod_labels, pooler_name, selector, volumes};
use crate::{
    api::{annotations, labels},
    pooler::wanted::{AGENT_PORT, CLIENT_PORT, paths},
    profile::validate::{PoolingPlan, Profile},
};

/// Name of the container with `PgBouncer`.
pub const CONTAINER: &str = "pgbouncer";
/// Name of the port for clients.
pub const CLIENTS: &str = "postgres";
/// Name of the agent's port.
pub const METRICS: &str = "metrics";
/// The user that both containers run as: none that an image must know.
const USER: i64 = 65_532;
/// Time that the agent needs beyond the clients' to end `PgBouncer`, in seconds.
const AFTER_DRAIN: i64 = 15;

/// The template of the poolers' pods: it changes, and with it every pod, only for what cannot be had otherwise.
pub fn template(profile: &Profile, plan: &PoolingPlan) -> PodTemplateSpec {
    let mut labels = pod_labels(profile);
    labels.insert(labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_VALUE.to_owned());
    let annotations = [
        (annotations::RESTART_HASH, plan.restart_hash.as_str()),
        ("kubectl.kubernetes.io/default-container", CONTAINER),
        // What is in the pod's directories is made anew wherever it starts.
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "true"),
    ];
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(profile, plan)),
    }
}

fn pod(profile: &Profile, plan: &PoolingPlan) -> PodSpec {
    let secrets = plan.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    let some = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone());
    PodSpec {
        service_account_name: Some(pooler_name(&profile.name)),
        automount_service_account_token: Some(true),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(i64::from(plan.document.wanted.drain_seconds) + AFTER_DRAIN),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        image_pull_secrets: Some(secrets.collect::<Vec<_>>()).filter(|secrets| !secrets.is_empty()),
        priority_class_name: plan.priority_class.clone(),
        node_selector: some(&plan.node_selector),
        tolerations: Some(plan.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
        topology_spread_constraints: Some(
            ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(|key| spread(profile, key)).to_vec(),
        ),
        init_containers: Some(vec![installer(plan)]),
        containers: vec![pooler(plan)],
        volumes: Some(volumes::volumes(profile, plan)),
        ..PodSpec::default()
    }
}

fn spread(profile: &Profile, key: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        topology_key: key.to_owned(),
        max_skew: 1,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector(profile)),
        ..TopologySpreadConstraint::default()
    }
}

/// Copies the operator's program to where the pooler finds it.
fn installer(plan: &PoolingPlan) -> Container {
    Container {
        name: "install-agent".to_owned(),
        image: Some(plan.agent_image.clone()),
        args: Some(["pooler-agent", "--install", volumes::INSTALL].map(str::to_owned).to_vec()),
        resources: Some(ResourceRequirements {
            requests: Some(quantities([("cpu", "10m"), ("memory", "32Mi")])),
            limits: Some(quantities([("cpu", "1"), ("memory", "128Mi")])),
            claims: None,
        }),
        security_context: Some(restricted()),
        volume_mounts: Some(vec![volumes::install()]),
        ..Container::default()
    }
}

fn pooler(plan: &PoolingPlan) -> Container {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    let field = |name: &str, path: &str| EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() }),
            ..EnvVarSource::default()
        }),
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(plan.image.clone()),
        command: Some(vec![format!("{}/plimsoll", paths::BINARY), "pooler-agent".to_owned()]),
        env: Some(vec![field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")]),
        ports: Some(vec![port(CLIENTS, CLIENT_PORT), port(METRICS, AGENT_PORT)]),
        readiness_probe: Some(probe("/readyz", 2, 2)),
        liveness_probe: Some(probe("/livez", 10, 3)),
        resources: Some(plan.resources.clone()),
        security_context: Some(restricted()),
        volume_mounts: Some(volumes::mounts(plan)),
        ..Container::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(METRICS.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(2),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// What the restricted Pod Security Standard asks for, and a file system that nothing writes to.
fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

fn quantities(entries: [(&str, &str); 2]) -> BTreeMap<String, Quantity> {
    entries.map(|(name, value)| (name.to_owned(), Quantity(value.to_owned()))).into()
}
