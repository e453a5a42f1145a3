//! How many replicas one metric asks for.

use super::{
    Current, Metric, Readings, Resource, ResourceTarget, Sample, Samples, Settings, ValueTarget,
    group::group,
    number::{ceil, ceil_long, count, float, lower_half},
    request::requests,
};

/// Why a metric asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It could not be read.
    #[error("{0}")]
    Unread(String),
    /// The target's selector finds no pods.
    #[error("the target has no pods")]
    Podless,
    /// No pod has a sample that counts: they may all be starting.
    #[error("no pod that counts has a sample")]
    Sampleless,
    /// A utilization is of what is requested.
    #[error("a container of pod {pod} requests no {resource:?}")]
    Unrequested {
        /// The pod.
        pod: String,
        /// What it does not request.
        resource: Resource,
    },
    /// The metric is of a container that a pod has not.
    #[error("pod {pod} has no container {name}")]
    Containerless {
        /// The pod.
        pod: String,
        /// The container.
        name: String,
    },
    /// There is nothing that a utilization could be of.
    #[error("the pods with samples request nothing")]
    Requestless,
    /// There are no metrics at all, which the API server does not let be.
    #[error("the specification has no metrics")]
    Metricless,
}

/// What a metric asks for, and what it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The replicas.
    pub replicas: i32,
    /// The value of the metric.
    pub current: Current,
}

/// By how much the ratio of usage to target may be off before it counts, as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Below 1.
    pub down: f64,
    /// Above 1.
    pub up: f64,
}

impl Tolerances {
    /// Both borders are within.
    fn contain(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// Asks one metric, without the memory of an [`Autoscaler`](super::Autoscaler).
#[derive(Clone, Copy)]
pub struct Calculator<'a> {
    /// The controller's.
    pub settings: &'a Settings,
    /// What can be read now.
    pub readings: &'a dyn Readings,
    /// The time.
    pub now_ms: i64,
    /// The autoscaler's.
    pub tolerances: Tolerances,
    /// The replicas of the scale's spec.
    pub replicas: i32,
    /// The replicas of the scale's status.
    pub status_replicas: i32,
}

impl Calculator<'_> {
    /// What a metric asks for.
    pub fn propose(&self, metric: &Metric) -> Result<Proposal, Problem> {
        let readings = self.readings;
        match metric {
            Metric::Resource { resource, container, target } => {
                let samples = readings.resource(*resource, container.as_deref()).map_err(Problem::Unread)?;
                match target {
                    ResourceTarget::Utilization(percent) => {
                        self.utilization(samples, *resource, container.as_deref(), *percent)
                    }
                    ResourceTarget::AverageValue(target) => self.average(samples, Some(*resource), *target),
                }
            }
            Metric::Pods { name, average_value } => {
                self.average(readings.pods_metric(name).map_err(Problem::Unread)?, None, *average_value)
            }
            Metric::Object { name, target } => {
                let value = readings.object(name).map_err(Problem::Unread)?;
                match target {
                    ValueTarget::Value(target) => self.object_value(value, *target),
                    ValueTarget::AverageValue(target) => Ok(self.object_average(value, *target)),
                }
            }
            Metric::External { name, target } => {
                let series = readings.external(name).map_err(Problem::Unread)?;
                match target {
                    ValueTarget::Value(target) => self.external_value(&series, *target),
                    ValueTarget::AverageValue(target) => Ok(self.external_average(&series, *target)),
                }
            }
        }
    }

    /// A resource against a target in percent of what is requested.
    fn utilization(
        &self,
        samples: Samples,
        resource: Resource,
        container: Option<&str>,
        target: i32,
    ) -> Result<Proposal, Problem> {
        let requests = requests(self.readings.pods(), resource, container)?;
        let measure = |samples: &Samples| {
            let known = samples.iter().filter_map(|(pod, sample)| Some((sample.value, *requests.get(pod.as_str())?)));
            let add = |(used, requested, pods): (i64, i64, i64), (value, request)| {
                (used.wrapping_add(value), requested.wrapping_add(request), pods + 1)
            };
            let (used, requested, pods) = known.fold((0, 0, 0), add);
            if requested == 0 {
                return Err(Problem::Requestless);
            }
            // Whole percent, rounded down: 54.9 % is 54 %.
            let percent = lower_half(used.wrapping_mul(100).wrapping_div(requested));
            let current = Current { utilization: Some(percent), value: used.wrapping_div(pods) };
            Ok((f64::from(percent) / f64::from(target), current))
        };
        // A pod that is missing uses all that it requests, or as much as is wanted if that is more.
        let share = i64::from(target.max(100));
        let fill = |pod: &str| requests.get(pod).map_or(0, |request| request.wrapping_mul(share) / 100);
        self.by_pods(samples, Some(resource), measure, fill)
    }

    /// A value for each pod against a target: a resource, or a metric of pods.
    fn average(&self, samples: Samples, resource: Option<Resource>, target: i64) -> Result<Proposal, Problem> {
        let measure = |samples: &Samples| {
            let sum = samples.values().fold(0_i64, |sum, sample| sum.wrapping_add(sample.value));
            let value = sum.checked_div(count(samples.len())).ok_or(Problem::Sampleless)?;
            Ok((float(value) / float(target), Current { utilization: None, value }))
        };
        self.by_pods(samples, resource, measure, |_| target)
    }

    /// The part that all metrics with a sample for each pod have in common. `measure` gives the ratio of usage to target;
    /// `fill` what a pod without a sample is taken to use if it looks like a scale-down.
    fn by_pods(
        &self,
        mut samples: Samples,
        resource: Option<Resource>,
        measure: impl Fn(&Samples) -> Result<(f64, Current), Problem>,
        fill: impl Fn(&str) -> i64,
    ) -> Result<Proposal, Problem> {
        if self.readings.pods().is_empty() {
            return Err(Problem::Podless);
        }
        let groups = group(self.readings.pods(), &samples, resource, self.settings, self.now_ms);
        samples.retain(|pod, _| !groups.ignored.contains(pod.as_str()) && !groups.unready.contains(pod.as_str()));
        if samples.is_empty() {
            return Err(Problem::Sampleless);
        }
        let (ratio, current) = measure(&samples)?;
        let propose = |replicas| Ok(Proposal { replicas, current });
        let up_with_unready = !groups.unready.is_empty() && ratio > 1.0;
        if !up_with_unready && groups.missing.is_empty() {
            if self.tolerances.contain(ratio) {
                return propose(self.replicas);
            }
            return propose(ceil(ratio * float(count(groups.ready))));
        }

        // Nobody knows what the others use: they get what speaks against a change.
        let mut assume = |pod: &str, value| {
            samples.insert(pod.to_owned(), Sample { value, at_ms: self.now_ms, window_ms: 0 });
        };
        if ratio < 1.0 {
            groups.missing.iter().for_each(|pod| assume(pod, fill(pod)));
        } else if ratio > 1.0 {
            groups.missing.iter().for_each(|pod| assume(pod, 0));
        }
        if up_with_unready {
            groups.unready.iter().for_each(|pod| assume(pod, 0));
        }
        let (cautious, _) = measure(&samples)?;
        let turns = (ratio < 1.0 && cautious > 1.0) || (ratio > 1.0 && cautious < 1.0);
        if self.tolerances.contain(cautious) || turns {
            return propose(self.replicas);
        }
        let replicas = ceil(cautious * float(count(samples.len())));
        let against = (cautious < 1.0 && replicas > self.replicas) || (cautious > 1.0 && replicas < self.replicas);
        propose(if against { self.replicas } else { replicas })
    }

    /// One value against a target: as many times the ready pods as the value is the target.
    fn object_value(&self, value: i64, target: i64) -> Result<Proposal, Problem> {
        let ratio = float(value) / float(target);
        let current = Current { utilization: None, value };
        if self.replicas == 0 {
            return Ok(Proposal { replicas: ceil(ratio), current });
        }
        if self.tolerances.contain(ratio) {
            return Ok(Proposal { replicas: self.replicas, current });
        }
        if self.readings.pods().is_empty() {
            return Err(Problem::Podless);
        }
        let wanted = ratio * float(count(self.readings.pods().iter().filter(|pod| pod.is_ready()).count()));
        let replicas = if wanted > f64::from(i32::MAX) { i32::MAX } else { ceil(wanted) };
        Ok(Proposal { replicas, current })
    }

    /// One value against a target for each pod.
    fn object_average(&self, value: i64, target: i64) -> Proposal {
        let share = ceil_long(float(value) / f64::from(self.status_replicas));
        self.divided(value, target, share, ceil)
    }

    /// The sum of series against a target.
    fn external_value(&self, series: &[i64], target: i64) -> Result<Proposal, Problem> {
        let mut sum = 0_i64;
        for value in series {
            if *value > 0 && sum > i64::MAX.wrapping_sub(*value) {
                sum = i64::MAX;
                break;
            }
            sum = sum.wrapping_add(*value);
        }
        self.object_value(sum, target)
    }

    /// The sum of series against a target for each pod. A sum below zero counts as one that is too large.
    fn external_average(&self, series: &[i64], target: i64) -> Proposal {
        let mut sum = 0_i64;
        for value in series {
            sum = sum.wrapping_add(*value);
            if sum < 0 {
                sum = i64::MAX;
                break;
            }
        }
        let share = if float(sum) >= float(i64::MAX) {
            i64::MAX
        } else {
            ceil_long(float(sum) / f64::from(self.status_replicas))
        };
        let bounded = |wanted: f64| if wanted.ceil() > f64::from(i32::MAX) { i32::MAX } else { ceil(wanted) };
        self.divided(sum, target, share, bounded)
    }

    /// The replicas among which each has the target; those of the status if it is near enough, not those of the spec.
    fn divided(&self, value: i64, target: i64, share: i64, whole: impl Fn(f64) -> i32) -> Proposal {
        let ratio = float(value) / (float(target) * f64::from(self.status_replicas));
        let near = self.tolerances.contain(ratio);
        let replicas = if near { self.status_replicas } else { whole(float(value) / float(target)) };
        Proposal { replicas, current: Current { utilization: None, value: share } }
    }
}
