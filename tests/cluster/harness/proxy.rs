//! A way to the API server that can be made to fail: it hands on every request as it is, watches included, but those for
//! which a fault is set.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode, header};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::cluster::{config, operator_config};

/// A request as it came by.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub user_agent: String,
    pub at: Instant,
}

/// What happens to a request that a fault is for.
#[derive(Debug, Clone)]
pub enum Action {
    /// The API server is said to answer with this status.
    Status(u16, &'static str),
    /// This is said to be the answer.
    Json(Value),
    /// It is handed on, and in the answer the one text stands for the other; both are of the same length.
    Rewrite(&'static str, &'static str),
    /// It is handed on after a while.
    Delay(Duration),
    /// It is handed on, and the answer comes after a while.
    DelayAnswer(Duration),
    /// It is never answered.
    Hang,
    /// The connection breaks in the middle of the answer.
    Drop,
}

struct Rule {
    number: u32,
    concerns: Box<dyn Fn(&Request) -> bool + Send + Sync>,
    action: Action,
    hits: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Shared {
    client: Client,
    rules: Arc<Mutex<Vec<Rule>>>,
    seen: Arc<Mutex<Vec<Request>>>,
    impersonated: Option<String>,
    cuts: Arc<watch::Sender<u32>>,
}

/// The proxy; it serves as long as it is held.
pub struct Proxy {
    shared: Shared,
    kubeconfig: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

/// A fault that is set; it can be lifted.
pub struct Fault {
    number: u32,
    rules: Arc<Mutex<Vec<Rule>>>,
    hits: Arc<AtomicU32>,
}

impl Fault {
    /// From now on requests are handed on again; those that hang go on hanging.
    pub fn lift(&self) {
        self.rules.lock().unwrap().retain(|rule| rule.number != self.number);
    }

    /// Waits until it has been for so many requests.
    pub async fn wait_for_hits(&self, count: u32) {
        super::eventually(&format!("a request that the fault is for, {count} times"), super::PATIENCE, async || {
            if self.hits() >= count { Ok(()) } else { Err(format!("{} times", self.hits())) }
        })
        .await;
    }

    /// How many requests it was for so far.
    pub fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Proxy {
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// Every request is made as this user, with that user's rights.
    pub async fn impersonating(user: &str) -> Self {
        Self::start_as(Some(user.to_owned())).await
    }

    async fn start_as(impersonated: Option<String>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let user = if impersonated.is_some() { config().await } else { operator_config().await };
        let client = Client::try_from(user).expect("a client");
        let shared = Shared { client, rules: Arc::default(), seen: Arc::default(), impersonated, cuts: Arc::default() };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let kubeconfig =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("proxy-{}-{number}.conf", std::process::id()));
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        fs::write(&kubeconfig, text.to_string()).expect("a kubeconfig");
        Self { shared, kubeconfig, server }
    }

    pub fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// Sets a fault for the requests that a condition holds for. Of several the first that was set counts.
    pub fn fault(&self, action: Action, concerns: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Fault {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let hits = Arc::new(AtomicU32::new(0));
        let rule = Rule { number, concerns: Box::new(concerns), action, hits: Arc::clone(&hits) };
        self.shared.rules.lock().unwrap().push(rule);
        Fault { number, rules: Arc::clone(&self.shared.rules), hits }
    }

    /// A fault for the writes of one kind, by its plural; not for its status or other subresources.
    pub fn fault_writes(&self, plural: &str, action: Action) -> Fault {
        let part = format!("/{plural}/");
        self.fault(action, move |request| {
            request.method == Method::PATCH
                && request.path.split_once(&part).is_some_and(|(_, rest)| !rest.contains('/'))
        })
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Ends every answer that is under way, watches first of all.
    pub fn cut_connections(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Every request so far that would change something.
    pub fn writes(&self) -> Vec<Request> {
        self.seen().into_iter().filter(|request| request.method != Method::GET).collect()
    }

    /// Every request so far that would change a child.
    pub fn child_writes(&self) -> Vec<Request> {
        let is_child =
            |request: &Request| !request.path.contains("/performanceprofiles/") && !request.path.contains("/events");
        self.writes().into_iter().filter(is_child).collect()
    }

    /// Waits until nothing has been written for a while.
    pub async fn wait_until_quiet(&self, quiet: Duration) {
        let mut last = (self.writes().len(), Instant::now());
        super::eventually("nothing is written", super::PATIENCE * 3, async || {
            let now = self.writes().len();
            if now != last.0 {
                last = (now, Instant::now());
            }
            if last.1.elapsed() >= quiet { Ok(()) } else { Err(format!("{:?}", self.writes().last())) }
        })
        .await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
        let _ = fs::remove_file(&self.kubeconfig);
    }
}

async fn forward(State(shared): State<Shared>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let user_agent =
        parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let seen = Request { method: parts.method.clone(), path, user_agent, at: Instant::now() };
    shared.seen.lock().unwrap().push(seen.clone());
    let action = {
        let rules = shared.rules.lock().unwrap();
        let rule = rules.iter().find(|rule| (rule.concerns)(&seen));
        rule.map(|rule| {
            rule.hits.fetch_add(1, Ordering::Relaxed);
            rule.action.clone()
        })
    };
    let mut delay = Duration::ZERO;
    let mut rewrite = None;
    match action {
        None => {}
        Some(Action::Status(code, reason)) => return status(code, reason),
        Some(Action::Json(value)) => return answer(StatusCode::OK, &value),
        Some(Action::Rewrite(from, to)) => rewrite = Some((from, to)),
        Some(Action::Delay(time)) => tokio::time::sleep(time).await,
        Some(Action::DelayAnswer(time)) => delay = time,
        Some(Action::Hang) => std::future::pending().await,
        Some(Action::Drop) => {
            let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("dropped"))]);
            return Response::new(Body::from_stream(broken));
        }
    }
    let body = axum::body::to_bytes(body, 8 << 20).await.unwrap_or_default();
    let mut onward =
        http::Request::builder().method(parts.method).uri(parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    let handed_on = [header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT];
    for (name, value) in handed_on.iter().filter_map(|name| Some((name, parts.headers.get(name)?))) {
        onward = onward.header(name, value);
    }
    if let Some(user) = &shared.impersonated {
        onward = onward.header("impersonate-user", user);
    }
    let onward = onward.body(kube::client::Body::from(body.to_vec())).expect("a request");
    match shared.client.send(onward).await {
        Ok(response) => {
            tokio::time::sleep(delay).await;
            let (parts, body) = response.into_parts();
            let body = match rewrite {
                Some((from, to)) => rewritten(Body::new(body), from, to),
                None => Body::new(body),
            };
            let mut onward = Response::new(cut_short(body, shared.cuts.subscribe()));
            *onward.status_mut() = parts.status;
            let kept: HeaderMap = parts
                .headers
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value)))
                .filter(|(name, _)| *name == header::CONTENT_TYPE)
                .collect();
            *onward.headers_mut() = kept;
            onward
        }
        Err(error) => status(502, &error.to_string()),
    }
}

/// The body, until connections are cut.
fn cut_short(body: Body, mut cuts: watch::Receiver<u32>) -> Body {
    let cut = async move {
        let _ = cuts.changed().await;
    };
    Body::from_stream(body.into_data_stream().take_until(Box::pin(cut)))
}

/// The body with another text. A chunk is whole as far as the tests go: their objects are small.
fn rewritten(body: Body, from: &'static str, to: &'static str) -> Body {
    let replaced = move |chunk: Bytes| Bytes::from(String::from_utf8_lossy(&chunk).replace(from, to));
    Body::from_stream(body.into_data_stream().map(move |chunk| chunk.map(replaced)))
}

/// An answer of the API server that is no success.
fn status(code: u16, reason: &str) -> Response {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": format!("the test makes this fail: {reason}"), "metadata": {},
    });
    answer(StatusCode::from_u16(code).expect("a status"), &body)
}

fn answer(code: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
