//! What a replica makes of the lease: which shards are its own, which it takes, which it gives up. Without a clock and without I/O.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// For so long it must be uneven before shards move between replicas that live: a rolling update brings one and takes one, and each
/// move starts the controllers of two replicas anew.
pub const UNEVEN_FOR: Duration = Duration::from_secs(10);

/// Numbers of shards.
pub type Set = BTreeSet<u16>;

/// The replicas by name.
pub type Table = BTreeMap<String, Row>;

/// What one replica has said in the lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// When, by its own clock: others only look whether it changes.
    pub renewed: String,
    /// Shards that are its own.
    pub shards: Set,
}

/// The lease as it was read.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Version of the object.
    pub version: String,
    /// Who holds it; empty where nobody does.
    pub holder: String,
    /// How long it lasts without a change.
    pub lasts: Duration,
    /// The replicas that share it.
    pub table: Table,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Others hold the lease, who count shards in another way.
    Wait,
    /// Shards that are worked on are not ours any more.
    Lost,
    /// This is to be written.
    Write(Table),
}

/// What a replica remembers between two looks at the lease.
pub struct Mind {
    identity: String,
    count: u16,
    lasts: Duration,
    version: Option<(String, Duration)>,
    others: BTreeMap<String, (String, Duration)>,
    uneven_since: Option<Duration>,
    giving: Set,
}

impl Mind {
    /// A replica of this name, of some that share so many shards; each is taken for dead when it says nothing for a while.
    pub fn new(identity: &str, count: u16, lasts: Duration) -> Self {
        Self {
            identity: identity.to_owned(),
            count,
            lasts,
            version: None,
            others: BTreeMap::new(),
            uneven_since: None,
            giving: Set::new(),
        }
    }

    /// How all that share so many shards are called together. No pod has a name with a slash.
    pub fn holder(&self) -> String {
        format!("shards/{}", self.count)
    }

    /// One look. `running` is worked on just now; `now` is the time since any fixed moment.
    pub fn step(&mut self, found: &Found, running: &Set, now: Duration, stamp: &str) -> Step {
        if found.holder != self.holder() {
            return self.foreign(found, running, now, stamp);
        }
        let Some(own) = found.table.get(&self.identity) else {
            if !running.is_empty() {
                return Step::Lost;
            }
            self.giving.clear();
            // Who comes says so first, so that of several that come at once none takes all.
            let mut table = self.living(&found.table, now);
            table.insert(self.identity.clone(), row(stamp, Set::new()));
            return Step::Write(table);
        };
        if !running.is_subset(&own.shards) {
            return Step::Lost;
        }
        let mut table = self.living(&found.table, now);
        let mut shards = own.shards.clone();
        // Until the lease says so, for a write may fail.
        self.giving.retain(|shard| own.shards.contains(shard));
        if self.giving.is_empty() {
            let others: Vec<usize> = table.values().map(|row| row.shards.len()).collect();
            let taken: Set = own.shards.iter().chain(table.values().flat_map(|row| &row.shards)).copied().collect();
            self.take(&mut shards, &taken, &others);
            self.give(&shards, &others, now);
        } else if self.giving.is_disjoint(running) {
            shards.retain(|shard| !self.giving.contains(shard));
        }
        table.insert(self.identity.clone(), row(stamp, shards));
        Step::Write(table)
    }

    /// What of a table that was written is to be worked on.
    pub fn to_run(&self, written: &Table) -> Set {
        let own = written.get(&self.identity).map(|row| &row.shards);
        own.into_iter().flatten().filter(|shard| !self.giving.contains(shard)).copied().collect()
    }

    /// A lease that others hold, or nobody.
    fn foreign(&mut self, found: &Found, running: &Set, now: Duration, stamp: &str) -> Step {
        if !running.is_empty() {
            return Step::Lost;
        }
        let since = match &self.version {
            Some((version, since)) if *version == found.version => *since,
            _ => now,
        };
        self.version = Some((found.version.clone(), since));
        if !found.holder.is_empty() && now.saturating_sub(since) < found.lasts {
            return Step::Wait;
        }
        self.giving.clear();
        Step::Write(Table::from([(self.identity.clone(), row(stamp, Set::new()))]))
    }

    /// The others, without those that have said nothing for as long as the lease lasts.
    fn living(&mut self, table: &Table, now: Duration) -> Table {
        let others = table.iter().filter(|(name, _)| **name != self.identity);
        let seen: BTreeMap<_, _> = others
            .clone()
            .map(|(name, row)| {
                let since = match self.others.get(name) {
                    Some((renewed, since)) if *renewed == row.renewed => *since,
                    _ => now,
                };
                (name.clone(), (row.renewed.clone(), since))
            })
            .collect();
        self.others = seen;
        let lives =
            |name: &str| self.others.get(name).is_some_and(|(_, since)| now.saturating_sub(*since) < self.lasts);
        others.filter(|(name, _)| lives(name)).map(|(name, row)| (name.clone(), row.clone())).collect()
    }

    /// Takes of the free ones as long as no other has fewer.
    fn take(&self, shards: &mut Set, taken: &Set, others: &[usize]) {
        let fewest = others.iter().min().copied().unwrap_or(usize::MAX);
        for shard in (0..self.count).filter(|shard| !taken.contains(shard)) {
            if shards.len() > fewest {
                return;
            }
            shards.insert(shard);
        }
    }

    /// Gives up what is more than a fair share, when it has been so for a while.
    fn give(&mut self, shards: &Set, others: &[usize], now: Duration) {
        let fair = usize::from(self.count).div_ceil(others.len() + 1);
        let fewest = others.iter().min().copied().unwrap_or(usize::MAX);
        let one = usize::from(shards.len() > fewest.saturating_add(1));
        let excess = if one == 0 { 0 } else { shards.len().saturating_sub(fair).max(one) };
        if excess == 0 {
            self.uneven_since = None;
            return;
        }
        let since = *self.uneven_since.get_or_insert(now);
        if now.saturating_sub(since) >= UNEVEN_FOR {
            self.uneven_since = None;
            self.giving = shards.iter().rev().take(excess).copied().collect();
        }
    }
}

fn row(stamp: &str, shards: Set) -> Row {
    Row { renewed: stamp.to_owned(), shards }
}

/// The table without a replica that ends; nothing where it was the last.
pub fn without(mut table: Table, identity: &str) -> Option<Table> {
    table.remove(identity);
    (!table.is_empty()).then_some(table)
}

#[cfg(test)]
mod tests;
