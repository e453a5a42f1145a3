//! The pure part of a reconcile: a profile checked, every child built, and written as JSON. What is not changed is not written: then the
//! rules are not built either, and `look again` is all that it takes. `cargo bench --bench pipeline`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a benchmark that fails is to stop")]

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use k8s_openapi::jiff::Timestamp;
use plimsoll::{
    api::v1alpha1::PerformanceProfile,
    kube::RuleApis,
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
    indicator: {ratio: {errors: 'http_requests_total{job="shop",code=~"5.."}', total: 'http_requests_total{job="shop"}'}}
  - name: latency
    target: "95"
    indicator: {latency: {histogram: http_request_duration_seconds, selector: 'job="shop"', threshold: 200ms}}
"#;

fn profile(objectives: &str) -> PerformanceProfile {
    let text = format!(
        "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {{name: shop, namespace: shop, uid: u}}\n\
         spec:\n  targetRef: {{name: shop}}\n  objectives: {objectives}"
    );
    serde_json::from_value(plimsoll::yaml::documents(&text).unwrap().remove(0).value).unwrap()
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
        let profile = profile(objectives);
        group.bench_function(format!("validate, {name}"), |b| {
            b.iter(|| validate(black_box(&profile), &observed, &settings));
        });
        group.bench_function(format!("look again, {name}"), |b| {
            b.iter(|| {
                let checked = validate(black_box(&profile), &observed, &settings);
                (build(&checked, &Acting::default()), checked.rules_recipe())
            });
        });
        let checked = validate(&profile, &observed, &settings);
        if let Part::Wanted(plan) = &checked.rules {
            group.bench_function(format!("rules, {name}"), |b| b.iter(|| black_box(&plan.rules).groups()));
        }
        group.bench_function(format!("all, {name}"), |b| {
            b.iter(|| {
                let checked = validate(black_box(&profile), &observed, &settings);
                let groups = if let Part::Wanted(plan) = &checked.rules { plan.rules.groups() } else { Vec::new() };
                (build(&checked, &Acting::default()), groups)
            });
        });
        group.bench_function(format!("all as JSON, {name}"), |b| {
            b.iter(|| {
                let children = build(&validate(black_box(&profile), &observed, &settings), &Acting::default());
                json(&children.autoscaler) + json(&children.disruption_budget) + json(&children.rule)
            });
        });
    }
    group.finish();
}

fn json<K: serde::Serialize>(plan: &Plan<K>) -> usize {
    match plan {
        Plan::Apply(object) => serde_json::to_vec(object).unwrap().len(),
        Plan::Absent | Plan::Hold(_) => 0,
    }
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
