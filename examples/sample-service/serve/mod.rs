//! The authentication service.

mod faults;
mod metrics;
mod routes;
mod state;
mod token;
mod work;
mod workers;

use crate::signals::Termination;
use anyhow::{Context, ensure};
use faults::Faults;
use state::Service;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use work::{Hmac, MAX_KEY};
use workers::Workers;

#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on
    #[arg(long, env = "SAMPLE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Requests worked on at once; by default the number of CPUs of the machine or of the container's limit
    #[arg(long, env = "SAMPLE_WORKERS")]
    workers: Option<NonZero<u16>>,
    /// Requests that may wait for a worker; more are answered with 503 at once
    #[arg(long, env = "SAMPLE_QUEUE", default_value_t = 64)]
    queue: u16,
    /// Longest wait for a worker before a request is answered with 503, in milliseconds
    #[arg(long, env = "SAMPLE_QUEUE_MILLISECONDS", default_value_t = 1_500)]
    queue_milliseconds: u32,
    /// Time from SIGTERM to the end of new connections, in seconds: endpoints and load balancers have to notice first
    #[arg(long, env = "SAMPLE_DRAIN_SECONDS", default_value_t = 5)]
    drain_seconds: u16,
    /// Time that requests in flight get after that, in seconds
    #[arg(long, env = "SAMPLE_SHUTDOWN_SECONDS", default_value_t = 20)]
    shutdown_seconds: u16,
    /// The password of all accounts
    #[arg(long, env = "SAMPLE_PASSWORD", default_value = "demo", hide_env_values = true)]
    password: String,
    /// Key that signs the tokens, the same in all replicas; the default is no secret
    #[arg(long, env = "SAMPLE_TOKEN_KEY", default_value = "not-a-secret", hide_env_values = true)]
    token_key: String,
    #[command(flatten)]
    faults: Faults,
}

/// Runs the service until SIGTERM.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut termination = Termination::listen()?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let drain = Duration::from_secs(args.drain_seconds.into());
    let shutdown = Duration::from_secs(args.shutdown_seconds.into());
    let service = Arc::new(service(args)?);

    let (finish, finished) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes::router(&service)).with_graceful_shutdown(async {
        let _ = finished.await;
    });
    let mut server = tokio::spawn(server.into_future());
    // After the listener is up: readiness says "starting" while the CPU is measured.
    let measured = tokio::task::spawn_blocking({
        let service = Arc::clone(&service);
        move || service.prepare()
    });
    tracing::info!(iterations_per_millisecond = measured.await?, "ready");

    tokio::select! {
        ended = &mut server => return Ok(ended??),
        () = termination.received() => {}
    }
    tracing::info!(?drain, "draining");
    service.drain();
    tokio::time::sleep(drain).await;
    let _ = finish.send(());
    if let Ok(ended) = tokio::time::timeout(shutdown, server).await {
        ended??;
    } else {
        tracing::warn!(?shutdown, "requests were still in flight");
    }
    tracing::info!("stopped");
    Ok(())
}

fn service(args: Args) -> anyhow::Result<Service> {
    let faults = args.faults.checked()?;
    ensure!(args.password.len() <= MAX_KEY, "the password is longer than {MAX_KEY} bytes");
    ensure!((1..=MAX_KEY).contains(&args.token_key.len()), "the token key is not 1 to {MAX_KEY} bytes long");
    let workers = args.workers.map_or_else(cpus, |workers| workers.get().into());
    let wait = Duration::from_millis(args.queue_milliseconds.into());
    Ok(Service::new(
        Hmac::new()?,
        faults,
        Workers::new(workers, args.queue.into(), wait),
        args.password,
        args.token_key,
    ))
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
