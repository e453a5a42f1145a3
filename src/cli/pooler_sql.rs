//! Flags of `plimsoll pooler-sql`.

use std::path::PathBuf;

use clap::Args;

use crate::pooler::auth_sql::FUNCTION;

/// Flags of `plimsoll pooler-sql`.
#[derive(Debug, Args)]
pub struct PoolerSqlArgs {
    /// Files with profiles that pool connections; - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["user", "monitor"])]
    pub files: Vec<PathBuf>,

    /// The role that looks users up
    #[arg(long, value_name = "ROLE", conflicts_with = "files")]
    pub user: Option<String>,

    /// The function that it calls
    #[arg(long, value_name = "SCHEMA.NAME", default_value = FUNCTION, conflicts_with = "files")]
    pub function: String,

    /// Database to make it in; may be repeated. Default: the one that psql is connected to
    #[arg(long = "database", value_name = "NAME", conflicts_with = "files")]
    pub databases: Vec<String>,

    /// The role that the poolers look at the servers with
    #[arg(long, value_name = "ROLE")]
    pub monitor: Option<String>,
}
