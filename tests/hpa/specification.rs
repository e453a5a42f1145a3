//! A specification as a user writes it, and what its metrics are called.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerSpec;
use plimsoll::arena::hpa::Spec;
use serde_json::{Map, Value, json};

use crate::{
    behavior::{behavior, busy, with_other_periods},
    random::Random,
};

#[derive(Clone, Debug)]
pub struct Specification {
    pub api: Value,
    pub spec: Spec,
}

impl Specification {
    /// Of a busy one the rates decide.
    pub fn random(random: &mut Random, is_busy: bool) -> Self {
        let metrics: Vec<_> = (0..random.pick(&[0, 1, 1, 1, 2, 2, 3])).map(|number| metric(random, number)).collect();
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"});
        let mut api = json!({"scaleTargetRef": target, "metrics": metrics});
        api["behavior"] = if is_busy { busy(random) } else { behavior(random) };
        bounds(random, api.as_object_mut().unwrap());
        if is_busy {
            api["maxReplicas"] = random.within(20, 60).into();
        }
        Self::of(api)
    }

    /// The same after somebody has edited it.
    pub fn edited(&self, random: &mut Random, is_busy: bool) -> Self {
        let mut api = self.api.clone();
        let fields = api.as_object_mut().unwrap();
        match random.within(0, 9) {
            0..=4 if !is_busy => bounds(random, fields),
            0..=7 => with_other_periods(random, &mut fields["behavior"]),
            _ => drop(fields.insert("behavior".into(), behavior(random))),
        }
        Self::of(api)
    }

    fn of(api: Value) -> Self {
        let parsed: HorizontalPodAutoscalerSpec = serde_json::from_value(api.clone()).unwrap();
        let spec = Spec::try_from(&parsed).unwrap();
        Self { api, spec }
    }
}

fn bounds(random: &mut Random, fields: &mut Map<String, Value>) {
    let min = random.pick(&[0, 0, 1, 1, 2, 3, 5, 10]);
    if random.percent(85) {
        fields.insert("minReplicas".into(), min.into());
    } else {
        fields.remove("minReplicas");
    }
    let more = random.pick(&[1, 3, 10, 30, 60]);
    fields.insert("maxReplicas".into(), (min + random.within(1, more)).into());
}

fn metric(random: &mut Random, number: i64) -> Value {
    let average = random.pick(&["500m", "1", "0.7", "12k", "1.5", "64Mi", "33m", "0.0001"]);
    let utilization = random.pick(&[50, 70, 80, 100, 120, 1]);
    let resource_target = if random.percent(70) {
        json!({"type": "Utilization", "averageUtilization": utilization})
    } else {
        json!({"type": "AverageValue", "averageValue": average})
    };
    let value_target = if random.percent(50) {
        json!({"type": "Value", "value": average})
    } else {
        json!({"type": "AverageValue", "averageValue": average})
    };
    let resource = random.pick(&["cpu", "cpu", "memory"]);
    let mut identifier = json!({"name": format!("m{number}")});
    if random.percent(30) {
        identifier["selector"] = random.pick(&[
            json!({"matchLabels": {"queue": "q", "az": "a"}}),
            json!({"matchExpressions": [{"key": "shard", "operator": "In", "values": ["b", "a"]}]}),
            json!({
                "matchLabels": {"z": "1"},
                "matchExpressions": [
                    {"key": "x", "operator": "NotIn", "values": ["c", "b"]},
                    {"key": "y", "operator": "Exists"},
                    {"key": "a", "operator": "DoesNotExist"},
                ],
            }),
            json!({}),
        ]);
    }
    match random.within(0, 9) {
        0..=4 => json!({"type": "Resource", "resource": {"name": resource, "target": resource_target}}),
        5 => {
            let source = json!({"name": resource, "container": "main", "target": resource_target});
            json!({"type": "ContainerResource", "containerResource": source})
        }
        6 => {
            let target = json!({"type": "AverageValue", "averageValue": average});
            json!({"type": "Pods", "pods": {"metric": identifier, "target": target}})
        }
        7 => {
            let object = json!({"apiVersion": "v1", "kind": "Service", "name": "web"});
            json!({"type": "Object", "object": {"describedObject": object, "metric": identifier, "target": value_target}})
        }
        _ => json!({"type": "External", "external": {"metric": identifier, "target": value_target}}),
    }
}
