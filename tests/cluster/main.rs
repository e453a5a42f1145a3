//! The operator against a real API server with its controllers. See README.md.
//!
//! Every test has a namespace and an operator process of its own, so they run side by side. What is true of the whole
//! cluster, such as whether the API of the Prometheus Operator is there, is changed for one operator alone, by a proxy.

mod conflicts;
mod defaults;
mod drift;
mod harness;
mod paused;
mod rules;
