//! Waiting with a reason.

use std::time::{Duration, Instant};

/// How long a test waits for something that takes well under a second: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a test waits for the operator to see what it does not watch, such as a target of some kind of the user's own.
pub const UNWATCHED: Duration = Duration::from_secs(45);

/// Time between two looks.
const BETWEEN: Duration = Duration::from_millis(25);

/// Looks again and again until there is a value; fails with what was seen last.
pub async fn eventually<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) => assert!(started.elapsed() < within, "not within {within:?}: {what}; seen last: {seen}"),
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
