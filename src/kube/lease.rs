//! Leader election: one replica at a time holds a `Lease`.
//!
//! Every write is a replacement with the resource version that was read, so of two candidates that both see an expired
//! lease one gets a 409. Expiry is judged by the local clock since the lease was last seen to change (client-go's rule),
//! so that skewed clocks elect no two leaders.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio_util::sync::CancellationToken;

use super::Tenure;

/// How long a lease lasts after its renewal (client-go's default).
pub(super) const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How long the holder tries to renew before it gives up (client-go's default).
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Time between tries (client-go's default).
pub(super) const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// A candidate for the leadership.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    tenure: Tenure,
}

/// The lease was lost: another replica may be the leader by now.
#[derive(Debug, thiserror::Error)]
#[error("the lease {lease} was not renewed in time: another replica may lead")]
pub struct LeaseLost {
    lease: String,
}

impl LeaseLost {
    pub(super) fn new(lease: &str) -> Self {
        Self { lease: lease.to_owned() }
    }
}

/// Whether a candidate may write the lease: it is its own, free, or has not changed for as long as its holder said.
fn may_write(spec: &LeaseSpec, identity: &str, unchanged_for: Duration) -> bool {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    holder.is_empty() || holder == identity || unchanged_for >= seconds.map_or(LEASE_DURATION, Duration::from_secs)
}

impl Candidate {
    /// A candidate with a name of its own, such as the pod's.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            tenure: Tenure::of_lease(),
        }
    }

    /// Until when the lease is surely ours.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Waits until the lease is ours; false when told to stop before.
    pub async fn acquire(&self, stop: &CancellationToken) -> bool {
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let asked = Instant::now();
            let stepped = tokio::select! {
                stepped = tokio::time::timeout(RENEW_DEADLINE, self.step(&mut seen)) => stepped,
                () = stop.cancelled() => {
                    // The lease may be ours all the same: the answer was on its way.
                    self.release().await;
                    return false;
                }
            };
            match stepped {
                Ok(Ok(true)) => {
                    self.tenure.renewed(asked, RENEW_DEADLINE);
                    return true;
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, error = super::message(&error), "cannot take the lease yet");
                }
                Err(_) => tracing::warn!(lease = self.name, "no answer to the request for the lease"),
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(RETRY_PERIOD) => {}
            }
        }
    }

    /// Renews until the lease is lost. It counts as renewed when the request was sent, for the others may see it change as
    /// early as that; and the deadline is for all tries together, so that it ends before another can take the lease.
    pub async fn hold(&self) -> LeaseLost {
        let mut renewed = Instant::now();
        let mut seen = None;
        loop {
            tokio::time::sleep(RETRY_PERIOD).await;
            let asked = Instant::now();
            match tokio::time::timeout(RENEW_DEADLINE.saturating_sub(renewed.elapsed()), self.step(&mut seen)).await {
                Ok(Ok(true)) => {
                    renewed = asked;
                    self.tenure.renewed(renewed, RENEW_DEADLINE);
                }
                // Somebody else holds it: there is nothing to wait for.
                Ok(Ok(false)) => return LeaseLost { lease: self.name.clone() },
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, error = super::message(&error), "cannot renew the lease");
                }
                Err(_) => tracing::warn!(lease = self.name, "no answer to the renewal of the lease"),
            }
            if renewed.elapsed() >= RENEW_DEADLINE {
                return LeaseLost { lease: self.name.clone() };
            }
        }
    }

    /// One look at the lease, and one write if it is ours or free; true when it is ours afterwards.
    async fn step(&self, seen: &mut Option<(String, Instant)>) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            return self.taken(self.api.create(&PostParams::default(), &self.filled(None)).await);
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match seen {
            Some((last, since)) if *last == version => *since,
            _ => {
                let now = Instant::now();
                *seen = Some((version, now));
                now
            }
        };
        if !may_write(&lease.spec.clone().unwrap_or_default(), &self.identity, since.elapsed()) {
            return Ok(false);
        }
        self.taken(self.api.replace(&self.name, &PostParams::default(), &self.filled(Some(&lease))).await)
    }

    /// A conflict is no error: another candidate was quicker.
    fn taken(&self, result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
        match result {
            Ok(lease) => Ok(lease.spec.and_then(|spec| spec.holder_identity).as_deref() == Some(&self.identity)),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn filled(&self, old: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let old_spec = old.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let ours = old_spec.holder_identity.as_deref() == Some(&self.identity);
        let seconds = i32::try_from(LEASE_DURATION.as_secs()).unwrap_or(i32::MAX);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: old.and_then(|lease| lease.metadata.resource_version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(seconds),
                acquire_time: if ours { old_spec.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(old_spec.lease_transitions.unwrap_or(0) + i32::from(!ours && old.is_some())),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Gives the lease back, so that the next replica need not wait for its end.
    pub async fn release(&self) {
        let released = async {
            let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
            let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity))
            else {
                return Ok(());
            };
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            lease.metadata.managed_fields = None;
            self.api.replace(&self.name, &PostParams::default(), &lease).await.map(|_| ())
        };
        match tokio::time::timeout(Duration::from_secs(3), released).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "lease released"),
            Ok(Err(error)) => tracing::warn!(lease = self.name, error = super::message(&error), "lease not released"),
            Err(_) => tracing::warn!(lease = self.name, "lease not released in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str, seconds: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn only_a_lease_that_is_ours_free_or_expired_is_written() {
        let long = Duration::from_secs(15);
        let short = Duration::from_secs(14);
        assert!(may_write(&held_by("a", 15), "a", short));
        assert!(!may_write(&held_by("b", 15), "a", short));
        assert!(may_write(&held_by("b", 15), "a", long));
        assert!(!may_write(&held_by("b", 60), "a", long), "the holder's own duration counts");
        assert!(may_write(&held_by("", 15), "a", Duration::ZERO));
        assert!(may_write(&LeaseSpec::default(), "a", Duration::ZERO));
    }
}
