//! Writes a status and reads as little as can be of the answer.

use axum::http::{HeaderValue, header::ACCEPT};
use kube::{
    Client, Resource,
    api::{Patch, PatchParams},
    core::{NamespaceResourceScope, PartialObjectMeta, Request},
};
use serde::Serialize;

use super::Light;

/// The metadata of an object instead of the whole of it.
const METADATA: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

/// Applies a status. Gives the metadata as they are then: the object itself is known.
pub async fn apply_status<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    params: &PatchParams,
    status: &(impl Serialize + std::fmt::Debug + Sync),
) -> Result<PartialObjectMeta<K>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let request = Request::new(K::url_path(&(), Some(namespace)));
    let request = request.patch_subresource("status", name, params, &Patch::Apply(status));
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    request.headers_mut().insert(ACCEPT, METADATA);
    let Light(answer) = client.request(request).await?;
    Ok(answer)
}
