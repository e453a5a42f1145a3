//! The agent's own HTTP server: probes, report and metrics. It takes no commands.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{
    board::Shown,
    console::Console,
    exporter::{self, Answers},
};

/// What the routes need.
#[derive(Clone)]
pub struct Shared {
    /// What the agent shows.
    pub shown: watch::Receiver<Shown>,
    /// The console, for the metrics.
    pub console: Arc<Console>,
}

/// Serves until the token is cancelled.
pub async fn serve(address: SocketAddr, shared: Shared, stop: CancellationToken) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving probes, report and metrics");
    axum::serve(listener, router(shared)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

async fn livez(State(shared): State<Shared>) -> impl IntoResponse {
    if shared.shown.borrow().alive() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the agent does nothing any more\n")
    }
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    match &shared.shown.borrow().unready {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}

async fn status(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.shown.borrow().report.clone())
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let shown = shared.shown.borrow().clone();
    let answers =
        Answers::ask(&shared.console).await.inspect_err(|error| tracing::debug!(%error, "no metrics of PgBouncer"));
    let text = exporter::exposition(&shown.pooler, answers.ok().as_ref(), &shown.report);
    ([(header::CONTENT_TYPE, exporter::CONTENT_TYPE)], text)
}
