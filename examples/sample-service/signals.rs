//! The signals that end the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM (what the kubelet sends) and SIGINT (what a terminal sends).
///
/// The handlers are installed at once and not at the first poll: process 1 of a container has no default action for SIGTERM.
pub struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
