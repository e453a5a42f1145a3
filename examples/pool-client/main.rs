//! Clients of a connection pool, as applications have them: what the experiments with poolers measure.
//!
//! Every mode ends at its `--duration` or at SIGTERM or SIGINT and prints one line of JSON, after one for each of the first errors.

mod cancel;
mod connect;
mod crowd;
mod hot;
mod idle;
mod prepared;
mod run;
mod tally;
mod watch;
mod writers;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Clients of a connection pool, and what becomes of them", version)]
struct Cli {
    #[command(flatten)]
    target: connect::Target,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Execute prepared statements, each prepared once for its connection
    Prepared(prepared::Args),
    /// Run short transactions of several statements
    Hot(hot::Args),
    /// Insert rows, and look afterwards whether every acknowledged one is there
    Writers(writers::Args),
    /// Cancel a long query by a request to another address than that of its connection
    Cancel(cancel::Args),
    /// Hold many connections that each ask something every few seconds
    Idle(idle::Args),
    /// Hold server connections by long queries, more of them than there are, and count who is refused
    Crowd(crowd::Args),
    /// Count the connections that a server has, by user, and keep the most
    Watch(watch::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let report = match cli.mode {
        Mode::Prepared(args) => prepared::run(cli.target, args).await?,
        Mode::Hot(args) => hot::run(cli.target, args).await?,
        Mode::Writers(args) => writers::run(cli.target, args).await?,
        Mode::Cancel(args) => cancel::run(cli.target, args).await?,
        Mode::Idle(args) => idle::run(cli.target, args).await?,
        Mode::Crowd(args) => crowd::run(cli.target, args).await?,
        Mode::Watch(args) => watch::run(cli.target, args).await?,
    };
    println!("{report}");
    Ok(())
}
