//! Works on the shards that the lease gives to this replica, as they change.

use tokio_util::sync::CancellationToken;

use super::{RunError, lead::Work, lease_of};
use crate::{
    kube::{Assigned, Member},
    shard::Shards,
};

/// Shares the lease until told to stop, or until shards that are worked on may be another's.
pub async fn share(work: &Work<'_>, default_namespace: &str, stop: &CancellationToken) -> Result<(), RunError> {
    let (namespace, identity) = lease_of(work.args, default_namespace);
    let (lease, count) = (&work.args.lease.lease_name, work.args.lease.shards);
    tracing::info!(lease, namespace, identity, shards = count, "waiting for shards");
    let mut member = Member::new(work.client.clone(), &namespace, lease, &identity, count);
    let assigned = member.assigned();
    let client = member.tenure().limits(work.client);
    let work = &Work { client: &client, ..*work };
    let result = tokio::select! {
        lost = member.share() => Err(RunError::from(lost)),
        result = carry_out(work, &assigned, stop) => result,
    };
    // After the last write, not before. What is lost or stuck is left to run out: its writes may be on their way.
    if result.is_ok() {
        member.leave().await;
    }
    result
}

/// One set of controllers for all shards that are held. When these change it comes to its end, and another begins: two sets side by
/// side would write to the same profiles.
async fn carry_out(work: &Work<'_>, assigned: &Assigned, stop: &CancellationToken) -> Result<(), RunError> {
    loop {
        let shards = Shards::new(work.args.lease.shards, assigned.begin());
        let working = (!shards.is_empty()).then(|| {
            tracing::info!(%shards, "leading");
            work.start(&shards)
        });
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = assigned.changed() => false,
        };
        if stopped {
            tracing::info!("stopping");
        }
        if let Some(working) = working {
            let ended = working.end().await;
            if !ended && !stopped {
                return Err(RunError::Stuck);
            }
        }
        if stopped {
            return Ok(());
        }
        assigned.ended();
    }
}
