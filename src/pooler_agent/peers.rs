//! The other poolers: at a start they give up their part of the connections before this one takes its own, and what they hold is not
//! what others than poolers hold.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{Request, header::HOST};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::watch};
use tokio_util::task::AbortOnDropHandle;

use crate::pooler::{
    ini::peer_host,
    report::{Phase, Report},
    wanted::{AGENT_PORT, Wanted},
};

/// Longest wait for all of them. One that hangs must not keep this one from serving.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Time between two questions at a start.
const EVERY: Duration = Duration::from_millis(200);
/// Time between two questions afterwards.
const LATER: Duration = Duration::from_secs(2);
/// Longest report that is read.
const LONGEST: usize = 1 << 20;

/// Waits until those that answer have loaded the document.
///
/// One that does not answer holds no connections, and one that is starting will not hold more than its part.
pub async fn wait(wanted: &Wanted, hash: &str, ordinal: u32) {
    let begun = Instant::now();
    let mut waited_for = Vec::new();
    while begun.elapsed() < PATIENCE {
        let behind = |report: &Report| report.phase != Phase::Starting && report.loaded.as_deref() != Some(hash);
        let answers = reports(wanted, wanted.instances, ordinal).await;
        waited_for = answers.iter().flatten().filter(|report| behind(report)).map(|report| report.ordinal).collect();
        if waited_for.is_empty() {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
    tracing::warn!(poolers = ?waited_for, "started although others have not loaded the document yet");
}

/// What the others hold, as they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connections to the primary.
    pub primary: u32,
    /// Whether all have answered that connections are divided by.
    pub complete: bool,
}

/// Asks the others again and again, until it is dropped.
pub struct Peers {
    held: watch::Receiver<Held>,
    _asking: AbortOnDropHandle<()>,
}

impl Peers {
    /// Begins to ask.
    pub fn ask(wanted: &Wanted, ordinal: u32) -> Self {
        let wanted = Arc::new(wanted.clone());
        let (sender, held) = watch::channel(Held::default());
        let asking = tokio::spawn(async move {
            loop {
                // Those beyond the number that is wanted may be on their way out, and hold connections still.
                let answers = reports(&wanted, wanted.max_instances.max(wanted.instances), ordinal).await;
                let answered = answers.iter().flatten().filter(|report| report.ordinal < wanted.instances).count();
                let others = (0..wanted.instances).filter(|other| *other != ordinal).count();
                let primary = answers.iter().flatten().map(|report| report.servers.primary).sum();
                sender.send_replace(Held { primary, complete: answered >= others });
                tokio::time::sleep(LATER).await;
            }
        });
        Self { held, _asking: AbortOnDropHandle::new(asking) }
    }

    /// What they hold.
    pub fn held(&self) -> Held {
        *self.held.borrow()
    }
}

/// The reports of all but this one; nothing of one that does not answer.
async fn reports(wanted: &Wanted, count: u32, ordinal: u32) -> Vec<Option<Report>> {
    let others = (0..count).filter(|other| *other != ordinal);
    futures::future::join_all(others.map(|other| async move {
        let host = peer_host(wanted, other);
        match tokio::time::timeout(ANSWER, report(&host, AGENT_PORT)).await {
            Ok(Ok(report)) => Some(report),
            Ok(Err(error)) => {
                tracing::debug!(pooler = host, %error, "does not answer");
                None
            }
            Err(_) => None,
        }
    }))
    .await
}

/// Asks an agent for its report.
async fn report(host: &str, port: u16) -> std::io::Result<Report> {
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
