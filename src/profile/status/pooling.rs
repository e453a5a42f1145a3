//! The poolers, as a status says them.

use super::{Facts, Truth, Verdict, child};
use crate::{
    api::{
        conditions, reasons,
        v1alpha1::{PerformanceProfileStatus, PoolingClients, PoolingReplica, PoolingStatus},
    },
    pooler::{
        report::ReadsGo,
        version::{Version, advisories},
        wanted::{KEY, hash},
    },
    profile::{
        children::Outcome,
        poolers::{KeepsUp, Problem, Summary},
        validate::{Part, PoolingPlan},
    },
};

/// What agents say that keeps poolers from serving as declared, the worst first.
const FAILURES: [&str; 10] = [
    reasons::VERSION_TOO_OLD,
    reasons::PROCESS_FAILED,
    reasons::USERLIST_MISSING,
    reasons::USERLIST_INVALID,
    reasons::SECRET_MISSING,
    reasons::CERTIFICATE_INVALID,
    reasons::SETTING_REJECTED,
    reasons::AUTHENTICATION_FAILED,
    reasons::PRIMARY_UNREACHABLE,
    reasons::PAUSE_ENDED,
];

/// What agents say that speaks elsewhere, or of nothing that is broken.
const ELSEWHERE: [&str; 5] = [
    reasons::POOL_OVERSUBSCRIBED,
    reasons::BUDGET_UNKNOWN,
    reasons::DEPENDENCY_LIMITED,
    "ReplicaUnreachable",
    "KnownVulnerabilities",
];

/// How many poolers there are and are ready, as their set says.
fn counts(facts: &Facts<'_>) -> (i32, i32) {
    let set = facts.observed.live.pooler.stateful_set.as_ref();
    let status = set.and_then(|set| set.status.as_ref());
    status.map_or((0, 0), |status| (status.replicas, status.ready_replicas.unwrap_or(0)))
}

fn plan<'a>(facts: &Facts<'a>) -> Option<&'a PoolingPlan> {
    match &facts.checked.pooling {
        Part::Wanted(plan) => Some(plan),
        Part::Unwanted(_) | Part::Held(_) => None,
    }
}

/// What the process before this one has seen of the same configuration: it holds until this one has looked, within seconds.
fn seen_before<'a>(facts: &Facts<'a>) -> Option<&'a PerformanceProfileStatus> {
    let status = facts.profile.status.as_ref().filter(|_| facts.poolers.is_none())?;
    let wanted = status.pooling.as_ref()?.wanted.as_deref();
    (wanted == Some(&*plan(facts)?.document.hash)).then_some(status)
}

/// A condition as that process has left it.
fn left(facts: &Facts<'_>, type_: &'static str) -> Option<Verdict> {
    let condition = seen_before(facts)?.conditions.iter().find(|condition| condition.type_ == type_)?;
    let truth = match &*condition.status {
        "True" => Truth::True,
        "False" => Truth::False,
        _ => return None,
    };
    let others = [
        reasons::AS_DECLARED,
        reasons::ROLLING_OUT,
        reasons::NOT_LOADED,
        reasons::NOT_REPORTED,
        reasons::POOLER_FAILING,
        reasons::POOL_SATURATED,
    ];
    let reason = FAILURES.into_iter().chain(ELSEWHERE).chain(others).find(|reason| *reason == condition.reason)?;
    Some(Verdict::new(type_, truth, reason, condition.message.clone()))
}

/// What poolers follow while nothing is changed for them.
fn written(facts: &Facts<'_>) -> Option<String> {
    let config = facts.observed.live.pooler.config.as_ref()?;
    Some(hash(config.data.as_ref()?.get(KEY)?))
}

/// What is seen; nothing where the profile has no poolers.
pub fn status(facts: &Facts<'_>) -> Option<PoolingStatus> {
    if matches!(facts.checked.pooling, Part::Unwanted(_)) {
        return None;
    }
    if let Some(before) = seen_before(facts) {
        return before.pooling.clone();
    }
    let (instances, ready) = counts(facts);
    let plan = plan(facts);
    let nothing = Summary::default();
    let seen = facts.poolers.unwrap_or(&nothing);
    let wanted = plan.map(|plan| plan.document.hash.clone()).or_else(|| written(facts));
    let loaded = wanted.as_deref().map_or(0, |hash| seen.loaded(hash));
    let of = |count: u32| format!("{count}/{instances}");
    let pause = plan.and_then(|plan| plan.document.wanted.pause.as_ref());
    Some(PoolingStatus {
        instances,
        ready,
        version: Some(seen.versions.join(", ")).filter(|versions| !versions.is_empty()),
        wanted,
        loaded: of(loaded),
        clients: facts.poolers.map(|seen| PoolingClients {
            active: i64::from(seen.numbers.active),
            waiting: i64::from(seen.numbers.waiting),
        }),
        server_connections: facts.poolers.map(|seen| match seen.budget {
            Some(budget) => format!("{} of {budget}", seen.numbers.servers),
            None => seen.numbers.servers.to_string(),
        }),
        replicas: seen
            .replicas
            .iter()
            .map(|replica| PoolingReplica {
                host: replica.host.clone(),
                in_rotation: replica.in_rotation,
                lag: replica.lag.clone(),
            })
            .collect(),
        reads: seen.reads.map(|reads| {
            match reads {
                ReadsGo::Replicas => "Replicas",
                ReadsGo::Stale => "Stale",
                ReadsGo::Primary => "Primary",
                ReadsGo::Nowhere => "Nowhere",
            }
            .to_owned()
        }),
        paused: pause.map(|pause| of(seen.paused.get(&pause.id).copied().unwrap_or(0))),
    })
}

/// The condition that is part of `Ready`; nothing where no poolers are declared.
pub fn ready(facts: &Facts<'_>) -> Option<Verdict> {
    facts.profile.spec.pooling.as_ref()?.postgres.as_ref()?;
    let outcomes = facts.applied.pooler.outcomes();
    // What is not wanted is there no more; what is in its way is said.
    let first: Option<&Outcome> = outcomes.iter().find(|outcome| outcome.why.is_some()).copied();
    let outcome = first.or_else(|| outcomes.first().copied())?;
    let written = child(conditions::POOLING_READY, &facts.checked.pooling, outcome);
    match plan(facts) {
        Some(plan) if written.truth == Truth::True => Some(running(facts, plan)),
        _ => Some(written),
    }
}

/// Whether the poolers that are written run as they should.
fn running(facts: &Facts<'_>, plan: &PoolingPlan) -> Verdict {
    let said = |truth, reason, words: String| Verdict::new(conditions::POOLING_READY, truth, reason, words);
    let (instances, ready) = counts(facts);
    let wanted = instances.max(plan.min);
    let of = format!("{ready} of {wanted} poolers are ready");
    let Some(seen) = facts.poolers else {
        return left(facts, conditions::POOLING_READY)
            .unwrap_or_else(|| said(Truth::Unknown, reasons::PENDING, format!("{of}; they have not been asked yet")));
    };
    if let Some((reason, problem)) = failure(seen) {
        return said(Truth::False, reason, told(problem, seen.instances));
    }
    if let Some((pod, why)) = seen.stuck.first() {
        return said(Truth::False, reasons::ROLLING_OUT, format!("{of}; {pod} does not start: {why}"));
    }
    if let Some(pod) = seen.silent.first() {
        let words = format!(
            "{} of {} poolers do not answer on port 9127, {pod} among them: look at its log, and at network policies between the \
             operator and it",
            seen.silent.len(),
            seen.instances
        );
        return said(Truth::False, reasons::NOT_REPORTED, words);
    }
    if ready < wanted {
        return said(Truth::False, reasons::ROLLING_OUT, of);
    }
    let hash = &plan.document.hash;
    let loaded = seen.loaded(hash);
    if i64::from(loaded) < i64::from(wanted) {
        let words = format!("{loaded} of {wanted} poolers have loaded the configuration {hash}");
        return said(Truth::False, reasons::NOT_LOADED, words);
    }
    said(Truth::True, reasons::AS_DECLARED, format!("{of} and have loaded the configuration {hash}"))
}

/// The worst of what is wrong with poolers.
fn failure(seen: &Summary) -> Option<(&'static str, &Problem)> {
    let known = FAILURES.iter().find_map(|reason| Some((*reason, seen.problem(&[reason])?)));
    known.or_else(|| {
        let other = |problem: &&Problem| !ELSEWHERE.contains(&&*problem.reason);
        seen.problems.iter().find(other).map(|problem| (reasons::POOLER_FAILING, problem))
    })
}

fn told(problem: &Problem, instances: u32) -> String {
    format!("{} of {instances} poolers, {} first: {}", problem.pods, problem.pod, problem.message)
}

/// What is published against the PgBouncer that runs: a finding, for a distribution may have fixed it under the same number.
pub fn vulnerabilities(seen: Option<&PoolingStatus>) -> Vec<String> {
    let versions = seen.and_then(|seen| seen.version.as_deref()).unwrap_or_default().split(", ");
    let known = versions.filter_map(|version| advisories(version.parse::<Version>().ok()?));
    known.map(|words| format!("spec.pooling.postgres.image: {words}")).collect()
}

/// The conditions beside `Ready`; none where no poolers run.
pub fn verdicts(facts: &Facts<'_>) -> Vec<Verdict> {
    if matches!(facts.checked.pooling, Part::Unwanted(_)) {
        return Vec::new();
    }
    let both = [(conditions::POOLING_WITHIN_BUDGET, budget(facts)), (conditions::POOLING_KEEPS_UP, keeps_up(facts))];
    both.into_iter().map(|(type_, verdict)| left(facts, type_).unwrap_or(verdict)).collect()
}

fn budget(facts: &Facts<'_>) -> Verdict {
    let said = |truth, reason, words: String| Verdict::new(conditions::POOLING_WITHIN_BUDGET, truth, reason, words);
    let Some(seen) = facts.poolers.filter(|seen| seen.instances > 0) else {
        return said(Truth::Unknown, reasons::PENDING, "the poolers have not been asked yet".to_owned());
    };
    if let Some(problem) = seen.problem(&[reasons::POOL_OVERSUBSCRIBED]) {
        return said(Truth::False, reasons::POOL_OVERSUBSCRIBED, problem.message.clone());
    }
    if let Some(problem) = seen.problem(&[reasons::BUDGET_UNKNOWN]) {
        return said(Truth::Unknown, reasons::BUDGET_UNKNOWN, problem.message.clone());
    }
    let Some(split) = &seen.split else {
        let words = "no pooler has told how the primary's connections are divided yet";
        return said(Truth::Unknown, reasons::PENDING, words.to_owned());
    };
    let arithmetic = format!(
        "max_connections {}, {} reserved, {} of others, by {} poolers: {} for each, {} declared",
        split.max_connections, split.reserved, split.direct, split.instances, split.per_instance, split.declared
    );
    if split.shrunk {
        let words = format!(
            "{arithmetic}; pools are made smaller: default_pool_size {}, reserve_pool_size {}. Raise max_connections, or lower \
             defaultPoolSize or instances.max",
            split.pool_size, split.reserve_pool_size
        );
        return said(Truth::False, reasons::POOL_OVERSUBSCRIBED, words);
    }
    said(Truth::True, reasons::AS_DECLARED, arithmetic)
}

fn keeps_up(facts: &Facts<'_>) -> Verdict {
    let said = |truth, reason, words: String| Verdict::new(conditions::POOLING_KEEPS_UP, truth, reason, words);
    match facts.poolers.and_then(|seen| seen.keeps_up) {
        None => said(Truth::Unknown, reasons::PENDING, "no pooler serves yet, or none has been asked".to_owned()),
        Some(KeepsUp::Yes) => {
            said(Truth::True, reasons::AS_DECLARED, "clients get a server without waiting".to_owned())
        }
        Some(KeepsUp::DependencyLimited) => {
            let agent = facts.poolers.and_then(|seen| seen.problem(&[reasons::DEPENDENCY_LIMITED]));
            let words = "clients wait for a server while the poolers' CPU is idle: the database or the size of its pools is the \
                         limit, and more poolers would not help; look for slow queries and open transactions, or raise \
                         defaultPoolSize if the connection budget has room";
            said(
                Truth::False,
                reasons::DEPENDENCY_LIMITED,
                agent.map_or_else(|| words.to_owned(), |problem| problem.message.clone()),
            )
        }
        Some(KeepsUp::Saturated) => {
            let words =
                "clients wait, and the poolers' CPU is the limit: raise instances.max if they are as many already";
            said(Truth::False, reasons::POOL_SATURATED, words.to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
