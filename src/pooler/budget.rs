//! How the primary's connections are divided: no pooler ever asks for one that the server does not have.
//!
//! ```text
//! per instance = ⌊ share % × (max_connections − reserved − others) / instances ⌋ − the agent's own − one for each looking-up pool
//! ```
//!
//! That much is divided over the databases by what they declare, and is written as `max_db_connections`, which `PgBouncer` never goes
//! beyond, however many users there are. Pools are made to fit into it.
//!
//! Reads that may fall back on the primary have their part from the beginning: one that is given to them only when replicas fail would
//! be lent twice in that moment. On replicas a database has the same bound as on the primary: a replica accepts at least as many
//! connections as its primary, else Postgres does not start it.

use std::collections::BTreeMap;

use super::{
    ini::READS,
    report::Split,
    wanted::{AuthQuery, Database, Wanted, WhenNone},
};

mod direct;
mod words;

pub use direct::Direct;

/// What the server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub superuser_reserved: u32,
    /// `reserved_connections`, since Postgres 16.
    pub reserved: u32,
    /// Connections of others than the poolers, see [`Direct`].
    pub direct: u32,
}

impl ServerLimits {
    /// What is taken to hold where the server is not asked: Postgres' own default of reserved connections, and nobody else.
    pub const fn declared(max_connections: u32) -> Self {
        Self { max_connections, superuser_reserved: 3, reserved: 0, direct: 0 }
    }
}

/// What one database of one pooler may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseShare {
    /// `max_db_connections`, all users together; absent where the budget is not known.
    pub max_connections: Option<u32>,
    /// `pool_size`, of each user.
    pub pool_size: u32,
    /// `reserve_pool_size`, of each user.
    pub reserve_pool_size: u32,
    /// Connections that its reads may take of the primary; absent where they never go there.
    pub spill: Option<u32>,
}

/// How the primary's connections are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// For the report; absent where the budget is not known.
    pub split: Option<Split>,
    /// By the name that clients use.
    pub databases: BTreeMap<String, DatabaseShare>,
    /// Even one connection for each database is too much: more poolers or databases than the server can bear.
    pub oversubscribed: bool,
    /// The arithmetic, as a sentence.
    pub sentence: String,
}

impl Shares {
    /// Most connections that one pooler opens to the primary, without the agent's own; absent where the budget is not known.
    pub fn most(&self, wanted: &Wanted) -> Option<u32> {
        let one = |share: &DatabaseShare| Some(share.max_connections? + share.spill.unwrap_or(0));
        let databases = self.databases.values().map(one).sum::<Option<u32>>()?;
        Some(databases + separate(auth_entry(wanted).as_ref()))
    }
}

/// Connections of a database of its own for looking up users: one for looking up, and one for a client that names it.
pub const AUTH_CONNECTIONS: u32 = 2;

/// The entry of `[databases]` in which users are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthEntry {
    /// Its name, for `auth_dbname`.
    pub name: String,
    /// It is there for that alone: none of the clients' databases is this one of the server.
    pub separate: bool,
}

/// Where users are looked up; absent where nobody is, or each in the database that they ask for.
pub fn auth_entry(wanted: &Wanted) -> Option<AuthEntry> {
    let dbname = wanted.auth.query.as_ref()?.database.as_deref()?;
    if let Some(database) = wanted.databases.iter().find(|database| database.dbname == dbname) {
        return Some(AuthEntry { name: database.name.clone(), separate: false });
    }
    let taken = |name: &str| {
        wanted
            .databases
            .iter()
            .any(|database| name.strip_suffix(READS).unwrap_or(name) == database.name || name == database.name)
    };
    let mut name = dbname.to_owned();
    while taken(&name) {
        name.push_str("_lookup");
    }
    Some(AuthEntry { name, separate: true })
}

/// Connections of an entry that is there for looking up alone.
fn separate(entry: Option<&AuthEntry>) -> u32 {
    if entry.is_some_and(|entry| entry.separate) { AUTH_CONNECTIONS } else { 0 }
}

/// Whether users are looked up in this database, beside what its clients do.
fn looks_up(query: Option<&AuthQuery>, entry: Option<&AuthEntry>, database: &Database) -> bool {
    query.is_some() && entry.is_none_or(|entry| entry.name == database.name)
}

/// One claim to connections of the primary.
struct Claim {
    declared: u32,
    /// Added to what it is given, for looking up users.
    extra: u32,
}

/// Divides. Without limits nothing is shrunk and nothing is bounded.
pub fn split(wanted: &Wanted, limits: Option<&ServerLimits>) -> Shares {
    let settings = &wanted.settings;
    let spills = !wanted.replicas.is_empty() && wanted.lag.when_none == WhenNone::Primary;
    let query = wanted.auth.query.as_ref();
    let pool = |own: Option<u32>| own.unwrap_or(settings.default_pool_size).max(1);
    let entry = auth_entry(wanted);
    let spill_most = wanted.lag.spill_connections.max(1);
    // Reads that fall back look up their users there too.
    let spill_extra = u32::from(query.is_some_and(|query| query.database.is_none()));
    let claim = |database: &Database| Claim {
        declared: pool(database.pool_size).saturating_add(settings.reserve_pool_size),
        extra: u32::from(looks_up(query, entry.as_ref(), database)),
    };
    let claims: Vec<Claim> = wanted.databases.iter().map(claim).collect();
    let spilling = if spills { u32::try_from(claims.len()).unwrap_or(u32::MAX) } else { 0 };
    let looking_up =
        claims.iter().map(|claim| claim.extra).sum::<u32>() + spilling * spill_extra + separate(entry.as_ref());
    let of_databases = claims.iter().map(|claim| claim.declared).fold(0u32, u32::saturating_add);
    let declared = of_databases.saturating_add(spilling.saturating_mul(spill_most)).saturating_add(looking_up);

    let instances = wanted.instances.max(1);
    let Some(limits) = limits else {
        let share = |database: &Database| DatabaseShare {
            max_connections: None,
            pool_size: pool(database.pool_size),
            reserve_pool_size: settings.reserve_pool_size,
            spill: spills.then_some(spill_most),
        };
        let databases = wanted.databases.iter().map(|database| (database.name.clone(), share(database))).collect();
        return Shares { split: None, databases, oversubscribed: false, sentence: words::unknown(declared, instances) };
    };

    let sum = Sum::of(limits, wanted.budget.share_percent, instances, looking_up);
    let oversubscribed = u64::from(sum.for_claims) < claims.len() as u64 + u64::from(spilling);
    let spill = spill_share(sum.for_claims, spilling, spill_most, of_databases);
    let given = divide(&claims, sum.for_claims.saturating_sub(spill * spilling));
    let mut given = given.into_iter();
    let mut databases = BTreeMap::new();
    let mut shrunk = spills && spill < spill_most;
    // Databases without a size of their own are what `default_pool_size` is about.
    let mut smallest: Option<(bool, u32, u32)> = None;
    for database in &wanted.databases {
        let (most, extra) = given.next().unwrap_or((1, 0));
        let (pool_size, reserve) = fit(pool(database.pool_size), settings.reserve_pool_size, most);
        shrunk |= pool_size < pool(database.pool_size) || reserve < settings.reserve_pool_size;
        let own = (database.pool_size.is_some(), pool_size, reserve);
        smallest = Some(smallest.map_or(own, |least| least.min(own)));
        let spill = spills.then_some(spill + spill_extra);
        let share = DatabaseShare { max_connections: Some(most + extra), pool_size, reserve_pool_size: reserve, spill };
        databases.insert(database.name.clone(), share);
    }
    let (_, pool_size, reserve_pool_size) =
        smallest.unwrap_or((false, settings.default_pool_size, settings.reserve_pool_size));
    let split = Split {
        max_connections: limits.max_connections,
        reserved: limits.superuser_reserved.saturating_add(limits.reserved),
        direct: limits.direct,
        instances,
        per_instance: sum.for_claims + looking_up,
        declared,
        pool_size,
        reserve_pool_size,
        shrunk,
    };
    let sentence = words::sentence(&sum, &split, wanted, oversubscribed);
    Shares { split: Some(split), databases, oversubscribed, sentence }
}

/// The arithmetic, step by step.
struct Sum {
    limits: ServerLimits,
    left: u32,
    share_percent: u32,
    of_it: u32,
    instances: u32,
    each: u32,
    looking_up: u32,
    /// What is left of each pooler's for databases.
    for_claims: u32,
}

impl Sum {
    fn of(limits: &ServerLimits, share_percent: u32, instances: u32, looking_up: u32) -> Self {
        let taken = [limits.superuser_reserved, limits.reserved, limits.direct];
        let left = taken.into_iter().fold(limits.max_connections, u32::saturating_sub);
        let of_it = u32::try_from(u64::from(left) * u64::from(share_percent.min(100)) / 100).unwrap_or(left);
        let each = of_it / instances;
        Self {
            limits: *limits,
            left,
            share_percent,
            of_it,
            instances,
            each,
            looking_up,
            for_claims: each.saturating_sub(1).saturating_sub(looking_up),
        }
    }
}

/// What reads of one database may take of the primary: its part by size, at most what is declared, and never so much that a database
/// is left with nothing.
fn spill_share(budget: u32, spilling: u32, most: u32, of_databases: u32) -> u32 {
    if spilling == 0 {
        return 0;
    }
    let total = u64::from(of_databases) + u64::from(spilling) * u64::from(most);
    let by_size = u32::try_from(u64::from(budget) * u64::from(most) / total.max(1)).unwrap_or(most);
    by_size.min(most).min((budget / spilling).saturating_sub(1)).max(1)
}

/// Divides all of it by what is declared, and gives at least one each whatever there is.
fn divide(claims: &[Claim], budget: u32) -> Vec<(u32, u32)> {
    let count = u32::try_from(claims.len()).unwrap_or(u32::MAX);
    if budget < count {
        return claims.iter().map(|claim| (1, claim.extra)).collect();
    }
    // One each, and the rest by size: the floor of a share, then one more for the largest remainders.
    let total: u64 = claims.iter().map(|claim| u64::from(claim.declared)).sum::<u64>().max(1);
    let rest = u64::from(budget - count);
    let share = |claim: &Claim| (rest * u64::from(claim.declared) / total, rest * u64::from(claim.declared) % total);
    let mut given: Vec<u64> = claims.iter().map(|claim| 1 + share(claim).0).collect();
    let mut over = u64::from(budget) - given.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(claims.get(at).map_or(0, |claim| share(claim).1)));
    for at in order {
        if let Some(given) = given.get_mut(at).filter(|_| over > 0) {
            *given += 1;
            over -= 1;
        }
    }
    let clamp = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    given.into_iter().zip(claims).map(|(given, claim)| (clamp(given), claim.extra)).collect()
}

/// A pool and its reserve, made smaller alike where both together are too much; the pool keeps at least one.
fn fit(pool: u32, reserve: u32, most: u32) -> (u32, u32) {
    let both = pool.saturating_add(reserve);
    if both <= most {
        return (pool, reserve);
    }
    let kept = u64::from(most) * u64::from(reserve) / u64::from(both.max(1));
    let kept = u32::try_from(kept).unwrap_or(reserve).min(most.saturating_sub(1));
    ((most - kept).max(1), kept)
}

#[cfg(test)]
mod tests;
