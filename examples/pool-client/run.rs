//! How long a run is, and its clients side by side.

use anyhow::Context;
use jiff::SignedDuration;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A token that is cancelled after the duration, or by SIGTERM or SIGINT.
pub fn until(duration: Option<Duration>) -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let token = stop.clone();
    tokio::spawn(async move {
        let over = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = over => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

/// Sleeps, but not beyond the end of the run.
pub async fn pause(stop: &CancellationToken, time: Duration) {
    if !time.is_zero() {
        let _ = stop.run_until_cancelled(sleep(time)).await;
    }
}

/// Waits for every client.
pub async fn all<T: 'static>(mut clients: JoinSet<T>) -> anyhow::Result<Vec<T>> {
    let mut results = Vec::new();
    while let Some(result) = clients.join_next().await {
        results.push(result.context("a client has panicked")?);
    }
    Ok(results)
}

/// A duration as `20ms` or `1m30s`; `0s` is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(duration).map_err(|_| "a duration is not negative".to_owned())
}
