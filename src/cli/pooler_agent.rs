//! Flags of `plimsoll pooler-agent`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::{
    api::Duration,
    pooler::wanted::{CLIENT_PORT, paths},
    pooler_agent::{AgentError, ConfigMapRef},
    telemetry::LogFormat,
};

/// Flags of `plimsoll pooler-agent`.
#[derive(Debug, Args)]
pub struct PoolerAgentArgs {
    /// Copy this program into a directory and end: what the init container of a pooler's pod does
    #[arg(long, value_name = "DIR")]
    pub install: Option<PathBuf>,

    /// The program PgBouncer. Default: the one in PATH, or where images usually have it
    #[arg(long, env = "PLIMSOLL_PGBOUNCER", value_name = "FILE")]
    pub pgbouncer: Option<PathBuf>,

    /// Directory of pooler.json
    #[arg(long, env = "PLIMSOLL_CONFIG_DIR", value_name = "DIR", default_value = paths::CONFIG)]
    pub config_dir: PathBuf,

    /// Directory of the directories userlist, auth-user, monitor, client-tls and server-tls
    #[arg(long, env = "PLIMSOLL_SECRETS_DIR", value_name = "DIR", default_value = "/etc/plimsoll")]
    pub secrets_dir: PathBuf,

    /// Writable directory of what the agent makes: pgbouncer.ini, userlist.txt, the socket
    #[arg(long, env = "PLIMSOLL_RUN_DIR", value_name = "DIR", default_value = paths::RUN)]
    pub run_dir: PathBuf,

    /// Address that clients come in by
    #[arg(long, env = "PLIMSOLL_LISTEN_ADDRESS", value_name = "ADDRESS", default_value = "*")]
    pub listen_address: String,

    /// Port that clients come in by
    #[arg(long, env = "PLIMSOLL_LISTEN_PORT", value_name = "PORT", default_value_t = CLIENT_PORT)]
    pub listen_port: u16,

    /// Address of /livez, /readyz, /status and /metrics
    #[arg(long, env = "PLIMSOLL_AGENT_ADDRESS", value_name = "HOST:PORT", default_value = "0.0.0.0:9127")]
    pub agent_address: SocketAddr,

    /// Number of this pooler. Default: the one at the end of POD_NAME
    #[arg(long, env = "PLIMSOLL_ORDINAL", value_name = "N")]
    pub ordinal: Option<u32>,

    /// The ConfigMap with pooler.json, to follow it without waiting for the mounted file.
    /// Default: that of the pod's StatefulSet, where POD_NAMESPACE is set
    #[arg(long, env = "PLIMSOLL_WATCH_CONFIG_MAP", value_name = "NAMESPACE/NAME")]
    pub watch_config_map: Option<ConfigMapRef>,

    /// Follow the mounted file only
    #[arg(long, conflicts_with = "watch_config_map")]
    pub no_watch: bool,

    /// Time between two looks at the mounted files
    #[arg(long, env = "PLIMSOLL_LOOK_EVERY", value_name = "DURATION", default_value = "5s")]
    pub look_every: Duration,

    /// How long a pooler that is to stop goes on serving before it sends clients away: endpoints take a moment to follow
    #[arg(long, env = "PLIMSOLL_ENDPOINTS", value_name = "DURATION", default_value = "5s")]
    pub endpoints: Duration,

    /// Format of the logs
    #[arg(long, env = "PLIMSOLL_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// Level of the logs, or a list as in info,pgbouncer=warn
    #[arg(long, env = "PLIMSOLL_LOG_LEVEL", value_name = "FILTER", default_value = "info")]
    pub log_level: String,
}

impl PoolerAgentArgs {
    /// The pod's ordinal.
    pub fn ordinal(&self) -> Result<u32, AgentError> {
        if let Some(ordinal) = self.ordinal {
            return Ok(ordinal);
        }
        let pod = std::env::var("POD_NAME").unwrap_or_default();
        stateful_set(&pod).map(|(_, ordinal)| ordinal).ok_or(AgentError::Ordinal(pod))
    }

    /// The `ConfigMap` to follow.
    pub fn watched(&self) -> Option<ConfigMapRef> {
        if self.no_watch || self.watch_config_map.is_some() {
            return self.watch_config_map.clone();
        }
        let (namespace, pod) = (std::env::var("POD_NAMESPACE").ok()?, std::env::var("POD_NAME").ok()?);
        // The ConfigMap has the name of the StatefulSet.
        stateful_set(&pod).map(|(name, _)| ConfigMapRef { namespace, name: name.to_owned() })
    }
}

/// Name of the `StatefulSet` and ordinal, from a pod's name.
fn stateful_set(pod: &str) -> Option<(&str, u32)> {
    let (name, ordinal) = pod.rsplit_once('-')?;
    Some((name, ordinal.parse().ok()?)).filter(|_| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_says_its_ordinal() {
        assert_eq!(stateful_set("auth-pgbouncer-3"), Some(("auth-pgbouncer", 3)));
        for bad in ["", "auth", "auth-", "-3", "auth-x"] {
            assert_eq!(stateful_set(bad), None, "{bad}");
        }
    }
}
