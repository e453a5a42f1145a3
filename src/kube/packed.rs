//! Objects as they are kept between two looks: as text. The types of Kubernetes have room for everything that an object may say, and most
//! objects say little: decoded they are several times their text.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

/// An object as JSON, with the words by which it is found.
pub struct Packed<K> {
    json: Box<[u8]>,
    words: Box<[Box<str>]>,
    matters: u64,
    kind: PhantomData<fn() -> K>,
}

impl<K: Serialize + DeserializeOwned + Default> Packed<K> {
    /// Packs an object. Two with the same `matters` are the same in all that is a reason to look at them.
    pub fn new(object: &K, words: Vec<String>, matters: u64) -> Self {
        // Every object of Kubernetes is JSON.
        let json = serde_json::to_vec(object).unwrap_or_default();
        Self {
            json: json.into(),
            words: words.into_iter().map(String::into_boxed_str).collect(),
            matters,
            kind: PhantomData,
        }
    }

    /// The object.
    pub fn unpack(&self) -> K {
        // What was written from an object can be read as one.
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// The words by which it is found, for an index.
    pub fn words(&self) -> Vec<String> {
        self.words.iter().map(ToString::to_string).collect()
    }

    /// Whether it has a word.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| **one == *word)
    }

    /// Whether two are the same in all that matters.
    pub fn same(&self, other: &Self) -> bool {
        self.matters == other.matters
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_lost() {
        let object = json!({
            "metadata": {"name": "web", "annotations": {"a/b": "\u{1f600}\n"}, "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]},
            "status": {"desiredReplicas": 2, "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "12345n"}}}]},
        });
        let object: HorizontalPodAutoscaler = serde_json::from_value(object).unwrap();
        let packed = Packed::new(&object, vec!["one".to_owned()], 1);
        assert_eq!(packed.unpack(), object);
        assert!(packed.has("one") && !packed.has("two"));
        assert_eq!(packed.words(), ["one"]);
        assert!(
            packed.same(&Packed::new(&object, Vec::new(), 1)) && !packed.same(&Packed::new(&object, Vec::new(), 2))
        );
    }
}
