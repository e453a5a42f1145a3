//! A lease and replicas in one process, in steps of 50 ms. Requests take their time both ways, and at times never come back.

use super::*;

const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);
const POD_NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// Where a replica is in its try.
enum Phase {
    Sleeping(Duration),
    /// The answer to the read is on its way.
    Reading {
        read_at: Duration,
    },
    /// The write arrives at a time, and its answer comes back at another.
    Writing {
        arrives: Duration,
        answered: Duration,
        version: u64,
        table: Table,
        landed: Option<bool>,
    },
}

/// A replica, as `Member` and the work of a process make one.
struct Replica {
    mind: Mind,
    phase: Phase,
    asked: Duration,
    renewed: Duration,
    own: Set,
    running: Set,
    /// The controllers end at this time.
    ends: Option<Duration>,
    leaving: bool,
}

impl Replica {
    fn new(name: &str, count: u16, now: Duration) -> Self {
        Self {
            mind: Mind::new(name, count, LASTS),
            phase: Phase::Sleeping(now),
            asked: now,
            renewed: now,
            own: Set::new(),
            running: Set::new(),
            ends: None,
            leaving: false,
        }
    }

    fn holds(&self) -> bool {
        !self.own.is_empty() || !self.running.is_empty()
    }
}

/// The lease, and who wants it.
pub struct World {
    dice: Dice,
    now: Duration,
    version: u64,
    holder: String,
    table: Table,
    replicas: BTreeMap<&'static str, Replica>,
    calm: bool,
    /// Writes that are on their way although who sent them has gone.
    stray: Vec<(Duration, u64, String, Table)>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed | 1),
            now: Duration::ZERO,
            version: 1,
            holder: String::new(),
            table: Table::new(),
            replicas: BTreeMap::new(),
            calm: false,
            stray: Vec::new(),
        }
    }

    pub fn run(mut self) {
        while self.now < Duration::from_mins(4) {
            if self.dice.below(80) == 0 {
                self.disturb();
            }
            self.tick();
        }
        self.calm = true;
        let count = if self.dice.below(2) == 0 { 2 } else { 4 };
        let live = 1 + usize::try_from(self.dice.below(4)).unwrap();
        let keep = &POD_NAMES[..live];
        self.replicas.retain(|name, replica| keep.contains(name) && replica.mind.count == count);
        // A lease that runs out, and three times what is uneven for a while.
        let end = self.now + Duration::from_secs(75);
        while self.now < end {
            // What ends because of what was before is started again.
            let now = self.now;
            for name in keep {
                self.replicas.entry(name).or_insert_with(|| Replica::new(name, count, now));
            }
            self.tick();
        }
        let sizes: Vec<_> = self.replicas.values().map(|replica| replica.running.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), usize::from(count), "{sizes:?}");
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
    }

    /// A replica comes, is killed, is told to stop, or is replaced by one that counts otherwise.
    fn disturb(&mut self) {
        let name = POD_NAMES[usize::try_from(self.dice.below(5)).unwrap()];
        let count = if self.dice.below(4) == 0 { 2 } else { 4 };
        match self.dice.below(3) {
            0 => {
                if let Some(replica) = self.replicas.get_mut(name) {
                    replica.leaving = true;
                }
            }
            1 => self.kill(name),
            _ => {
                let now = self.now;
                self.replicas.entry(name).or_insert_with(|| Replica::new(name, count, now));
            }
        }
    }

    fn kill(&mut self, name: &str) {
        let Some(replica) = self.replicas.remove(name) else { return };
        if let Phase::Writing { arrives, version, table, landed: None, .. } = replica.phase {
            self.stray.push((arrives, version, replica.mind.holder(), table));
        }
    }

    fn tick(&mut self) {
        self.now += TICK;
        let now = self.now;
        for (_, version, holder, table) in self.stray.extract_if(.., |stray| stray.0 <= now).collect::<Vec<_>>() {
            self.write(version, &holder, table);
        }
        for name in POD_NAMES {
            let Some(mut replica) = self.replicas.remove(name) else { continue };
            let lives = self.act(&mut replica, name);
            self.replicas.insert(name, replica);
            if !lives {
                self.kill(name);
            }
            self.check();
        }
    }

    fn write(&mut self, version: u64, holder: &str, table: Table) -> bool {
        let taken = self.version == version;
        if taken {
            self.version += 1;
            self.holder = if table.is_empty() { String::new() } else { holder.to_owned() };
            self.table = table;
        }
        taken
    }

    /// A while on the way: short, but for one in thirty.
    fn delay(&mut self) -> Duration {
        if !self.calm && self.dice.below(30) == 0 { self.dice.millis(12_000) } else { self.dice.millis(300) }
    }

    /// False when the process ends.
    fn act(&mut self, replica: &mut Replica, name: &str) -> bool {
        let now = self.now;
        if replica.ends.is_some_and(|ends| ends <= now) {
            replica.ends = None;
            replica.running.clear();
            if replica.leaving {
                let (version, holder) = (self.version, replica.mind.holder());
                if self.holder == holder {
                    let table = without(self.table.clone(), name).unwrap_or_default();
                    self.write(version, &holder, table);
                }
                return false;
            }
            replica.running.clone_from(&replica.own);
        }
        let change = replica.leaving || replica.own != replica.running;
        if change && replica.ends.is_none() {
            let drain = if replica.running.is_empty() { Duration::ZERO } else { self.dice.millis(9_000) };
            replica.ends = Some(now + drain);
        }
        // A deadline for all tries together, as in `Member::share`.
        let base = if replica.holds() { replica.renewed } else { replica.asked };
        let late = now.saturating_sub(base) >= RENEW_DEADLINE;
        if late && replica.holds() {
            return false;
        }
        let version = self.version;
        match std::mem::replace(&mut replica.phase, Phase::Sleeping(now)) {
            Phase::Sleeping(until) if until > now => replica.phase = Phase::Sleeping(until),
            Phase::Sleeping(_) => {
                replica.asked = now;
                replica.phase = Phase::Reading { read_at: now + self.delay() };
            }
            Phase::Reading { read_at } if read_at > now => replica.phase = Phase::Reading { read_at },
            Phase::Reading { .. } => {
                let found = Found {
                    version: version.to_string(),
                    holder: self.holder.clone(),
                    lasts: LASTS,
                    table: self.table.clone(),
                };
                let step = replica.mind.step(&found, &replica.running, now, &format!("{now:?} {name}"));
                let keep = if let Step::Write(table) = &step { replica.mind.to_run(table) } else { Set::new() };
                replica.own.retain(|shard| keep.contains(shard));
                match step {
                    Step::Wait => replica.phase = Phase::Sleeping(now + Duration::from_secs(2)),
                    Step::Lost => return false,
                    Step::Write(table) => {
                        let arrives = now + self.delay();
                        let answered = arrives + self.delay();
                        replica.phase = Phase::Writing { arrives, answered, version, table, landed: None };
                    }
                }
            }
            Phase::Writing { arrives, answered, version, table, mut landed } => {
                if landed.is_none() && arrives <= now {
                    landed = Some(self.write(version, &replica.mind.holder(), table.clone()));
                }
                if answered > now {
                    replica.phase = Phase::Writing { arrives, answered, version, table, landed };
                } else if landed == Some(true) {
                    replica.renewed = replica.asked;
                    replica.own = replica.mind.to_run(&table);
                    replica.phase = Phase::Sleeping(now + Duration::from_secs(2));
                }
            }
        }
        true
    }

    fn check(&self) {
        let mut workers: BTreeMap<u16, &str> = BTreeMap::new();
        let mut counts = Set::new();
        for (name, replica) in &self.replicas {
            if !replica.running.is_empty() {
                counts.insert(replica.mind.count);
            }
            for shard in &replica.running {
                let other = workers.insert(*shard, name);
                assert!(other.is_none(), "at {:?} {name} and {other:?} work on {shard}", self.now);
            }
        }
        assert!(counts.len() <= 1, "at {:?} shards are counted in two ways: {:?}", self.now, self.table);
    }
}
