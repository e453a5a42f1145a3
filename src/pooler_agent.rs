//! The process that stands before `PgBouncer` in a pooler pod: configuration, drain, probes, exporter. It decides nothing by itself that
//! [`crate::pooler`] could.
//!
//! ```text
//! ConfigMap, Secrets ─► follow ─► prepare ─► load    write, RELOAD, read back
//! primary, replicas  ─► sample ──────────┘ └► pause   PAUSE, RESUME, RECONNECT
//! TERM               ─► drain                         unready, release, INT
//! all of it          ─► board ─► http                 probes, report, metrics
//! ```

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::cli::PoolerAgentArgs;

mod agent;
mod board;
mod certificates;
mod clients;
mod complaints;
mod console;
mod exporter;
mod files;
mod follow;
mod http;
mod install;
mod mounted;
mod peers;
pub mod postgres;
mod prepare;
pub mod primary;
mod process;
mod program;
pub mod sample;

pub use follow::ConfigMapRef;
pub use install::install;

use agent::{Agent, Setup};
use board::Board;
use console::Console;
use mounted::Mounts;

/// Time for the last answers over HTTP after `PgBouncer` has ended.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// Why the agent stops by itself.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// `PgBouncer` refuses it, and nothing here needs it.
    #[error("the agent does not run as root, and PgBouncer does not either: set runAsNonRoot and runAsUser")]
    Root,
    /// There is no program.
    #[error("{0}")]
    Program(#[from] program::ProgramError),
    /// Nobody says which pod this is.
    #[error("the pod's ordinal is not known: POD_NAME is {0:?}, and no --ordinal is given")]
    Ordinal(String),
    /// The directory cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Run {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP server cannot run.
    #[error("cannot serve probes and metrics on {address}: {source}; choose another --agent-address")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The signals of the system cannot be received.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Runs until told to stop, and until the clients have gone then.
pub async fn run(args: PoolerAgentArgs) -> Result<(), AgentError> {
    if nix::unistd::geteuid().is_root() {
        return Err(AgentError::Root);
    }
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let ordinal = args.ordinal()?;
    let run = args.run_dir.clone();
    let made = std::fs::create_dir_all(&run);
    made.map_err(|source| AgentError::Run { path: run.clone(), source })?;
    let (program, version) = program::find(args.pgbouncer.as_deref()).await?;
    tracing::info!(program = %program.display(), %version, ordinal, "found PgBouncer");

    let console = Arc::new(Console::new(&run, args.listen_port));
    let board = Arc::new(Board::default());
    let stop_following = CancellationToken::new();
    let mounts = Mounts { config: args.config_dir.clone(), secrets: args.secrets_dir.clone() };
    let mounted = follow::follow(mounts, args.look_every.into(), args.watched(), stop_following.clone()).await;

    // It outlives PgBouncer: whoever asks during the drain is told.
    let stop_server = CancellationToken::new();
    let shared = http::Shared { shown: board.readers(), console: Arc::clone(&console) };
    let server = tokio::spawn(http::serve(args.agent_address, shared, stop_server.clone()));
    let places = prepare::places(&run, &args.listen_address, args.listen_port);
    let setup = Setup {
        fixed: prepare::Fixed { version, ordinal, places },
        run,
        program,
        console,
        board,
        mounted,
        endpoints: args.endpoints.into(),
    };
    let result = tokio::select! {
        () = Agent::new(setup).run(stop) => Ok(()),
        ended = server => {
            let ended = ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
            ended.map_err(|source| AgentError::Serve { address: args.agent_address, source })
        }
    };
    stop_following.cancel();
    stop_server.cancel();
    tokio::time::sleep(LAST_ANSWERS).await;
    result
}

fn stop_on_signals(stop: CancellationToken) -> Result<(), AgentError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(AgentError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AgentError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
