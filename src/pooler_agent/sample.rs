//! Looks at the primary and at every replica, each on its own: one that hangs delays no other.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::postgres::{Access, Fault, Role};
use crate::pooler::{
    report::{PrimarySeen, Problem},
    rotation,
    wanted::Endpoint,
};

mod history;
mod server;

pub use server::{Identity, Server};

/// Looks after which nothing is known any more of a replica: they come every second, and take at most some seconds.
const FRESH: Duration = Duration::from_secs(5);
/// Failed looks after which it is said: one can be a hiccup of the network.
const FAILED: u32 = 2;

/// How often is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between looks.
    pub every: Duration,
    /// Looks at the primary by one connection. By the first one of each its name may lead to another server.
    pub primary_keeps: u32,
    /// The same for replicas.
    pub replica_keeps: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), primary_keeps: 1, replica_keeps: 5 }
    }
}

/// Which servers are looked at, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The primary.
    pub primary: Endpoint,
    /// The replicas.
    pub replicas: Vec<Endpoint>,
    /// Who asks. Absent: there is no user to ask as, and nothing is known.
    pub access: Option<Access>,
    /// How often.
    pub pace: Pace,
}

/// One look at one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When the answer came.
    pub at: Instant,
    /// Which look it was, from 1.
    pub number: u64,
    /// What it said.
    pub result: Result<Server, Fault>,
    /// Looks in a row that have failed.
    pub failures: u32,
}

/// The last look at every server.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The primary that is named.
    pub named: Endpoint,
    /// The last look at it; absent before the first one.
    pub primary: Option<Look>,
    /// The last look at each replica that is named.
    pub replicas: Vec<(Endpoint, Option<Look>)>,
    history: history::History,
}

impl Sample {
    fn new(plan: &Plan) -> Self {
        let replicas = plan.replicas.iter().map(|endpoint| (endpoint.clone(), None)).collect();
        Self { named: plan.primary.clone(), primary: None, replicas, history: history::History::default() }
    }

    /// Keeps what is known of the servers that are named still.
    fn follow(&mut self, plan: &Plan) {
        let old = std::mem::replace(self, Self::new(plan));
        if old.named == self.named {
            (self.primary, self.history) = (old.primary, old.history);
        }
        for (endpoint, look) in &mut self.replicas {
            let known = old.replicas.iter().find(|(known, _)| known == endpoint);
            *look = known.and_then(|(_, look)| look.clone());
        }
    }

    fn put(&mut self, role: Role, endpoint: &Endpoint, at: Instant, result: Result<Server, Fault>) {
        let place = match role {
            Role::Primary if self.named == *endpoint => &mut self.primary,
            Role::Primary => return,
            Role::Replica => match self.replicas.iter_mut().find(|(known, _)| known == endpoint) {
                Some((_, look)) => look,
                None => return,
            },
        };
        let last = place.take();
        let failures = last.as_ref().map_or(0, |look| look.failures);
        let look = Look {
            at,
            number: last.as_ref().map_or(0, |look| look.number) + 1,
            failures: if result.is_ok() { 0 } else { failures.saturating_add(1) },
            result,
        };
        if role == Role::Primary {
            self.history.see(last.as_ref(), &look);
        }
        match role {
            Role::Primary => self.primary = Some(look),
            Role::Replica => {
                if let Some((_, place)) = self.replicas.iter_mut().find(|(known, _)| known == endpoint) {
                    *place = Some(look);
                }
            }
        }
    }

    /// What the primary said at the last look; absent where it did not answer.
    pub fn primary_server(&self) -> Option<&Server> {
        self.primary.as_ref()?.result.as_ref().ok()
    }

    /// The primary for the report; absent before the first look.
    pub fn primary_seen(&self) -> Option<PrimarySeen> {
        let server = self.primary.as_ref()?.result.as_ref();
        Some(PrimarySeen { reachable: server.is_ok(), in_recovery: server.is_ok_and(|server| server.in_recovery) })
    }

    /// How far each replica is behind, in the order of the plan; absent where it does not answer or is no replica. While no primary is
    /// known, a replica is measured by what it has received.
    pub fn behind(&self, now: Instant) -> Vec<rotation::Sample> {
        let one = |look: &Look| {
            let fresh = now.saturating_duration_since(look.at) <= FRESH;
            let server = look.result.as_ref().ok().filter(|server| fresh && server.in_recovery)?;
            let replayed = server.position?;
            self.history.behind(look.at, replayed, server.replayed_seconds).or_else(|| {
                let bytes = server.received?.saturating_sub(replayed);
                let seconds = if bytes == 0 { 0.0 } else { server.replayed_seconds.unwrap_or(0.0) };
                Some(rotation::Behind { bytes, seconds })
            })
        };
        let sample = |(endpoint, look): &(Endpoint, Option<Look>)| rotation::Sample {
            endpoint: endpoint.clone(),
            behind: look.as_ref().and_then(one),
        };
        self.replicas.iter().map(sample).collect()
    }

    /// What is wrong with the servers, for the report. A replica that is out is the reads' concern; here is why it does not answer.
    pub fn problems(&self) -> Vec<Problem> {
        let failed = |look: Option<&Look>, role, endpoint: &Endpoint| {
            let look = look.filter(|look| look.failures >= FAILED)?;
            look.result.as_ref().err().map(|fault| fault.problem(role, endpoint))
        };
        let primary = failed(self.primary.as_ref(), Role::Primary, &self.named);
        let replicas = self.replicas.iter();
        let replicas = replicas.filter_map(|(endpoint, look)| failed(look.as_ref(), Role::Replica, endpoint));
        primary.into_iter().chain(replicas).chain(self.replicas.iter().filter_map(no_replica)).collect()
    }
}

/// A server that is named as a replica and takes writes is another primary, or was promoted.
fn no_replica((endpoint, look): &(Endpoint, Option<Look>)) -> Option<Problem> {
    let server = look.as_ref()?.result.as_ref().ok()?;
    let message = || {
        let Endpoint { host, port } = endpoint;
        format!("{host}:{port} is named as a replica and is not in recovery: reads do not go there; name replicas only")
    };
    (!server.in_recovery).then(|| Problem { reason: "ReplicaUnreachable".to_owned(), message: message() })
}

impl history::History {
    /// Takes the primary's position, and begins anew where another server answers.
    fn see(&mut self, last: Option<&Look>, look: &Look) {
        let Ok(server) = &look.result else { return };
        if server.in_recovery {
            return;
        }
        let before = last.and_then(|last| last.result.as_ref().ok());
        if before.is_some_and(|before| !before.identity.is_same(&server.identity)) {
            self.clear();
        }
        if let Some(position) = server.position {
            self.add(look.at, position);
        }
    }
}

/// Looks at servers until it is dropped.
pub struct Sampler {
    looking: BTreeMap<(Role, Endpoint), (Access, AbortOnDropHandle<()>)>,
    pace: Pace,
    samples: watch::Sender<Sample>,
}

impl Sampler {
    /// Begins to look, at once.
    pub fn start(plan: &Plan) -> Self {
        let mut sampler =
            Self { looking: BTreeMap::new(), pace: plan.pace, samples: watch::Sender::new(Sample::new(plan)) };
        sampler.begin(plan);
        sampler
    }

    /// Where the looks are published; each one is a change.
    pub fn samples(&self) -> watch::Receiver<Sample> {
        self.samples.subscribe()
    }

    /// Looks at the servers of this plan from now on. Those that are looked at already in the same way go on.
    pub fn follow(&mut self, plan: &Plan) {
        if self.pace != plan.pace {
            self.looking.clear();
            self.pace = plan.pace;
        }
        let wanted = |role: Role, endpoint: &Endpoint| match role {
            Role::Primary => plan.primary == *endpoint,
            Role::Replica => plan.replicas.contains(endpoint),
        };
        self.looking
            .retain(|(role, endpoint), (access, _)| wanted(*role, endpoint) && plan.access.as_ref() == Some(access));
        self.samples.send_if_modified(|sample| {
            let named = sample.replicas.iter().map(|(endpoint, _)| endpoint);
            let same = sample.named == plan.primary && named.eq(&plan.replicas);
            if !same {
                sample.follow(plan);
            }
            !same
        });
        self.begin(plan);
    }

    fn begin(&mut self, plan: &Plan) {
        let Some(access) = &plan.access else { return };
        let primary = std::iter::once((Role::Primary, &plan.primary));
        for (role, endpoint) in primary.chain(plan.replicas.iter().map(|replica| (Role::Replica, replica))) {
            let samples = self.samples.clone();
            self.looking.entry((role, endpoint.clone())).or_insert_with(|| {
                let task = tokio::spawn(look(role, endpoint.clone(), access.clone(), plan.pace, samples));
                (access.clone(), AbortOnDropHandle::new(task))
            });
        }
    }
}

async fn look(role: Role, endpoint: Endpoint, access: Access, pace: Pace, samples: watch::Sender<Sample>) {
    let keeps = match role {
        Role::Primary => pace.primary_keeps,
        Role::Replica => pace.replica_keeps,
    };
    let mut session = server::Session::new(endpoint.clone(), access, keeps);
    let mut ticks = tokio::time::interval(pace.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let result = session.look().await;
        let at = Instant::now();
        samples.send_modify(|sample| sample.put(role, &endpoint, at, result));
    }
}
