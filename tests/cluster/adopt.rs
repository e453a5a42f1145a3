//! An autoscaler of somebody else's, with a floor and a hold for a while: written to a real API server, obeyed by the real
//! autoscaler, and given back. KEDA, Flagger and Argo Rollouts are not here: of their kinds there are definitions that take
//! anything, so what is shown is what is written to them, not what they make of it.

use std::{slice, time::Duration};

use k8s_openapi::{
    api::autoscaling::v2::HorizontalPodAutoscaler,
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use plimsoll::{
    api::v1alpha1::TargetRef,
    kube::{Change, scaler_apis},
    profile::overlay::{
        Candidates, Overlay, Refusal, Scaler, ScalerKind, State, Wish, carry_out, find, foreign, left_behind,
    },
};
use serde_json::{Value, json};

use crate::harness::{Cluster, ExternalMetrics, PATIENCE, UNWATCHED, deployment, eventually};

pub const HPA: &str = "HorizontalPodAutoscaler";
pub const NOTHING: Wish = Wish { floor: None, hold: false };

pub fn wish(floor: i32, hold: bool) -> Wish {
    Wish { floor: Some(floor), hold }
}

pub fn scaler(kind: ScalerKind, name: &str) -> Scaler {
    Scaler { kind, name: name.to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "what json! makes is handed over")]
pub fn autoscaler(name: &str, spec: Value) -> Value {
    let mut all =
        json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 20});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "autoscaling/v2", "kind": HPA, "metadata": {"name": name}, "spec": all})
}

/// As the operator does it; without a memory, as if it had just started.
pub async fn carry(cluster: &Cluster, scaler: &Scaler, wish: Wish) -> (Overlay, Change) {
    carry_at(cluster, scaler, wish, Timestamp::now()).await
}

async fn carry_at(cluster: &Cluster, scaler: &Scaler, wish: Wish, now: Timestamp) -> (Overlay, Change) {
    let done = carry_out(&cluster.client, &cluster.namespace, scaler, "shop", wish, None, now).await;
    let outcome = done.unwrap_or_else(|error| panic!("not carried out: {error}"));
    (outcome.overlay.expect("it is there"), outcome.change)
}

pub async fn apply_as(cluster: &Cluster, manager: &str, force: bool, object: &Value) -> Result<Value, String> {
    let mut params = PatchParams::apply(manager);
    params.force = force;
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = cluster.api(object["kind"].as_str().unwrap()).patch(name, &params, &Patch::Apply(object)).await;
    applied.map(|object| serde_json::to_value(object).unwrap()).map_err(|error| plimsoll::kube::message(&error))
}

async fn create_as(cluster: &Cluster, manager: &str, object: &Value) {
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    let new: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    cluster.api(object["kind"].as_str().unwrap()).create(&params, &new).await.expect("created");
}

/// The whole object but for what counts writes, and what the autoscaler's controller writes into the status: managers with
/// their fields and times are in it.
pub fn essence(object: &Value) -> Value {
    let mut object = crate::harness::essence(object);
    object["metadata"].as_object_mut().unwrap().remove("generation");
    object
}

async fn found(cluster: &Cluster, kind: &str) -> Result<Scaler, Refusal> {
    let api_version = if kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" };
    let target: TargetRef =
        serde_json::from_value(json!({"apiVersion": api_version, "kind": kind, "name": "web"})).unwrap();
    let all = autoscalers(cluster).await;
    let apis = scaler_apis(&cluster.client).await.unwrap();
    let foreign = foreign(&cluster.client, &cluster.namespace, apis).await.unwrap();
    let candidates =
        Candidates { autoscalers: &all, scaled_objects: &foreign.scaled_objects, canaries: &foreign.canaries };
    find(&target, "no-profile", candidates)
}

async fn autoscalers(cluster: &Cluster) -> Vec<HorizontalPodAutoscaler> {
    let api = Api::<HorizontalPodAutoscaler>::namespaced(cluster.client.clone(), &cluster.namespace);
    api.list(&ListParams::default()).await.unwrap().items
}

pub async fn has_replicas(cluster: &Cluster, kind: &str, wanted: u64) {
    // A kind that is new to the cluster is known to the autoscaler's controller after up to half a minute.
    let patience = if kind == "Rollout" { UNWATCHED } else { PATIENCE };
    eventually(&format!("web has {wanted} replicas"), patience, async || {
        let now = cluster.expect(kind, "web").await["spec"]["replicas"].clone();
        if now == wanted { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn an_autoscaler_is_given_back_as_it_was_to_whose_it_was() {
    let cluster = Cluster::new().await;
    let behaviors = [
        json!({}),
        json!({"minReplicas": 2}),
        json!({"minReplicas": 2, "behavior": {"scaleUp": {"stabilizationWindowSeconds": 30}}}),
        json!({"minReplicas": 2, "behavior": {"scaleDown": {"selectPolicy": "Min", "stabilizationWindowSeconds": 60}}}),
    ];
    for (number, spec) in behaviors.iter().enumerate() {
        for how in ["server", "client", "create"] {
            let name = format!("{how}-{number}");
            let mut object = autoscaler(&name, spec.clone());
            match how {
                "server" => drop(apply_as(&cluster, "git", false, &object).await.unwrap()),
                "client" => {
                    // What `kubectl apply` sends for an object that is new.
                    object["metadata"]["annotations"] =
                        json!({"kubectl.kubernetes.io/last-applied-configuration": object.to_string()});
                    create_as(&cluster, "kubectl-client-side-apply", &object).await;
                }
                _ => create_as(&cluster, "kubectl-create", &object).await,
            }
            // A field that is one manager's alone: its entry goes when the field is taken.
            if number == 1 && how == "create" {
                let params = PatchParams { field_manager: Some("kubectl-patch".to_owned()), ..PatchParams::default() };
                let patch = Patch::Merge(json!({"spec": {"minReplicas": 3}}));
                cluster.api(HPA).patch(&name, &params, &patch).await.unwrap();
            }
            let before = cluster.expect(HPA, &name).await;
            let adopted = scaler(ScalerKind::HorizontalPodAutoscaler, &name);
            assert_eq!(carry(&cluster, &adopted, NOTHING).await.1, Change::Unchanged);
            assert_eq!(cluster.expect(HPA, &name).await["metadata"]["generation"], before["metadata"]["generation"]);

            let (overlay, _) = carry(&cluster, &adopted, wish(8, true)).await;
            assert_eq!((overlay.floor, overlay.hold), (State::Written, State::Written));
            let during = cluster.expect(HPA, &name).await;
            assert_eq!(during["spec"]["minReplicas"], 8);
            assert_eq!(during["spec"]["behavior"]["scaleDown"]["selectPolicy"], "Disabled");
            assert_eq!(carry(&cluster, &adopted, wish(8, true)).await.1, Change::Unchanged);
            if how == "server" && number > 0 {
                let conflict = apply_as(&cluster, "git", false, &object).await.unwrap_err();
                assert!(conflict.contains("with \"plimsoll\""), "{conflict}");
            }
            carry(&cluster, &adopted, wish(6, true)).await;
            carry(&cluster, &adopted, wish(5, false)).await;
            assert_eq!(cluster.expect(HPA, &name).await["spec"]["minReplicas"], 5);

            carry(&cluster, &adopted, NOTHING).await;
            let after = cluster.expect(HPA, &name).await;
            assert_eq!(essence(&after), essence(&before), "{name}");
            if how == "server" {
                let again = apply_as(&cluster, "git", false, &object).await.expect("no conflict");
                assert_eq!(
                    again["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"],
                    "no change either"
                );
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_owner_that_drops_the_field_later_loses_it() {
    let cluster = Cluster::new().await;
    let object = autoscaler("web", json!({"minReplicas": 4}));
    apply_as(&cluster, "git", false, &object).await.unwrap();
    let adopted = scaler(ScalerKind::HorizontalPodAutoscaler, "web");
    carry(&cluster, &adopted, wish(8, true)).await;
    carry(&cluster, &adopted, NOTHING).await;
    // Only a field that is the manager's own goes with its next apply.
    let without = apply_as(&cluster, "git", false, &autoscaler("web", json!({}))).await.unwrap();
    assert_eq!(without["spec"]["minReplicas"], 1, "the API's default");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_real_autoscaler_obeys_the_floor_and_the_hold() {
    let cluster = Cluster::new().await;
    let metrics = ExternalMetrics::shared().await;
    metrics.say(&cluster, "load", 30);
    cluster.apply_yaml(&deployment("web", 3)).await;
    let metric = json!([{"type": "External",
        "external": {"metric": {"name": "load"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]);
    apply_as(&cluster, "git", false, &autoscaler("web", json!({"minReplicas": 2, "metrics": metric}))).await.unwrap();
    let before = cluster.expect(HPA, "web").await;
    let adopted = found(&cluster, "Deployment").await.unwrap();
    assert_eq!(adopted, scaler(ScalerKind::HorizontalPodAutoscaler, "web"));
    carry(&cluster, &adopted, wish(8, true)).await;
    has_replicas(&cluster, "Deployment", 8).await;
    // The floor goes, the hold stays: so do the pods.
    carry(&cluster, &adopted, Wish { floor: None, hold: true }).await;
    eventually("the autoscaler has seen it", PATIENCE, async || {
        let object = cluster.expect(HPA, "web").await;
        let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if seen { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    has_replicas(&cluster, "Deployment", 8).await;
    carry(&cluster, &adopted, NOTHING).await;
    has_replicas(&cluster, "Deployment", 3).await;
    assert_eq!(essence(&cluster.expect(HPA, "web").await), essence(&before));
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn another_manager_is_answered_three_times_and_then_left_alone() {
    let cluster = Cluster::new().await;
    let object = autoscaler("web", json!({"minReplicas": 2}));
    apply_as(&cluster, "argocd-controller", true, &object).await.unwrap();
    let adopted = scaler(ScalerKind::HorizontalPodAutoscaler, "web");
    let start = Timestamp::now();
    let at = |minutes: i64| start + SignedDuration::from_mins(minutes);
    carry_at(&cluster, &adopted, wish(8, true), at(0)).await;
    for minutes in [1, 2, 3] {
        apply_as(&cluster, "argocd-controller", true, &object).await.unwrap();
        let (overlay, _) = carry_at(&cluster, &adopted, wish(8, true), at(minutes)).await;
        assert_eq!(overlay.floor, State::Written);
        assert_eq!(cluster.expect(HPA, "web").await["spec"]["minReplicas"], 8);
    }
    apply_as(&cluster, "argocd-controller", true, &object).await.unwrap();
    // Each of these knows nothing but what the object says.
    for minutes in [4, 5, 500] {
        let (overlay, _) = carry_at(&cluster, &adopted, wish(8, true), at(minutes)).await;
        let State::Contended(contention) = overlay.floor else { panic!("{overlay:?}") };
        assert_eq!(contention.by, "argocd-controller");
        assert_eq!(overlay.hold, State::Written);
        assert_eq!(cluster.expect(HPA, "web").await["spec"]["minReplicas"], 2);
    }
    carry_at(&cluster, &adopted, NOTHING, at(501)).await;
    let after = cluster.expect(HPA, "web").await;
    assert_eq!((&after["spec"]["minReplicas"], after["spec"].get("behavior")), (&json!(2), None));
    assert!(!after["metadata"].to_string().contains("plimsoll.dev"), "{after}");
    let managers = after["metadata"]["managedFields"].to_string();
    assert!(!managers.contains("\"plimsoll\""), "{managers}");
    apply_as(&cluster, "argocd-controller", false, &object).await.expect("no conflict");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_keda_the_scaled_object_is_written_and_never_its_autoscaler() {
    let cluster = Cluster::new().await;
    let bare = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"name": "web"}, "maxReplicaCount": 20, "triggers": []}});
    let mut full = bare.clone();
    full["metadata"]["annotations"] = json!({"team": "shop", "autoscaling.keda.sh/paused-scale-in": "false"});
    full["spec"]["minReplicaCount"] = json!(2);
    for object in [bare, full] {
        apply_as(&cluster, "git", true, &object).await.unwrap();
        let before = cluster.expect("ScaledObject", "web").await;
        // What KEDA makes of it.
        let mut theirs = autoscaler("keda-hpa-web", json!({"minReplicas": 1}));
        theirs["metadata"]["ownerReferences"] = json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "name": "web", "uid": before["metadata"]["uid"], "controller": true}]);
        apply_as(&cluster, "keda-operator", true, &theirs).await.unwrap();
        let untouched = essence(&cluster.expect(HPA, "keda-hpa-web").await);

        let adopted = found(&cluster, "Deployment").await.unwrap();
        assert_eq!(adopted, scaler(ScalerKind::ScaledObject, "web"));
        carry(&cluster, &adopted, wish(8, true)).await;
        let during = cluster.expect("ScaledObject", "web").await;
        assert_eq!(during["spec"]["minReplicaCount"], 8);
        assert_eq!(during["metadata"]["annotations"]["autoscaling.keda.sh/paused-scale-in"], "true");
        carry(&cluster, &adopted, wish(4, true)).await;
        carry(&cluster, &adopted, NOTHING).await;
        assert_eq!(essence(&cluster.expect("ScaledObject", "web").await), essence(&before));
        assert_eq!(essence(&cluster.expect(HPA, "keda-hpa-web").await), untouched);
        apply_as(&cluster, "git", false, &object).await.expect("no conflict");
    }

    apply_as(&cluster, "git", true, &autoscaler("second", json!({}))).await.unwrap();
    let refusal = found(&cluster, "Deployment").await.unwrap_err();
    assert_eq!(refusal.reason, "SecondAutoscaler");
    assert!(refusal.message.contains("ScaledObject web, HorizontalPodAutoscaler second"), "{}", refusal.message);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_flagger_the_primary_is_adopted() {
    let cluster = Cluster::new().await;
    let canary = json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": HPA, "name": "web"}}});
    apply_as(&cluster, "git", true, &canary).await.unwrap();
    apply_as(&cluster, "git", true, &autoscaler("web", json!({}))).await.unwrap();
    let refusal = found(&cluster, "Deployment").await.unwrap_err();
    assert_eq!(refusal.reason, "NothingToAdopt");
    let mut primary = autoscaler("web-primary", json!({}));
    primary["spec"]["scaleTargetRef"]["name"] = json!("web-primary");
    apply_as(&cluster, "flagger", true, &primary).await.unwrap();
    assert_eq!(
        found(&cluster, "Deployment").await.unwrap(),
        scaler(ScalerKind::HorizontalPodAutoscaler, "web-primary")
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_rollout_of_argo_is_scaled_by_its_adopted_autoscaler() {
    let cluster = Cluster::new().await;
    a_rollout(&cluster).await;
    let object = autoscaler("web", json!({"minReplicas": 3, "scaleTargetRef": rollout_ref()}));
    apply_as(&cluster, "git", true, &object).await.unwrap();
    let adopted = found(&cluster, "Rollout").await.unwrap();
    carry(&cluster, &adopted, wish(8, false)).await;
    has_replicas(&cluster, "Rollout", 8).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn two_autoscalers_are_refused_and_what_is_left_behind_is_known() {
    let cluster = Cluster::new().await;
    apply_as(&cluster, "git", true, &autoscaler("one", json!({"minReplicas": 2}))).await.unwrap();
    let adopted = found(&cluster, "Deployment").await.unwrap();
    let before = cluster.expect(HPA, "one").await;
    carry(&cluster, &adopted, wish(8, true)).await;
    apply_as(&cluster, "git", true, &autoscaler("two", json!({"minReplicas": 2}))).await.unwrap();
    let refusal = found(&cluster, "Deployment").await.unwrap_err();
    assert_eq!(refusal.reason, "SecondAutoscaler");
    let all = autoscalers(&cluster).await;
    let candidates = Candidates { autoscalers: &all, scaled_objects: &[], canaries: &[] };
    let left = left_behind("shop", None, candidates);
    assert_eq!(left, slice::from_ref(&adopted));
    for scaler in left {
        carry(&cluster, &scaler, NOTHING).await;
    }
    assert_eq!(essence(&cluster.expect(HPA, "one").await), essence(&before));
    cluster.delete(HPA, "one").await;
    let gone = carry_out(&cluster.client, &cluster.namespace, &adopted, "shop", NOTHING, None, Timestamp::now()).await;
    assert_eq!(gone.unwrap().overlay, None);
}

/// A workload whose pods nobody looks for: in a cluster without nodes none could start, and then no floor is raised.
pub async fn a_rollout(cluster: &Cluster) {
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {"replicas": 3}});
    cluster.apply_yaml(&rollout.to_string()).await;
    cluster.edit_status("Rollout", "web", json!({"replicas": 3, "readyReplicas": 3, "selector": "app=web"})).await;
}

pub fn rollout_ref() -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"})
}
