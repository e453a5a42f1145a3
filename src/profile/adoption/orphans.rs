//! What profiles have written that are gone: nobody else would give it back.

use std::collections::HashSet;

use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, Resource, ResourceExt, api::ListParams, core::DynamicObject};

use crate::{
    api::annotations,
    kube::{ScalerApis, message},
    profile::{
        enforcer::Key,
        observe::Stores,
        overlay::{Record, Scaler, ScalerKind, Wish, carry_out},
    },
    shard::Shards,
};

/// Gives back everything of a namespace, or of all that are ours, whose profile does not exist. The stores must have been filled.
pub async fn give_back_orphans(
    client: &Client,
    stores: &Stores,
    namespace: Option<&str>,
    shards: &Shards,
    apis: ScalerApis,
) {
    let claims = stores.claims.all();
    let alive: HashSet<Key> = claims.iter().map(|claim| (claim.namespace.clone(), claim.name.clone())).collect();
    let kind = ScalerKind::HorizontalPodAutoscaler;
    let autoscalers = stores.all_written_autoscalers();
    let mut written: Vec<_> = autoscalers.iter().filter_map(|object| written_by(object, kind)).collect();
    if apis.scaled_object {
        let resource = ScalerKind::ScaledObject.resource();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        match api.list_metadata(&ListParams::default()).await {
            Ok(list) => written.extend(list.iter().filter_map(|object| written_by(object, ScalerKind::ScaledObject))),
            Err(error) => tracing::debug!(error = message(&error), "scaled objects cannot be listed"),
        }
    }
    for ((namespace, profile), scaler) in written {
        // Whether a profile of another process' shards lives is not known here.
        if !shards.hold(&namespace) || alive.contains(&(namespace.clone(), profile.clone())) {
            continue;
        }
        let done = carry_out(client, &namespace, &scaler, &profile, Wish::default(), None, Timestamp::now()).await;
        match done {
            Ok(_) => tracing::info!(namespace, profile, %scaler, "given back, because its profile is gone"),
            Err(error) => tracing::warn!(namespace, profile, %scaler, error = message(&error), "not given back"),
        }
    }
}

/// The profile that has written to an object.
fn written_by<K: Resource>(object: &K, kind: ScalerKind) -> Option<(Key, Scaler)> {
    let profile = Record::profile_of(object.annotations().get(annotations::ORIGINAL)?, &object.uid()?)?;
    Some(((object.namespace().unwrap_or_default(), profile), Scaler { kind, name: object.name_any() }))
}
