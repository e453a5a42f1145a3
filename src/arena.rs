//! `plimsoll arena`: autoscaling under load, simulated request by request. Pure: no clock, no client, chance from a seed.

mod autoscaling;
mod deployment;
pub mod erlang;
pub mod hpa;
mod html;
mod json;
mod load;
mod matrix;
mod measure;
mod number;
mod observation;
mod outcome;
mod pod;
mod policy;
mod random;
mod service;
mod simulation;
mod statistics;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod world;

pub use html::html;
pub use json::json;
pub use load::Shape;
pub use matrix::{Cell, Matrix, Mean, Plan, Row, Score, cells, matrix};
pub use observation::{Decision, Enforcer, Observation, Series, Status, Window, Workload};
pub use outcome::{Outcome, Point};
pub use policy::Policy;
pub use service::Minute;
pub use simulation::{Setup, run};
pub use statistics::Interval;
pub use summary::{Cost, Half, Summary, costs, subject, summaries};
pub use table::table;
pub use world::Fault;
