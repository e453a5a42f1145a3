//! The process that stands before `PgBouncer` in a pooler pod: configuration, drain, probes, exporter. It decides nothing by itself that
//! [`crate::pooler`] could.

pub mod clients;
pub mod console;
pub mod exporter;
pub mod postgres;
pub mod primary;
mod process;
pub mod sample;
