//! `plimsoll run`: wires the lease, the watches, the clock and the servers together.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderValue;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client, Config,
    runtime::events::{Recorder, Reporter},
};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{FIELD_MANAGER, GROUP, USER_AGENT},
    cli::RunArgs,
    gate::Gate,
    http,
    kube::{Candidate, LeaseLost, RuleApis, ScalerApis, api_served, message, rule_apis, scaler_apis},
    metrics::Metrics,
    profile::{Controller, Settings, Shared, WorkloadCollector},
    prometheus::{self, Answer, Evaluator, SignalSnapshot, SignalSource, Snapshot, Wanted},
    readiness::Readiness,
    telemetry::LogLevel,
};

/// Time between two looks at whether an API has appeared.
const API_POLL: Duration = Duration::from_secs(5);

/// Longest wait for reconciles that are under way: less than a lease lasts without a renewal.
const LAST_RECONCILES: Duration = Duration::from_secs(10);

/// What readiness calls the definition of the resource.
const DEFINITION: &str = "definition";

/// Why the operator stops by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No way to reach an API server is configured.
    #[error("no cluster: {0}; run in a pod with a service account, or set KUBECONFIG")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The client cannot be built from the configuration.
    #[error("no connection to the cluster: {}", crate::kube::message(.0))]
    Client(#[from] kube::Error),
    /// The server for probes and metrics cannot run.
    #[error("cannot serve probes and metrics on {address}: {source}; choose another --metrics-address")]
    Serve {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another replica may lead by now.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
    /// The signals of the system cannot be received.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Runs until the process is told to stop, or the lease is lost.
pub async fn run(args: RunArgs, log_level: LogLevel) -> Result<(), RunError> {
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut config = Config::infer().await?;
    config.headers.push((axum::http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    // Retries with a backoff of their own are ours: the client's would hide a failing server for minutes.
    config.default_retry = false;
    let default_namespace = config.default_namespace.clone();
    let client = Client::try_from(config)?;
    let metrics = Arc::new(Metrics::default());
    let collector = WorkloadCollector::default();
    metrics.register_collector(collector.clone());
    let readiness = Readiness::default();
    readiness.wait_for(DEFINITION, "the API server has not answered yet");

    // The server outlives the controllers: probes answer while the last reconciles end.
    let stop_server = CancellationToken::new();
    let shared = http::Shared {
        metrics: Arc::clone(&metrics),
        readiness: readiness.clone(),
        log_level,
        gate: Gate::new(client.clone(), &args.namespaces),
    };
    let server = tokio::spawn(http::serve(args.metrics_address, shared, stop_server.clone()));

    let work = async {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = wait_for_definition(&client, &readiness) => {}
        }
        let Some(candidate) = elected(&args, &client, &default_namespace, &stop).await else { return Ok(()) };
        tracing::info!("leading");
        metrics.set_leader(true);
        let reconciling = CancellationToken::new();
        let tasks = TaskTracker::new();
        lead(&args, &client, &metrics, collector, &tasks, &reconciling);
        tokio::select! {
            lost = held(candidate.as_ref()) => return Err(RunError::from(lost)),
            () = stop.cancelled() => {}
        }
        tracing::info!("stopping");
        reconciling.cancel();
        tasks.close();
        if tokio::time::timeout(LAST_RECONCILES, tasks.wait()).await.is_err() {
            tracing::warn!("some reconciles did not end in time");
        }
        metrics.set_leader(false);
        // After the last write, not before.
        if let Some(candidate) = candidate {
            candidate.release().await;
        }
        Ok(())
    };
    let result = tokio::select! {
        result = work => result,
        ended = server => {
            let ended = ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
            ended.map_err(|source| RunError::Serve { address: args.metrics_address, source })
        }
    };
    stop_server.cancel();
    result
}

/// Waits to be the leader. Nothing when told to stop before; no candidate when leader election is off.
async fn elected(
    args: &RunArgs,
    client: &Client,
    default_namespace: &str,
    stop: &CancellationToken,
) -> Option<Option<Candidate>> {
    if stop.is_cancelled() {
        return None;
    }
    if !args.leader_elect {
        return Some(None);
    }
    let identity = std::env::var("POD_NAME").unwrap_or_else(|_| format!("{FIELD_MANAGER}-{}", std::process::id()));
    let own_namespace = || std::env::var("POD_NAMESPACE").unwrap_or_else(|_| default_namespace.to_owned());
    let namespace = args.lease_namespace.clone().unwrap_or_else(own_namespace);
    tracing::info!(lease = args.lease_name, namespace, identity, "waiting to lead");
    let candidate = Candidate::new(client.clone(), &namespace, &args.lease_name, &identity);
    candidate.acquire(stop).await.then_some(Some(candidate))
}

/// Ends when the lease is lost; without one, never.
async fn held(candidate: Option<&Candidate>) -> LeaseLost {
    match candidate {
        Some(candidate) => candidate.hold().await,
        None => std::future::pending().await,
    }
}

/// Starts everything that only the leader does.
fn lead(
    args: &RunArgs,
    client: &Client,
    metrics: &Arc<Metrics>,
    collector: WorkloadCollector,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
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
        collector,
    };
    let namespaces: Vec<Option<String>> = match args.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
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

/// A missing definition is waited for: to exit would not make it appear.
async fn wait_for_definition(client: &Client, readiness: &Readiness) {
    loop {
        match api_served(client, &format!("{GROUP}/v1alpha1"), "performanceprofiles").await {
            Ok(true) => return readiness.found(DEFINITION),
            Ok(false) => {
                let wanted = format!(
                    "the cluster has no CustomResourceDefinition performanceprofiles.{GROUP}: install the chart plimsoll-crds"
                );
                tracing::warn!("{wanted}");
                readiness.wait_for(DEFINITION, wanted);
            }
            Err(error) => {
                tracing::warn!(error = message(&error), "the API server does not answer");
                readiness.wait_for(DEFINITION, format!("the API server does not answer: {}", message(&error)));
            }
        }
        tokio::time::sleep(API_POLL).await;
    }
}

fn reporter() -> Reporter {
    Reporter { controller: FIELD_MANAGER.to_owned(), instance: std::env::var("POD_NAME").ok() }
}

fn stop_on_signals(stop: CancellationToken) -> Result<(), RunError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
