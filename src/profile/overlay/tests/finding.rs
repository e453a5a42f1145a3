//! Which object is the one that scales a target.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::super::*;
use crate::api::{reasons, v1alpha1::TargetRef};

fn target(kind: &str) -> TargetRef {
    let api_version = if kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" };
    serde_json::from_value(json!({"apiVersion": api_version, "kind": kind, "name": "web"})).unwrap()
}

fn autoscaler(name: &str, of: Value, owner: Value) -> HorizontalPodAutoscaler {
    let owners = if owner.is_null() { json!([]) } else { json!([owner]) };
    let object = json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "ownerReferences": owners},
        "spec": {"maxReplicas": 10, "scaleTargetRef": of}});
    serde_json::from_value(object).unwrap()
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
}

fn dynamic(name: &str, spec: Value) -> DynamicObject {
    serde_json::from_value(json!({"metadata": {"name": name, "uid": format!("uid-{name}")}, "spec": spec})).unwrap()
}

fn owner(kind: &str, group: &str, name: &str) -> Value {
    json!({"apiVersion": format!("{group}/v1alpha1"), "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true})
}

fn found(
    target: &TargetRef,
    autoscalers: &[HorizontalPodAutoscaler],
    scaled_objects: &[DynamicObject],
    canaries: &[DynamicObject],
) -> Result<String, (&'static str, String)> {
    find(target, "uid-shop", Candidates { autoscalers, scaled_objects, canaries })
        .map(|scaler| scaler.to_string())
        .map_err(|why| (why.reason, why.message))
}

#[test]
fn the_one_autoscaler_is_found_for_any_kind_of_target() {
    let other = autoscaler("other", deployment("api"), Value::Null);
    let plain = [autoscaler("web-hpa", deployment("web"), Value::Null), other.clone()];
    assert_eq!(found(&target("Deployment"), &plain, &[], &[]).unwrap(), "HorizontalPodAutoscaler web-hpa");
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"});
    let all = [autoscaler("a", rollout, Value::Null), plain[0].clone()];
    assert_eq!(found(&target("Rollout"), &all, &[], &[]).unwrap(), "HorizontalPodAutoscaler a");
    let own =
        [autoscaler("shop", deployment("web"), owner("PerformanceProfile", "plimsoll.dev", "shop")), plain[0].clone()];
    assert_eq!(found(&target("Deployment"), &own, &[], &[]).unwrap(), "HorizontalPodAutoscaler web-hpa");
    let (reason, message) = found(&target("Deployment"), &[other], &[], &[]).unwrap_err();
    assert_eq!(reason, reasons::NOTHING_TO_ADOPT);
    assert!(message.contains("nothing scales Deployment web"), "{message}");
}

#[test]
fn of_keda_the_scaled_object_is_found_and_never_its_autoscaler() {
    let object = dynamic("web-so", json!({"scaleTargetRef": {"name": "web"}}));
    let keda = autoscaler("keda-hpa-web-so", deployment("web"), owner("ScaledObject", "keda.sh", "web-so"));
    let all = [keda.clone()];
    assert_eq!(found(&target("Deployment"), &all, std::slice::from_ref(&object), &[]).unwrap(), "ScaledObject web-so");
    assert_eq!(found(&target("Deployment"), &[], std::slice::from_ref(&object), &[]).unwrap(), "ScaledObject web-so");
    let (reason, message) = found(&target("Deployment"), &all, &[], &[]).unwrap_err();
    assert_eq!(reason, reasons::NOTHING_TO_ADOPT);
    assert!(message.contains("belongs to the ScaledObject web-so"), "{message}");
    let both = [keda, autoscaler("web-hpa", deployment("web"), Value::Null)];
    let (reason, message) = found(&target("Deployment"), &both, &[object], &[]).unwrap_err();
    assert_eq!(reason, reasons::SECOND_AUTOSCALER);
    assert!(message.contains("ScaledObject web-so, HorizontalPodAutoscaler web-hpa"), "{message}");
}

#[test]
fn two_of_a_kind_are_refused() {
    let two = ["one", "two"].map(|name| autoscaler(name, deployment("web"), Value::Null));
    assert_eq!(found(&target("Deployment"), &two, &[], &[]).unwrap_err().0, reasons::SECOND_AUTOSCALER);
    let two =
        ["one", "two"].map(|name| dynamic(name, json!({"scaleTargetRef": {"name": "web", "kind": "Deployment"}})));
    assert_eq!(found(&target("Deployment"), &[], &two, &[]).unwrap_err().0, reasons::SECOND_AUTOSCALER);
    let theirs = autoscaler("theirs", deployment("web"), owner("PerformanceProfile", "plimsoll.dev", "other"));
    let (reason, message) = found(&target("Deployment"), &[theirs], &[], &[]).unwrap_err();
    assert_eq!(reason, reasons::SECOND_AUTOSCALER);
    assert!(message.contains("another PerformanceProfile"), "{message}");
}

#[test]
fn of_flagger_the_primary_is_found_and_waited_for() {
    let canary = [dynamic("web", json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}))];
    let source = autoscaler("web", deployment("web"), Value::Null);
    let primary = autoscaler("web-primary", deployment("web-primary"), owner("Canary", "flagger.app", "web"));
    let (reason, message) = found(&target("Deployment"), std::slice::from_ref(&source), &[], &canary).unwrap_err();
    assert_eq!(reason, reasons::NOTHING_TO_ADOPT);
    assert!(message.contains("nothing scales Deployment web-primary yet"), "{message}");
    let all = [source, primary];
    assert_eq!(found(&target("Deployment"), &all, &[], &canary).unwrap(), "HorizontalPodAutoscaler web-primary");
    let objects = ["web", "web-primary"].map(|name| dynamic(name, json!({"scaleTargetRef": {"name": name}})));
    assert_eq!(found(&target("Deployment"), &[], &objects, &canary).unwrap(), "ScaledObject web-primary");
}

#[test]
fn what_was_written_and_is_not_adopted_any_more_is_known() {
    let noted = |name: &str, profile: &str, uid: &str| {
        let mut object = autoscaler(name, deployment("web"), Value::Null);
        let note = json!({"profile": profile, "uid": uid, "floor": {"was": 1, "set": 5}}).to_string();
        object.metadata.annotations = Some([("plimsoll.dev/original".to_owned(), note)].into());
        object
    };
    let all = [
        noted("a", "shop", "uid-a"),
        noted("b", "shop", "uid-a"),
        noted("c", "other", "uid-c"),
        noted("d", "shop", "uid-d"),
    ];
    let candidates = Candidates { autoscalers: &all, scaled_objects: &[], canaries: &[] };
    let adopted = Scaler { kind: ScalerKind::HorizontalPodAutoscaler, name: "a".to_owned() };
    let names = |adopted| left_behind("shop", adopted, candidates).into_iter().map(|s| s.name).collect::<Vec<_>>();
    assert_eq!(names(Some(&adopted)), ["d"]);
    assert_eq!(names(None), ["a", "d"]);
}
