//! A profile's poolers summed up, as they are shown. Pure; it is the same from look to look while nothing to be shown has changed.

use std::collections::BTreeMap;

use super::look::{Numbers, PodLook};
use crate::pooler::{
    report::{Phase, ReadsGo, Report, Split},
    wanted::Endpoint,
};

/// A profile's poolers, as shown.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Pods, those on their way out left aside.
    pub instances: u32,
    /// Versions of `PgBouncer`, each once.
    pub versions: Vec<String>,
    /// How many have loaded what, by hash; of those that have answered.
    pub loaded: BTreeMap<String, u32>,
    /// Pods that run and do not answer.
    pub silent: Vec<String>,
    /// Pods that do not start, and why.
    pub stuck: Vec<(String, String)>,
    /// What is wrong with some of them.
    pub problems: Vec<Problem>,
    /// Clients and server connections, the highest of the last minute.
    pub numbers: Numbers,
    /// Connections to the primary that all together may have.
    pub budget: Option<u32>,
    /// How that comes about, as the first of them has it.
    pub split: Option<Split>,
    /// Every replica.
    pub replicas: Vec<ReplicaShown>,
    /// Where reads go; of several the worst.
    pub reads: Option<ReadsGo>,
    /// How many hold which pause.
    pub paused: BTreeMap<String, u32>,
    /// Whether clients get a server without waiting; nothing where not known.
    pub keeps_up: Option<KeepsUp>,
    /// Clients that wait while poolers have CPU left, for enforcement; not shown.
    pub waiting_idle: Option<f64>,
}

/// What is shown; what enforcement looks at moves all the time.
impl PartialEq for Summary {
    fn eq(&self, other: &Self) -> bool {
        let shown = |one: &Self| {
            (
                (one.instances, one.versions.clone(), one.loaded.clone(), one.silent.clone(), one.stuck.clone()),
                (one.problems.clone(), one.numbers, one.budget, one.split.clone(), one.replicas.clone()),
                (one.reads, one.paused.clone(), one.keeps_up),
            )
        };
        shown(self) == shown(other)
    }
}

impl Summary {
    /// Poolers that have loaded the document with this hash.
    pub fn loaded(&self, hash: &str) -> u32 {
        self.loaded.get(hash).copied().unwrap_or(0)
    }

    /// The first of the problems with one of these reasons, in their order.
    pub fn problem(&self, reasons: &[&str]) -> Option<&Problem> {
        reasons.iter().find_map(|reason| self.problems.iter().find(|problem| problem.reason == *reason))
    }
}

/// Something that is wrong with some poolers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The agent's reason.
    pub reason: String,
    /// The agent's message, that of the first pod that has it.
    pub message: String,
    /// That pod.
    pub pod: String,
    /// How many have it.
    pub pods: u32,
}

/// A replica, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaShown {
    /// Host, with its port where it is not the usual one.
    pub host: String,
    /// Whether all poolers send reads there.
    pub in_rotation: bool,
    /// How far it is behind, in steps.
    pub lag: Option<String>,
}

/// Whether clients get a server without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepsUp {
    /// They do.
    Yes,
    /// They wait while poolers have CPU left: the database, or the size of its pools, is the limit.
    DependencyLimited,
    /// They wait, and the poolers' CPU is the limit.
    Saturated,
}

/// Sums up.
pub fn summary(
    pods: &[PodLook],
    silent: &dyn Fn(&str) -> bool,
    highest: Numbers,
    keeps_up: Option<KeepsUp>,
    waiting_idle: Option<f64>,
    before: Option<&Summary>,
) -> Summary {
    let staying = || pods.iter().filter(|pod| !pod.leaving);
    let answered = || staying().filter_map(|pod| Some((pod, pod.report.as_ref()?)));
    let mut versions: Vec<String> = answered().filter_map(|(_, report)| report.version.clone()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut loaded = BTreeMap::new();
    let mut paused = BTreeMap::new();
    for (_, report) in answered() {
        if let Some(hash) = &report.loaded {
            *loaded.entry(hash.clone()).or_default() += 1;
        }
        if let Some(id) = report.paused.as_ref().filter(|_| report.phase == Phase::Paused) {
            *paused.entry(id.clone()).or_default() += 1;
        }
    }
    let old = before.map(|before| before.numbers).unwrap_or_default();
    let splits = || answered().filter_map(|(_, report)| report.split.as_ref());
    Summary {
        instances: u32::try_from(staying().count()).unwrap_or(u32::MAX),
        versions,
        loaded,
        silent: staying().filter(|pod| silent(&pod.name)).map(|pod| pod.name.clone()).collect(),
        stuck: staying().filter_map(|pod| Some((pod.name.clone(), pod.stuck.clone()?))).collect(),
        problems: problems(answered()),
        numbers: Numbers {
            active: steady(old.active, highest.active),
            waiting: steady(old.waiting, highest.waiting),
            servers: steady(old.servers, highest.servers),
        },
        budget: splits().map(|split| split.per_instance).reduce(u32::saturating_add),
        split: splits().next().cloned(),
        replicas: replicas(&answered().map(|(_, report)| report).collect::<Vec<_>>()),
        reads: answered().filter_map(|(_, report)| report.reads).max_by_key(|reads| rank(*reads)),
        paused,
        keeps_up,
        waiting_idle,
    }
}

const fn rank(reads: ReadsGo) -> u8 {
    match reads {
        ReadsGo::Replicas => 0,
        ReadsGo::Primary => 1,
        ReadsGo::Stale => 2,
        ReadsGo::Nowhere => 3,
    }
}

/// A number as it was until it has moved by a tenth; none at all is said at once.
fn steady(old: u32, new: u32) -> u32 {
    if new != 0 && old != 0 && new.abs_diff(old) <= (old / 10).max(1) { old } else { new }
}

fn problems<'a>(answered: impl Iterator<Item = (&'a PodLook, &'a Report)>) -> Vec<Problem> {
    let mut all: Vec<Problem> = Vec::new();
    for (pod, report) in answered {
        let mut told = Vec::new();
        for problem in &report.problems {
            if told.contains(&&problem.reason) {
                continue;
            }
            told.push(&problem.reason);
            match all.iter_mut().find(|known| known.reason == problem.reason) {
                Some(known) => known.pods += 1,
                None => all.push(Problem {
                    reason: problem.reason.clone(),
                    message: problem.message.clone(),
                    pod: pod.name.clone(),
                    pods: 1,
                }),
            }
        }
    }
    all
}

fn replicas(reports: &[&Report]) -> Vec<ReplicaShown> {
    let mut all: BTreeMap<&Endpoint, (bool, Option<u64>, Option<f64>)> = BTreeMap::new();
    for seen in reports.iter().flat_map(|report| &report.replicas) {
        let entry = all.entry(&seen.endpoint).or_insert((true, None, None));
        entry.0 &= seen.in_rotation;
        entry.1 = entry.1.max(seen.lag_bytes);
        entry.2 = [entry.2, seen.lag_seconds].into_iter().flatten().reduce(f64::max);
    }
    all.into_iter()
        .map(|(endpoint, (in_rotation, bytes, seconds))| ReplicaShown {
            host: if endpoint.port == 5432 {
                endpoint.host.clone()
            } else {
                format!("{}:{}", endpoint.host, endpoint.port)
            },
            in_rotation,
            lag: bytes.map(|bytes| lag(bytes, seconds)),
        })
        .collect()
}

/// How far a replica is behind, in steps of four, so that it is not written at each look.
fn lag(bytes: u64, seconds: Option<f64>) -> String {
    const STEPS: [(u64, &str); 9] = [
        (64 << 10, "none"),
        (1 << 20, "below 1Mi"),
        (4 << 20, "below 4Mi"),
        (16 << 20, "below 16Mi"),
        (64 << 20, "below 64Mi"),
        (256 << 20, "below 256Mi"),
        (1 << 30, "below 1Gi"),
        (4 << 30, "below 4Gi"),
        (16 << 30, "below 16Gi"),
    ];
    let words = STEPS.iter().find(|(below, _)| bytes < *below).map_or("16Gi or more", |(_, words)| words);
    let late = [(300.0, "5 min"), (60.0, "1 min"), (30.0, "30 s"), (10.0, "10 s"), (2.0, "2 s")];
    let late = late.iter().find(|(from, _)| seconds.is_some_and(|seconds| seconds >= *from));
    match late {
        Some((_, late)) if words == "none" => format!("{late} or more"),
        Some((_, late)) => format!("{words}, {late} or more"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pooler::report;

    #[test]
    fn numbers_move_when_they_have_moved_by_a_tenth() {
        assert_eq!([steady(100, 109), steady(100, 111), steady(0, 1), steady(3, 0), steady(5, 6)], [100, 111, 1, 0, 5]);
    }

    #[test]
    fn lag_is_told_in_steps() {
        assert_eq!(lag(0, Some(0.0)), "none");
        assert_eq!(lag(5 << 20, Some(12.0)), "below 16Mi, 10 s or more");
        assert_eq!(lag(100, Some(3.0)), "2 s or more");
        assert_eq!(lag(20 << 30, None), "16Gi or more");
    }

    #[test]
    fn a_problem_is_told_once_with_how_many_have_it() {
        let pod = |ordinal: u32| PodLook {
            name: format!("p-{ordinal}"),
            leaving: false,
            runs: true,
            stuck: None,
            report: Some(Report {
                ordinal,
                loaded: Some("h".to_owned()),
                problems: vec![report::Problem { reason: "SecretMissing".to_owned(), message: format!("m{ordinal}") }],
                ..Report::default()
            }),
        };
        let summed = summary(&[pod(0), pod(1)], &|_| false, Numbers::default(), None, None, None);
        let [problem] = summed.problems.as_slice() else { panic!("{summed:?}") };
        assert_eq!((&*problem.message, &*problem.pod, problem.pods), ("m0", "p-0", 2));
        assert_eq!((summed.loaded("h"), summed.loaded("other")), (2, 0));
    }
}
