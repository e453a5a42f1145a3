//! Replicas share shards: each profile has one writer at a time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use plimsoll::{api::annotations, shard::shard_of};
use serde_json::{Value, json};

use crate::harness::{Cluster, Launch, Operator, PATIENCE, Proxy, deployment, eventually, profile};

/// An operator with the way that it takes to the API server.
struct Replica {
    operator: Operator,
    proxy: Proxy,
}

impl Replica {
    async fn start(all: &[Cluster], name: &str, shards: u16) -> Self {
        let proxy = Proxy::start().await;
        let mut launch = Launch::new(&all[0]).candidate(&all[0], name).through(&proxy);
        launch = launch.arguments(&["--shards", &shards.to_string()]);
        for other in &all[1..] {
            launch = launch.arguments(&["--namespace", &other.namespace]);
        }
        Self { operator: launch.spawn().await, proxy }
    }

    async fn held(&self) -> f64 {
        self.operator.metric("plimsoll_shards_held").await.unwrap_or(-1.0)
    }

    async fn wait_until_it_holds(&self, shards: f64, within: Duration) -> Duration {
        let started = Instant::now();
        eventually(&format!("it holds {shards} shards"), within, async || match self.held().await {
            held if (held - shards).abs() < f64::EPSILON => Ok(()),
            held => Err(held.to_string()),
        })
        .await;
        started.elapsed()
    }

    /// The first and the last write to each namespace: children and statuses, not leases and events.
    fn writes(&self) -> BTreeMap<String, (Instant, Instant)> {
        let mut all = BTreeMap::new();
        for request in self.proxy.writes() {
            let part = |before: &str| request.path.split_once(before).and_then(|(_, rest)| rest.split('/').next());
            let Some(namespace) = part("/namespaces/")
                .filter(|_| !["/leases", "/events"].iter().any(|plural| request.path.contains(plural)))
            else {
                continue;
            };
            all.entry(namespace.to_owned()).or_insert((request.at, request.at)).1 = request.at;
        }
        all
    }
}

/// Namespaces of which each of four shards has at least one.
async fn namespaces() -> Vec<Cluster> {
    let mut all: Vec<Cluster> = join_all((0..8).map(|_| Cluster::new())).await;
    while (0..4).any(|shard| all.iter().all(|one| shard_of(&one.namespace, 4) != shard)) {
        all.push(Cluster::new().await);
    }
    all
}

async fn apply(all: &[Cluster]) {
    join_all(all.iter().map(async |one| one.apply_yaml(&(deployment("web", 3) + "---" + &profile("web"))).await)).await;
    settled(all).await;
}

async fn settled(all: &[Cluster]) {
    for one in all {
        one.wait_for_condition_within(PATIENCE * 2, "web", "Ready", "True", "AsDeclared").await;
        one.wait_for("PodDisruptionBudget", "web").await;
    }
}

/// Takes a child of every profile away, again and again: who may write has to.
async fn vandalize(all: &[Cluster]) {
    loop {
        for one in all {
            let budgets = one.api("PodDisruptionBudget");
            let _ = budgets.delete("web", &kube::api::DeleteParams::default()).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Of two that wrote to a namespace one had ended before the other began.
fn assert_one_writer_at_a_time(replicas: &[&Replica]) {
    let writes: Vec<_> = replicas.iter().map(|replica| replica.writes()).collect();
    for (i, one) in writes.iter().enumerate() {
        for other in &writes[i + 1..] {
            for (namespace, (first, last)) in one {
                let Some((other_first, other_last)) = other.get(namespace) else { continue };
                assert!(last < other_first || other_last < first, "two wrote to {namespace} at the same time");
            }
        }
    }
}

/// Who has which shards, as the lease says.
async fn table(cluster: &Cluster) -> BTreeMap<String, Vec<u16>> {
    let lease = cluster.expect("Lease", "plimsoll").await;
    let text = lease["metadata"]["annotations"][annotations::SHARDS].as_str().unwrap_or("{}").to_owned();
    let rows: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    rows.into_iter()
        .map(|(name, row)| (name, serde_json::from_value(row["shards"].clone()).expect("numbers")))
        .collect()
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn two_share_four_shards_and_one_takes_over() {
    let all = namespaces().await;
    let (mut first, second) = tokio::join!(Replica::start(&all, "first", 4), Replica::start(&all, "second", 4));
    first.wait_until_it_holds(2.0, PATIENCE).await;
    second.wait_until_it_holds(2.0, PATIENCE).await;
    apply(&all).await;

    let shards = table(&all[0]).await;
    for (name, replica) in [("first", &first), ("second", &second)] {
        let of_its_own: Vec<_> = all
            .iter()
            .filter(|one| shards[name].contains(&shard_of(&one.namespace, 4)))
            .map(|one| &one.namespace)
            .collect();
        let mut expected = of_its_own.clone();
        expected.sort();
        assert_eq!(replica.writes().keys().collect::<Vec<_>>(), expected, "{name}");
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let profiles = expected.len() as f64;
        assert_eq!(replica.operator.metric("plimsoll_profiles").await, Some(profiles), "others' are not kept");
    }
    assert_eq!(all[0].expect("Lease", "plimsoll").await["spec"]["holderIdentity"], "shards/4");

    // One is killed, while all of its profiles need a writer.
    let vandal = async { tokio::time::timeout(Duration::from_secs(25), vandalize(&all)).await };
    let takes_over = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        first.operator.kill();
        let took = second.wait_until_it_holds(4.0, Duration::from_secs(22)).await;
        assert!(took >= Duration::from_secs(10), "after {took:?} the dead one might have written still");
        println!("shards: {} ms from SIGKILL until the other holds all", took.as_millis());
    };
    let _ = tokio::join!(vandal, takes_over);
    first.operator.wait_for_exit(PATIENCE).await;
    settled(&all).await;
    assert_one_writer_at_a_time(&[&first, &second]);
    assert_eq!(second.writes().len(), all.len());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn shards_move_to_one_that_comes_and_back_when_it_goes() {
    let all = namespaces().await;
    let first = Replica::start(&all, "first", 4).await;
    first.wait_until_it_holds(4.0, PATIENCE).await;
    apply(&all).await;
    let before = first.writes();
    let mut second = Replica::start(&all, "second", 4).await;
    let vandal = async { tokio::time::timeout(Duration::from_secs(30), vandalize(&all)).await };
    let moves = async {
        second.wait_until_it_holds(2.0, PATIENCE * 2).await;
        first.wait_until_it_holds(2.0, PATIENCE).await;
        eventually("it writes to what is its own", PATIENCE, async || {
            if second.writes().len() >= 2 { Ok(()) } else { Err(format!("{:?}", second.writes())) }
        })
        .await;
    };
    let _ = tokio::join!(vandal, moves);
    settled(&all).await;
    assert_eq!(before.len(), all.len());
    assert_one_writer_at_a_time(&[&first, &second]);

    // Told to stop, it hands its shards over at once.
    second.operator.terminate();
    let took = first.wait_until_it_holds(4.0, Duration::from_secs(6)).await;
    println!("shards: {} ms from SIGTERM until the other holds all", took.as_millis());
    assert!(second.operator.wait_for_exit(PATIENCE).await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn who_counts_otherwise_waits() {
    let all = namespaces().await;
    let mut alone = Replica::start(&all, "alone", 1).await;
    alone.operator.wait_for_log("leading").await;
    apply(&all).await;
    let mut four = Replica::start(&all, "four", 4).await;
    let vandal = async { tokio::time::timeout(Duration::from_secs(60), vandalize(&all)).await };
    let replaced = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((alone.held().await, four.held().await), (1.0, 0.0));
        assert_eq!(four.operator.get("/readyz").await, (200, "ok\n".to_owned()), "one that waits is ready");
        // A clean end leaves the lease free, to whoever counts otherwise.
        alone.operator.terminate();
        four.wait_until_it_holds(4.0, Duration::from_secs(8)).await;
        let two = Replica::start(&all, "two", 2).await;
        tokio::time::sleep(Duration::from_secs(17)).await;
        assert_eq!((four.held().await, two.held().await), (4.0, 0.0), "longer than a lease lasts");
        four.operator.kill();
        let took = two.wait_until_it_holds(2.0, Duration::from_secs(22)).await;
        assert!(took >= Duration::from_secs(10), "after {took:?} the dead one might have written still");
        two
    };
    let (_, two) = tokio::join!(vandal, replaced);
    assert!(alone.operator.wait_for_exit(PATIENCE).await.success());
    four.operator.wait_for_exit(PATIENCE).await;
    settled(&all).await;
    assert_one_writer_at_a_time(&[&alone, &four, &two]);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_whose_shards_are_taken_ends_with_a_failure() {
    let all = namespaces().await;
    let mut replica = Replica::start(&all, "first", 4).await;
    replica.wait_until_it_holds(4.0, PATIENCE).await;
    let table = json!({"other": {"renewed": "now", "shards": [0, 1, 2, 3]}}).to_string();
    // As long as another's write is not in between.
    all[0].edit("Lease", "plimsoll", json!({"metadata": {"annotations": {annotations::SHARDS: table}}})).await;
    assert_eq!(replica.operator.wait_for_exit(Duration::from_secs(5)).await.code(), Some(1));
    let log = replica.operator.log();
    assert!(log.iter().any(|line| line.to_string().contains("another replica may lead")), "{log:?}");
}
