//! Shards among replicas, in one `Lease`.
//!
//! All replicas that count the same number of shards hold the lease together, under one name (`shards/4`); an annotation says which
//! of them has which shards. Every write is a replacement with the version that was read, so there is one order of all changes:
//!
//! - A shard is in one row only, and a replica works on a shard only while that is in its row.
//! - A replica that has not written its row for 10 s ends, and others take its shards when they have not seen the row change for 15 s:
//!   the rule of the leader's lease, for each row.
//! - Who counts otherwise, one that leads alone and versions without shards included, sees a lease that is held as long as one row
//!   is renewed. It takes it when that has ended, or when the last replica has gone and has left it free.
//! - What a replica gives up stays in its row until its controllers have ended.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::sync::watch;

use super::{
    Tenure,
    lease::{LEASE_DURATION, LeaseLost, RENEW_DEADLINE, RETRY_PERIOD},
};
use crate::api::annotations;

mod mind;

pub use mind::Set;
use mind::{Found, Mind, Step, Table, without};

/// Time until the next try after another replica was quicker.
const CONFLICT: Duration = Duration::from_millis(50);

/// What is a replica's own, and what it works on.
#[derive(Debug, Clone, Default)]
struct State {
    own: Set,
    running: Set,
}

/// What the lease gives to this replica: for the one who starts and ends the work.
#[derive(Clone)]
pub struct Assigned {
    state: watch::Sender<State>,
}

impl Assigned {
    /// Begins to work on everything that is ours just now.
    pub fn begin(&self) -> Set {
        // In one step: what is given up in between would be written as free while it is worked on.
        self.state.send_modify(|state| state.running.clone_from(&state.own));
        self.state.borrow().running.clone()
    }

    /// Nothing is worked on any more.
    pub fn ended(&self) {
        self.state.send_modify(|state| state.running.clear());
    }

    /// Waits until other shards are ours than are worked on.
    pub async fn changed(&self) {
        // The sender is in here: it cannot be gone.
        let _ = self.state.subscribe().wait_for(|state| state.own != state.running).await;
    }
}

/// A replica that shares the lease.
pub struct Member {
    api: Api<Lease>,
    name: String,
    identity: String,
    mind: Mind,
    started: Instant,
    assigned: Assigned,
    tenure: Tenure,
}

/// What became of one try.
enum Tried {
    /// Our row is written.
    Renewed,
    /// It is not our turn.
    Waits,
    /// Another was quicker.
    Conflict,
    /// What is worked on is not ours.
    Lost,
}

impl Member {
    /// A replica with a name of its own, such as the pod's, of those that share so many shards.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str, count: u16) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            mind: Mind::new(identity, count, LEASE_DURATION),
            started: Instant::now(),
            assigned: Assigned { state: watch::Sender::new(State::default()) },
            tenure: Tenure::of_lease(),
        }
    }

    /// What the lease gives to this replica.
    pub fn assigned(&self) -> Assigned {
        self.assigned.clone()
    }

    /// Until when what is in our row is surely ours.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Takes shards, renews them and gives them up, until what is worked on may be another's. The row counts as renewed when the
    /// request was sent, as with a lease for one.
    pub async fn share(&mut self) -> LeaseLost {
        let mut renewed = Instant::now();
        loop {
            let asked = Instant::now();
            let holds = self.holds();
            let within = if holds { RENEW_DEADLINE.saturating_sub(renewed.elapsed()) } else { RENEW_DEADLINE };
            let mut pause = RETRY_PERIOD;
            match tokio::time::timeout(within, self.step(asked)).await {
                Ok(Ok(Tried::Renewed)) => renewed = asked,
                Ok(Ok(Tried::Waits)) => {}
                Ok(Ok(Tried::Conflict)) => pause = CONFLICT,
                Ok(Ok(Tried::Lost)) => return LeaseLost::new(&self.name),
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, error = super::message(&error), "cannot renew the lease");
                }
                Err(_) => tracing::warn!(lease = self.name, "no answer to the renewal of the lease"),
            }
            if self.holds() && renewed.elapsed() >= RENEW_DEADLINE {
                return LeaseLost::new(&self.name);
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn holds(&self) -> bool {
        let state = self.assigned.state.borrow();
        !state.own.is_empty() || !state.running.is_empty()
    }

    /// One look at the lease and one write.
    async fn step(&mut self, asked: Instant) -> Result<Tried, kube::Error> {
        let lease = self.api.get_opt(&self.name).await?;
        let found = lease.as_ref().map(found).unwrap_or_default();
        let now = Timestamp::now();
        let mut planned = Step::Wait;
        let since = self.started.elapsed();
        // What is given up is given up before it can be begun; what is taken is begun after it is written.
        self.assigned.state.send_if_modified(|state| {
            planned = self.mind.step(&found, &state.running, since, &now.to_string());
            let keep = if let Step::Write(table) = &planned { self.mind.to_run(table) } else { Set::new() };
            let before = state.own.len();
            state.own.retain(|shard| keep.contains(shard));
            state.own.len() != before
        });
        let table = match planned {
            Step::Wait => return Ok(Tried::Waits),
            Step::Lost => return Ok(Tried::Lost),
            Step::Write(table) => table,
        };
        let filled = self.filled(lease.as_ref(), Some(&table), now);
        let written = match &lease {
            Some(_) => self.api.replace(&self.name, &PostParams::default(), &filled).await,
            None => self.api.create(&PostParams::default(), &filled).await,
        };
        match written {
            Ok(_) => {
                // Before the work begins, which is at once.
                self.tenure.renewed(asked, RENEW_DEADLINE);
                let own = self.mind.to_run(&table);
                self.assigned.state.send_if_modified(|state| std::mem::replace(&mut state.own, own.clone()) != own);
                Ok(Tried::Renewed)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(Tried::Conflict),
            Err(error) => Err(error),
        }
    }

    /// The lease with this table; free without one.
    fn filled(&self, old: Option<&Lease>, table: Option<&Table>, now: Timestamp) -> Lease {
        let now = MicroTime(now);
        let old_spec = old.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let holder = self.mind.holder();
        let ours = old_spec.holder_identity.as_deref() == Some(&holder);
        let lasts = if table.is_some() { LEASE_DURATION } else { Duration::from_secs(1) };
        let annotation = |table| (annotations::SHARDS.to_owned(), serde_json::to_string(table).unwrap_or_default());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: old.and_then(|lease| lease.metadata.resource_version.clone()),
                annotations: table.map(|table| BTreeMap::from([annotation(table)])),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: table.is_some().then_some(holder),
                lease_duration_seconds: i32::try_from(lasts.as_secs()).ok(),
                acquire_time: if ours { old_spec.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(old_spec.lease_transitions.unwrap_or(0) + i32::from(!ours && old.is_some())),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Gives everything back, after the last write. The last replica leaves the lease free.
    pub async fn leave(&self) {
        let left = async {
            loop {
                let Some(lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
                let found = found(&lease);
                if found.holder != self.mind.holder() || !found.table.contains_key(&self.identity) {
                    return Ok(());
                }
                let table = without(found.table, &self.identity);
                let filled = self.filled(Some(&lease), table.as_ref(), Timestamp::now());
                match self.api.replace(&self.name, &PostParams::default(), &filled).await {
                    Err(kube::Error::Api(status)) if status.is_conflict() => tokio::time::sleep(CONFLICT).await,
                    other => return other.map(|_| ()),
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(3), left).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "shards released"),
            Ok(Err(error)) => tracing::warn!(lease = self.name, error = super::message(&error), "shards not released"),
            Err(_) => tracing::warn!(lease = self.name, "shards not released in time"),
        }
    }
}

/// What a lease says. A table that cannot be read is one without rows: who works loses its shards by it, and ends.
fn found(lease: &Lease) -> Found {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let text = lease.metadata.annotations.as_ref().and_then(|all| all.get(annotations::SHARDS));
    Found {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.unwrap_or_default(),
        lasts: seconds.map_or(LEASE_DURATION, Duration::from_secs),
        table: text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
    }
}
