//! The two fields of each kind that enforcement writes.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::api::annotations;

/// A kind of autoscaler that can be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalerKind {
    /// `autoscaling/v2`.
    HorizontalPodAutoscaler,
    /// KEDA's, `keda.sh/v1alpha1`. KEDA writes an autoscaler from it, which is never written here.
    ScaledObject,
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lever {
    /// The minimum of replicas.
    Floor,
    /// Scale-down is off.
    Hold,
}

impl ScalerKind {
    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
        }
    }

    /// Where the API server serves it.
    pub fn resource(self) -> ApiResource {
        let (group, version, plural) = match self {
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "scaledobjects"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, self.as_str()), plural)
    }

    /// Where the field is in the object.
    pub(super) const fn path(self, lever: Lever) -> &'static [&'static str] {
        match (self, lever) {
            (Self::HorizontalPodAutoscaler, Lever::Floor) => &["spec", "minReplicas"],
            (Self::HorizontalPodAutoscaler, Lever::Hold) => &["spec", "behavior", "scaleDown", "selectPolicy"],
            (Self::ScaledObject, Lever::Floor) => &["spec", "minReplicaCount"],
            (Self::ScaledObject, Lever::Hold) => &["metadata", "annotations", annotations::KEDA_HOLD],
        }
    }

    /// The field's name, for people.
    pub fn field(self, lever: Lever) -> String {
        match (self, lever) {
            (Self::ScaledObject, Lever::Hold) => format!("the annotation {}", annotations::KEDA_HOLD),
            _ => self.path(lever).join("."),
        }
    }

    /// What the field is when scale-down is off.
    pub(super) fn held(self) -> Value {
        match self {
            Self::HorizontalPodAutoscaler => json!("Disabled"),
            Self::ScaledObject => json!("true"),
        }
    }

    /// The most replicas that the object allows. KEDA's default is 100.
    pub(super) fn maximum(self, live: &Value) -> i64 {
        let number = |field| at(live, &["spec", field]).and_then(Value::as_i64);
        match self {
            Self::HorizontalPodAutoscaler => number("maxReplicas").unwrap_or(i64::MAX),
            Self::ScaledObject => number("maxReplicaCount").unwrap_or(100),
        }
    }

    /// The minimum that a field stands for. Where it is absent it is the API's default for the one, KEDA's for the other.
    pub(super) fn floor(self, there: Option<&Value>) -> i64 {
        let default = match self {
            Self::HorizontalPodAutoscaler => 1,
            Self::ScaledObject => 0,
        };
        there.and_then(Value::as_i64).unwrap_or(default)
    }

    /// Whether what is there does all that is wanted.
    pub(super) fn suffices(self, lever: Lever, there: Option<&Value>, wanted: &Value) -> bool {
        match lever {
            Lever::Floor => wanted.as_i64().is_some_and(|wanted| self.floor(there) >= wanted),
            Lever::Hold => there == Some(wanted),
        }
    }
}

/// The value at a path.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |object, segment| object.get(segment))
}

/// How many segments of a path lead to something that is there.
pub(super) fn depth(object: &Value, path: &[&str]) -> usize {
    (1..=path.len()).take_while(|&length| path.get(..length).is_some_and(|path| at(object, path).is_some())).count()
}

/// Puts a value at a path of a merge patch; null removes what is there.
pub(super) fn put(into: &mut Value, path: &[&str], value: Value) {
    let nested = path.iter().rev().fold(value, |value, segment| json!({ (*segment): value }));
    merge(into, nested);
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
