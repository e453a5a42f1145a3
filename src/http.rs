//! The operator's own HTTP server: probes, metrics, log level, and the gate.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    gate::{self, Gate},
    metrics::Metrics,
    readiness::Readiness,
    telemetry::LogLevel,
};

/// What the routes need.
#[derive(Clone)]
pub struct Shared {
    /// The metrics to show.
    pub metrics: Arc<Metrics>,
    /// Whether the operator can do its work.
    pub readiness: Readiness,
    /// The logs' level.
    pub log_level: LogLevel,
    /// Answers whether rollouts are allowed.
    pub gate: Gate,
}

/// Serves until the token is cancelled.
pub async fn serve(address: SocketAddr, shared: Shared, stop: CancellationToken) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving probes and metrics");
    axum::serve(listener, router(shared)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(shared: Shared) -> Router {
    let gate = gate::router(shared.gate.clone());
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/log-level", get(log_level).put(set_log_level))
        .layer(DefaultBodyLimit::max(4096))
        .with_state(shared)
        .merge(gate)
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.readiness.missing() {
        missing if missing.is_empty() => (StatusCode::OK, "ok\n".to_owned()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join("; "))),
    }
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.exposition())
}

async fn log_level(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.log_level.get() {
        Ok(level) => (StatusCode::OK, format!("{level}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

async fn set_log_level(State(shared): State<Shared>, body: String) -> impl IntoResponse {
    match shared.log_level.set(&body) {
        Ok(()) => {
            tracing::info!(level = body.trim(), "log level changed");
            (StatusCode::OK, format!("{}\n", body.trim()))
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}
