//! All metrics of an autoscaler together.

use super::{
    Active, Current, Metric, Spec,
    calculator::{Calculator, Problem},
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
pub(super) fn ask(spec: &Spec, calculator: &Calculator<'_>) -> Consensus {
    let mut highest = 0;
    let mut currents = Vec::with_capacity(spec.metrics.len());
    let mut problems = Vec::new();
    for metric in &spec.metrics {
        match calculator.propose(metric) {
            Ok(proposal) => {
                // Not the same as a maximum from 0: of a metric below zero a number below zero comes, which is less than
                // no replicas at all.
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

fn failed(metric: &Metric) -> Active {
    match metric {
        Metric::Resource { container: None, .. } => Active::FailedGetResourceMetric,
        Metric::Resource { container: Some(_), .. } => Active::FailedGetContainerResourceMetric,
        Metric::Pods { .. } => Active::FailedGetPodsMetric,
        Metric::Object { .. } => Active::FailedGetObjectMetric,
        Metric::External { .. } => Active::FailedGetExternalMetric,
    }
}
