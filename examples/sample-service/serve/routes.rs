//! The HTTP interface of the service.

use super::faults::Faults;
use super::metrics::track;
use super::state::{Service, Settings};
use super::token::is_user_name;
use super::work::{MAX_KEY, Verifier};
use crate::body::{self, Fields, Invalid};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

type Shared = State<Arc<Service>>;

const MAX_BODY: usize = 16 * 1024;

/// Only what users ask for is counted: health checks would water down the share of errors.
pub fn router(service: &Arc<Service>) -> Router {
    let counted = |route: &'static str, method: &'static str, handler: MethodRouter<Arc<Service>>| {
        service.metrics.announce(route, method);
        handler.route_layer(from_fn_with_state((service.metrics.clone(), route), track))
    };
    Router::new()
        .route("/login", counted("/login", "POST", post(login)))
        .route("/profile", counted("/profile", "GET", get(profile)))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/faults", get(faults).put(change_faults))
        .route("/metrics", get(|State(service): Shared| async move { body::metrics(&service.metrics.registry) }))
        .layer(map_response_with_state(Arc::clone(service), leave_when_draining))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::clone(service))
}

async fn login(State(service): Shared, body: Bytes) -> Result<Response, Response> {
    let (user, password) = credentials(&body).map_err(IntoResponse::into_response)?;
    let accepted = work(&service, move |verifier| verifier.accepts(&password)).await?;
    if !accepted {
        return Err(unauthorized("the user or the password is wrong"));
    }
    Ok(Json(serde_json::json!({"token": service.tokens.issue(&user, now())})).into_response())
}

async fn profile(State(service): Shared, headers: HeaderMap) -> Result<Response, Response> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| unauthorized("a bearer token is required"))?;
    let user = service.tokens.check(token, now()).map_err(|refusal| unauthorized(refusal.message()))?.to_owned();
    let fingerprint = work(&service, {
        let user = user.clone();
        move |verifier| verifier.fingerprint(&user)
    })
    .await?;
    Ok(Json(serde_json::json!({"user": user, "fingerprint": fingerprint})).into_response())
}

/// Does the work of one request, with the faults in force.
async fn work<T: Send + 'static>(
    service: &Service,
    job: impl FnOnce(&Verifier) -> T + Send + 'static,
) -> Result<T, Response> {
    let Settings { faults, verifier } = service.settings().ok_or_else(|| unavailable("the service is starting"))?;
    if faults.latency_milliseconds > 0 && service.chance.hit(faults.latency_share) {
        // As if a service behind this one were slow: the request waits without using a worker.
        tokio::time::sleep(Duration::from_millis(faults.latency_milliseconds.into())).await;
    }
    let wait = Duration::from_millis(faults.worker_milliseconds.into());
    let work = move || {
        std::thread::sleep(wait);
        job(&verifier)
    };
    let done = service.workers.run(work).await.map_err(|refused| unavailable(refused.message()))?;
    if service.chance.hit(faults.error_share) {
        return Err(body::message(StatusCode::INTERNAL_SERVER_ERROR, "injected fault"));
    }
    Ok(done)
}

fn credentials(body: &[u8]) -> Result<(String, String), Invalid> {
    let mut fields = Fields::parse(body, &["user", "password"])?;
    let user: String = fields.required("user")?;
    let password: String = fields.required("password")?;
    if !is_user_name(&user) {
        return Err(Invalid::field("user", "1 to 64 letters, digits, hyphens and underscores"));
    }
    if password.len() > MAX_KEY {
        return Err(Invalid::field("password", format!("longer than {MAX_KEY} bytes")));
    }
    Ok((user, password))
}

async fn readyz(State(service): Shared) -> Response {
    match service.not_ready() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn faults(State(service): Shared) -> Result<Json<Faults>, Response> {
    service.settings().map(|settings| Json(settings.faults)).ok_or_else(|| unavailable("the service is starting"))
}

async fn change_faults(State(service): Shared, body: Bytes) -> Result<Json<Faults>, Response> {
    let faults = service.initial_faults.replaced_by(&body).map_err(IntoResponse::into_response)?;
    // Not through the workers: faults have to be taken back from an overloaded service too.
    let applied = tokio::task::spawn_blocking(move || service.apply(faults)).await;
    match applied {
        Ok(true) => Ok(Json(faults)),
        Ok(false) => Err(unavailable("the service is starting")),
        Err(error) => Err(body::message(StatusCode::INTERNAL_SERVER_ERROR, error)),
    }
}

/// Clients that keep their connection would stay with this pod until it closes.
async fn leave_when_draining(State(service): Shared, mut response: Response) -> Response {
    if service.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn unauthorized(message: &str) -> Response {
    let mut response = body::message(StatusCode::UNAUTHORIZED, message);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn unavailable(message: &str) -> Response {
    let mut response = body::message(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
