//! A hundred profiles: all are carried out, and how long that takes.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use crate::harness::{Cluster, Launch, deployment, eventually, objective, profile_with};

const MANY: usize = 100;

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_hundred_profiles_are_carried_out() {
    let cluster = Cluster::new().await;
    let operator = Launch::new(&cluster).start().await;
    let idle = operator.resident_mib();
    let manifest = |name: &str| profile_with(name, name, &format!("objectives:\n{}", objective("availability")));
    let apply_all = |manifests: Vec<String>| {
        let cluster = &cluster;
        stream::iter(manifests).for_each_concurrent(8, async |text| {
            cluster.apply_yaml(&text).await;
        })
    };

    let names: Vec<_> = (0..MANY).map(|index| format!("web-{index}")).collect();
    apply_all(names.iter().map(|name| deployment(name, 0)).collect()).await;
    let started = Instant::now();
    apply_all(names.iter().map(|name| manifest(name)).collect()).await;
    let applied = started.elapsed();
    for kind in ["HorizontalPodAutoscaler", "PodDisruptionBudget", "PrometheusRule"] {
        eventually(&format!("{MANY} {kind}s are there"), Duration::from_mins(1), async || {
            // A list of all of them is work for the API server too.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let count = cluster.list(kind).await.len();
            if count == MANY { Ok(()) } else { Err(count.to_string()) }
        })
        .await;
    }
    println!(
        "many: {MANY} profiles applied in {:.1} s, all children {:.1} s after the first; memory {idle} MiB idle, {} MiB with them",
        applied.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        operator.resident_mib()
    );
    for name in &names {
        cluster.wait_for_condition(name, "Ready", "True", "AsDeclared").await;
    }
    assert!(operator.failed_reconciles().await == 0);

    let mut took = Vec::new();
    for index in 0..20 {
        let name = format!("single-{index}");
        cluster.apply_yaml(&deployment(&name, 0)).await;
        let started = Instant::now();
        cluster.apply_yaml(&manifest(&name)).await;
        for (kind, child) in [
            ("HorizontalPodAutoscaler", name.clone()),
            ("PodDisruptionBudget", name.clone()),
            ("PrometheusRule", format!("{name}-slo")),
        ] {
            cluster.wait_for(kind, &child).await;
        }
        took.push(started.elapsed());
    }
    took.sort_unstable();
    println!(
        "many: from apply to all children {} ms (median of 20), {} ms at most",
        took[10].as_millis(),
        took[19].as_millis()
    );
}
