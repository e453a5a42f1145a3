//! The one object that scales a target: pure.

use k8s_openapi::{api::autoscaling::v2::HorizontalPodAutoscaler, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    ResourceExt,
    core::{DynamicObject, ObjectMeta},
};
use serde_json::Value;

use super::{Record, Scaler, ScalerKind, lever::at};
use crate::{
    api::{GROUP, annotations, reasons, v1alpha1::TargetRef},
    kube::is_owned_by,
    profile::{children::Why, observe::same_target},
};

/// Why nothing is adopted: a reason for conditions, and a message.
pub type Refusal = Why;

/// Everything in a namespace that may scale a workload, or says which does.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Every autoscaler of the namespace.
    pub autoscalers: &'a [HorizontalPodAutoscaler],
    /// Every `ScaledObject` of KEDA.
    pub scaled_objects: &'a [DynamicObject],
    /// Every `Canary` of Flagger.
    pub canaries: &'a [DynamicObject],
}

/// The one object that scales the target, or why there is none that can be adopted. `owner_uid` is the profile's: what belongs to it
/// is not foreign.
///
/// Where Flagger has a `Canary` for the target, the traffic is at the workload `<name>-primary`, and what scales that one counts.
pub fn find(target: &TargetRef, owner_uid: &str, candidates: Candidates<'_>) -> Result<Scaler, Refusal> {
    let refuse = |reason, message: String| Err(Why::new(reason, message));
    let by_flagger = candidates.canaries.iter().any(|canary| refers(at(&canary.data, &["spec", "targetRef"]), target));
    let scaled = if by_flagger { primary(target) } else { target.clone() };
    let mut objects: Vec<&DynamicObject> = candidates.scaled_objects.iter().collect();
    objects.retain(|object| refers(at(&object.data, &["spec", "scaleTargetRef"]), &scaled));
    let mut autoscalers: Vec<_> = candidates.autoscalers.iter().collect();
    autoscalers.retain(|object| same_target(object, &scaled) && !is_owned_by(&object.metadata, owner_uid));
    let by_keda = |object: &ObjectMeta| controller(object).filter(|owner| is_keda(owner)).cloned();
    let (theirs, plain): (Vec<&HorizontalPodAutoscaler>, Vec<_>) =
        autoscalers.into_iter().partition(|object| by_keda(&object.metadata).is_some());

    let unknown = theirs.iter().filter_map(|object| by_keda(&object.metadata));
    let mut unknown =
        unknown.filter(|owner| !objects.iter().any(|object| object.metadata.uid.as_ref() == Some(&owner.uid)));
    if let Some(owner) = unknown.next() {
        return refuse(
            reasons::NOTHING_TO_ADOPT,
            format!(
                "the autoscaler of {} belongs to the ScaledObject {}, which is not to be seen: let the operator read and patch \
                 scaledobjects.keda.sh",
                named(&scaled),
                owner.name
            ),
        );
    }
    if let Some(other) = plain.iter().find(|object| controller(&object.metadata).is_some_and(is_profile)) {
        return refuse(
            reasons::SECOND_AUTOSCALER,
            format!("the autoscaler {} of {} belongs to another PerformanceProfile", other.name_any(), named(&scaled)),
        );
    }
    let mut all: Vec<Scaler> = Vec::new();
    all.extend(objects.iter().map(|o| Scaler { kind: ScalerKind::ScaledObject, name: o.name_any() }));
    all.extend(plain.iter().map(|o| Scaler { kind: ScalerKind::HorizontalPodAutoscaler, name: o.name_any() }));
    let names = || all.iter().map(Scaler::to_string).collect::<Vec<_>>().join(", ");
    match all.as_slice() {
        [one] => Ok(one.clone()),
        [] if by_flagger => refuse(
            reasons::NOTHING_TO_ADOPT,
            format!(
                "Flagger has a Canary for {}, and nothing scales {} yet: it appears once the Canary is initialized, if the Canary has \
                 an autoscalerRef",
                named(target),
                named(&scaled)
            ),
        ),
        [] => refuse(
            reasons::NOTHING_TO_ADOPT,
            format!(
                "nothing scales {}: create a HorizontalPodAutoscaler or a ScaledObject for it, or set autoscaling.mode: Managed",
                named(&scaled)
            ),
        ),
        _ => refuse(
            reasons::SECOND_AUTOSCALER,
            format!("{} is scaled by {}: they fight, and none is adopted; leave one", named(&scaled), names()),
        ),
    }
}

/// What the profile has written to and does not adopt (any more): to be given back.
pub fn left_behind(profile: &str, adopted: Option<&Scaler>, candidates: Candidates<'_>) -> Vec<Scaler> {
    let noted = |meta: &ObjectMeta| {
        let note = meta.annotations.as_ref().and_then(|all| all.get(annotations::ORIGINAL));
        let by = note.zip(meta.uid.as_ref()).and_then(|(note, uid)| Record::profile_of(note, uid));
        by.is_some_and(|by| by == profile)
    };
    let autoscalers = candidates.autoscalers.iter().filter(|object| noted(&object.metadata));
    let autoscalers = autoscalers.map(|o| Scaler { kind: ScalerKind::HorizontalPodAutoscaler, name: o.name_any() });
    let objects = candidates.scaled_objects.iter().filter(|object| noted(&object.metadata));
    let objects = objects.map(|o| Scaler { kind: ScalerKind::ScaledObject, name: o.name_any() });
    autoscalers.chain(objects).filter(|scaler| Some(scaler) != adopted).collect()
}

fn primary(target: &TargetRef) -> TargetRef {
    TargetRef { name: format!("{}-primary", target.name), ..target.clone() }
}

/// Whether a reference names the target. Both KEDA and Flagger take a reference without a kind for a Deployment; the version is left out.
fn refers(reference: Option<&Value>, target: &TargetRef) -> bool {
    let text = |key: &str, default: &str| {
        let found = reference.and_then(|reference| reference.get(key)).and_then(Value::as_str);
        found.filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
    };
    text("name", "") == target.name
        && text("kind", "Deployment") == target.kind
        && group(&text("apiVersion", "apps/v1")) == group(&target.api_version)
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn is_keda(owner: &OwnerReference) -> bool {
    owner.kind == "ScaledObject" && group(&owner.api_version) == "keda.sh"
}

fn is_profile(owner: &OwnerReference) -> bool {
    owner.kind == "PerformanceProfile" && group(&owner.api_version) == GROUP
}

fn named(target: &TargetRef) -> String {
    format!("{} {}", target.kind, target.name)
}
