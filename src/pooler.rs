//! `PgBouncer` in front of Postgres: everything about a pool that can be decided without touching anything.
//!
//! The operator writes a [`wanted::Wanted`] into a `ConfigMap`; the agent in every pooler pod turns it into the files of `PgBouncer`,
//! loads them, and answers with a [`report::Report`]. No client, no clock, no runtime here.

pub mod auth_sql;
pub mod budget;
pub mod drain;
pub mod ini;
pub mod keys;
pub mod report;
pub mod rotation;
pub mod switchover;
pub mod userlist;
pub mod version;
pub mod wanted;
