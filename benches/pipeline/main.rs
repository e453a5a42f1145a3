//! The pure part of a reconcile: a profile checked, every child built, and written as JSON, as it is sent. What is not changed is not
//! written: then the rules are not built either, and `look again` is all that it takes. `cargo bench --bench pipeline`.
//!
//! Profiles come one after the other that differ in all their names, and not in what they ask for. `built` is without the memory of rules of
//! the same shape: what the first of a kind takes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a benchmark that fails is to stop")]

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use k8s_openapi::jiff::Timestamp;
use plimsoll::{
    api::v1alpha1::PerformanceProfile,
    kube::{RuleApis, RuleSource, Written},
    profile::{
        Acting, Adoptable, Children, Observed, Plan, Rivals, Settings, TargetState, Workload,
        build::build,
        validate::{Part, validate},
    },
};

/// As the operator itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What most profiles say, and what the operator's benchmark applies: a workload with two objectives.
const TWO_OBJECTIVES: &str = r#"
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'http_requests_total{job="$",code=~"5.."}', total: 'http_requests_total{job="$"}'}}
  - name: latency
    target: "95"
    indicator: {latency: {histogram: http_request_duration_seconds, selector: 'job="$"', threshold: 200ms}}
"#;

/// As many as one benchmark goes through again and again.
const PROFILES: u32 = 100;

fn profiles(objectives: &str) -> Vec<PerformanceProfile> {
    let profile = |number: u32| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {{name: $, namespace: team-{}, uid: u}}\n\
             spec:\n  targetRef: {{name: $}}\n  objectives: {objectives}",
            number / 10
        );
        let text = text.replace('$', &format!("shop-{number}"));
        serde_json::from_value(plimsoll::yaml::documents(&text).unwrap().remove(0).value).unwrap()
    };
    (0..PROFILES).map(profile).collect()
}

fn observed() -> Observed {
    let labels = BTreeMap::from([("app".to_owned(), "shop".to_owned())]);
    Observed {
        now: Timestamp::from_second(1_800_000_000).unwrap(),
        target: TargetState::Found(Workload {
            replicas: 3,
            ready: Some(3),
            selector: serde_json::from_value(serde_json::json!({"matchLabels": labels})).unwrap(),
            pod_labels: labels,
            override_reason: None,
        }),
        rivals: Rivals::default(),
        live: Children::default(),
        rule_apis: RuleApis { prometheus_rule: true, vm_rule: false, pod_monitor: true },
        adoptable: Adoptable::default(),
    }
}

fn pipeline(c: &mut Criterion) {
    let (observed, settings) = (observed(), Settings::default());
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(1));
    for (name, objectives) in [("no objective", "[]"), ("two objectives", TWO_OBJECTIVES)] {
        let profiles = profiles(objectives);
        let mut next = profiles.iter().cycle();
        let mut checked = || validate(black_box(next.next().unwrap()), &observed, &settings);
        group.bench_function(format!("validate, {name}"), |b| b.iter(&mut checked));
        group.bench_function(format!("look again, {name}"), |b| {
            b.iter(|| {
                let checked = checked();
                (build(&checked, &Acting::default()), checked.rules_recipe())
            });
        });
        if let Part::Wanted(plan) = &checked().rules {
            group.bench_function(format!("rules built, {name}"), |b| b.iter(|| black_box(&plan.rules).groups()));
            group.bench_function(format!("rules built, as JSON, {name}"), |b| {
                b.iter(|| serde_json::to_vec(&black_box(&plan.rules).groups()).unwrap());
            });
            group.bench_function(format!("rules, as JSON, {name}"), |b| {
                b.iter(|| black_box(&plan.rules).json().unwrap());
            });
        }
        group.bench_function(format!("all, as JSON, {name}"), |b| {
            b.iter(|| {
                let children = build(&checked(), &Acting::default());
                json(&children.autoscaler) + json(&children.disruption_budget) + json(&children.rule)
            });
        });
    }
    group.finish();
}

fn json<K: Written>(plan: &Plan<K>) -> usize {
    match plan {
        Plan::Apply(object) => object.json().unwrap().len(),
        Plan::Absent | Plan::Hold(_) => 0,
    }
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
