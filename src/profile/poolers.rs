//! Asks the agents of all poolers how they are. They are asked over HTTP and take no commands: what is wanted of them stands in a
//! `ConfigMap`, and they follow it whether the operator is there or not.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{Api, Client, ResourceExt, api::ListParams, runtime::reflector::ObjectRef};
use prometheus_http_query::reqwest;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Kept, build::pooler_name, enforcer::Key, kept::key, observe::Stores};
use crate::{
    api::{USER_AGENT, labels},
    kube::message,
    pooler::{report::Report, wanted::AGENT_PORT},
    shard::Shards,
};

mod look;
mod summary;

use look::{Look, PodLook};
pub use summary::{KeepsUp, Problem, Summary};

/// Time between two looks.
const USUALLY: Duration = Duration::from_secs(5);
/// And while poolers are on their way to what is wanted.
const SOON: Duration = Duration::from_secs(1);
/// And while they are to hold their clients and do not yet: a promotion waits for it, and clients wait for the promotion.
const QUICKLY: Duration = Duration::from_millis(25);
/// For so long after a change.
const ON_THEIR_WAY: Duration = Duration::from_mins(2);
/// Longest wait for one answer.
const LONGEST: Duration = Duration::from_secs(2);
/// Largest answer that is read, in bytes.
const LARGEST: usize = 64 << 10;
/// Agents that are asked at the same time.
const AT_ONCE: usize = 32;

/// What is known of all poolers.
#[derive(Clone, Default)]
pub struct Poolers {
    all: Arc<Mutex<HashMap<Key, Known>>>,
    wake: Arc<Notify>,
}

/// What is known of one profile's poolers.
#[derive(Default)]
struct Known {
    wanted: Option<Goal>,
    /// Since when that is wanted.
    since: Option<tokio::time::Instant>,
    looks: look::Past,
    summary: Option<Arc<Summary>>,
}

/// What poolers are on their way to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// Hash of the document.
    pub hash: String,
    /// The pause in it.
    pub pause: Option<String>,
    /// How many poolers.
    pub instances: u32,
}

impl Poolers {
    /// Poolers as they were last seen; nothing before the first look.
    pub fn get(&self, key: &Key) -> Option<Arc<Summary>> {
        self.lock().get(key)?.summary.clone()
    }

    /// What is wanted from now on: until it is loaded the poolers are looked at more often.
    pub fn want(&self, key: &Key, goal: Goal) {
        let wanted = Some(goal);
        let mut all = self.lock();
        let known = all.entry(key.clone()).or_default();
        if known.wanted != wanted {
            known.wanted = wanted;
            known.since = Some(tokio::time::Instant::now());
            self.wake.notify_one();
        }
    }

    /// Keeps a look, and tells whether it shows anything new.
    fn keep(&self, key: &Key, look: Look, now: i64) -> bool {
        let mut all = self.lock();
        let known = all.entry(key.clone()).or_default();
        let summary = known.looks.add(look, known.summary.as_deref(), now);
        let news = known.summary.as_deref() != Some(&summary);
        known.summary = Some(Arc::new(summary));
        news
    }

    /// Whether a profile's poolers are not yet where they are wanted, or hold their clients.
    fn on_their_way(&self, key: &Key) -> bool {
        self.lock().get(key).is_some_and(|known| {
            let Some(Goal { hash, pause, instances }) = &known.wanted else { return false };
            // What does not get there in a while is looked at as usual: an image that cannot be pulled may stay so for days.
            let lately = known.since.is_some_and(|since| since.elapsed() < ON_THEIR_WAY);
            let loaded = known.summary.as_ref().is_some_and(|summary| summary.loaded(hash) >= *instances);
            lately && (!loaded || pause.is_some())
        })
    }

    /// Whether a profile's poolers are to hold their clients, and do not all do so yet.
    fn about_to_hold(&self, key: &Key) -> bool {
        self.on_their_way(key)
            && self.lock().get(key).is_some_and(|known| {
                let Some(Goal { pause: Some(pause), instances, .. }) = &known.wanted else { return false };
                let held = known.summary.as_ref().and_then(|summary| summary.paused.get(pause)).copied();
                held.unwrap_or(0) < *instances
            })
    }

    fn retain(&self, keys: &HashSet<Key>) {
        self.lock().retain(|key, _| keys.contains(key));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Known>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the poolers of one controller.
pub struct PoolerWatch {
    /// Connection to the API server, for the addresses of the pods.
    pub client: Client,
    /// The namespace; all where it is nothing.
    pub namespace: Option<String>,
    /// Every profile, and every autoscaler: it measures the poolers' CPU.
    pub stores: Stores,
    /// Where it is kept.
    pub poolers: Poolers,
    /// Profiles about whose poolers there is news.
    pub news: mpsc::UnboundedSender<ObjectRef<Kept>>,
    /// The namespaces that this process looks after.
    pub shards: Shards,
}

impl PoolerWatch {
    /// Looks until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let http = match http_client() {
            Ok(http) => http,
            Err(error) => {
                tracing::error!(%error, "no client for HTTP: poolers are not looked at");
                return;
            }
        };
        let mut pods = HashMap::new();
        let mut listed = None::<tokio::time::Instant>;
        loop {
            let declaring = self.declaring();
            self.poolers.retain(&declaring);
            let soon = declaring.iter().any(|key| self.poolers.on_their_way(key));
            let age = listed.map(|at| at.elapsed());
            let due = age.is_none_or(|age| age >= USUALLY);
            let asked = declaring.iter().filter(|key| due || self.poolers.on_their_way(key));
            let asked: Vec<Key> = asked.cloned().collect();
            if !asked.is_empty() {
                // While some are on their way pods come and go, too.
                let stale = due || soon && age.is_none_or(|age| age >= SOON);
                if stale && let Some(found) = self.pods().await {
                    pods = found;
                    listed = Some(tokio::time::Instant::now());
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.look(&http, asked, &pods) => {}
                }
            }
            let pause = if declaring.iter().any(|key| self.poolers.about_to_hold(key)) {
                QUICKLY
            } else if declaring.iter().any(|key| self.poolers.on_their_way(key)) {
                SOON
            } else {
                USUALLY
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.poolers.wake.notified() => {}
            }
        }
    }

    /// The profiles that have poolers.
    fn declaring(&self) -> HashSet<Key> {
        let all = self.stores.profiles.state();
        all.iter().filter(|kept| kept.asks().pooling).map(|kept| key(kept)).collect()
    }

    /// The pods of all poolers, in one request, from the API server's memory.
    async fn pods(&self) -> Option<HashMap<Key, Vec<Pod>>> {
        let selector =
            format!("{}={},{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::NAME, labels::PGBOUNCER);
        let api = match &self.namespace {
            Some(namespace) => Api::<Pod>::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let params = ListParams::default().labels(&selector).match_any();
        let list = api.list(&params);
        match tokio::time::timeout(Duration::from_secs(10), list).await {
            Ok(Ok(list)) => {
                let mut pods: HashMap<Key, Vec<Pod>> = HashMap::new();
                let ours = |pod: &Pod| self.shards.hold(pod.metadata.namespace.as_deref().unwrap_or_default());
                for pod in list.items.into_iter().filter(ours) {
                    let profile = pod.labels().get(labels::PROFILE).cloned().unwrap_or_default();
                    pods.entry((pod.namespace().unwrap_or_default(), profile)).or_default().push(pod);
                }
                Some(pods)
            }
            Ok(Err(error)) => {
                tracing::warn!(error = message(&error), "poolers' pods cannot be listed");
                None
            }
            Err(_) => {
                tracing::warn!("poolers' pods cannot be listed in time");
                None
            }
        }
    }

    async fn look(&self, http: &reqwest::Client, keys: Vec<Key>, pods: &HashMap<Key, Vec<Pod>>) {
        let mut asked = Vec::new();
        for key in &keys {
            for pod in pods.get(key).into_iter().flatten() {
                let address = pod.status.as_ref().and_then(|status| status.pod_ip.clone());
                asked.push(answered(http.clone(), key.clone(), PodLook::of(pod), address));
            }
        }
        let answers: Vec<(Key, PodLook)> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        let mut by_key: BTreeMap<Key, Vec<PodLook>> = keys.into_iter().map(|key| (key, Vec::new())).collect();
        for (key, look) in answers {
            by_key.entry(key).or_default().push(look);
        }
        let now = Timestamp::now().as_second();
        for (key, pods) in by_key {
            let look = Look { pods, cpu: self.cpu(&key) };
            if self.poolers.keep(&key, look, now) {
                // Without a receiver the controller is about to end.
                let _ = self.news.send(ObjectRef::new(&key.1).within(&key.0));
            }
        }
    }

    /// CPU of the poolers against what they are scaled out at, as a ratio; nothing where it is not measured.
    fn cpu(&self, key: &Key) -> Option<f64> {
        let autoscaler = self.stores.autoscaler(&key.0, &pooler_name(&key.1))?;
        look::cpu_ratio(&autoscaler)
    }
}

fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(LONGEST)
        .connect_timeout(LONGEST)
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_idle_timeout(Duration::from_secs(30))
        // An image from scratch has no authorities, and none is needed for plain HTTP.
        .tls_certs_only([])
        .build()
}

/// A pod with what its agent says.
async fn answered(http: reqwest::Client, key: Key, mut look: PodLook, address: Option<String>) -> (Key, PodLook) {
    if let Some(address) = address {
        look.report = ask(&http, &look.name, &address).await;
    }
    (key, look)
}

/// What an agent says; nothing where it does not answer, or not with a report.
async fn ask(http: &reqwest::Client, pod: &str, address: &str) -> Option<Report> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let asked = http.get(format!("http://{host}:{AGENT_PORT}/status")).send().await;
    let mut response = asked.ok().filter(|response| response.status().is_success())?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > LARGEST {
            tracing::warn!(pod, "the agent's report is too large");
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    match serde_json::from_slice(&body) {
        Ok(report) => Some(report),
        Err(error) => {
            tracing::debug!(pod, %error, "the agent's report cannot be read");
            None
        }
    }
}
