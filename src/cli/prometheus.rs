//! Flags that say which Prometheus is asked.

use std::path::PathBuf;

use clap::Args;

use super::rules::pair;

/// Which Prometheus, and how to talk to it.
#[derive(Debug, Args)]
pub struct PrometheusArgs {
    /// The Prometheus to ask, as in http://prometheus.monitoring.svc:9090. Without it nothing is evaluated
    #[arg(long, env = "PLIMSOLL_PROMETHEUS_URL", value_name = "URL")]
    pub prometheus_url: Option<String>,

    /// File with a bearer token for Prometheus; it is read again before each evaluation
    #[arg(long, env = "PLIMSOLL_PROMETHEUS_BEARER_TOKEN_FILE", value_name = "FILE")]
    pub prometheus_bearer_token_file: Option<PathBuf>,

    /// File with the certificates (PEM) of the authorities that sign Prometheus' certificate
    #[arg(long, env = "PLIMSOLL_PROMETHEUS_CA_FILE", value_name = "FILE")]
    pub prometheus_ca_file: Option<PathBuf>,

    /// Further header for Prometheus, as in X-Scope-OrgID=tenant; may be repeated
    #[arg(long, env = "PLIMSOLL_PROMETHEUS_HEADER", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = pair)]
    pub prometheus_header: Vec<(String, String)>,
}
