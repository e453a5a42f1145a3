//! A small authentication service and a load generator for it: what the demonstrations and the end-to-end tests measure.
//!
//! `sample-service serve` answers logins with real work, exports the usual HTTP metrics and can be made slow or faulty while it
//! runs. `sample-service load` sends it requests at a constant rate, whatever the service does.

mod body;
mod chance;
mod load;
mod serve;
mod signals;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;

#[derive(Parser)]
#[command(about = "A sample authentication service and its load generator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the authentication service
    Serve(serve::Args),
    /// Send requests to the service at a constant rate
    Load(load::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::builder()
                .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Load(args) => load::run(args).await,
    }
}
