//! Pods of poolers that are replaced before they were ever ready.

use serde_json::Value;

use crate::{
    harness::{Cluster, PATIENCE, eventually},
    pooling::{operator, pooled},
};

/// What a pod must be made from anew for, of a pod or of a template.
fn restart_hash(metadata: &Value) -> Option<&str> {
    metadata.pointer("/annotations/plimsoll.dev~1restart-hash").and_then(Value::as_str)
}

/// Kubernetes 1.37 makes a pod that is not ready again from the template before the last one, and removes it again at once, without
/// end, where the set names no partition.
#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_change_before_the_pods_were_ready_reaches_them() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    cluster.wait_for("Pod", "web-pgbouncer-1").await;
    let before = cluster.expect("StatefulSet", "web-pgbouncer").await;
    cluster.apply_yaml(&pooled("parameters: {listen_backlog: '256'}")).await;
    eventually("every pod is of the new template", PATIENCE, async || {
        let set = cluster.expect("StatefulSet", "web-pgbouncer").await;
        let wanted = restart_hash(&set["spec"]["template"]["metadata"]);
        let pods = cluster.list("Pod").await;
        let found: Vec<_> = pods.iter().map(|pod| restart_hash(&pod["metadata"])).collect();
        let changed = wanted != restart_hash(&before["spec"]["template"]["metadata"]);
        let all = found.len() == 2 && found.iter().all(|hash| *hash == wanted);
        if changed && all { Ok(()) } else { Err(format!("{found:?}, and {wanted:?} is wanted")) }
    })
    .await;
}
