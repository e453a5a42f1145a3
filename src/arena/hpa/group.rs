//! Which pods count: those whose sample says something about the load.

use std::collections::BTreeSet;

use super::{Phase, Pod, Resource, Sample, Samples, Settings, Status};

/// The pods, sorted by what their samples are worth.
#[derive(Debug, Default)]
pub(super) struct Groups<'a> {
    /// How many pods count with their sample.
    pub(super) ready: usize,
    /// Pods that are starting: their samples do not count.
    pub(super) unready: BTreeSet<&'a str>,
    /// Pods that should have a sample and have none.
    pub(super) missing: BTreeSet<&'a str>,
    /// Pods that end or have failed: as if they were not there.
    pub(super) ignored: BTreeSet<&'a str>,
}

/// Sorts the pods. Only for CPU does it matter how long a pod has run and whether it is ready: a start costs CPU.
pub(super) fn group<'a>(
    pods: &'a [Pod],
    samples: &Samples,
    resource: Option<Resource>,
    settings: &Settings,
    now_ms: i64,
) -> Groups<'a> {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.name.as_str();
        if pod.deleted || pod.phase == Phase::Failed {
            groups.ignored.insert(name);
        } else if pod.phase == Phase::Pending {
            groups.unready.insert(name);
        } else if let Some(sample) = samples.get(name) {
            if resource == Some(Resource::Cpu) && is_starting(pod, sample, settings, now_ms) {
                groups.unready.insert(name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.insert(name);
        }
    }
    groups
}

fn is_starting(pod: &Pod, sample: &Sample, settings: &Settings, now_ms: i64) -> bool {
    let (Some(started_ms), Some(ready)) = (pod.started_ms, pod.ready) else { return true };
    let unready = ready.status == Status::False;
    if started_ms.saturating_add(settings.cpu_initialization_period_ms) > now_ms {
        // The window of the sample must lie after the pod has become ready.
        unready || sample.at_ms < ready.since_ms.saturating_add(sample.window_ms)
    } else {
        // Unready so soon after its start: it has never been ready.
        unready && started_ms.saturating_add(settings.initial_readiness_delay_ms) > ready.since_ms
    }
}

impl Pod {
    /// Whether it runs and is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready.is_some_and(|ready| ready.status == Status::True)
    }
}
