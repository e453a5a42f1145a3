//! The other poolers, at a start: they give up their part of the connections before this one takes its own.

use std::time::{Duration, Instant};

use axum::http::{Request, header::HOST};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::pooler::{
    ini::peer_host,
    report::{Phase, Report},
    wanted::{AGENT_PORT, Wanted},
};

/// Longest wait for all of them. One that hangs must not keep this one from serving.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Time between two questions.
const EVERY: Duration = Duration::from_millis(200);
/// Longest report that is read.
const LONGEST: usize = 1 << 20;

/// Waits until those that answer have loaded the document.
///
/// One that does not answer holds no connections, and one that is starting will not hold more than its part.
pub async fn wait(wanted: &Wanted, hash: &str, ordinal: u32) {
    let begun = Instant::now();
    let mut waited_for = Vec::new();
    while begun.elapsed() < PATIENCE {
        let others = (0..wanted.instances).filter(|other| *other != ordinal);
        let asked = others.map(|other| async move { behind(wanted, hash, other).await.then_some(other) });
        waited_for = futures::future::join_all(asked).await.into_iter().flatten().collect::<Vec<_>>();
        if waited_for.is_empty() {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
    tracing::warn!(poolers = ?waited_for, "started although others have not loaded the document yet");
}

async fn behind(wanted: &Wanted, hash: &str, ordinal: u32) -> bool {
    let address = (peer_host(wanted, ordinal), AGENT_PORT);
    match tokio::time::timeout(ANSWER, report(&address.0, address.1)).await {
        Ok(Ok(report)) => report.phase != Phase::Starting && report.loaded.as_deref() != Some(hash),
        Ok(Err(error)) => {
            tracing::debug!(pooler = address.0, %error, "does not answer");
            false
        }
        Err(_) => false,
    }
}

/// Asks an agent for its report.
pub async fn report(host: &str, port: u16) -> std::io::Result<Report> {
    let other = std::io::Error::other::<Box<dyn std::error::Error + Send + Sync>>;
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| other(error.into()))?;
    tokio::spawn(connection);
    let request = Request::get("/status").header(HOST, format!("{host}:{port}")).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| other(error.into()))?;
    let answer = sender.send_request(request).await.map_err(|error| other(error.into()))?;
    let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(other)?;
    serde_json::from_slice(&body.to_bytes()).map_err(Into::into)
}
