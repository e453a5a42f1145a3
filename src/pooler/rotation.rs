//! Which replicas reads go to: out at once when one is behind or gone, back after it has been well for a while.

use std::collections::BTreeMap;

use super::{
    report::{ReadsGo, ReplicaSeen},
    wanted::{Endpoint, Lag, WhenNone},
};

/// Looks without an answer after which a replica is out: one can be a hiccup of the network.
const FAILED: u32 = 2;
/// Good looks in a row after which a replica is back.
const GOOD: u32 = 3;

/// How far a replica is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behind {
    /// Bytes of write-ahead log that it has not replayed.
    pub bytes: u64,
    /// Seconds since the last transaction that it has replayed; they count only while bytes are missing, for an idle primary
    /// has nothing to replay.
    pub seconds: f64,
}

/// One look at one replica.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The server.
    pub endpoint: Endpoint,
    /// How far it is behind; absent where it does not answer, is no replica, or the primary is not known.
    pub behind: Option<Behind>,
}

/// What is remembered of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Kept {
    out: bool,
    good: u32,
    failed: u32,
}

/// What is remembered of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    replicas: BTreeMap<Endpoint, Kept>,
}

/// Where the `_ro` databases go.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// To which kind of server.
    pub reads: ReadsGo,
    /// To which ones, in the order of the document; none where reads go to the primary or nowhere.
    pub hosts: Vec<Endpoint>,
    /// What is known of each replica, for the report.
    pub seen: Vec<ReplicaSeen>,
}

impl Decision {
    /// The decision where nobody can look, for want of a user to ask as: all of them.
    pub fn unmeasured(replicas: &[Endpoint]) -> Self {
        let unknown = |endpoint: &Endpoint| ReplicaSeen {
            endpoint: endpoint.clone(),
            in_rotation: true,
            lag_bytes: None,
            lag_seconds: None,
        };
        Self { reads: ReadsGo::Replicas, hosts: replicas.to_vec(), seen: replicas.iter().map(unknown).collect() }
    }
}

impl Memory {
    /// Looks at the samples, one for each replica of the document, and decides.
    pub fn decide(&mut self, samples: &[Sample], lag: &Lag) -> Decision {
        // A replica that is no longer named is forgotten; a new one begins in rotation if its first look is good.
        self.replicas.retain(|endpoint, _| samples.iter().any(|sample| sample.endpoint == *endpoint));
        for sample in samples {
            match self.replicas.get_mut(&sample.endpoint) {
                Some(kept) => kept.look(sample.behind, lag),
                None => drop(self.replicas.insert(sample.endpoint.clone(), Kept::first(sample.behind, lag))),
            }
        }
        let within = |sample: &&Sample| self.replicas.get(&sample.endpoint).is_some_and(|kept| !kept.out);
        let rotation: Vec<Endpoint> = samples.iter().filter(within).map(|sample| sample.endpoint.clone()).collect();
        let (reads, hosts) = place(rotation.clone(), samples, lag);
        let seen = samples
            .iter()
            .map(|sample| ReplicaSeen {
                endpoint: sample.endpoint.clone(),
                in_rotation: rotation.contains(&sample.endpoint),
                lag_bytes: sample.behind.map(|behind| behind.bytes),
                lag_seconds: sample.behind.map(|behind| if behind.bytes == 0 { 0.0 } else { behind.seconds }),
            })
            .collect();
        Decision { reads, hosts, seen }
    }
}

/// Where reads go with these replicas in rotation.
fn place(rotation: Vec<Endpoint>, samples: &[Sample], lag: &Lag) -> (ReadsGo, Vec<Endpoint>) {
    let enough = usize::try_from(lag.min_replicas.max(1)).unwrap_or(usize::MAX);
    if rotation.len() >= enough {
        return (ReadsGo::Replicas, rotation);
    }
    match lag.when_none {
        WhenNone::Primary => (ReadsGo::Primary, vec![]),
        WhenNone::Fail => (ReadsGo::Nowhere, vec![]),
        WhenNone::Stale => {
            // Those that answer; all of them where none does, for what the agent cannot reach the pooler perhaps can.
            let answering: Vec<_> =
                samples.iter().filter(|one| one.behind.is_some()).map(|one| one.endpoint.clone()).collect();
            let all = || samples.iter().map(|one| one.endpoint.clone()).collect();
            (ReadsGo::Stale, if answering.is_empty() { all() } else { answering })
        }
    }
}

impl Kept {
    fn first(behind: Option<Behind>, lag: &Lag) -> Self {
        match behind {
            Some(behind) if !beyond(behind, lag) => Self::default(),
            Some(_) => Self { out: true, ..Self::default() },
            None => Self { out: true, failed: FAILED, ..Self::default() },
        }
    }

    fn look(&mut self, behind: Option<Behind>, lag: &Lag) {
        let Some(behind) = behind else {
            self.good = 0;
            self.failed = self.failed.saturating_add(1);
            self.out |= self.failed >= FAILED;
            return;
        };
        self.failed = 0;
        if beyond(behind, lag) {
            *self = Self { out: true, ..Self::default() };
        } else if self.out && well(behind, lag) {
            self.good += 1;
            if self.good >= GOOD {
                *self = Self::default();
            }
        } else {
            self.good = 0;
        }
    }
}

/// Too far behind to be read from.
fn beyond(behind: Behind, lag: &Lag) -> bool {
    behind.bytes > 0 && (behind.bytes > lag.max_bytes || behind.seconds > f64::from(lag.max_seconds))
}

/// So near that it will not be out again at once: within half of both limits.
fn well(behind: Behind, lag: &Lag) -> bool {
    behind.bytes == 0 || (behind.bytes <= lag.max_bytes / 2 && behind.seconds <= f64::from(lag.max_seconds) / 2.0)
}

#[cfg(test)]
mod tests;
