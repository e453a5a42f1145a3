//! What others change in the children, or remove, comes back within two seconds.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Cluster, Launch, Operator, PATIENCE, Proxy, deployment, essence, eventually, objective, profile_with,
};

/// The longest that drift may last.
const LONGEST: Duration = Duration::from_secs(2);

/// Breaks one thing and measures until it is as before.
struct Mechanic<'a> {
    cluster: &'a Cluster,
    took: Vec<(String, Duration)>,
}

impl Mechanic<'_> {
    async fn edit(&mut self, kind: &str, name: &str, change: Value) {
        let before = self.cluster.wait_for(kind, name).await;
        self.cluster.edit(kind, name, change.clone()).await;
        let started = Instant::now();
        eventually(&format!("the edit of {kind} {name} is taken back: {change}"), PATIENCE, async || {
            let now = self.cluster.expect(kind, name).await;
            if content(&now) == content(&before) { Ok(()) } else { Err(content(&now).to_string()) }
        })
        .await;
        self.took.push((format!("edit {kind}"), started.elapsed()));
        let now = self.cluster.expect(kind, name).await;
        assert_eq!(now["metadata"]["uid"], before["metadata"]["uid"], "an edit is no reason to make the object again");
    }

    async fn delete(&mut self, kind: &str, name: &str) {
        let before = self.cluster.wait_for(kind, name).await;
        self.cluster.delete(kind, name).await;
        let started = Instant::now();
        eventually(&format!("{kind} {name} is back"), PATIENCE, async || match self.cluster.get(kind, name).await {
            Some(now) if now["metadata"]["uid"] != before["metadata"]["uid"] && content(&now) == content(&before) => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        })
        .await;
        self.took.push((format!("delete {kind}"), started.elapsed()));
    }

    fn assert_quick(&self) {
        for (what, took) in &self.took {
            println!("drift: {what} was mended after {} ms", took.as_millis());
            assert!(*took < LONGEST, "{what} took {took:?}");
        }
    }
}

/// What the operator has an opinion about.
fn content(object: &Value) -> Value {
    let mut content = essence(object);
    for field in ["uid", "creationTimestamp", "generation", "managedFields"] {
        content["metadata"].as_object_mut().unwrap().remove(field);
    }
    content
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn drift_of_autoscaler_budget_and_rule_is_mended() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    let mut mechanic = Mechanic { cluster: &cluster, took: Vec::new() };
    mechanic.edit("HorizontalPodAutoscaler", "web", json!({"spec": {"maxReplicas": 50}})).await;
    mechanic
        .edit(
            "HorizontalPodAutoscaler",
            "web",
            json!({"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}}),
        )
        .await;
    mechanic
        .edit("HorizontalPodAutoscaler", "web", json!({"metadata": {"labels": {"plimsoll.dev/profile": null}}}))
        .await;
    mechanic.delete("HorizontalPodAutoscaler", "web").await;
    mechanic.edit("PodDisruptionBudget", "web", json!({"spec": {"maxUnavailable": 3}})).await;
    mechanic.edit("PodDisruptionBudget", "web", json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}})).await;
    mechanic.delete("PodDisruptionBudget", "web").await;
    mechanic.edit("PrometheusRule", "web-slo", json!({"spec": {"groups": []}})).await;
    mechanic.delete("PrometheusRule", "web-slo").await;
    mechanic.assert_quick();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn drift_of_a_rule_file_is_mended() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _hidden = crate::rules::without_rule_api(&proxy);
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    let mut mechanic = Mechanic { cluster: &cluster, took: Vec::new() };
    mechanic.edit("ConfigMap", "web-slo", json!({"data": {"rules.yaml": "groups: []"}})).await;
    mechanic
        .edit("ConfigMap", "web-slo", json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}))
        .await;
    mechanic.delete("ConfigMap", "web-slo").await;
    mechanic.assert_quick();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn drift_of_a_vm_rule_is_mended() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let spec = format!("rules: {{kind: VMRule}}\nobjectives:\n{}", objective("availability"));
    cluster.apply_yaml(&profile_with("web", "web", &spec)).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    let mut mechanic = Mechanic { cluster: &cluster, took: Vec::new() };
    mechanic.edit("VMRule", "web-slo", json!({"spec": {"groups": []}})).await;
    mechanic.edit("VMRule", "web-slo", json!({"metadata": {"labels": {"plimsoll.dev/profile": null}}})).await;
    mechanic.delete("VMRule", "web-slo").await;
    mechanic.assert_quick();
}
