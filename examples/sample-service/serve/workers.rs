//! Bounded CPU work: so many at once on threads of their own, so many waiting, the rest refused at once.
//!
//! The threads that answer HTTP never do the work, so health checks and metrics are answered under overload too.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The limits of the work.
pub struct Workers {
    /// One permit for each piece of work that runs or waits.
    admitted: Arc<Semaphore>,
    /// One permit for each piece of work that runs.
    running: Arc<Semaphore>,
    longest_wait: Duration,
}

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refused {
    QueueFull,
    WaitedTooLong,
    Failed,
}

impl Refused {
    pub fn message(self) -> &'static str {
        match self {
            Self::QueueFull => "too many requests are waiting",
            Self::WaitedTooLong => "the request waited too long",
            Self::Failed => "the work failed",
        }
    }
}

impl Workers {
    pub fn new(workers: usize, queue: usize, longest_wait: Duration) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(workers.saturating_add(queue).min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(workers)),
            longest_wait,
        }
    }

    /// Does the work, unless too much is waiting already. A caller that goes away while waiting leaves the queue.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Refused::QueueFull)?;
        let turn = tokio::time::timeout(self.longest_wait, Arc::clone(&self.running).acquire_owned());
        let running = turn.await.map_err(|_| Refused::WaitedTooLong)?.map_err(|_| Refused::Failed)?;
        let job = move || {
            // The permits go with the work: what has started keeps its thread busy even when the caller has gone.
            let _permits = (admitted, running);
            work()
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| Refused::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn the_queue_is_bounded_in_length_and_time() {
        let workers = Arc::new(Workers::new(1, 1, Duration::from_millis(50)));
        let (release, released) = mpsc::channel::<()>();
        let (start, mut started) = tokio::sync::mpsc::unbounded_channel();
        let first = tokio::spawn({
            let workers = Arc::clone(&workers);
            async move {
                let job = move || {
                    start.send(()).unwrap();
                    released.recv().unwrap();
                    1
                };
                workers.run(job).await
            }
        });
        started.recv().await.unwrap();
        let second = tokio::spawn({
            let workers = Arc::clone(&workers);
            async move { workers.run(|| 2).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(workers.run(|| 3).await, Err(Refused::QueueFull));
        let second = tokio::time::timeout(Duration::from_secs(10), second).await;
        assert_eq!(second.unwrap().unwrap(), Err(Refused::WaitedTooLong));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(workers.run(|| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_queue() {
        let workers = Workers::new(1, 1, Duration::from_mins(1));
        let busy = Arc::clone(&workers.running).acquire_owned().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(10), workers.run(|| ())).await.is_err());
        assert_eq!(workers.admitted.available_permits(), 2);
        drop(busy);
        assert_eq!(workers.run(|| 1).await, Ok(1));
    }
}
