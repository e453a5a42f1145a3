//! The operator's own HTTP server: probes, metrics, log level, and the gate.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, State},
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
    let routes = router(shared).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
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

/// Whether a request comes from within the pod, as those of `kubectl port-forward` do. 127.0.0.1 and ::1 alone: the sidecar of a
/// mesh hands requests of others on from another address of the loopback network.
fn from_within(peer: SocketAddr) -> bool {
    match peer.ip().to_canonical() {
        IpAddr::V4(address) => address == Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
    }
}

/// The only request that changes something: the port is open to whoever scrapes it, so it is taken from within the pod alone.
async fn set_log_level(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: String,
) -> impl IntoResponse {
    if !from_within(peer) {
        let why = "the log level is changed from within the pod alone: use kubectl port-forward";
        return (StatusCode::FORBIDDEN, format!("{why}\n"));
    }
    match shared.log_level.set(&body) {
        Ok(()) => {
            tracing::info!(level = body.trim(), "log level changed");
            (StatusCode::OK, format!("{}\n", body.trim()))
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pod_itself_is_within() {
        for within in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(from_within(within.parse().unwrap()), "{within}");
        }
        for other in ["10.0.0.1:9", "127.0.0.6:9", "0.0.0.0:9", "[fd00::1]:9", "[::ffff:10.0.0.1]:9", "[::]:9"] {
            assert!(!from_within(other.parse().unwrap()), "{other}");
        }
    }
}
