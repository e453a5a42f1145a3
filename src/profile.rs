//! The controller: from a profile to its children and its status.

mod acting;
mod adoption;
mod apply;
mod backoff;
pub mod build;
mod children;
mod collector;
mod controller;
mod enforcer;
mod error;
mod evaluation;
mod finding;
pub mod freeze;
mod kept;
mod observe;
pub mod overlay;
mod own_status;
mod poolers;
mod publish;
mod reconcile;
pub mod rules;
mod settings;
mod status;
#[cfg(test)]
mod testing;
mod triggers;
pub mod validate;
mod workloads;

pub use acting::Acting;
pub use adoption::Adoptable;
pub use children::{Applied, Children, Desired, Live, Outcome, Plan, PoolerChildren, Stage, Why};
pub use collector::WorkloadCollector;
pub use controller::{Controller, Shared};
pub use error::Error;
pub use finding::{Finding, Level};
pub use kept::Kept;
pub use observe::{Observed, Rivals, TargetState, Workload};
pub use settings::{PoolerImages, Settings};
