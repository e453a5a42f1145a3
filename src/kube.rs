//! Reusable work with the API server, and the foreign kinds that the operator writes.

mod apply;
mod error;
mod lease;
mod pod_monitor;
mod prometheus_rule;
mod served;
mod shards;
mod vm_rule;

pub use apply::{AppliedMemory, Change, is_owned_by};
pub use error::{Category, categorize, message, no_answer};
pub use lease::{Candidate, LeaseLost};
pub use pod_monitor::{PodMonitor, PodMonitorSpec};
pub use prometheus_rule::{PrometheusRule, PrometheusRuleSpec};
pub use served::{RuleApis, ScalerApis, api_served, rule_apis, scaler_apis};
pub use shards::{Assigned, Member};
pub use vm_rule::{VMRule, VMRuleSpec};
