//! The admission policy for floors: what others write to an adopted object while a floor is active.

use kube::{
    Api,
    api::{Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use plimsoll::{
    kube::Change,
    profile::overlay::{ScalerKind, State},
};
use serde_json::{Value, json};

use crate::{
    adopt::{HPA, NOTHING, a_rollout, apply_as, autoscaler, carry, has_replicas, rollout_ref, scaler, wish},
    harness::{Cluster, PATIENCE, eventually, remove},
};

/// Policies of the whole cluster that go when the test ends, well or not.
struct Policies(Vec<(&'static str, String)>);

impl Drop for Policies {
    fn drop(&mut self) {
        let all = std::mem::take(&mut self.0);
        let deletion = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                for (kind, name) in all.iter().rev() {
                    remove(kind, name).await;
                }
            });
        });
        let _ = deletion.join();
    }
}

/// The policies as deploy/ has them, for the namespace of the test alone.
async fn floor_policies(cluster: &Cluster) -> Policies {
    let text = include_str!("../../deploy/floor-policy.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let mut made = Policies(Vec::new());
    for mut document in documents {
        let name = format!("{}-{}", document["metadata"]["name"].as_str().unwrap(), cluster.namespace);
        document["metadata"]["name"] = json!(name);
        let kind = if document["spec"].get("policyName").is_some() {
            document["spec"]["policyName"] = json!(name);
            document["spec"]["matchResources"] =
                json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}}});
            "MutatingAdmissionPolicyBinding"
        } else {
            "MutatingAdmissionPolicy"
        };
        cluster.apply_yaml(&document.to_string()).await;
        made.0.push((kind, name));
    }
    made
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn with_the_policy_no_apply_lowers_a_floor() {
    let cluster = Cluster::new().await;
    if cluster.minor().await < 36 {
        println!("left out: this Kubernetes does not serve MutatingAdmissionPolicy in v1, which the chart says");
        return;
    }
    let _policies = floor_policies(&cluster).await;
    a_rollout(&cluster).await;
    let object = autoscaler("web", json!({"minReplicas": 2, "scaleTargetRef": rollout_ref()}));
    let scaled = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"name": "other"}, "minReplicaCount": 2, "triggers": []}});
    for (kind, object, field) in [
        (ScalerKind::HorizontalPodAutoscaler, &object, "minReplicas"),
        (ScalerKind::ScaledObject, &scaled, "minReplicaCount"),
    ] {
        let name = object["kind"].as_str().unwrap();
        apply_as(&cluster, "git", true, object).await.unwrap();
        let before = cluster.expect(name, "web").await;
        let adopted = scaler(kind, "web");
        // A policy is in force a moment after it was made.
        let mut probe = object.clone();
        probe["metadata"] = json!({"name": "probe", "annotations": {"plimsoll.dev/floor": "8"}});
        probe["spec"]["scaleTargetRef"]["name"] = json!("probe");
        eventually("the policy is in force", PATIENCE, async || {
            let stored = apply_as(&cluster, "git", true, &probe).await.unwrap();
            if stored["spec"][field] == 8 { Ok(()) } else { Err(stored["spec"].to_string()) }
        })
        .await;
        carry(&cluster, &adopted, wish(8, true)).await;
        // Server-side by force, as Argo CD and Flux do; as a client does; and the same again.
        for _ in 0..2 {
            assert_eq!(apply_as(&cluster, "git", true, object).await.unwrap()["spec"][field], 8);
            assert_eq!(cluster.edit(name, "web", json!({"spec": {field: 3}})).await["spec"][field], 8);
            let (overlay, change) = carry(&cluster, &adopted, wish(8, true)).await;
            assert_eq!((overlay.floor, change), (State::Written, Change::Unchanged), "nothing to answer");
        }
        assert_eq!(cluster.edit(name, "web", json!({"spec": {field: 9}})).await["spec"][field], 9, "more is welcome");
        if kind == ScalerKind::HorizontalPodAutoscaler {
            has_replicas(&cluster, "Rollout", 9).await;
        }
        cluster.edit(name, "web", json!({"spec": {field: 8}})).await;
        if kind == ScalerKind::HorizontalPodAutoscaler {
            // An older version of the API is the same object.
            let old = json!({"apiVersion": "autoscaling/v1", "kind": HPA, "metadata": {"name": "web"},
                "spec": {"minReplicas": 2, "maxReplicas": 20, "scaleTargetRef": rollout_ref()}});
            apply_as_version(&cluster, "v1", "git-old", &old).await;
            assert_eq!(cluster.expect(HPA, "web").await["spec"][field], 8);
        }
        // The operator itself lowers it, step by step and for good.
        carry(&cluster, &adopted, wish(5, true)).await;
        assert_eq!(cluster.expect(name, "web").await["spec"][field], 5);
        carry(&cluster, &adopted, NOTHING).await;
        let after = cluster.expect(name, "web").await;
        assert_eq!(after["spec"], before["spec"]);
        assert_eq!(after["metadata"].get("annotations"), before["metadata"].get("annotations"));
        assert_eq!(apply_as(&cluster, "git", true, object).await.unwrap()["spec"][field], 2);
    }
}

async fn apply_as_version(cluster: &Cluster, version: &str, manager: &str, object: &Value) {
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("autoscaling", version, HPA),
        "horizontalpodautoscalers",
    );
    let api = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    api.patch("web", &PatchParams::apply(manager).force(), &Patch::Apply(object)).await.expect("applied");
}
