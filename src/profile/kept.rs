//! Profiles as they are kept between two looks: small, for there are many, and most are seldom looked at.

use std::borrow::Cow;

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Resource, ResourceExt,
    core::{PartialObjectMeta, error_boundary::InvalidObject},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

use super::{observe::prune, validate::declared_pooling};
use crate::{
    api::v1alpha1::{EnforcementMode, PerformanceProfile, TargetRef},
    kube::without_managed_fields,
};

/// A profile, or why it cannot be read: one that cannot must not stop the others.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Name, namespace, uid, version and creation.
    meta: ObjectMeta,
    /// The whole as JSON.
    profile: Result<Box<[u8]>, Box<InvalidObject>>,
    asks: Asks,
}

/// What a profile asks for, known without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// It has objectives.
    pub objectives: bool,
    /// It has enforcement.
    pub enforcement: bool,
    /// It has poolers.
    pub pooling: bool,
}

impl Kept {
    /// The profile.
    pub fn read(&self) -> Result<PerformanceProfile, Box<InvalidObject>> {
        match &self.profile {
            // What was written from a profile can be read as one.
            Ok(json) => serde_json::from_slice(json).map_err(|error| Box::new(invalid(&error, self.meta.clone()))),
            Err(invalid) => Err(invalid.clone()),
        }
    }

    /// What it claims, without reading the rest; nothing where it cannot be read.
    pub fn target(&self) -> Option<TargetRef> {
        #[derive(Deserialize)]
        struct Claiming {
            spec: Spec,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spec {
            target_ref: TargetRef,
        }
        let json = self.profile.as_ref().ok()?;
        serde_json::from_slice::<Claiming>(json).ok().map(|claiming| claiming.spec.target_ref)
    }

    /// What it asks for; nothing where it cannot be read.
    pub const fn asks(&self) -> Asks {
        self.asks
    }
}

fn invalid(error: &serde_json::Error, metadata: ObjectMeta) -> InvalidObject {
    InvalidObject { error: error.to_string(), metadata }
}

impl From<PerformanceProfile> for Kept {
    fn from(mut profile: PerformanceProfile) -> Self {
        prune(&mut profile);
        let asks = Asks {
            objectives: !profile.spec.objectives.is_empty(),
            enforcement: profile.spec.enforcement.as_ref().is_some_and(|wire| wire.mode != EnforcementMode::Disabled),
            pooling: declared_pooling(&profile).is_some(),
        };
        let meta = ObjectMeta {
            name: profile.metadata.name.clone(),
            namespace: profile.metadata.namespace.clone(),
            uid: profile.metadata.uid.clone(),
            resource_version: profile.metadata.resource_version.clone(),
            creation_timestamp: profile.metadata.creation_timestamp.clone(),
            ..ObjectMeta::default()
        };
        let json = serde_json::to_vec(&profile).map_err(|error| Box::new(invalid(&error, profile.metadata)));
        Self { meta, profile: json.map(Into::into), asks }
    }
}

impl From<InvalidObject> for Kept {
    fn from(mut invalid: InvalidObject) -> Self {
        invalid.metadata.managed_fields = None;
        Self { meta: invalid.metadata.clone(), profile: Err(Box::new(invalid)), asks: Asks::default() }
    }
}

/// From JSON alone: the text is read twice where it is no profile.
impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let text = &*without_managed_fields(text);
        match serde_json::from_str::<PerformanceProfile>(text) {
            Ok(profile) => Ok(profile.into()),
            Err(error) => {
                let found: PartialObjectMeta<PerformanceProfile> =
                    serde_json::from_str(text).map_err(D::Error::custom)?;
                Ok(invalid(&error, found.metadata).into())
            }
        }
    }
}

impl Resource for Kept {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(dt: &()) -> Cow<'_, str> {
        PerformanceProfile::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        PerformanceProfile::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        PerformanceProfile::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        PerformanceProfile::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// Namespace and name.
pub fn key(kept: &Kept) -> (String, String) {
    (kept.namespace().unwrap_or_default(), kept.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::testing::{AVAILABILITY, profile};

    fn text(spec: &str) -> String {
        let mut profile = profile(spec);
        profile.metadata.resource_version = Some("7".to_owned());
        profile.metadata.labels = Some([("team".to_owned(), "shop".to_owned())].into());
        serde_json::to_string(&profile).unwrap()
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let text = text(&format!("{AVAILABILITY}enforcement: {{mode: Observe}}\n"));
        let kept: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&kept.read().unwrap()).unwrap(), text);
        assert_eq!(kept.target().unwrap(), kept.read().unwrap().spec.target_ref);
        assert_eq!(kept.asks(), Asks { objectives: true, enforcement: true, pooling: false });
        assert_eq!(kept.resource_version().as_deref(), Some("7"));
    }

    #[test]
    fn as_a_watch_and_a_list_bring_it() {
        let event = format!("{{\"type\":\"ADDED\",\"object\":{}}}", text(AVAILABILITY));
        let event: kube::core::WatchEvent<Kept> = serde_json::from_str(&event).unwrap();
        assert!(matches!(event, kube::core::WatchEvent::Added(kept) if kept.read().is_ok()));
        let list = format!("{{\"metadata\":{{\"resourceVersion\":\"9\"}},\"items\":[{}]}}", text(""));
        let list: kube::core::ObjectList<Kept> = serde_json::from_str(&list).unwrap();
        assert_eq!(list.items[0].asks(), Asks::default());
    }

    #[test]
    fn one_that_cannot_be_read_says_why_and_which() {
        let wrong = text("").replace("\"targetRef\":", "\"targetRef\":7,\"was\":");
        let kept: Kept = serde_json::from_str(&wrong).unwrap();
        let why = kept.read().unwrap_err();
        assert!(why.error.contains("invalid type: integer `7`"), "{}", why.error);
        assert_eq!(why.metadata.name, kept.meta.name);
        assert!(kept.meta.name.is_some());
        assert_eq!(kept.target(), None);
    }
}
