//! All metrics of an autoscaler together.

use super::{
    Active, Current, Metric, Readings, ResourceTarget, Spec, ValueTarget,
    calculator::{Calculator, Problem, Proposal},
};

/// What the metrics say together.
pub(super) struct Consensus {
    /// What they ask for. None if too few could be read to go by them.
    pub(super) replicas: Option<i32>,
    /// Each metric's value, where it could be read.
    pub(super) currents: Vec<Option<Current>>,
    /// The reason of the condition `ScalingActive`.
    pub(super) active: Active,
    /// The first problem.
    pub(super) problem: Option<Problem>,
}

/// Asks every metric and takes the highest. If one cannot be read, the others may add replicas but not take any away.
pub(super) fn ask(spec: &Spec, calculator: &Calculator<'_>, readings: &dyn Readings) -> Consensus {
    let mut highest = 0;
    let mut currents = Vec::with_capacity(spec.metrics.len());
    let mut problems = Vec::new();
    for metric in &spec.metrics {
        match proposal(metric, calculator, readings) {
            Ok(proposal) => {
                if highest == 0 || proposal.replicas > highest {
                    highest = proposal.replicas;
                }
                currents.push(Some(proposal.current));
            }
            Err(problem) => {
                problems.push((failed(metric), problem));
                currents.push(None);
            }
        }
    }
    let all = problems.len() == spec.metrics.len();
    let lower = !problems.is_empty() && highest < calculator.replicas;
    let first = problems.into_iter().next();
    let unable = if all || lower { first.as_ref().map(|(reason, _)| *reason) } else { None };
    Consensus {
        replicas: (!all && !lower).then_some(highest),
        currents,
        active: unable.unwrap_or(Active::ValidMetricFound),
        problem: first.map(|(_, problem)| problem).or(all.then_some(Problem::Metricless)),
    }
}

fn proposal(metric: &Metric, calculator: &Calculator<'_>, readings: &dyn Readings) -> Result<Proposal, Problem> {
    match metric {
        Metric::Resource { resource, container, target } => {
            let samples = readings.resource(*resource, container.as_deref()).map_err(Problem::Unread)?;
            match target {
                ResourceTarget::Utilization(percent) => {
                    calculator.utilization(samples, *resource, container.as_deref(), *percent)
                }
                ResourceTarget::AverageValue(target) => calculator.average(samples, Some(*resource), *target),
            }
        }
        Metric::Pods { name, average_value } => {
            calculator.average(readings.pods_metric(name).map_err(Problem::Unread)?, None, *average_value)
        }
        Metric::Object { name, target } => {
            let value = readings.object(name).map_err(Problem::Unread)?;
            match target {
                ValueTarget::Value(target) => calculator.object_value(value, *target),
                ValueTarget::AverageValue(target) => Ok(calculator.object_average(value, *target)),
            }
        }
        Metric::External { name, target } => {
            let series = readings.external(name).map_err(Problem::Unread)?;
            match target {
                ValueTarget::Value(target) => calculator.external_value(&series, *target),
                ValueTarget::AverageValue(target) => Ok(calculator.external_average(&series, *target)),
            }
        }
    }
}

fn failed(metric: &Metric) -> Active {
    match metric {
        Metric::Resource { container: None, .. } => Active::FailedGetResourceMetric,
        Metric::Resource { container: Some(_), .. } => Active::FailedGetContainerResourceMetric,
        Metric::Pods { .. } => Active::FailedGetPodsMetric,
        Metric::Object { .. } => Active::FailedGetObjectMetric,
        Metric::External { .. } => Active::FailedGetExternalMetric,
    }
}
