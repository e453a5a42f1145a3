//! What the status says of announced maintenance.

use std::time::Duration;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::Facts;
use crate::{
    api::v1alpha1::{MaintenanceStatus, UpcomingMaintenance},
    profile::validate::Stretch,
};

/// The stretch that goes on, of several the one that is over last, and the next one.
pub fn status(stretches: &[Stretch], now: Timestamp) -> Option<MaintenanceStatus> {
    let current = stretches.iter().filter(|stretch| stretch.start <= now && now < stretch.end).max_by_key(|s| s.end);
    let next = stretches.iter().find(|stretch| stretch.start > now);
    if current.is_none() && next.is_none() {
        return None;
    }
    Some(MaintenanceStatus { current: current.map(shown), next: next.map(shown) })
}

fn shown(stretch: &Stretch) -> UpcomingMaintenance {
    UpcomingMaintenance { name: stretch.name.clone(), start: Time(stretch.start), end: Time(stretch.end) }
}

/// Time until maintenance begins or is over.
pub fn changes_in(facts: &Facts<'_>, now: Timestamp) -> Option<Duration> {
    let edges = facts.checked.maintenance.iter().flat_map(|stretch| [stretch.start, stretch.end]);
    edges.filter(|edge| *edge > now).min().and_then(|edge| Duration::try_from(edge.duration_since(now)).ok())
}
