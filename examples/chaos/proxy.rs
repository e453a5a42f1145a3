//! A way to the API server that can be made bad: plain HTTP on this side, the administrator's TLS on the other.
//!
//! Watches go through unbuffered. Each replica of the operator has a proxy of its own, which also gives it a user agent of its
//! own: so the API server's audit log tells the replicas apart.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures::{StreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use kube::Client;
use serde_json::json;
use tokio::sync::watch;

use crate::{echo::Echo, random::Random};

/// How the way is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Of a hundred requests so many go wrong, in one of [`Mishap`]'s ways.
    pub mishaps: usize,
    /// Nothing goes through in either direction, and no connection is closed: what is sent waits.
    pub dark: bool,
    /// Every event of a watch is followed by so many of the same.
    pub echoes: usize,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    Status(u16, &'static str),
    /// No answer, ever.
    Hang,
    /// An answer after so long.
    Slow(Duration),
    /// The API server does it, and its answer is lost.
    AnswerLost,
}

#[derive(Clone)]
struct Shared {
    client: Client,
    agent: HeaderValue,
    weather: Arc<watch::Sender<Weather>>,
    cuts: Arc<watch::Sender<u64>>,
    random: Arc<Mutex<Random>>,
    writes: Arc<AtomicUsize>,
    mishaps: Arc<AtomicUsize>,
    events: Arc<AtomicU64>,
}

/// The proxy; it serves as long as it is held.
pub struct Proxy {
    shared: Shared,
    kubeconfig: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy whose requests have this user agent.
    pub async fn start(client: Client, agent: &str, random: Random) -> Result<Self> {
        let shared = Shared {
            client,
            agent: HeaderValue::from_str(agent)?,
            weather: Arc::default(),
            cuts: Arc::default(),
            random: Arc::new(Mutex::new(random)),
            writes: Arc::default(),
            mishaps: Arc::default(),
            events: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let kubeconfig = std::env::temp_dir().join(format!("chaos-{}-{}.conf", std::process::id(), address.port()));
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        fs::write(&kubeconfig, text.to_string())?;
        Ok(Self { shared, kubeconfig, server })
    }

    pub fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// Changes how the way is.
    pub fn weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Breaks every answer that is under way, the watches first of all.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Writes that were accepted so far, without those to leases and events: these come with time, not with work.
    pub fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::Relaxed)
    }

    /// Events of watches that went through, echoes with them.
    pub fn events(&self) -> u64 {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// Requests that went wrong on purpose.
    pub fn mishaps(&self) -> usize {
        self.shared.mishaps.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
        let _ = fs::remove_file(&self.kubeconfig);
    }
}

/// Waits while nothing goes through.
async fn daylight(weather: &mut watch::Receiver<Weather>) {
    let _ = weather.wait_for(|weather| !weather.dark).await;
}

async fn forward(State(shared): State<Shared>, request: Request) -> Response {
    let mut weather = shared.weather.subscribe();
    daylight(&mut weather).await;
    let (parts, body) = request.into_parts();
    let mishap = mishap(&shared, &parts.method, parts.uri.path(), weather.borrow().mishaps);
    match mishap {
        Some(Mishap::Status(code, reason)) => return refusal(code, reason),
        Some(Mishap::Hang) => std::future::pending().await,
        Some(Mishap::Slow(time)) => tokio::time::sleep(time).await,
        Some(Mishap::AnswerLost) | None => {}
    }
    let body = axum::body::to_bytes(body, 8 << 20).await.unwrap_or_default();
    let watches = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut onward = http::Request::builder().method(&parts.method).uri(target);
    for name in [header::ACCEPT, header::CONTENT_TYPE] {
        if let Some(value) = parts.headers.get(&name) {
            onward = onward.header(name, value);
        }
    }
    let onward = onward.header(header::USER_AGENT, &shared.agent).body(kube::client::Body::from(body.to_vec()));
    let Ok(onward) = onward else { return refusal(400, "BadRequest") };
    let answer = shared.client.send(onward).await;
    if counts(&parts.method, parts.uri.path()) && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
        shared.writes.fetch_add(1, Ordering::Relaxed);
    }
    daylight(&mut weather).await;
    match answer {
        Ok(_) if matches!(mishap, Some(Mishap::AnswerLost)) => broken(),
        Ok(answer) => {
            let echo = watches.then(|| Echo::new(Arc::clone(&shared.events)));
            let (parts, body) = answer.into_parts();
            let mut response = Response::new(passed_on(Body::new(body), echo, shared.cuts.subscribe(), weather));
            *response.status_mut() = parts.status;
            for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
                if let Some(value) = parts.headers.get(&name) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
            response
        }
        Err(error) => refusal(502, &error.to_string()),
    }
}

/// Whether and how this request goes wrong.
fn mishap(shared: &Shared, method: &Method, path: &str, percent: usize) -> Option<Mishap> {
    let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
    if percent == 0 || !random.percent(percent) {
        return None;
    }
    shared.mishaps.fetch_add(1, Ordering::Relaxed);
    let write = method != Method::GET;
    // An API server never says to the only writer of a lease that it was changed.
    let lease = path.contains("/leases/");
    Some(match random.below(6) {
        0 if write && !lease => Mishap::Status(409, "Conflict"),
        0 | 1 => Mishap::Status(429, "TooManyRequests"),
        2 => Mishap::Status(500, "InternalError"),
        3 => Mishap::Hang,
        4 => Mishap::AnswerLost,
        _ => Mishap::Slow(random.between(Duration::from_millis(100), Duration::from_secs(3))),
    })
}

fn counts(method: &Method, path: &str) -> bool {
    method != Method::GET && !path.contains("/leases") && !path.contains("/events") && !path.contains("/selfsubject")
}

/// The body as it comes, until connections are cut; it waits while nothing goes through.
fn passed_on(
    body: Body,
    echo: Option<Echo>,
    mut cuts: watch::Receiver<u64>,
    weather: watch::Receiver<Weather>,
) -> Body {
    let echo = Arc::new(Mutex::new(echo));
    let cut = async move {
        let _ = cuts.changed().await;
    };
    let chunks = body.into_data_stream().then(move |chunk| {
        let (mut weather, echo) = (weather.clone(), Arc::clone(&echo));
        async move {
            daylight(&mut weather).await;
            let echoes = weather.borrow().echoes;
            chunk.map(|chunk| match &mut *echo.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(echo) => echo.pass(&chunk, echoes),
                None => chunk,
            })
        }
    });
    // An end that looks like a good one is what a load balancer makes of it, too.
    Body::from_stream(chunks.take_until(Box::pin(cut)))
}

fn broken() -> Response {
    let chunks = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("the answer is lost"))]);
    Response::new(Body::from_stream(chunks))
}

fn refusal(code: u16, reason: &str) -> Response {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": format!("chaos makes this fail: {reason}"), "metadata": {},
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
