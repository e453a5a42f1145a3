//! The operator against a real API server with its controllers. See README.md.
//!
//! Every test has a namespace and an operator process of its own, so they run side by side. What is true of the whole
//! cluster, such as whether the API of the Prometheus Operator is there, is changed for one operator alone, by a proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, and that is what is meant"
)]

mod adopt;
mod adopt_operator;
mod autoscaler;
mod conflicts;
mod crash;
mod defaults;
mod deletion;
mod drift;
mod election;
mod enforcement;
mod faults;
mod floor_policy;
mod freeze;
mod gate;
mod harness;
mod hpa_facts;
mod many;
mod modes;
mod names;
mod paused;
mod pooling;
mod pooling_rollouts;
mod process;
mod prometheus;
mod rules;
mod shards;
mod steady;
mod targets;
mod undecodable;
mod versions;
mod vm_rules;
