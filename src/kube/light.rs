//! Objects without the server's bookkeeping of who has set which field. Nobody reads it here, it is often half of an object's text, and
//! decoded it is a tree with a node for every field.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use serde_json::value::RawValue;

/// An object that is read from JSON without its `managedFields`.
#[derive(Clone, Debug)]
pub struct Light<K>(pub K);

/// The text of an object with `null` in the place of its `managedFields`. What is no JSON is left to whoever decodes it.
pub fn without_managed_fields(text: &str) -> Cow<'_, str> {
    let Some(fields) = managed_fields(text) else { return Cow::Borrowed(text) };
    // Both are of one text: the difference of their addresses is where it stands.
    let start = fields.as_ptr() as usize - text.as_ptr() as usize;
    match (text.get(..start), text.get(start + fields.len()..)) {
        (Some(before), Some(after)) => Cow::Owned([before, "null", after].concat()),
        _ => Cow::Borrowed(text),
    }
}

fn managed_fields(text: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Option<Metadata<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        #[serde(borrow)]
        managed_fields: Option<&'a RawValue>,
    }
    serde_json::from_str::<Object<'_>>(text).ok()?.metadata?.managed_fields.map(RawValue::get)
}

/// From JSON alone, as [`RawValue`] is.
impl<'de, K: DeserializeOwned> Deserialize<'de> for Light<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        serde_json::from_str(&without_managed_fields(text)).map(Self).map_err(D::Error::custom)
    }
}

impl<K: Resource> Resource for Light<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::{PartialObjectMeta, WatchEvent};
    use serde_json::{Value, json};

    use super::*;

    fn object() -> Value {
        json!({"kind": "ConfigMap", "data": {"metadata": "{\"managedFields\":[1]}", "ä": "\u{1f600}"}, "metadata": {
            "annotations": {"managedFields": "mine", "a": "]}\""},
            "managedFields": [{"manager": "m}]", "operation": "Apply", "fieldsV1": {"f:data": {"k:{\"a\":\"b\"}": {}}}}],
            "name": "web", "resourceVersion": "7",
        }})
    }

    #[test]
    fn nothing_else_is_lost() {
        let text = object().to_string();
        let mut without = object();
        without["metadata"]["managedFields"] = Value::Null;
        assert_eq!(serde_json::from_str::<Value>(&without_managed_fields(&text)).unwrap(), without);
        for other in ["{}", "[]", "7", "{\"metadata\":null}", "{\"metadata\":{\"managedFields\":null}}", "{", "", "ä"]
        {
            assert_eq!(without_managed_fields(other), other);
        }
    }

    #[test]
    fn as_a_watch_and_an_answer_bring_it() {
        let light: Light<ConfigMap> = serde_json::from_str(&object().to_string()).unwrap();
        assert_eq!(light.meta().managed_fields, None);
        assert_eq!(light.meta().name.as_deref(), Some("web"));
        assert_eq!(light.0.data.unwrap()["ä"], "\u{1f600}");
        let event = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}", object());
        let event: WatchEvent<Light<PartialObjectMeta<ConfigMap>>> = serde_json::from_str(&event).unwrap();
        let WatchEvent::Modified(light) = event else { panic!("{event:?}") };
        assert_eq!((light.meta().managed_fields.is_none(), light.meta().name.as_deref()), (true, Some("web")));
        let wrong = serde_json::from_str::<Light<ConfigMap>>("{\"metadata\":{\"name\":7}}").unwrap_err();
        assert!(wrong.to_string().contains("invalid type: integer `7`"), "{wrong}");
    }
}
