//! The gate: may this workload be rolled out now? For pipelines and delivery tools that ask before they act.
//!
//! The answer is the profile's own condition, read through the API server, so every replica gives the same, and a restart changes
//! nothing. What is not known stops nobody, unless who asks wants it so.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    api::v1alpha1::PerformanceProfile,
    kube::{Category, categorize, message, no_answer},
};

mod answer;
mod question;

use answer::{Answer, Known};
use question::Question;

/// For this long an answer of the API server is used again.
const FRESH: Duration = Duration::from_secs(5);
/// For this long it is used while the API server does not answer.
const STALE: Duration = Duration::from_mins(10);
/// Longest wait for the API server. Flagger gives up after 10 s.
const LONGEST: Duration = Duration::from_secs(4);
/// Requests to the API server at the same time.
const AT_ONCE: usize = 8;
/// Most profiles that are remembered: whoever asks may make names up.
const MOST: usize = 1024;
/// Longest body, in bytes. It is read to its end and ignored.
const LONGEST_BODY: usize = 64 << 10;

/// Namespace and name of a profile.
type Key = (String, String);

/// What is known of profiles, and when it was learned.
type Memory = HashMap<Key, (Instant, Known)>;

/// What the route needs.
#[derive(Clone)]
pub struct Gate {
    client: Client,
    /// Namespaces that the operator works in; none: all.
    namespaces: Arc<[String]>,
    known: Arc<Mutex<Memory>>,
    asking: Arc<Semaphore>,
    patience: Duration,
}

impl Gate {
    /// A gate for the profiles of these namespaces, of all where there are none.
    pub fn new(client: Client, namespaces: &[String]) -> Self {
        Self {
            client,
            namespaces: namespaces.into(),
            known: Arc::default(),
            asking: Arc::new(Semaphore::new(AT_ONCE)),
            patience: LONGEST,
        }
    }

    /// What is known of a profile now.
    async fn look(&self, namespace: &str, profile: &str) -> Known {
        if !self.namespaces.is_empty() && !self.namespaces.iter().any(|served| served == namespace) {
            return Known::Absent;
        }
        let key = (namespace.to_owned(), profile.to_owned());
        if let Some(known) = self.remembered(&key, FRESH).await {
            return known;
        }
        let asked = async {
            let _permit = self.asking.acquire().await;
            // Who waited for the same may have been told meanwhile.
            match self.remembered(&key, FRESH).await {
                Some(known) => Ok(known),
                None => self.ask(&key).await,
            }
        };
        let error = match tokio::time::timeout(self.patience, asked).await {
            Ok(Ok(known)) => return known,
            Ok(Err(error)) => error,
            Err(_) => no_answer(self.patience),
        };
        tracing::warn!(namespace, profile, error = message(&error), "the gate cannot read the profile");
        let remembered = self.remembered(&key, STALE).await;
        remembered.unwrap_or_else(|| Known::Unreadable(message(&error)))
    }

    async fn ask(&self, key: &Key) -> Result<Known, kube::Error> {
        let api = Api::<PerformanceProfile>::namespaced(self.client.clone(), &key.0);
        let known = match api.get(&key.1).await {
            Ok(profile) => Known::of(profile),
            Err(error) if categorize(&error) == Category::NotFound => Known::Absent,
            Err(error) => return Err(error),
        };
        let mut all = self.known.lock().await;
        if all.len() >= MOST {
            all.retain(|_, (at, known)| at.elapsed() < FRESH && !matches!(known, Known::Absent));
        }
        if all.len() < MOST {
            all.insert(key.clone(), (Instant::now(), known.clone()));
        }
        Ok(known)
    }

    async fn remembered(&self, key: &Key, within: Duration) -> Option<Known> {
        let all = self.known.lock().await;
        all.get(key).filter(|(at, _)| at.elapsed() < within).map(|(_, known)| known.clone())
    }
}

/// The routes.
pub fn router(gate: Gate) -> Router {
    Router::new()
        .route("/gate/{namespace}/{profile}", get(ask).post(ask))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(gate)
}

async fn ask(
    State(gate): State<Gate>,
    Path((namespace, profile)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    _ignored: Bytes,
) -> Response {
    let question = match Question::new(namespace, profile, query.as_deref().unwrap_or_default()) {
        Ok(question) => question,
        Err(error) => return (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
    };
    let known = gate.look(&question.namespace, &question.profile).await;
    let Some(answer) = Answer::new(&known, &question, Timestamp::now()) else {
        let error = format!("there is no PerformanceProfile {} in {}", question.profile, question.namespace);
        return (StatusCode::NOT_FOUND, Json(json!({"error": error}))).into_response();
    };
    (answer.code(&question), Json(answer)).into_response()
}

#[cfg(test)]
mod tests;
