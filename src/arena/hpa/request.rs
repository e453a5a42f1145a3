//! What pods request: the hundred percent of a utilization.

use std::collections::BTreeMap;

use super::{Pod, Resource, calculator::Problem};

/// The requests of all pods, by name. One container without a request is a problem of them all.
pub(super) fn requests<'a>(
    pods: &'a [Pod],
    resource: Resource,
    container: Option<&str>,
) -> Result<BTreeMap<&'a str, i64>, Problem> {
    pods.iter().map(|pod| Ok((pod.name.as_str(), of_pod(pod, resource, container)?))).collect()
}

fn of_pod(pod: &Pod, resource: Resource, container: Option<&str>) -> Result<i64, Problem> {
    let unrequested = || Problem::Unrequested { pod: pod.name.clone(), resource };
    if let Some(name) = container {
        let container = pod.containers.iter().find(|container| container.name == name);
        let container =
            container.ok_or_else(|| Problem::Containerless { pod: pod.name.clone(), name: name.to_owned() })?;
        return container.requests.of(resource).ok_or_else(unrequested);
    }
    let mut of_containers = pod.containers.iter().map(|container| container.requests.of(resource));
    let whole = pod.requests.filter(|requests| requests.cpu.is_some() || requests.memory.is_some());
    match whole {
        // A pod that states one resource as a whole has the sum of its containers for the other.
        Some(whole) => {
            let stated: Vec<_> = of_containers.flatten().collect();
            let sum = (!stated.is_empty()).then(|| stated.iter().fold(0, |sum: i64, it| sum.saturating_add(*it)));
            whole.of(resource).or(sum).ok_or_else(unrequested)
        }
        None => {
            of_containers.try_fold(0_i64, |sum, request| request.map(|it| sum.wrapping_add(it))).ok_or_else(unrequested)
        }
    }
}
