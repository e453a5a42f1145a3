//! A Prometheus that says what it is told to say. For faults only: that the rules are right is for a real one to show.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// What is recorded of one objective.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// Share of the budget that is left.
    pub remaining: String,
    /// How long ago the rules were evaluated last.
    pub age: Duration,
}

impl Numbers {
    /// Fresh numbers.
    pub fn fresh(remaining: &str) -> Self {
        Self { remaining: remaining.to_owned(), age: Duration::ZERO }
    }
}

/// The quick signals of one profile with one objective.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// The share of them that is bad.
    pub bad_share: f64,
    /// Requests in flight.
    pub in_flight: f64,
}

/// How it behaves.
#[derive(Debug, Clone, Default)]
enum Mode {
    #[default]
    Well,
    Hanging,
    Answering(u16, &'static str, &'static str),
}

#[derive(Default)]
struct Content {
    mode: Mode,
    objectives: BTreeMap<[String; 3], Numbers>,
    loads: BTreeMap<[String; 3], Load>,
    /// Groups that are loaded, with the error of their rules.
    loaded: BTreeMap<[String; 3], Option<String>>,
    asked: u32,
}

type Shared = Arc<Mutex<Content>>;

/// The server; it serves as long as it is held.
pub struct Prometheus {
    address: SocketAddr,
    content: Shared,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Prometheus {
    pub async fn start() -> Self {
        let mut prometheus =
            Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), content: Arc::default(), server: None };
        prometheus.up().await;
        prometheus
    }

    pub fn url(&self) -> String {
        format!("http://user:secret@{}", self.address)
    }

    /// Nobody listens any more.
    pub fn down(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }

    /// Listens again, at the same address.
    pub async fn up(&mut self) {
        let listener = super::eventually("the port is free", super::PATIENCE, async || {
            tokio::net::TcpListener::bind(self.address).await.map_err(|error| error.to_string())
        })
        .await;
        self.address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self.content));
        self.server = Some(tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") }));
    }

    /// Answers as a Prometheus does.
    pub fn well(&self) {
        self.content.lock().unwrap().mode = Mode::Well;
    }

    /// Takes requests and never answers.
    pub fn hang(&self) {
        self.content.lock().unwrap().mode = Mode::Hanging;
    }

    /// Answers everything with this.
    pub fn answer_everything(&self, code: u16, content_type: &'static str, body: &'static str) {
        self.content.lock().unwrap().mode = Mode::Answering(code, content_type, body);
    }

    /// Sets what is recorded of one objective.
    pub fn record(&self, namespace: &str, profile: &str, objective: &str, numbers: Numbers) {
        self.content.lock().unwrap().objectives.insert(key(namespace, profile, objective), numbers);
    }

    /// Sets the quick signals of a profile.
    pub fn signal(&self, namespace: &str, profile: &str, objective: &str, load: Load) {
        self.content.lock().unwrap().loads.insert(key(namespace, profile, objective), load);
    }

    /// Nothing is recorded of this objective any more.
    pub fn forget(&self, namespace: &str, profile: &str, objective: &str) {
        self.content.lock().unwrap().objectives.remove(&key(namespace, profile, objective));
    }

    /// The rules of an objective are loaded, and fail where an error is given.
    pub fn load(&self, namespace: &str, profile: &str, objective: &str, error: Option<&str>) {
        self.content.lock().unwrap().loaded.insert(key(namespace, profile, objective), error.map(str::to_owned));
    }

    /// Waits until it is asked again.
    pub async fn wait_until_asked(&self) {
        let before = self.content.lock().unwrap().asked;
        super::eventually("Prometheus is asked", super::PATIENCE, async || {
            let asked = self.content.lock().unwrap().asked;
            if asked > before { Ok(()) } else { Err(format!("{asked} requests")) }
        })
        .await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.down();
    }
}

fn key(namespace: &str, profile: &str, objective: &str) -> [String; 3] {
    [namespace, profile, objective].map(str::to_owned)
}

async fn answer(State(content): State<Shared>, request: axum::extract::Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let mode = {
        let mut content = content.lock().unwrap();
        content.asked += 1;
        content.mode.clone()
    };
    match mode {
        Mode::Hanging => std::future::pending().await,
        Mode::Answering(code, content_type, body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(code).expect("a status");
            response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
            return response;
        }
        Mode::Well => {}
    }
    let content = content.lock().unwrap();
    let data = if path == "/api/v1/rules" {
        json!({"groups": rule_groups(&content)})
    } else if String::from_utf8_lossy(&query).contains("signal") {
        let timestamps = String::from_utf8_lossy(&query).contains("timestamp");
        json!({"resultType": "vector", "result": signals(&content, timestamps)})
    } else if String::from_utf8_lossy(&query).contains("timestamp") {
        json!({"resultType": "vector", "result": times(&content)})
    } else {
        json!({"resultType": "vector", "result": recorded(&content)})
    };
    axum::Json(json!({"status": "success", "data": data})).into_response()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

fn labels([namespace, profile, objective]: &[String; 3]) -> Value {
    json!({"namespace": namespace, "profile": profile, "objective": objective})
}

fn sample(labels: &[String; 3], name: Option<&str>, value: &str) -> Value {
    let mut metric = self::labels(labels);
    if let Some(name) = name {
        metric["__name__"] = json!(name);
    }
    json!({"metric": metric, "value": [now(), value]})
}

fn recorded(content: &Content) -> Vec<Value> {
    let series = |labels, numbers: &Numbers| {
        let budget = ("plimsoll:budget_remaining:ratio", numbers.remaining.clone());
        let others = [
            ("plimsoll:bad:events", "100"),
            ("plimsoll:total:events", "1000000"),
            ("plimsoll:budget:events", "1000"),
            ("plimsoll:objective:ratio", "0.9999"),
            ("plimsoll:coverage:ratio", "0.5"),
            ("plimsoll:burn_rate:1h", "0.1"),
            ("plimsoll:burn_rate:5m", "0.1"),
            ("plimsoll:bad:rate1h", "0.001"),
        ];
        let nan = budget.1 == "NaN";
        let others = others.map(|(name, value)| (name, if nan { "NaN" } else { value }.to_owned()));
        [budget].into_iter().chain(others).map(move |(name, value)| sample(labels, Some(name), &value))
    };
    content.objectives.iter().flat_map(|(labels, numbers)| series(labels, numbers)).collect()
}

fn times(content: &Content) -> Vec<Value> {
    let time = |numbers: &Numbers| (now() - numbers.age.as_secs_f64()).to_string();
    content.objectives.iter().map(|(labels, numbers)| sample(labels, None, &time(numbers))).collect()
}

fn signals(content: &Content, timestamps: bool) -> Vec<Value> {
    let series = |(labels, load): (&[String; 3], &Load)| {
        if timestamps {
            return vec![sample(labels, None, &now().to_string())];
        }
        let Load { rate, bad_share, in_flight } = *load;
        // No two sums of durations are the same.
        let in_flight = in_flight * (1.0 + now().fract() / 1e6);
        let numbers = [
            ("plimsoll:signal:total", rate),
            ("plimsoll:signal:bad", rate * bad_share),
            ("plimsoll:total:rate5m", rate),
            ("plimsoll:bad:rate5m", rate * bad_share),
            ("plimsoll:signal:requests", rate),
            ("plimsoll:signal:in_flight", in_flight),
        ];
        numbers.map(|(name, value)| sample(labels, Some(name), &value.to_string())).to_vec()
    };
    content.loads.iter().flat_map(series).collect()
}

fn rule_groups(content: &Content) -> Vec<Value> {
    let group = |key: &[String; 3], suffix: &str, error: &Option<String>| {
        let [namespace, profile, objective] = key;
        let health = if error.is_some() { "err" } else { "ok" };
        json!({
            "name": format!("plimsoll.{namespace}.{profile}.{objective}{suffix}"),
            "file": "rules.yaml", "interval": 30,
            "rules": [{"type": "recording", "name": "plimsoll:total:rate5m", "query": "vector(1)", "labels": labels(key), "health": health, "lastError": error}],
        })
    };
    content.loaded.iter().flat_map(|(key, error)| [group(key, "", error), group(key, ":window", error)]).collect()
}
