//! `plimsoll run`: wires the lease, the work of who holds it, and the servers together.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderValue;
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{FIELD_MANAGER, GROUP, USER_AGENT},
    cli::RunArgs,
    gate::Gate,
    http,
    kube::{Candidate, LeaseLost, api_served, message},
    metrics::Metrics,
    profile::WorkloadCollector,
    readiness::Readiness,
    shard::Shards,
    telemetry::LogLevel,
};

mod lead;
mod share;

use lead::Work;
use share::share;

/// Time between two looks at whether an API has appeared.
const API_POLL: Duration = Duration::from_secs(5);

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
    /// Shards are shared by a lease.
    #[error("--shards {0} needs --leader-elect true: replicas share the shards by a lease")]
    ShardsWithoutLease(u16),
    /// Reconciles of shards that are to be given up go on.
    #[error("some reconciles did not end in time: the process has to start again before its shards change")]
    Stuck,
    /// The signals of the system cannot be received.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Runs until the process is told to stop, or the lease is lost.
pub async fn run(args: RunArgs, log_level: LogLevel) -> Result<(), RunError> {
    if args.lease.shards > 1 && !args.lease.leader_elect {
        return Err(RunError::ShardsWithoutLease(args.lease.shards));
    }
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut config = Config::infer().await?;
    config.headers.push((axum::http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    // Retries with a backoff of their own are ours: the client's would hide a failing server for minutes.
    config.default_retry = false;
    let default_namespace = config.default_namespace.clone();
    let client = Client::try_from(config)?;
    let metrics = Arc::new(Metrics::default());
    metrics.set_shards(args.lease.shards);
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
        let work = |client| Work { args: &args, client, metrics: &metrics, collector: &collector };
        if args.lease.shards > 1 {
            return share(&work(&client), &default_namespace, &stop).await;
        }
        let Some(candidate) = elected(&args, &client, &default_namespace, &stop).await else { return Ok(()) };
        tracing::info!("leading");
        let tenure = candidate.as_ref().map(Candidate::tenure).unwrap_or_default();
        let working = work(&tenure.limits(&client)).start(&Shards::default());
        tokio::select! {
            lost = held(candidate.as_ref()) => return Err(RunError::from(lost)),
            () = stop.cancelled() => {}
        }
        tracing::info!("stopping");
        working.end().await;
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
    if !args.lease.leader_elect {
        return Some(None);
    }
    let (namespace, identity) = lease_of(args, default_namespace);
    tracing::info!(lease = args.lease.lease_name, namespace, identity, "waiting to lead");
    let candidate = Candidate::new(client.clone(), &namespace, &args.lease.lease_name, &identity);
    candidate.acquire(stop).await.then_some(Some(candidate))
}

/// Namespace of the lease, and the own name in it.
fn lease_of(args: &RunArgs, default_namespace: &str) -> (String, String) {
    let identity = std::env::var("POD_NAME").unwrap_or_else(|_| format!("{FIELD_MANAGER}-{}", std::process::id()));
    let own_namespace = || std::env::var("POD_NAMESPACE").unwrap_or_else(|_| default_namespace.to_owned());
    (args.lease.lease_namespace.clone().unwrap_or_else(own_namespace), identity)
}

/// Ends when the lease is lost; without one, never.
async fn held(candidate: Option<&Candidate>) -> LeaseLost {
    match candidate {
        Some(candidate) => candidate.hold().await,
        None => std::future::pending().await,
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
