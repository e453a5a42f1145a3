//! What people do to profiles in a run: made from the seed, the same for the clean run and for every fault.

use serde_json::{Value, json};

use crate::random::Random;

/// Profiles of a script.
const PROFILES: usize = 30;
/// Changes after they were made.
const CHANGES: usize = 40;

/// One thing that somebody does.
#[derive(Debug, Clone)]
pub enum Step {
    /// An object is applied.
    Apply(Value),
    /// An object is deleted.
    Delete(&'static str, String),
    /// A child is changed by hand, which the operator mends: kind, name, merge patch. It may not be there.
    Meddle(&'static str, String, Value),
}

/// A script, and what is declared once it is through.
pub struct Script {
    /// In this order.
    pub steps: Vec<Step>,
    /// The profiles that are there at the end.
    pub profiles: Vec<Value>,
}

/// The script of a seed.
pub fn script(seed: u64) -> Script {
    let mut random = Random::new(seed, "script");
    let mut steps = Vec::new();
    let mut specs: Vec<Option<Value>> = Vec::new();
    for number in 0..PROFILES {
        let spec = spec(number, &mut random);
        steps.push(Step::Apply(deployment(&name(number))));
        steps.push(Step::Apply(profile(&name(number), &spec)));
        specs.push(Some(spec));
    }
    for _ in 0..CHANGES {
        let number = random.below(PROFILES);
        let name = name(number);
        let Some(slot) = specs.get_mut(number) else { continue };
        let deed = random.below(100);
        match slot {
            Some(_) if deed < 15 => {
                *slot = None;
                steps.push(Step::Delete("PerformanceProfile", name));
            }
            Some(_) if deed < 30 => {
                steps.push(Step::Meddle("HorizontalPodAutoscaler", name, json!({"spec": {"maxReplicas": 77}})));
            }
            Some(_) if deed < 40 => {
                steps.push(Step::Delete("Deployment", name.clone()));
                steps.push(Step::Apply(deployment(&name)));
            }
            _ => {
                let spec = spec(number, &mut random);
                steps.push(Step::Apply(profile(&name, &spec)));
                *slot = Some(spec);
            }
        }
    }
    let at_the_end = specs.iter().enumerate();
    let profiles = at_the_end.filter_map(|(number, spec)| Some(profile(&name(number), spec.as_ref()?))).collect();
    Script { steps, profiles }
}

fn name(number: usize) -> String {
    format!("p{number:02}")
}

fn spec(number: usize, random: &mut Random) -> Value {
    let mut spec = json!({
        "targetRef": {"name": name(number)},
        "autoscaling": {"minReplicas": 1 + random.below(3), "maxReplicas": 5 + random.below(20)},
        "disruption": {"maxUnavailable": 1 + random.below(3)},
    });
    let Some(map) = spec.as_object_mut() else { return spec };
    if random.percent(20) {
        map.insert("disruption".to_owned(), json!({"mode": "Disabled"}));
    }
    if random.percent(15) {
        map.insert("autoscaling".to_owned(), json!({"mode": "Disabled"}));
    }
    let objectives: Vec<_> = (0..random.below(3)).map(|number| objective(number, random)).collect();
    if !objectives.is_empty() {
        map.insert("objectives".to_owned(), json!(objectives));
    }
    // Poolers have nine children: a few of the profiles are enough.
    if number.is_multiple_of(6) && random.percent(70) {
        map.insert("pooling".to_owned(), pooling(random));
    }
    spec
}

fn objective(number: usize, random: &mut Random) -> Value {
    let total = format!("requests_total{{job=\"o{number}\"}}");
    json!({
        "name": format!("o{number}"),
        "target": (["99", "99.5", "99.9"]).get(random.below(3)),
        "indicator": {"ratio": {"errors": format!("requests_total{{job=\"o{number}\",code=~\"5..\"}}"), "total": total}},
    })
}

fn pooling(random: &mut Random) -> Value {
    json!({"postgres": {
        "image": "localhost/none:1",
        "pod": {"nodeSelector": {"plimsoll.dev/no-such-node": "true"}},
        "primary": {"host": "db-rw"},
        "databases": [{"name": "app"}],
        "auth": {"userlistSecretRef": {"name": "users"}},
        "monitoring": {"secretRef": {"name": "monitor"}},
        "maxClientConn": 500 + random.below(500),
    }})
}

/// A profile of a name.
pub fn profile(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": name}, "spec": spec})
}

/// A workload whose pods no node takes.
pub fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {"plimsoll.dev/no-such-node": "true"},
                    "containers": [{"name": "app", "image": "localhost/none:1",
                                    "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}}}],
                },
            },
        },
    })
}
