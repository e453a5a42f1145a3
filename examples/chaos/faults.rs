//! The faults. Each starts the operator, lets people work, does harm, and waits for the state of the clean run.

mod cluster;
mod leaders;
mod many;
mod network;
mod process;

use std::time::Duration;

use anyhow::Result;
pub use cluster::install_definition as cluster_definition;

use crate::scene::Scene;

/// What a fault has come to.
#[derive(Debug)]
pub struct Verdict {
    /// From the end of the harm to the state of the clean run.
    pub converged: Duration,
    /// What else there is to say.
    pub note: String,
}

impl Verdict {
    fn of(converged: Duration, note: impl Into<String>) -> Self {
        Self { converged, note: note.into() }
    }
}

/// Why a fault was not done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skipped(pub String);

/// All of them, in the order of a run.
pub const ALL: [&str; 15] = [
    "none",
    "children-deleted",
    "errors",
    "watches-cut",
    "api-server-killed",
    "etcd-stalled",
    "clock-jumps",
    "leader-killed",
    "leader-cut",
    "leader-stopped",
    "definition-deleted",
    "downgrade",
    "logs-full",
    "event-storm",
    "one-fails",
];

/// Does one.
pub async fn fault(name: &str, scene: &mut Scene<'_>) -> Result<Verdict> {
    match name {
        "none" => none(scene).await,
        "children-deleted" => cluster::children_deleted(scene).await,
        "errors" => network::errors(scene).await,
        "watches-cut" => network::watches_cut(scene).await,
        "api-server-killed" => cluster::api_server_killed(scene).await,
        "etcd-stalled" => cluster::etcd_stalled(scene).await,
        "clock-jumps" => process::clock_jumps(scene).await,
        "leader-killed" => leaders::killed(scene).await,
        "leader-cut" => leaders::cut(scene).await,
        "leader-stopped" => leaders::stopped(scene).await,
        "definition-deleted" => cluster::definition_deleted(scene).await,
        "downgrade" => process::downgrade(scene).await,
        "logs-full" => process::logs_full(scene).await,
        "event-storm" => many::event_storm(scene).await,
        "one-fails" => many::one_fails(scene).await,
        _ => anyhow::bail!("there is no fault {name}: choose from {}", ALL.join(", ")),
    }
}

/// No harm at all: what differs here differs by chance, and no fault would show anything.
async fn none(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    Ok(Verdict::of(scene.converge().await?, "the clean run again"))
}
