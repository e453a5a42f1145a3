//! Follows what the agent is to do: the document through the API server, so that a change is here at once, and everything that is
//! mounted by looking again and again.
//!
//! A mounted file comes a minute late. So it counts when the agent starts, and while the API server cannot be reached.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderValue, header::USER_AGENT};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    runtime::watcher::{self, watch_object},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::mounted::{Mounted, Mounts};
use crate::{api, kube::message, pooler::wanted::KEY};

/// Wait after an answer of the API server that is an error.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A `ConfigMap` by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::str::FromStr for ConfigMapRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("write it as NAMESPACE/NAME".to_owned()),
        }
    }
}

/// Starts to follow, with what is there now.
pub async fn follow(
    mounts: Mounts,
    look_every: Duration,
    watched: Option<ConfigMapRef>,
    stop: CancellationToken,
) -> watch::Receiver<Arc<Mounted>> {
    let first = Mounted::read(&mounts).await;
    let mut followed = Followed { mounted_document: first.document.clone(), api_answers: false };
    let (sender, receiver) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(look_every);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut documents = std::pin::pin!(documents(watched));
        loop {
            let fresh = tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => None,
                Some(fresh) = documents.next() => Some(fresh),
            };
            let now = Mounted::read(&mounts).await;
            let next = followed.next(&sender.borrow(), now, fresh);
            sender.send_if_modified(|held| {
                let changed = **held != next;
                if changed {
                    *held = Arc::new(next);
                }
                changed
            });
        }
    });
    receiver
}

/// News of the API server.
enum Fresh {
    /// The document as it is there.
    Document(String),
    /// There is none: what was there last stays.
    Gone,
    /// It does not answer.
    Silent,
}

/// Which document counts.
struct Followed {
    mounted_document: Option<String>,
    api_answers: bool,
}

impl Followed {
    fn next(&mut self, held: &Mounted, mut now: Mounted, fresh: Option<Fresh>) -> Mounted {
        let changed = now.document.is_some() && now.document != self.mounted_document;
        if changed {
            self.mounted_document.clone_from(&now.document);
        }
        match fresh {
            Some(Fresh::Document(text)) => {
                self.api_answers = true;
                now.document = Some(text);
                return now;
            }
            Some(Fresh::Gone) => self.api_answers = true,
            Some(Fresh::Silent) => self.api_answers = false,
            None => {}
        }
        if !changed || self.api_answers {
            now.document.clone_from(&held.document);
        }
        now
    }
}

/// The document as the API server has it. Without one to ask the stream is silent.
fn documents(watched: Option<ConfigMapRef>) -> impl Stream<Item = Fresh> {
    let connected = futures::stream::once(async move {
        let Some(ConfigMapRef { namespace, name }) = watched else { return futures::stream::pending().left_stream() };
        match client().await {
            Ok(client) => {
                tracing::info!(namespace, name, "following the ConfigMap");
                watch_object::<ConfigMap>(Api::namespaced(client, &namespace), &name).then(fresh).right_stream()
            }
            Err(error) => {
                tracing::warn!(error, "there is no API server to follow; mounted files are");
                futures::stream::pending().left_stream()
            }
        }
    });
    connected.flatten()
}

async fn fresh(answer: Result<Option<ConfigMap>, watcher::Error>) -> Fresh {
    match answer {
        Ok(Some(object)) => match object.data.and_then(|mut data| data.remove(KEY)) {
            Some(text) => Fresh::Document(text),
            None => Fresh::Gone,
        },
        Ok(None) => {
            tracing::warn!("the ConfigMap is gone; what it said last stays");
            Fresh::Gone
        }
        Err(error) => {
            tracing::warn!(%error, "cannot follow the ConfigMap; mounted files are followed meanwhile");
            tokio::time::sleep(AFTER_ERROR).await;
            Fresh::Silent
        }
    }
}

async fn client() -> Result<Client, String> {
    let mut config = Config::infer().await.map_err(|error| error.to_string())?;
    config.headers.push((USER_AGENT, HeaderValue::from_static(api::USER_AGENT)));
    config.default_retry = false;
    Client::try_from(config).map_err(|error| message(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(document: &str) -> Mounted {
        Mounted { document: Some(document.to_owned()), ..Mounted::default() }
    }

    #[test]
    fn a_mounted_document_counts_while_the_api_server_does_not_answer() {
        let mut followed = Followed { mounted_document: Some("1".into()), api_answers: false };
        let held = followed.next(&mounted("1"), mounted("2"), None);
        assert_eq!(held.document.as_deref(), Some("2"));
        let held = followed.next(&held, mounted("2"), Some(Fresh::Document("3".into())));
        assert_eq!(held.document.as_deref(), Some("3"));
        let held = followed.next(&held, mounted("2"), Some(Fresh::Silent));
        assert_eq!(held.document.as_deref(), Some("3"), "what is mounted has not changed");
        let held = followed.next(&held, mounted("4"), None);
        assert_eq!(held.document.as_deref(), Some("4"));
    }

    #[test]
    fn a_mounted_document_that_comes_late_does_not_go_back() {
        let mut followed = Followed { mounted_document: Some("1".into()), api_answers: false };
        let held = followed.next(&mounted("1"), mounted("1"), Some(Fresh::Document("3".into())));
        let held = followed.next(&held, mounted("2"), None);
        assert_eq!(held.document.as_deref(), Some("3"));
        let held = followed.next(&held, mounted("2"), Some(Fresh::Gone));
        assert_eq!(held.document.as_deref(), Some("3"));
    }

    #[test]
    fn a_config_map_is_named_by_its_namespace_too() {
        assert!("a/b".parse::<ConfigMapRef>().is_ok());
        for bad in ["a", "/b", "a/", "a/b/c"] {
            assert!(bad.parse::<ConfigMapRef>().is_err(), "{bad}");
        }
    }
}
