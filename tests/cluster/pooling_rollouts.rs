//! Pods of poolers that are replaced before they were ever ready.

use serde_json::{Value, json};

use crate::{
    harness::{Cluster, PATIENCE, eventually},
    pooling::{operator, pooled},
};

/// What a pod must be made from anew for, of a pod or of a template.
fn restart_hash(metadata: &Value) -> Option<&str> {
    metadata.pointer("/annotations/plimsoll.dev~1restart-hash").and_then(Value::as_str)
}

/// Where the set names no partition, Kubernetes 1.37 makes a pod that was not ready from the old template again, and removes it at once,
/// without end.
#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_change_before_the_pods_were_ready_reaches_them() {
    let cluster = Cluster::new().await;
    if cluster.minor().await < 35 {
        println!(
            "left out: this Kubernetes replaces pods by their number, and without a kubelet none of them gets ready"
        );
        return;
    }
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("instances: {min: 3}")).await;
    // The last of a rollout is not ready yet; there is no kubelet that would say it of the others.
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    for name in ["web-pgbouncer-1", "web-pgbouncer-2"] {
        cluster.wait_for("Pod", name).await;
        cluster.edit_status("Pod", name, json!({"phase": "Running", "conditions": [ready]})).await;
    }
    let before = cluster.expect("StatefulSet", "web-pgbouncer").await;
    cluster.apply_yaml(&pooled("instances: {min: 3}\nparameters: {listen_backlog: '256'}")).await;
    eventually("the pod that was not ready is of the new template", PATIENCE, async || {
        let set = cluster.expect("StatefulSet", "web-pgbouncer").await;
        let wanted = restart_hash(&set["spec"]["template"]["metadata"]);
        let pods = cluster.list("Pod").await;
        let metadata = pods.iter().map(|pod| &pod["metadata"]);
        let found: Vec<_> = metadata.filter(|one| one["name"] == "web-pgbouncer-0").map(restart_hash).collect();
        let changed = wanted != restart_hash(&before["spec"]["template"]["metadata"]);
        if changed && found == [wanted] { Ok(()) } else { Err(format!("{found:?}, and {wanted:?} is wanted")) }
    })
    .await;
}
