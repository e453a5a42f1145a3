//! Definitions of kinds that come with other operators, as far as the tests need them.

use serde_json::{Value, json};

/// On every definition that comes from here.
const MARK: &str = "unapproved, for tests";

/// Whether a definition comes from here, perhaps from an older version of it.
pub fn is_for_tests(definition: &Value) -> bool {
    definition["metadata"]["annotations"]["api-approved.kubernetes.io"] == MARK
}

pub fn definition(group: &str, kind: &str, plural: &str, subresources: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}"), "annotations": {"api-approved.kubernetes.io": MARK}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": subresources,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

/// `VMRule` with what its own definition demands: groups are told apart by name, fields that are not known are dropped, and the
/// status is a subresource that its operator writes.
pub fn vm_rule_definition() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": text});
    let rule = json!({
        "type": "object",
        "required": ["expr"],
        "properties": {
            "record": text, "alert": text, "expr": text, "for": text, "keep_firing_for": text, "labels": texts,
            "annotations": texts,
        },
    });
    let groups = json!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name", "rules"],
            "properties": {"name": text, "interval": text, "rules": {"type": "array", "items": rule}},
        },
    });
    let mut all = definition("operator.victoriametrics.com", "VMRule", "vmrules", &json!({"status": {}}));
    let version = &mut all["spec"]["versions"][0];
    version["name"] = json!("v1beta1");
    version["schema"]["openAPIV3Schema"] = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {"type": "object", "required": ["groups"], "properties": {"groups": groups}},
            "status": {"type": "object", "properties": {"updateStatus": text}},
        },
    });
    all
}

/// The kinds of KEDA, Flagger and Argo Rollouts that say what scales or is scaled: their names, and any content at all.
pub fn scaler_definitions() -> [Value; 3] {
    let scale = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector"});
    [
        ("keda.sh", "ScaledObject", "scaledobjects", "v1alpha1", json!({"status": {}})),
        ("flagger.app", "Canary", "canaries", "v1beta1", json!({"status": {}})),
        ("argoproj.io", "Rollout", "rollouts", "v1alpha1", json!({"scale": scale, "status": {}})),
    ]
    .map(|(group, kind, plural, version, subresources)| {
        let mut all = definition(group, kind, plural, &subresources);
        all["spec"]["versions"][0]["name"] = json!(version);
        all
    })
}
