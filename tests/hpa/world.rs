//! What a controller can read, as both sides take it.

use std::collections::BTreeMap;

use plimsoll::arena::hpa::{Container, Phase, Pod, Readings, Requests, Resource, Sample, Samples, Settings};
use serde_json::{Map, Value, json};

/// A missing metric cannot be read.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub pods: Vec<Pod>,
    /// By the resource and the container, which is empty for the whole pod.
    pub resources: BTreeMap<(Resource, String), Samples>,
    pub of_pods: BTreeMap<String, Samples>,
    pub objects: BTreeMap<String, i64>,
    pub external: BTreeMap<String, Vec<i64>>,
}

impl Readings for World {
    fn pods(&self) -> &[Pod] {
        &self.pods
    }

    fn resource(&self, resource: Resource, container: Option<&str>) -> Result<Samples, String> {
        read(&self.resources, &(resource, container.unwrap_or_default().to_owned()))
    }

    fn pods_metric(&self, name: &str) -> Result<Samples, String> {
        read(&self.of_pods, &name.to_owned())
    }

    fn object(&self, name: &str) -> Result<i64, String> {
        read(&self.objects, &name.to_owned())
    }

    fn external(&self, name: &str) -> Result<Vec<i64>, String> {
        read(&self.external, &name.to_owned())
    }
}

fn read<K: Ord, V: Clone>(all: &BTreeMap<K, V>, name: &K) -> Result<V, String> {
    all.get(name).cloned().ok_or_else(|| "it is missing".to_owned())
}

pub fn resource_name(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "cpu",
        Resource::Memory => "memory",
    }
}

impl World {
    /// The fields of it in a case of the oracle's.
    pub fn fields(&self) -> Map<String, Value> {
        let resource: Map<_, _> = self
            .resources
            .iter()
            .map(|((resource, container), samples)| {
                (format!("{}/{container}", resource_name(*resource)), samples_json(samples))
            })
            .collect();
        let of_pods: Map<_, _> = self.of_pods.iter().map(|(name, all)| (name.clone(), samples_json(all))).collect();
        let fields = json!({
            "pods": self.pods.iter().map(pod_json).collect::<Vec<_>>(),
            "resource": resource,
            "podMetric": of_pods,
            "object": self.objects,
            "external": self.external,
        });
        let Value::Object(fields) = fields else { unreachable!() };
        fields
    }
}

pub fn settings_json(settings: &Settings) -> Value {
    json!({
        "tolerance": settings.tolerance,
        "downscale": settings.downscale_stabilization_ms,
        "init": settings.cpu_initialization_period_ms,
        "delay": settings.initial_readiness_delay_ms,
    })
}

fn samples_json(samples: &Samples) -> Value {
    let sample = |it: &Sample| json!([it.value, it.at_ms, it.window_ms]);
    Value::Object(samples.iter().map(|(pod, it)| (pod.clone(), sample(it))).collect())
}

fn pod_json(pod: &Pod) -> Value {
    let phase = match pod.phase {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    };
    let ready = pod.ready.map(|it| json!({"status": format!("{:?}", it.status), "since": it.since_ms}));
    json!({
        "name": pod.name,
        "phase": phase,
        "deleted": pod.deleted,
        "started": pod.started_ms,
        "ready": ready,
        "containers": pod.containers.iter().map(container_json).collect::<Vec<_>>(),
        "requests": pod.requests.map(requests_json),
    })
}

/// A container whose name says so is a sidecar: the algorithm treats it as the others.
fn container_json(container: &Container) -> Value {
    let sidecar = container.name.starts_with("sidecar");
    json!({"name": container.name, "sidecar": sidecar, "requests": requests_json(container.requests)})
}

fn requests_json(requests: Requests) -> Value {
    json!({"cpu": requests.cpu, "memory": requests.memory})
}
