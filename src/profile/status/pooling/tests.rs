//! What a person reads of poolers.

use std::collections::BTreeMap;

use k8s_openapi::{api::apps::v1::StatefulSet, jiff::Timestamp};
use serde_json::json;

use super::*;
use crate::{
    api::v1alpha1::{ChildState, PerformanceProfileStatus},
    pooler::report::Split,
    profile::{
        PoolerImages, Settings,
        children::{Applied, Children, Why},
        evaluation::evaluate,
        observe::Observed,
        status::status as whole,
        testing::{observed, poolers, profile},
        validate::{alerting, validate},
    },
    prometheus::{Answer, Snapshot},
};

const POSTGRES: &str = "pooling:
  postgres:
    primary: {host: db}
    databases: [{name: azora}]
    auth: {userlistSecretRef: {name: users}}
    monitoring: {secretRef: {name: monitor}}
";

fn set(replicas: i32, ready: i32) -> StatefulSet {
    serde_json::from_value(json!({
        "spec": {"replicas": replicas, "selector": {}, "template": {}},
        "status": {"replicas": replicas, "readyReplicas": ready},
    }))
    .unwrap()
}

fn hash_of(observed: &Observed) -> String {
    match validate(&profile(POSTGRES), observed, &settings()).pooling {
        Part::Wanted(plan) => plan.document.hash,
        other => panic!("{other:?}"),
    }
}

fn settings() -> Settings {
    let pooler = PoolerImages { image: Some("p:1".to_owned()), agent_image: Some("a:1".to_owned()) };
    Settings { pooler, ..Settings::default() }
}

fn status_of(spec: &str, observed: &Observed, why: Option<Why>, seen: Option<&Summary>) -> PerformanceProfileStatus {
    status_after(None, spec, observed, why, seen)
}

fn status_after(
    before: Option<PerformanceProfileStatus>,
    spec: &str,
    observed: &Observed,
    why: Option<Why>,
    seen: Option<&Summary>,
) -> PerformanceProfileStatus {
    let mut profile = profile(spec);
    profile.status = before;
    let checked = validate(&profile, observed, &settings());
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let snapshot = Snapshot { at: now, answer: Answer::Pending };
    let evaluation = evaluate(&checked, &alerting(&profile), &settings().slo, &snapshot, None);
    let outcome = |kind| Outcome { kind, name: "shop".to_owned(), state: None, why: None };
    let mut pooler = poolers(Some(ChildState::Applied));
    pooler.service.why = why;
    let applied: Children<Applied> = Children {
        autoscaler: outcome("HorizontalPodAutoscaler"),
        disruption_budget: outcome("PodDisruptionBudget"),
        rule: outcome("PrometheusRule"),
        vm_rule: outcome("VMRule"),
        rule_file: outcome("ConfigMap"),
        pooler,
    };
    let facts = Facts {
        profile: &profile,
        checked: &checked,
        observed,
        applied: &applied,
        evaluation: &evaluation,
        decided: None,
        overlay: None,
        poolers: seen,
    };
    whole(&facts, now)
}

fn conditions_of(status: &PerformanceProfileStatus) -> BTreeMap<&str, (&str, &str, &str)> {
    let all = status.conditions.iter();
    all.map(|one| (&*one.type_, (&*one.status, &*one.reason, &*one.message))).collect()
}

fn running() -> (Observed, Summary) {
    let mut seen = observed();
    seen.live.pooler.stateful_set = Some(set(2, 2).into());
    let summary = Summary {
        instances: 2,
        versions: vec!["1.24.1".to_owned()],
        loaded: BTreeMap::from([(hash_of(&seen), 2)]),
        budget: Some(82),
        split: Some(Split { max_connections: 100, instances: 2, per_instance: 41, declared: 30, ..Split::default() }),
        keeps_up: Some(KeepsUp::Yes),
        ..Summary::default()
    };
    (seen, summary)
}

fn reason(observed: &Observed, summary: &Summary, type_: &str) -> (String, String, String) {
    let status = status_of(POSTGRES, observed, None, Some(summary));
    let (truth, reason, words) = conditions_of(&status)[type_];
    (truth.to_owned(), reason.to_owned(), words.to_owned())
}

#[test]
fn poolers_that_run_as_declared_make_the_profile_ready() {
    let (seen, summary) = running();
    let status = status_of(POSTGRES, &seen, None, Some(&summary));
    let all = conditions_of(&status);
    for type_ in
        [conditions::READY, conditions::POOLING_READY, conditions::POOLING_WITHIN_BUDGET, conditions::POOLING_KEEPS_UP]
    {
        assert_eq!((all[type_].0, all[type_].1), ("True", reasons::AS_DECLARED), "{type_} {all:?}");
    }
    let pooling = status.pooling.unwrap();
    assert_eq!((pooling.loaded.as_str(), pooling.server_connections.as_deref()), ("2/2", Some("0 of 82")));
    assert_eq!(pooling.paused, None);
    let [finding] = status.findings.as_slice() else { panic!("{:?}", status.findings) };
    assert!(finding.contains("CVE-") && finding.contains("spec.pooling.postgres.image"), "{finding}");
}

#[test]
fn profiles_without_poolers_have_no_such_conditions() {
    let status = status_of("", &observed(), None, None);
    let all = conditions_of(&status);
    assert!(status.pooling.is_none() && !all.keys().any(|type_| type_.starts_with("Pooling")), "{all:?}");
    let status =
        status_of(&POSTGRES.replace("  postgres:\n", "  postgres:\n    mode: Disabled\n"), &observed(), None, None);
    let all = conditions_of(&status);
    assert_eq!((all[conditions::POOLING_READY].0, all[conditions::POOLING_READY].1), ("True", reasons::DISABLED));
    assert!(!all.contains_key(conditions::POOLING_KEEPS_UP));
}

#[test]
fn what_keeps_poolers_from_serving_is_said_worst_first() {
    let (seen, good) = running();
    let type_ = conditions::POOLING_READY;
    let problem = |reason: &str| Problem {
        reason: reason.to_owned(),
        message: format!("about {reason}"),
        pod: "shop-pgbouncer-1".to_owned(),
        pods: 1,
    };
    let said = |change: &dyn Fn(&mut Summary)| {
        let mut summary = good.clone();
        change(&mut summary);
        reason(&seen, &summary, type_)
    };
    let (truth, reason_, words) =
        said(&|one| one.problems = vec![problem("PrimaryUnreachable"), problem("UserlistMissing")]);
    assert_eq!((&*truth, &*reason_), ("False", reasons::USERLIST_MISSING));
    assert_eq!(words, "1 of 2 poolers, shop-pgbouncer-1 first: about UserlistMissing");
    assert_eq!(said(&|one| one.problems = vec![problem("SomethingNew")]).1, reasons::POOLER_FAILING);
    for elsewhere in ["ReplicaUnreachable", "PoolOversubscribed", "BudgetUnknown", "DependencyLimited"] {
        assert_eq!(said(&|one| one.problems = vec![problem(elsewhere)]).0, "True", "{elsewhere}");
    }
    assert_eq!(said(&|one| one.silent = vec!["shop-pgbouncer-0".to_owned()]).1, reasons::NOT_REPORTED);
    assert_eq!(said(&|one| one.loaded.clear()).1, reasons::NOT_LOADED);
    let stuck = said(&|one| one.stuck = vec![("shop-pgbouncer-0".to_owned(), "ErrImagePull".to_owned())]);
    assert!(stuck.1 == reasons::ROLLING_OUT && stuck.2.contains("ErrImagePull"), "{stuck:?}");
    let mut starting = observed();
    starting.live.pooler.stateful_set = Some(set(2, 1).into());
    assert_eq!(reason(&starting, &good, type_).1, reasons::ROLLING_OUT);
    let status = status_of(POSTGRES, &seen, None, None);
    assert_eq!(conditions_of(&status)[type_].1, reasons::PENDING);
    let foreign = Why::new(reasons::FOREIGN_OBJECT, "Service shop-pgbouncer exists");
    let status = status_of(POSTGRES, &seen, Some(foreign), Some(&good));
    assert_eq!(conditions_of(&status)[type_].1, reasons::FOREIGN_OBJECT);
}

#[test]
fn the_arithmetic_of_the_budget_is_in_the_condition() {
    let (seen, mut summary) = running();
    let type_ = conditions::POOLING_WITHIN_BUDGET;
    assert!(reason(&seen, &summary, type_).2.contains("max_connections 100"));
    summary.split.as_mut().unwrap().shrunk = true;
    let (truth, reason_, words) = reason(&seen, &summary, type_);
    assert_eq!((&*truth, &*reason_), ("False", reasons::POOL_OVERSUBSCRIBED));
    assert!(words.contains("by 2 poolers: 41 for each, 30 declared"), "{words}");
    summary.split = None;
    assert_eq!(reason(&seen, &summary, type_).0, "Unknown");
}

#[test]
fn clients_that_wait_are_told_apart_by_the_cpu() {
    let (seen, mut summary) = running();
    for (keeps_up, expected) in
        [(KeepsUp::DependencyLimited, reasons::DEPENDENCY_LIMITED), (KeepsUp::Saturated, reasons::POOL_SATURATED)]
    {
        summary.keeps_up = Some(keeps_up);
        let (truth, reason_, _) = reason(&seen, &summary, conditions::POOLING_KEEPS_UP);
        assert_eq!((&*truth, &*reason_), ("False", expected));
    }
}

#[test]
fn a_process_that_has_not_looked_yet_says_what_the_one_before_it_has_seen() {
    let (seen, summary) = running();
    let first = status_of(POSTGRES, &seen, None, Some(&summary));
    let next = status_after(Some(first.clone()), POSTGRES, &seen, None, None);
    assert_eq!(next, first);
    let changed = format!("{POSTGRES}    maxClientConn: 5\n");
    let other = status_after(Some(first), &changed, &seen, None, None);
    assert_eq!(conditions_of(&other)[conditions::POOLING_READY].1, reasons::PENDING, "another configuration");
}
