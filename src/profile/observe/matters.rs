//! What of an object is a reason to look at its profile again, as a number: kept beside the object, so that an event is compared with what
//! was before without reading either.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, policy::v1::PodDisruptionBudget};
use kube::{Resource, ResourceExt};
use serde::Serialize;

/// Of an autoscaler its spec, whose it is, how many pods it sees and wants, and whether it can scale; not the measurements, which move
/// at each sync.
pub fn of_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> u64 {
    let status = autoscaler.status.as_ref();
    let replicas = status.map(|status| (status.current_replicas, status.desired_replicas));
    let conditions = status.iter().flat_map(|status| &status.conditions).flatten();
    let conditions: Vec<_> = conditions.map(|one| (&one.type_, &one.status, &one.reason)).collect();
    number(autoscaler, &autoscaler.spec, &(replicas, conditions))
}

/// Of a disruption budget all but its status.
pub fn of_budget(budget: &PodDisruptionBudget) -> u64 {
    number(budget, &budget.spec, &())
}

fn number<K: Resource>(object: &K, spec: &impl Serialize, rest: &impl Hash) -> u64 {
    let meta = object.meta();
    let owners = object.owner_references().iter().map(|owner| (&owner.uid, &owner.name, &owner.kind, owner.controller));
    let leaves = meta.deletion_timestamp.as_ref().map(|time| time.0);
    let mut hasher = DefaultHasher::new();
    (&meta.uid, &meta.labels, leaves, owners.collect::<Vec<_>>(), rest).hash(&mut hasher);
    // Every spec is JSON.
    serde_json::to_vec(spec).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(pointer: &str, value: Value) -> u64 {
        let mut object = json!({
            "metadata": {"name": "web", "uid": "u", "labels": {"a": "b"}, "resourceVersion": "1",
                "ownerReferences": [{"apiVersion": "v1", "kind": "Profile", "name": "web", "uid": "p", "controller": true}]},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": {"currentReplicas": 1, "desiredReplicas": 2, "lastScaleTime": "2026-01-01T00:00:00Z",
                "conditions": [{"type": "AbleToScale", "status": "True", "reason": "Ready", "message": "m"}],
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 5}}}]},
        });
        if let Some(place) = object.pointer_mut(pointer) {
            *place = value;
        }
        of_autoscaler(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn what_is_measured_does_not_matter_and_what_is_decided_does() {
        let before = with("/metadata/name", json!("web"));
        for (pointer, value) in [
            ("/metadata/resourceVersion", json!("2")),
            ("/status/currentMetrics/0/resource/current/averageUtilization", json!(90)),
            ("/status/lastScaleTime", json!("2026-01-02T00:00:00Z")),
            ("/status/conditions/0/message", json!("other")),
        ] {
            assert_eq!(with(pointer, value), before, "{pointer}");
        }
        for (pointer, value) in [
            ("/metadata/uid", json!("v")),
            ("/metadata/labels/a", json!("c")),
            ("/metadata/ownerReferences/0/controller", json!(false)),
            ("/spec/maxReplicas", json!(4)),
            ("/status/currentReplicas", json!(2)),
            ("/status/desiredReplicas", json!(3)),
            ("/status/conditions/0/reason", json!("Failed")),
        ] {
            assert_ne!(with(pointer, value), before, "{pointer}");
        }
    }
}
