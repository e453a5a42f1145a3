//! Whether stated connections can hold what is declared. What the primary has is only known while the poolers run.

use crate::{
    api::v1alpha1::PostgresPooling,
    pooler::{
        budget::{ServerLimits, split},
        wanted::Wanted,
    },
    profile::finding::{Finding, Level},
};

use super::PLACE;

/// The budget as it will be at the most instances: one that cannot hold a connection for each database is refused, one that is too
/// small for the pools is said.
pub fn findings(postgres: &PostgresPooling, wanted: &Wanted, found: &mut Vec<Finding>) {
    let Some(stated) = wanted.budget.max_connections else { return };
    let instances = postgres.instances.clone().unwrap_or_default();
    let at_most = Wanted { instances: u32::try_from(instances.max).unwrap_or(1), ..wanted.clone() };
    let shares = split(&at_most, Some(&ServerLimits::declared(stated)));
    let place = format!("{PLACE}/connectionBudget/maxConnections");
    if shares.oversubscribed {
        found.push(Finding::new(Level::Error, place, format!("with instances.max {}: {}", instances.max, shares.sentence)));
    } else if shares.split.as_ref().is_some_and(|split| split.shrunk) {
        found.push(Finding::new(Level::Warning, place, format!("with instances.max {}: {}", instances.max, shares.sentence)));
    }
}
