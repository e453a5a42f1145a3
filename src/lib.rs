//! Plimsoll: the load line for Kubernetes services. One `PerformanceProfile` per workload states its objectives and how it
//! may scale; the operator reconciles what keeps the service above the line, and says in the status what it sees.
//!
//! ```text
//! watch event ─► observe   I/O   profile + client      ─► Observed
//!                validate  pure  profile + Observed    ─► Profile, nothing in it can be wrong any more; findings
//!                build     pure  Profile               ─► Children<Desired>, every child kind is a field
//!                apply     I/O   Children<Desired>     ─► Children<Applied>, an outcome per child
//!                evaluate  pure  the last Snapshot     ─► Evaluation of the objectives
//!                status    pure  old, all of it, now   ─► Status
//!                publish   I/O   patch only on change, events only on transition
//! ```
//!
//! `render` and `check` take the pure part of the same path.

pub mod api;
pub mod arena;
pub mod ask;
pub mod backtest;
pub mod check;
#[allow(rustdoc::bare_urls, reason = "as below; rustdoc alone knows this lint")]
#[expect(clippy::doc_markdown, reason = "its doc comments are the program's help, which is no Markdown")]
pub mod cli;
pub mod enforce;
pub mod explain;
pub mod export;
mod gate;
mod http;
pub mod import;
pub mod inhibit;
pub mod input;
pub mod kube;
pub mod load;
mod metrics;
pub mod pooler;
pub mod pooler_agent;
pub mod profile;
mod prometheus;
mod readiness;
pub mod reference;
pub mod render;
pub mod run;
pub mod schedule;
pub mod shard;
pub mod slo;
pub mod telemetry;
pub mod yaml;
