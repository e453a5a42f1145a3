//! Writes the status, only when it says something new, and events, only on transitions.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Resource,
    api::PatchParams,
    core::error_boundary::InvalidObject,
    runtime::events::{Event, EventType, Recorder},
};
use serde::Serialize;

use super::{
    collector::Overrides,
    error::Error,
    own_status::OwnStatus,
    status::{Transition, transitions},
};
use crate::{
    api::{
        FIELD_MANAGER, reasons,
        v1alpha1::{PerformanceProfile, PerformanceProfileStatus},
    },
    kube::{Category, apply_status, categorize, message},
    metrics::Metrics,
};

/// Longest note of an event that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// A status as it is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusPatch<'a> {
    api_version: Cow<'a, str>,
    kind: Cow<'a, str>,
    metadata: Identity<'a>,
    status: &'a PerformanceProfileStatus,
}

/// A profile that was made again under the same name has another uid, and refuses the old one's status.
#[derive(Debug, Serialize)]
struct Identity<'a> {
    uid: Option<&'a str>,
}

/// Writes what is to be seen.
pub struct Publisher<'a> {
    /// Connection to the API server.
    pub client: &'a Client,
    /// Publishes events.
    pub recorder: &'a Recorder,
    /// Counts the writes.
    pub metrics: &'a Metrics,
    /// Counts overrides of freezes.
    pub overrides: &'a Overrides,
    /// Told of what is written.
    pub own_status: &'a OwnStatus,
}

impl Publisher<'_> {
    /// Writes the status where it differs in meaning from the one that is there, and the events of what changed.
    pub async fn publish(&self, profile: &PerformanceProfile, status: PerformanceProfileStatus) -> Result<(), Error> {
        let old = profile.status.clone().unwrap_or_default();
        if old == status {
            return Ok(());
        }
        let namespace = profile.metadata.namespace.as_deref().unwrap_or_default();
        let name = profile.metadata.name.as_deref().unwrap_or_default();
        let api = Api::<PerformanceProfile>::namespaced(self.client.clone(), namespace);
        let patch = StatusPatch {
            api_version: PerformanceProfile::api_version(&()),
            kind: PerformanceProfile::kind(&()),
            metadata: Identity { uid: profile.metadata.uid.as_deref() },
            status: &status,
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match apply_status::<PerformanceProfile>(self.client, namespace, name, &params, &patch).await {
            Ok(answer) => {
                self.metrics.status_written();
                let version = answer.metadata.resource_version.as_deref();
                self.own_status.wrote(profile.metadata.uid.as_deref(), version, status.clone());
            }
            Err(error) => {
                // An apply to what is gone would be a create, hence a conflict; a conflict may also be a busy server's.
                let perhaps_gone = matches!(categorize(&error), Category::NotFound | Category::Conflict);
                if perhaps_gone && is_gone(&api, name, profile.metadata.uid.as_deref()).await {
                    tracing::debug!(
                        namespace,
                        name,
                        error = message(&error),
                        "profile is gone: nobody is left to tell"
                    );
                    return Ok(());
                }
                return Err(Error::Status(error));
            }
        }
        for transition in transitions(&old, &status) {
            if transition.reason == reasons::FREEZE_OVERRIDDEN {
                self.overrides.given(namespace, name);
            }
            self.event(&profile.object_ref(&()), transition).await;
        }
        Ok(())
    }

    /// Says that a profile cannot be decoded. Its status is left alone: it has no shape that we know.
    pub async fn undecodable(&self, invalid: &InvalidObject) -> Result<(), Error> {
        let reference = ObjectReference {
            api_version: Some(PerformanceProfile::api_version(&()).into_owned()),
            kind: Some(PerformanceProfile::kind(&()).into_owned()),
            name: invalid.metadata.name.clone(),
            namespace: invalid.metadata.namespace.clone(),
            uid: invalid.metadata.uid.clone(),
            ..ObjectReference::default()
        };
        tracing::warn!(
            name = invalid.metadata.name,
            namespace = invalid.metadata.namespace,
            error = invalid.error,
            "profile cannot be read"
        );
        let note = format!(
            "the profile cannot be read by this version of the operator: {}; nothing is changed",
            invalid.error
        );
        self.event(&reference, Transition { warning: true, reason: reasons::INVALID.to_owned(), note }).await;
        Ok(())
    }

    /// An event that cannot be written is no reason to fail.
    async fn event(&self, reference: &ObjectReference, transition: Transition) {
        let event = Event {
            type_: if transition.warning { EventType::Warning } else { EventType::Normal },
            reason: transition.reason,
            note: Some(bounded(transition.note)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, reference).await {
            tracing::warn!(reason = event.reason, error = message(&error), "event not written");
        }
    }
}

/// Whether the profile with this uid does not exist any more.
async fn is_gone(api: &Api<PerformanceProfile>, name: &str, uid: Option<&str>) -> bool {
    api.get_metadata_opt(name).await.is_ok_and(|found| found.is_none_or(|found| found.metadata.uid.as_deref() != uid))
}

fn bounded(mut note: String) -> String {
    if note.len() > LONGEST_NOTE {
        let mut end = LONGEST_NOTE - '…'.len_utf8();
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        note.truncate(end);
        note.push('…');
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_in_bytes_and_stay_text() {
        assert_eq!(bounded("short".to_owned()), "short");
        let long = bounded("ä".repeat(LONGEST_NOTE));
        assert!(long.len() <= LONGEST_NOTE && long.ends_with('…'), "{} bytes", long.len());
    }
}
