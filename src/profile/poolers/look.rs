//! One look at a profile's poolers, and what remains of those before. Pure.

use std::collections::{HashMap, VecDeque};

use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod};

use super::summary::{KeepsUp, Summary, summary};
use crate::pooler::report::{Phase, Report};

/// Looks in a row without an answer after which a pod is said not to answer.
const SILENT: u32 = 3;
/// Time over which numbers are shown by their highest, in seconds: what swings from look to look is not written each time.
const SHOWN_OVER: i64 = 60;
/// Clients that wait for so long without a pause are no accident, in seconds.
const WAITING: i64 = 15;
/// And it is over when none has waited for so long, in seconds.
const CALM: i64 = 60;
/// A wait of this long is one, in seconds.
const A_WAIT: f64 = 0.5;
/// And so is this share of the time of all queries.
const A_SHARE: f64 = 0.3;
/// CPU below this share of where poolers are scaled out is idle.
const IDLE: f64 = 0.7;

/// One look.
pub struct Look {
    /// Every pod.
    pub pods: Vec<PodLook>,
    /// CPU against what poolers are scaled out at.
    pub cpu: Option<f64>,
}

/// One pod at one look.
#[derive(Debug, Clone)]
pub struct PodLook {
    /// Its name.
    pub name: String,
    /// It is on its way out.
    pub leaving: bool,
    /// It runs, so that it should answer.
    pub runs: bool,
    /// Why it does not start, in the kubelet's or the scheduler's words.
    pub stuck: Option<String>,
    /// What its agent says.
    pub report: Option<Report>,
}

impl PodLook {
    /// A pod that has not been asked yet.
    pub fn of(pod: &Pod) -> Self {
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            leaving: pod.metadata.deletion_timestamp.is_some(),
            runs: pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"),
            stuck: stuck(pod),
            report: None,
        }
    }
}

/// What keeps a pod from starting, where it is no mere matter of time.
fn stuck(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let pending = status.phase.as_deref().is_none_or(|phase| phase == "Pending");
    let unschedulable = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unschedulable.filter(|_| pending) {
        return Some(format!("no node takes it: {}", condition.message.as_deref().unwrap_or_default()));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref()).find_map(|waiting| {
        let reason = waiting.reason.as_deref()?;
        (!matches!(reason, "ContainerCreating" | "PodInitializing")).then(|| reason.to_owned())
    })
}

/// What remains of looks.
#[derive(Default)]
pub struct Past {
    silent: HashMap<String, u32>,
    numbers: VecDeque<(i64, Numbers)>,
    waiting_since: Option<i64>,
    waited_at: Option<i64>,
    judged: Option<KeepsUp>,
}

/// Numbers that swing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Numbers {
    /// Clients linked to a server.
    pub active: u32,
    /// Clients that wait for one.
    pub waiting: u32,
    /// Server connections to the primary.
    pub servers: u32,
}

impl Numbers {
    fn of(reports: &[&Report]) -> Self {
        reports.iter().fold(Self::default(), |sum, report| Self {
            active: sum.active.saturating_add(report.clients.active),
            waiting: sum.waiting.saturating_add(report.clients.waiting),
            servers: sum.servers.saturating_add(report.servers.primary),
        })
    }

    fn highest(self, other: Self) -> Self {
        Self {
            active: self.active.max(other.active),
            waiting: self.waiting.max(other.waiting),
            servers: self.servers.max(other.servers),
        }
    }
}

impl Past {
    /// Adds a look and sums up.
    pub fn add(&mut self, look: Look, before: Option<&Summary>, now: i64) -> Summary {
        self.silent.retain(|name, _| look.pods.iter().any(|pod| pod.name == *name));
        for pod in &look.pods {
            let silent = self.silent.entry(pod.name.clone()).or_default();
            *silent = if pod.report.is_none() && pod.runs { silent.saturating_add(1) } else { 0 };
        }
        let reports: Vec<&Report> = look.pods.iter().filter_map(|pod| pod.report.as_ref()).collect();
        let numbers = Numbers::of(&reports);
        self.numbers.push_back((now, numbers));
        self.numbers.retain(|(at, _)| now - at < SHOWN_OVER);
        let highest = self.numbers.iter().fold(Numbers::default(), |highest, (_, one)| highest.highest(*one));
        let keeps_up = self.keeps_up(&reports, look.cpu, now);
        let waits = waiting_now(&reports, numbers, look.cpu);
        let mut pods = look.pods;
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        let silent = |name: &str| self.silent.get(name).is_some_and(|times| *times >= SILENT);
        summary(&pods, &silent, highest, keeps_up, waits, before)
    }

    /// Whether clients get a server without waiting; if not, what they wait for.
    fn keeps_up(&mut self, reports: &[&Report], cpu: Option<f64>, now: i64) -> Option<KeepsUp> {
        // Before they serve nobody can wait for them.
        if !reports.iter().any(|report| report.phase != Phase::Starting) {
            return self.judged;
        }
        let waits = reports.iter().any(|report| {
            let clients = &report.clients;
            clients.waiting > 0 && clients.max_wait_seconds >= A_WAIT
                || clients.waiting_share.is_some_and(|share| share >= A_SHARE)
        });
        let said = |reason: &str| reports.iter().any(|report| report.problems.iter().any(|one| one.reason == reason));
        if waits {
            self.waited_at = Some(now);
            let since = *self.waiting_since.get_or_insert(now);
            if now - since >= WAITING {
                let idle = cpu.is_none_or(|ratio| ratio < IDLE);
                self.judged = Some(if idle { KeepsUp::DependencyLimited } else { KeepsUp::Saturated });
            }
        } else if self.waited_at.is_none_or(|at| now - at >= CALM) {
            self.judged = Some(KeepsUp::Yes);
        }
        if !waits {
            self.waiting_since = None;
        }
        if said("DependencyLimited") {
            self.judged = Some(KeepsUp::DependencyLimited);
        }
        self.judged
    }
}

/// Clients that wait for a server while poolers have CPU left: for enforcement. What a share of the time says is taken for as many of
/// the clients that have something to do.
fn waiting_now(reports: &[&Report], numbers: Numbers, cpu: Option<f64>) -> Option<f64> {
    if reports.is_empty() {
        return None;
    }
    if cpu.is_some_and(|ratio| ratio >= IDLE) {
        return Some(0.0);
    }
    let by_share: f64 = reports
        .iter()
        .filter_map(|report| {
            let busy = f64::from(report.clients.active) + f64::from(report.clients.waiting);
            report.clients.waiting_share.map(|share| share * busy)
        })
        .sum();
    Some(f64::from(numbers.waiting).max(by_share))
}

/// What the autoscaler measures against what it holds.
pub fn cpu_ratio(autoscaler: &HorizontalPodAutoscaler) -> Option<f64> {
    let held = autoscaler.spec.metrics.iter().flatten().find_map(|metric| {
        let source = metric.container_resource.as_ref().filter(|source| source.name == "cpu")?;
        milli(&source.target.average_value.as_ref()?.0)
    })?;
    let metrics = autoscaler.status.as_ref()?.current_metrics.as_ref()?;
    let measured = metrics.iter().find_map(|metric| {
        let source = metric.container_resource.as_ref().filter(|source| source.name == "cpu")?;
        milli(&source.current.average_value.as_ref()?.0)
    })?;
    (held > 0.0).then(|| measured / held)
}

/// CPU in thousandths, as the API server writes it.
fn milli(text: &str) -> Option<f64> {
    match text.strip_suffix('m') {
        Some(number) => number.parse().ok(),
        None => text.parse::<f64>().ok().map(|cores| cores * 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pooler::report::Clients;

    fn look(waiting: u32, wait: f64, cpu: Option<f64>) -> Look {
        let clients = Clients { active: 20, waiting, max_wait_seconds: wait, waiting_share: None };
        let report = Report { clients, phase: Phase::Running, ..Report::default() };
        let pod = PodLook { name: "p-0".to_owned(), leaving: false, runs: true, stuck: None, report: Some(report) };
        Look { pods: vec![pod], cpu }
    }

    #[test]
    fn clients_that_wait_for_long_wait_for_the_database_or_for_cpu() {
        for (cpu, expected) in [
            (Some(0.2), KeepsUp::DependencyLimited),
            (None, KeepsUp::DependencyLimited),
            (Some(1.1), KeepsUp::Saturated),
        ] {
            let mut past = Past::default();
            assert_eq!(past.add(look(0, 0.0, cpu), None, 0).keeps_up, Some(KeepsUp::Yes));
            assert_eq!(past.add(look(9, 1.0, cpu), None, 5).keeps_up, Some(KeepsUp::Yes), "for a moment");
            assert_eq!(past.add(look(9, 6.0, cpu), None, 20).keeps_up, Some(expected));
            assert_eq!(past.add(look(0, 0.0, cpu), None, 25).keeps_up, Some(expected), "not yet over");
            assert_eq!(past.add(look(0, 0.0, cpu), None, 90).keeps_up, Some(KeepsUp::Yes));
        }
    }

    #[test]
    fn what_keeps_a_pod_from_starting_is_told_until_it_runs() {
        let pod =
            |status: serde_json::Value| serde_json::from_value::<Pod>(serde_json::json!({"status": status})).unwrap();
        let nowhere = |phase: &str| {
            pod(serde_json::json!({"phase": phase, "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]}))
        };
        assert_eq!(PodLook::of(&nowhere("Pending")).stuck.as_deref(), Some("no node takes it: 0/3 nodes"));
        assert_eq!(PodLook::of(&nowhere("Running")).stuck, None);
        let waiting = |reason: &str| {
            pod(
                serde_json::json!({"phase": "Pending", "initContainerStatuses": [{"name": "a", "image": "i", "imageID": "",
                "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason}}}]}),
            )
        };
        assert_eq!(PodLook::of(&waiting("ErrImagePull")).stuck.as_deref(), Some("ErrImagePull"));
        assert_eq!(PodLook::of(&waiting("PodInitializing")).stuck, None);
    }

    #[test]
    fn who_does_not_answer_once_is_not_silent() {
        let mut past = Past::default();
        let mut silent = |now| {
            let mut one = look(0, 0.0, None);
            one.pods.iter_mut().for_each(|pod| pod.report = None);
            past.add(one, None, now).silent
        };
        assert_eq!((silent(0), silent(5)), (vec![], vec![]));
        assert_eq!(silent(10), ["p-0"]);
    }

    #[test]
    fn waiting_counts_for_enforcement_only_while_poolers_are_idle() {
        let mut past = Past::default();
        assert_eq!(past.add(look(9, 1.0, Some(0.1)), None, 0).waiting_idle, Some(9.0));
        assert_eq!(past.add(look(9, 1.0, Some(1.0)), None, 5).waiting_idle, Some(0.0));
    }
}
