//! The clock: asks Prometheus for all profiles at once, and tells which of them have news.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{Answer, Client, ClientError, Given, Loaded, RuleSelector, Snapshot, selectors, snapshot};
use crate::{metrics::Metrics, shard::Shards, slo};

/// The series whose newest sample tells that the rules run: every objective has it, events or none.
const HEARTBEAT: &str = "plimsoll:total:rate5m";
/// A series of the groups that look at the whole window.
const WINDOW_HEARTBEAT: &str = "plimsoll:total:events";

/// Namespace and name of a profile that has news.
pub type News = (String, String);

/// Asks Prometheus on a clock of its own, whatever the profiles do.
pub struct Evaluator {
    /// The Prometheus to ask; nothing where the operator was started without.
    pub prometheus: Option<Client>,
    /// Connection to the API server, for the `ruleSelector` of the installation.
    pub client: kube::Client,
    /// Counts evaluations.
    pub metrics: Arc<Metrics>,
    /// Time between two evaluations.
    pub interval: Duration,
    /// The namespaces that this process looks after: what Prometheus says of others is dropped.
    pub shards: Shards,
    /// Where the findings go.
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    /// Where profiles with news go.
    pub news: broadcast::Sender<Arc<Vec<News>>>,
}

impl Evaluator {
    /// Evaluates until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let Some(prometheus) = &self.prometheus else {
            let snapshot = Snapshot { at: Timestamp::now(), answer: Answer::NotConfigured };
            self.snapshots.send_replace(Arc::new(snapshot));
            return;
        };
        let mut clock = tokio::time::interval(self.interval);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = clock.tick() => {}
            }
            // A Prometheus that hangs must not hold up the end.
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.ask(prometheus) => asked,
            };
            let answer = match asked {
                Ok(given) => {
                    self.metrics.evaluated();
                    Answer::Given(Arc::new(given))
                }
                Err(error) => {
                    tracing::warn!(reason = error.reason, error = error.message, "no evaluation");
                    Answer::Failed(error)
                }
            };
            let before = Arc::clone(&self.snapshots.borrow());
            let now = Arc::new(Snapshot { at: Timestamp::now(), answer });
            let news = news(&before, &now, self.interval);
            self.snapshots.send_replace(now);
            if !news.is_empty() {
                // Without a receiver no controller runs yet; it will read the snapshot when it does.
                let _ = self.news.send(Arc::new(news));
            }
        }
    }

    async fn ask(&self, prometheus: &Client) -> Result<Given, ClientError> {
        let recorded = format!("{{__name__=~\"{}\"}}", slo::evaluate::RECORDED);
        let shards = self.shards.clone();
        let samples = prometheus
            .gather(&recorded, HashMap::new(), move |all, sample| snapshot::distribute(sample, &shards, all))
            .await?;
        let shards = self.shards.clone();
        let samples = prometheus
            .gather(&format!("timestamp({HEARTBEAT})"), samples, move |all, time| {
                snapshot::distribute_time(time, &shards, all);
            })
            .await?;
        // Some that answer queries have no rules of their own, such as a Thanos querier without a ruler.
        let loaded = match prometheus.rule_groups(&[HEARTBEAT, WINDOW_HEARTBEAT, slo::signals::TOTAL]).await {
            Ok(groups) => Loaded::Groups {
                groups: snapshot::groups(&groups, &self.shards),
                selectors: selectors::read(&self.client).await,
            },
            Err(error) => Loaded::Unknown(error.message),
        };
        Ok(Given { samples, loaded })
    }
}

/// The profiles whose numbers, as they are shown, their age, or whose rules differ between two answers. When an answer
/// comes or goes it is all of them, which the receiver knows by the empty name.
fn news(before: &Snapshot, now: &Snapshot, interval: Duration) -> Vec<News> {
    let all = || vec![(String::new(), String::new())];
    let times = (before.at, now.at);
    match (&before.answer, &now.answer) {
        (Answer::Given(before), Answer::Given(now)) => {
            if loaded_selectors(&before.loaded) != loaded_selectors(&now.loaded) {
                return all();
            }
            let mut changed: HashSet<News> = HashSet::new();
            let identities: HashSet<_> = before.samples.keys().chain(now.samples.keys()).collect();
            for identity in identities {
                let known = (before.samples.get(identity), now.samples.get(identity));
                let same = match known {
                    (Some(one), Some(other)) => {
                        one.is_fresh(times.0, interval) == other.is_fresh(times.1, interval) && one.shows_as(other)
                    }
                    (one, other) => one.is_none() && other.is_none(),
                };
                if !same {
                    changed.insert((identity.namespace.clone(), identity.profile.clone()));
                }
            }
            changed.extend(changed_groups(&before.loaded, &now.loaded));
            changed.into_iter().collect()
        }
        (Answer::Failed(before), Answer::Failed(now)) if before.reason == now.reason => Vec::new(),
        (Answer::NotConfigured, Answer::NotConfigured) => Vec::new(),
        _ => all(),
    }
}

fn loaded_selectors(loaded: &Loaded) -> Option<&[RuleSelector]> {
    match loaded {
        Loaded::Unknown(_) => None,
        Loaded::Groups { selectors, .. } => Some(selectors),
    }
}

fn changed_groups(before: &Loaded, now: &Loaded) -> Vec<News> {
    let (Loaded::Groups { groups: before, .. }, Loaded::Groups { groups: now, .. }) = (before, now) else {
        return Vec::new();
    };
    let names: HashSet<_> = before.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != now.get(*name))
        .filter_map(|name| before.get(name).or_else(|| now.get(name)))
        .map(|state| state.profile.clone())
        .collect()
}
