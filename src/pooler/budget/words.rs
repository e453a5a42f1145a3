//! The arithmetic of the budget as a sentence, to be shown where it does not fit.

use std::fmt::Write as _;

use super::{Split, Sum, Wanted};

/// What is said where the server's limits are not known.
pub(super) fn unknown(declared: u32, instances: u32) -> String {
    format!(
        "{declared} connections are declared for one user of one pooler, {} for {}; whether the primary has them is not known: \
         name a monitor user, or set connectionBudget.maxConnections",
        u64::from(declared) * u64::from(instances),
        poolers(instances),
    )
}

pub(super) fn sentence(sum: &Sum, split: &Split, wanted: &Wanted, oversubscribed: bool) -> String {
    let Sum { limits, left, share_percent, of_it, instances, each, looking_up, .. } = sum;
    let looked_up = if *looking_up > 0 { format!(" and {looking_up} to look up users") } else { String::new() };
    let mut text = format!(
        "max_connections {} − {} reserved − {} others = {left}, {share_percent} % of it {of_it}, by {} {each}, less 1 for the agent{looked_up}: \
         {} of each pooler for its databases; {} are declared for one user",
        limits.max_connections,
        split.reserved,
        limits.direct,
        poolers(*instances),
        sum.for_claims,
        split.declared.saturating_sub(*looking_up),
    );
    if oversubscribed {
        let _ = write!(
            text,
            ". That is less than one for each of {} databases, so the server may refuse connections: raise max_connections, use fewer \
             instances or databases, or free some of the others' connections",
            wanted.databases.len(),
        );
    } else if split.shrunk {
        let _ = write!(
            text,
            ", so pools are made smaller: pool_size {} instead of {}, reserve_pool_size {} instead of {}",
            split.pool_size,
            wanted.settings.default_pool_size,
            split.reserve_pool_size,
            wanted.settings.reserve_pool_size,
        );
    } else {
        text.push_str(": they fit");
    }
    text
}

fn poolers(count: u32) -> String {
    if count == 1 { "1 pooler".to_owned() } else { format!("{count} poolers") }
}
