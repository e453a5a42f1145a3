//! The agent of a pooler's pod with a real PgBouncer before a real Postgres, outside a pod.
//!
//! ```sh
//! PGBOUNCER=/usr/sbin/pgbouncer cargo test --test pooler_agent -- --ignored --test-threads=1
//! ```
//!
//! `POSTGRES_ROOT` is a root directory with Postgres in it; without it the machine's own is taken. As root everything runs as nobody.
//! One at a time, for some measure times.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod clients;
mod configuration;
mod postgres;
mod rig;
mod servers;
mod stopping;
mod switchover;
