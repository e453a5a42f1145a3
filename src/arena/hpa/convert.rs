//! From the API's specification to the one that the algorithm takes, with the defaults that the API server fills in.

use k8s_openapi::{
    api::autoscaling::v2::{HPAScalingRules, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget},
    apimachinery::pkg::{api::resource::Quantity as ApiQuantity, apis::meta::v1::LabelSelector},
};

use super::{
    Behavior, Metric, Policy, PolicyKind, Resource, ResourceTarget, Rules, SelectPolicy, Spec, ValueTarget,
    quantity::Quantity,
};

/// The target of the metric that the API server fills in if there is none: percent of the CPU that is requested.
const DEFAULT_CPU_UTILIZATION: i32 = 80;

/// Why a specification is none that the API server would store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A metric is of a type that does not exist, or lacks the part of its type.
    #[error("a metric of type {0} that is not stated")]
    Metric(String),
    /// A resource that has no usage: there are `cpu` and `memory`.
    #[error("no usage of the resource {0} is measured")]
    Resource(String),
    /// A metric has none of the targets that go with its type.
    #[error("the metric {0} has no target of its type")]
    Target(String),
    /// A number that is none, or is out of range.
    #[error("{0} is no quantity for an autoscaler")]
    Quantity(String),
    /// A policy of a type that does not exist.
    #[error("there is no policy {0}")]
    Policy(String),
}

impl TryFrom<&HorizontalPodAutoscalerSpec> for Spec {
    type Error = SpecError;

    fn try_from(spec: &HorizontalPodAutoscalerSpec) -> Result<Self, SpecError> {
        let mut metrics = spec.metrics.iter().flatten().map(metric).collect::<Result<Vec<_>, _>>()?;
        if metrics.is_empty() {
            let target = ResourceTarget::Utilization(DEFAULT_CPU_UTILIZATION);
            metrics.push(Metric::Resource { resource: Resource::Cpu, container: None, target });
        }
        let behavior = spec.behavior.as_ref().map(|behavior| {
            Ok(Behavior {
                scale_up: rules(behavior.scale_up.as_ref(), Rules::scale_up())?,
                scale_down: rules(behavior.scale_down.as_ref(), Rules::scale_down())?,
            })
        });
        Ok(Self {
            min: spec.min_replicas.unwrap_or(1),
            max: spec.max_replicas,
            metrics,
            behavior: behavior.transpose()?,
        })
    }
}

fn rules(stated: Option<&HPAScalingRules>, defaults: Rules) -> Result<Rules, SpecError> {
    let Some(stated) = stated else { return Ok(defaults) };
    let select = match stated.select_policy.as_deref() {
        None => defaults.select,
        Some("Max") => SelectPolicy::Max,
        Some("Min") => SelectPolicy::Min,
        Some("Disabled") => SelectPolicy::Disabled,
        Some(other) => return Err(SpecError::Policy(other.to_owned())),
    };
    let policies = stated.policies.as_ref().map(|policies| {
        let policy = |policy: &k8s_openapi::api::autoscaling::v2::HPAScalingPolicy| {
            let kind = match policy.type_.as_str() {
                "Pods" => PolicyKind::Pods,
                "Percent" => PolicyKind::Percent,
                other => return Err(SpecError::Policy(other.to_owned())),
            };
            Ok(Policy { kind, value: policy.value, period_s: policy.period_seconds })
        };
        policies.iter().map(policy).collect::<Result<_, _>>()
    });
    let tolerance = stated.tolerance.as_ref().map(|it| quantity(it, Quantity::approximate));
    Ok(Rules {
        stabilization_window_s: stated.stabilization_window_seconds.or(defaults.stabilization_window_s),
        select,
        policies: policies.transpose()?.unwrap_or(defaults.policies),
        tolerance: tolerance.transpose()?,
    })
}

fn metric(spec: &MetricSpec) -> Result<Metric, SpecError> {
    let absent = || SpecError::Metric(spec.type_.clone());
    Ok(match spec.type_.as_str() {
        "Resource" => {
            let source = spec.resource.as_ref().ok_or_else(absent)?;
            let (resource, target) = (resource(&source.name)?, resource_target(&source.name, &source.target)?);
            Metric::Resource { resource, container: None, target }
        }
        "ContainerResource" => {
            let source = spec.container_resource.as_ref().ok_or_else(absent)?;
            let (resource, target) = (resource(&source.name)?, resource_target(&source.name, &source.target)?);
            Metric::Resource { resource, container: Some(source.container.clone()), target }
        }
        "Pods" => {
            let source = spec.pods.as_ref().ok_or_else(absent)?;
            let target = source.target.average_value.as_ref();
            let target = target.ok_or_else(|| SpecError::Target(source.metric.name.clone()))?;
            Metric::Pods { name: identity(&source.metric), average_value: quantity(target, Quantity::milli)? }
        }
        "Object" => {
            let source = spec.object.as_ref().ok_or_else(absent)?;
            let target = match (source.target.type_.as_str(), &source.target.value, &source.target.average_value) {
                ("Value", Some(value), _) => ValueTarget::Value(quantity(value, Quantity::milli)?),
                ("AverageValue", _, Some(value)) => ValueTarget::AverageValue(quantity(value, Quantity::milli)?),
                _ => return Err(SpecError::Target(source.metric.name.clone())),
            };
            let object = &source.described_object;
            Metric::Object { name: format!("{}/{}:{}", object.kind, object.name, identity(&source.metric)), target }
        }
        "External" => {
            let source = spec.external.as_ref().ok_or_else(absent)?;
            let target = match (&source.target.average_value, &source.target.value) {
                (Some(value), _) => ValueTarget::AverageValue(quantity(value, Quantity::milli)?),
                (None, Some(value)) => ValueTarget::Value(quantity(value, Quantity::milli)?),
                (None, None) => return Err(SpecError::Target(source.metric.name.clone())),
            };
            Metric::External { name: identity(&source.metric), target }
        }
        _ => return Err(absent()),
    })
}

fn resource(name: &str) -> Result<Resource, SpecError> {
    match name {
        "cpu" => Ok(Resource::Cpu),
        "memory" => Ok(Resource::Memory),
        other => Err(SpecError::Resource(other.to_owned())),
    }
}

fn resource_target(name: &str, target: &MetricTarget) -> Result<ResourceTarget, SpecError> {
    match (&target.average_value, target.average_utilization) {
        (Some(value), _) => Ok(ResourceTarget::AverageValue(quantity(value, Quantity::milli)?)),
        (None, Some(percent)) => Ok(ResourceTarget::Utilization(percent)),
        (None, None) => Err(SpecError::Target(name.to_owned())),
    }
}

fn quantity<T>(stated: &ApiQuantity, of: impl Fn(Quantity) -> Option<T>) -> Result<T, SpecError> {
    Quantity::parse(&stated.0).and_then(of).ok_or_else(|| SpecError::Quantity(stated.0.clone()))
}

/// The name of a metric, with its selector as the API's lists take it: `requests{code=500,shard in (a,b)}`.
fn identity(metric: &MetricIdentifier) -> String {
    match metric.selector.as_ref().map(selector) {
        Some(selector) if !selector.is_empty() => format!("{}{{{selector}}}", metric.name),
        _ => metric.name.clone(),
    }
}

fn selector(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| (key.clone(), format!("{key}={value}")));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let key = &expression.key;
        let mut values: Vec<_> = expression.values.iter().flatten().map(String::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let text = match expression.operator.as_str() {
            "Exists" => key.clone(),
            "DoesNotExist" => format!("!{key}"),
            operator => format!("{key} {} ({values})", operator.to_lowercase()),
        };
        (key.clone(), text)
    });
    let mut requirements: Vec<_> = labels.chain(expressions).collect();
    requirements.sort_by(|(one, _), (other, _)| one.cmp(other));
    requirements.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}
