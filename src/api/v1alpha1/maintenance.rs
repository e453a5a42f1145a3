//! `spec.maintenance`: time that counts for nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::Duration;

/// Announced maintenance, once or again and again: its events are left out of the budgets of all objectives, and alerts
/// are quiet. Exactly one of `once` and `recurring`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.once) != has(self.recurring)").message("a maintenance window is exactly one of once and recurring"))]
pub struct Maintenance {
    /// Name of the window, a DNS label such as `database-upgrade`.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("the name of a maintenance window is a DNS label: lower case letters, digits and dashes, like database-upgrade"))]
    pub name: String,

    /// One stretch of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,

    /// The same stretch again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring: Option<Recurring>,
}

/// One stretch of time, at most seven days long.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.start < self.end && self.end - self.start <= duration('168h')").message("end is after start, and at most 7 days after it"))]
pub struct Once {
    /// When it begins, as in `2026-12-01T02:00:00Z`.
    pub start: Time,
    /// When it is over, as in `2026-12-01T04:00:00Z`.
    pub end: Time,
}

/// The same stretch of time again and again.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Recurring {
    /// Recurrence rule of RFC 5545, like `FREQ=WEEKLY;BYDAY=SU` or `FREQ=MONTHLY;BYDAY=1SA`. At most daily.
    #[schemars(length(min = 1, max = 200))]
    pub rule: String,

    /// Local date and time of the first one, like `2026-01-04T02:00:00`; all others begin at this time of day.
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$')").message("start is a local date and time without a zone, like 2026-01-04T02:00:00"))]
    #[schemars(length(max = 40))]
    pub start: String,

    /// IANA time zone of `start`, like `Africa/Johannesburg`. Default: `UTC`.
    #[serde(default = "super::objectives::utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,

    /// How long it takes, from 1m to 7d, like `2h`.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,2}d)?([0-9]{1,3}h)?([0-9]{1,5}m)?$') && size(self) > 1").message("duration is a time in whole d, h and m, like 2h or 1h30m"))]
    pub duration: Duration,
}
