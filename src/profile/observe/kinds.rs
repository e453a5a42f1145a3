//! Which kinds the API server serves, and whether they can be scaled.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery,
    error::DiscoveryError,
};

use crate::{api::v1alpha1::TargetRef, kube::Category};

/// How long an answer of the discovery API is believed: less than the time between two looks at a target that is not there.
const BELIEVED: Duration = Duration::from_secs(20);

/// What is known of a target's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// It can be scaled.
    Scalable(ApiResource),
    /// It is served and has no scale subresource.
    NotScalable,
    /// It is not served.
    Unknown,
}

/// The kinds that were asked for, with the answers of the discovery API.
#[derive(Default)]
pub struct TargetKinds {
    known: Mutex<HashMap<GroupVersionKind, (Instant, Kind)>>,
}

impl TargetKinds {
    /// What is known of the target's kind; asks the API server where that is old or nothing.
    pub async fn find(&self, client: &Client, target: &TargetRef) -> Result<Kind, kube::Error> {
        let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &target.kind);
        if gvk.group == "apps"
            && gvk.version == "v1"
            && matches!(&*gvk.kind, "Deployment" | "StatefulSet" | "ReplicaSet")
        {
            return Ok(Kind::Scalable(ApiResource::from_gvk(&gvk)));
        }
        if let Some((since, kind)) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&gvk)
            && since.elapsed() < BELIEVED
        {
            return Ok(kind.clone());
        }
        let kind = match discovery::pinned_kind(client, &gvk).await {
            Ok((resource, capabilities)) => {
                let scalable = capabilities.subresources.iter().any(|(sub, _)| sub.plural == "scale");
                if scalable { Kind::Scalable(resource) } else { Kind::NotScalable }
            }
            Err(kube::Error::Discovery(
                DiscoveryError::MissingKind(_)
                | DiscoveryError::MissingResource(_)
                | DiscoveryError::MissingApiGroup(_)
                | DiscoveryError::EmptyApiGroup(_),
            )) => Kind::Unknown,
            Err(error) if crate::kube::categorize(&error) == Category::NotFound => Kind::Unknown,
            Err(error) => return Err(error),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (since, _)| since.elapsed() < BELIEVED);
        known.insert(gvk, (Instant::now(), kind.clone()));
        Ok(kind)
    }
}
