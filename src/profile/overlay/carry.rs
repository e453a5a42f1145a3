//! Carries the steps out.

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::Value;

use super::{Overlay, Record, Scaler, Wish, plan};
use crate::{
    api::FIELD_MANAGER,
    kube::{Category, Change, categorize},
};

/// Most requests for one wish: two give everything back, and others write at the same time.
const MOST: u32 = 8;

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How the object stands; nothing where it is gone.
    pub overlay: Option<Overlay>,
    /// Whether anything was sent.
    pub change: Change,
}

/// Makes an adopted object as it is wanted: with a wish for nothing, as it was. An object that is as wanted is read, and not written.
pub async fn carry_out(
    client: &Client,
    namespace: &str,
    scaler: &Scaler,
    profile: &str,
    wish: Wish,
    remembered: Option<&Record>,
    now: Timestamp,
) -> Result<Outcome, kube::Error> {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &scaler.kind.resource());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut remembered = remembered.cloned();
    let mut change = Change::Unchanged;
    let mut live: Option<Value> = None;
    let mut failure = None;
    for _ in 0..MOST {
        let object = match live.take() {
            Some(object) => object,
            None => match api.get_opt(&scaler.name).await? {
                Some(object) => json(&object)?,
                None => return Ok(Outcome { overlay: None, change }),
            },
        };
        let step = plan(scaler.kind, &object, profile, wish, remembered.as_ref(), now);
        let Some(patch) = step.patch else {
            return Ok(Outcome { overlay: Some(step.overlay), change });
        };
        match api.patch(&scaler.name, &params, &Patch::Merge(&patch)).await {
            Ok(object) => {
                change = Change::Written;
                remembered = step.overlay.record;
                live = Some(json(&object)?);
            }
            // The autoscaler's own controller writes its status at the same time.
            Err(error) if categorize(&error) == Category::Conflict => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    // So many steps without a conflict cannot be: each is made from the answer to the last.
    match failure {
        Some(error) => Err(error),
        None => Ok(Outcome {
            overlay: live.map(|object| plan(scaler.kind, &object, profile, wish, remembered.as_ref(), now).overlay),
            change,
        }),
    }
}

fn json(object: &DynamicObject) -> Result<Value, kube::Error> {
    serde_json::to_value(object).map_err(kube::Error::SerdeError)
}
