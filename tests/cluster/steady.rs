//! Nothing is written while nothing changes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Cluster, Launch, Numbers, PATIENCE, Prometheus, Proxy, deployment, eventually, objective, profile_with,
};

const KINDS: [&str; 4] = ["PerformanceProfile", "HorizontalPodAutoscaler", "PodDisruptionBudget", "PrometheusRule"];

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_minute_of_the_same_numbers_makes_no_write() {
    let cluster = Cluster::new().await;
    let prometheus = Prometheus::start().await;
    let proxy = Proxy::start().await;
    let operator = Launch::new(&cluster).asking(&prometheus).through(&proxy).start().await;
    for index in 0..6 {
        let name = format!("web-{index}");
        for objective in ["availability", "speed"] {
            prometheus.record(&cluster.namespace, &name, objective, Numbers::fresh(&format!("0.{index}1")));
            prometheus.load(&cluster.namespace, &name, objective, None);
        }
        // Scaled to zero by a person: else the autoscaler's trouble with metrics would rightly be told after a while.
        cluster.apply_yaml(&deployment(&name, 0)).await;
        cluster
            .apply_yaml(&profile_with(
                &name,
                &name,
                &format!("objectives:\n{}{}", objective("availability"), objective("speed")),
            ))
            .await;
    }
    // One that waits, and one that is paused.
    cluster.apply_yaml(&profile_with("waiting", "nothing", "")).await;
    cluster.apply_yaml(&profile_with("paused", "nothing-either", "")).await;
    cluster
        .edit("PerformanceProfile", "paused", json!({"metadata": {"annotations": {"plimsoll.dev/paused": "true"}}}))
        .await;
    for index in 0..6 {
        for type_ in ["Ready", "RulesLoaded", "MetricsAvailable"] {
            cluster.wait_for_condition(&format!("web-{index}"), type_, "True", "AsDeclared").await;
        }
    }
    cluster.wait_for_condition("waiting", "Ready", "False", "TargetNotFound").await;
    cluster.wait_for_condition("paused", "Active", "False", "Paused").await;
    // The first seconds of each autoscaler have news.
    tokio::time::sleep(Duration::from_secs(12)).await;
    proxy.wait_until_quiet(Duration::from_millis(1500)).await;

    let before = versions(&cluster).await;
    let (requests, writes) = (proxy.seen().len(), proxy.writes().len());
    let evaluations = operator.metric("plimsoll_prometheus_queries_total{outcome=\"ok\"}").await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;

    let written: Vec<_> = proxy.writes().split_off(writes);
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(versions(&cluster).await, before);
    let evaluated = operator.metric("plimsoll_prometheus_queries_total{outcome=\"ok\"}").await.unwrap() - evaluations;
    assert!(
        evaluated >= 90.0,
        "Prometheus was asked {evaluated} times: the test must not pass because the operator sleeps"
    );
    let ours = proxy.seen().iter().all(|request| request.user_agent.starts_with("plimsoll/"));
    assert!(ours, "every request says whose it is");
    println!("steady state: 0 writes and {} reads in 60 s, 8 profiles, 12 objectives", proxy.seen().len() - requests);

    // Nor does looking at everything again make one.
    let reconciled = async || operator.metric("plimsoll_reconciles_total{outcome=\"ok\"}").await.unwrap();
    let statuses = statuses(&cluster).await;
    let looks = reconciled().await;
    for profile in statuses.keys() {
        cluster.edit("PerformanceProfile", profile, json!({"metadata": {"annotations": {"nudge": "1"}}})).await;
    }
    eventually("every profile is looked at", PATIENCE, async || {
        let since = reconciled().await - looks;
        if since >= 8.0 { Ok(()) } else { Err(format!("{since} reconciles")) }
    })
    .await;
    let written: Vec<_> = proxy.writes().split_off(writes);
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(self::statuses(&cluster).await, statuses);
}

async fn statuses(cluster: &Cluster) -> BTreeMap<String, Value> {
    let profiles = cluster.list("PerformanceProfile").await.into_iter();
    profiles
        .map(|profile| (profile["metadata"]["name"].as_str().unwrap().to_owned(), profile["status"].clone()))
        .collect()
}

async fn versions(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for kind in KINDS {
        for object in cluster.list(kind).await {
            // The HPA and disruption controllers write their statuses; the operator's part is the generation.
            let of =
                if kind == "PerformanceProfile" || kind == "PrometheusRule" { "resourceVersion" } else { "generation" };
            versions.insert(format!("{kind} {}", object["metadata"]["name"]), object["metadata"][of].to_string());
        }
    }
    versions
}
