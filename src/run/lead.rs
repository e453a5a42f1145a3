//! What a process does that leads, or holds shards.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::API_POLL;
use crate::{
    api::FIELD_MANAGER,
    cli::RunArgs,
    kube::{RuleApis, ScalerApis, message, rule_apis, scaler_apis},
    metrics::Metrics,
    profile::{Controller, Settings, Shared, WorkloadCollector},
    prometheus::{self, Answer, Evaluator, SignalSnapshot, SignalSource, Snapshot, Wanted},
    shard::Shards,
};

/// Longest wait for reconciles that are under way: less than a lease lasts without a renewal.
const LAST_RECONCILES: Duration = Duration::from_secs(10);

/// What the work needs.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The flags.
    pub args: &'a RunArgs,
    /// Connection to the API server.
    pub client: &'a Client,
    /// Counts everything.
    pub metrics: &'a Arc<Metrics>,
    /// Shows the workloads' sizes as metrics.
    pub collector: &'a WorkloadCollector,
}

/// Work that is under way.
pub struct Working {
    tasks: TaskTracker,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
    collector: WorkloadCollector,
}

impl Working {
    /// Lets the last reconciles come to their end; false where some did not in time.
    pub async fn end(self) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(LAST_RECONCILES, self.tasks.wait()).await.is_ok();
        if !ended {
            tracing::warn!("some reconciles did not end in time");
        }
        self.metrics.set_shards_held(0);
        self.collector.clear();
        ended
    }
}

impl Work<'_> {
    /// Starts everything that only who leads does, for the namespaces of these shards.
    pub fn start(&self, shards: &Shards) -> Working {
        self.metrics.set_shards_held(shards.len());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        lead(self, shards, &tasks, &stop);
        Working { tasks, stop, metrics: Arc::clone(self.metrics), collector: self.collector.clone() }
    }
}

/// Starts everything that only the leader does.
fn lead(work: &Work<'_>, shards: &Shards, tasks: &TaskTracker, stop: &CancellationToken) {
    let Work { args, client, metrics, collector } = *work;
    let pending = Snapshot { at: Timestamp::now(), answer: Answer::Pending };
    let (snapshot_sender, snapshots) = watch::channel(Arc::new(pending));
    let (news, _) = broadcast::channel(64);
    let (rule_api_sender, rule_apis) = watch::channel(RuleApis::default());
    let (scaler_api_sender, scaler_apis) = watch::channel(ScalerApis::default());
    let evaluator = Evaluator {
        prometheus: client_of(args, metrics),
        client: client.clone(),
        metrics: Arc::clone(metrics),
        interval: args.rules.evaluation_interval.into(),
        shards: shards.clone(),
        snapshots: snapshot_sender,
        news: news.clone(),
    };
    tasks.spawn(evaluator.run(stop.clone()));
    let unasked = SignalSnapshot { at: Timestamp::now(), answer: None };
    let (signal_sender, signals) = watch::channel(Arc::new(unasked));
    let signals_wanted = Arc::new(Wanted::default());
    let source = SignalSource {
        prometheus: client_of(args, metrics),
        wanted: Arc::clone(&signals_wanted),
        interval: prometheus::LOOK_EVERY.min(args.rules.evaluation_interval.into()),
        shards: shards.clone(),
        snapshots: signal_sender,
    };
    tasks.spawn(source.run(stop.clone()));
    let shared = Shared {
        client: client.clone(),
        settings: Settings { pooler: args.pooler.images(), ..args.rules.settings() },
        metrics: Arc::clone(metrics),
        snapshots,
        signals,
        signals_wanted,
        news,
        rule_apis,
        scaler_apis,
        recorder: Recorder::new(client.clone(), reporter()),
        concurrency: args.concurrency,
        collector: collector.clone(),
        shards: shards.clone(),
    };
    let namespaces: Vec<Option<String>> = match args.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().filter(|namespace| shards.hold(namespace)).cloned().map(Some).collect(),
    };
    let (client, stop, tracker) = (client.clone(), stop.clone(), tasks.clone());
    tasks.spawn(async move {
        let working = async {
            // Known before the first reconcile: else each start would write rule files and take them back.
            rule_api_sender.send_replace(known_rule_apis(&client).await);
            for namespace in namespaces {
                tracker.spawn(Controller::new(namespace, shared.clone()).run(stop.clone()));
            }
            tokio::join!(watch_rule_apis(&client, rule_api_sender), watch_scaler_apis(&client, scaler_api_sender));
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = working => {}
        }
    });
}

/// A connection to the Prometheus that the operator was started with.
fn client_of(args: &RunArgs, metrics: &Arc<Metrics>) -> Option<prometheus::Client> {
    args.prometheus.prometheus_url.clone().map(|url| {
        let options = prometheus::ClientOptions {
            url,
            bearer_token_file: args.prometheus.prometheus_bearer_token_file.clone(),
            ca_file: args.prometheus.prometheus_ca_file.clone(),
            headers: args.prometheus.prometheus_header.clone(),
            timeout: prometheus::ClientOptions::TIMEOUT,
        };
        prometheus::Client::new(options, Arc::clone(metrics))
    })
}

/// Asks until there is an answer: to take what is not known for absent would move all rules into files.
async fn known_rule_apis(client: &Client) -> RuleApis {
    loop {
        match rule_apis(client).await {
            Ok(served) => return served,
            Err(error) => tracing::warn!(error = message(&error), "cannot ask which APIs for rules are served"),
        }
        tokio::time::sleep(API_POLL).await;
    }
}

/// Tells when an API for rule objects appears or goes. An answer that fails changes nothing.
async fn watch_rule_apis(client: &Client, served: watch::Sender<RuleApis>) {
    loop {
        tokio::time::sleep(API_POLL).await;
        match rule_apis(client).await {
            Ok(now) => {
                served.send_if_modified(|before| {
                    let changed = *before != now;
                    if changed {
                        tracing::info!(
                            prometheus_rule = now.prometheus_rule,
                            vm_rule = now.vm_rule,
                            "an API for rules has appeared or gone"
                        );
                    }
                    *before = now;
                    changed
                });
            }
            Err(error) => tracing::warn!(error = message(&error), "cannot ask which APIs for rules are served"),
        }
    }
}

/// Tells which APIs of other autoscalers are there. An answer that fails changes nothing.
async fn watch_scaler_apis(client: &Client, served: watch::Sender<ScalerApis>) {
    loop {
        match scaler_apis(client).await {
            Ok(now) => {
                served.send_replace(now);
            }
            Err(error) => tracing::warn!(error = message(&error), "cannot ask which autoscalers are served"),
        }
        tokio::time::sleep(API_POLL).await;
    }
}

fn reporter() -> Reporter {
    Reporter { controller: FIELD_MANAGER.to_owned(), instance: std::env::var("POD_NAME").ok() }
}
