//! Reusable work with the API server, and the foreign kinds that the operator writes.

mod apply;
mod cache;
mod error;
mod lease;
mod light;
mod packed;
mod pod_monitor;
mod prometheus_rule;
mod rule_groups;
mod served;
mod shards;
mod status;
mod tenure;
mod vm_rule;

pub use apply::{AppliedMemory, Change, Found, Stub, Written, is_owned_by};
pub use cache::{Cache, Changed};
pub use error::{Category, categorize, message, no_answer};
pub use lease::{Candidate, LeaseLost};
pub use light::{Light, without_managed_fields};
pub use packed::Packed;
pub use pod_monitor::{PodMonitor, PodMonitorSpec};
pub use prometheus_rule::{PrometheusRule, PrometheusRuleSpec};
pub use rule_groups::{RuleGroups, RuleSource};
pub use served::{RuleApis, ScalerApis, api_served, rule_apis, scaler_apis};
pub use shards::{Assigned, Member};
pub use status::apply_status;
pub use tenure::Tenure;
pub use vm_rule::{VMRule, VMRuleSpec};
