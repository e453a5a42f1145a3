//! What the tests are written with: a namespace, an operator process, a faulty way to the API server, a Prometheus that
//! says what it is told to say.

mod cluster;
mod definitions;
mod eventually;
mod fixtures;
mod frozen;
mod metrics;
mod operator;
mod prometheus;
mod proxy;

pub use cluster::{Cluster, essence, remove};
pub use eventually::{PATIENCE, UNWATCHED, eventually};
pub use fixtures::{deployment, objective, profile, profile_with};
pub use frozen::{Frozen, Way, profile_of};
pub use metrics::ExternalMetrics;
pub use operator::{Launch, Operator};
pub use prometheus::{Load, Numbers, Prometheus};
pub use proxy::{Action, Fault, Proxy, Request};
