//! Reads what other autoscalers say of a namespace.

use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

use super::ScalerKind;
use crate::kube::ScalerApis;

/// What belongs to other autoscalers, in one namespace.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// Every `ScaledObject` of KEDA.
    pub scaled_objects: Vec<DynamicObject>,
    /// Every `Canary` of Flagger.
    pub canaries: Vec<DynamicObject>,
}

/// Lists them; nothing is asked for whose API is not served.
pub async fn foreign(client: &Client, namespace: &str, apis: ScalerApis) -> Result<Foreign, kube::Error> {
    let canaries =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary"), "canaries");
    let (scaled_objects, canaries) = tokio::try_join!(
        list(client, namespace, ScalerKind::ScaledObject.resource(), apis.scaled_object),
        list(client, namespace, canaries, apis.canary),
    )?;
    Ok(Foreign { scaled_objects, canaries })
}

async fn list(
    client: &Client,
    namespace: &str,
    resource: ApiResource,
    served: bool,
) -> Result<Vec<DynamicObject>, kube::Error> {
    if !served {
        return Ok(Vec::new());
    }
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
    Ok(api.list(&ListParams::default()).await?.items)
}
