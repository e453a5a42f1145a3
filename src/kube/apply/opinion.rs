//! An opinion about an object as text.

use std::ops::Range;

use kube::{
    Api,
    api::{Patch, PatchParams},
    core::Request,
};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::found::Written;
use crate::kube::Light;

/// An opinion as JSON. It is made once, for it may be large: what is hashed is what is sent, but for what an apply adds to the metadata.
pub struct Opinion {
    json: Vec<u8>,
    /// Where the metadata stand.
    metadata: Option<Range<usize>>,
}

impl Opinion {
    /// An object's.
    pub fn of(object: &impl Written) -> Result<Self, kube::Error> {
        let json = object.json().map_err(kube::Error::SerdeError)?;
        let metadata = metadata_of(object)?;
        // Before them stand the version and the kind alone.
        let start = json.windows(metadata.len()).position(|part| part == metadata);
        Ok(Self { json, metadata: start.map(|start| start..start + metadata.len()) })
    }

    /// A hash of it, the same for every build of the operator: it outlives the process.
    pub fn digest(&self) -> u64 {
        Sha256::digest(&self.json).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The same object with the metadata that it has now.
    pub fn with_metadata_of(mut self, object: &impl Written) -> Result<Vec<u8>, kube::Error> {
        let Some(place) = self.metadata else { return object.json().map_err(kube::Error::SerdeError) };
        self.json.splice(place, metadata_of(object)?);
        Ok(self.json)
    }
}

fn metadata_of(object: &impl Written) -> Result<Vec<u8>, kube::Error> {
    let mut text = b"\"metadata\":".to_vec();
    serde_json::to_writer(&mut text, object.meta()).map_err(kube::Error::SerdeError)?;
    Ok(text)
}

/// What is to be read of the answer to an apply.
#[derive(Clone, Copy)]
pub enum Answer {
    /// The object.
    Whole,
    /// Its metadata.
    Metadata,
}

/// Sends an object, as JSON, as a server-side apply.
pub async fn send<K: Written, A: DeserializeOwned>(
    api: &Api<K>,
    name: &str,
    params: &PatchParams,
    object: Vec<u8>,
    answer: Answer,
) -> Result<A, kube::Error> {
    let (request, nothing) = (Request::new(api.resource_url()), Patch::Apply(()));
    let request = match answer {
        Answer::Whole => request.patch(name, params, &nothing),
        Answer::Metadata => request.patch_metadata(name, params, &nothing),
    };
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    *request.body_mut() = object;
    let Light(answer) = api.clone().into_client().request(request).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::ConfigMap};
    use serde_json::{Value, json};

    use super::*;
    use crate::kube::PrometheusRule;

    fn spliced<K: Written>(object: Value) {
        let mut object: K = serde_json::from_value(object).unwrap();
        let opinion = Opinion::of(&object).unwrap();
        assert!(opinion.metadata.is_some());
        let digest = opinion.digest();
        let meta = object.meta_mut();
        meta.annotations.get_or_insert_default().insert("b".to_owned(), "\"metadata\":{}".to_owned());
        meta.uid = Some("u".to_owned());
        let sent = opinion.with_metadata_of(&object).unwrap();
        assert_eq!(String::from_utf8(sent).unwrap(), serde_json::to_string(&object).unwrap());
        assert_ne!(Opinion::of(&object).unwrap().digest(), digest);
    }

    #[test]
    fn what_is_sent_is_the_object_with_its_new_metadata() {
        let metadata =
            json!({"name": "web", "namespace": "shop", "annotations": {"a": "\"metadata\":{\"name\":\"web\"}"}});
        spliced::<ConfigMap>(json!({"metadata": metadata, "data": {"metadata": metadata.to_string()}}));
        spliced::<ConfigMap>(json!({"metadata": {}}));
        let spec = json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "metadata", "name": "web"}});
        spliced::<HorizontalPodAutoscaler>(json!({"metadata": metadata, "spec": spec}));
        let types = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"});
        let mut rule = json!({"metadata": metadata, "spec": {"groups": [{"name": "g", "metadata": metadata}]}});
        rule.as_object_mut().unwrap().extend(types.as_object().unwrap().clone());
        spliced::<PrometheusRule>(rule);
    }

    /// An upgrade must not write everything anew: the hash of an object that was written before is in its annotation.
    #[test]
    fn the_hash_is_the_same_in_every_version() {
        let object: ConfigMap =
            serde_json::from_value(json!({"metadata": {"name": "web"}, "data": {"a": "b"}})).unwrap();
        let text = r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"},"metadata":{"name":"web"}}"#;
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
        assert_eq!(format!("{:016x}", Opinion::of(&object).unwrap().digest()), "64f24d16b6a09328");
    }
}
