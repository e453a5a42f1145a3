//! The command line. Every flag of `run` is also an environment variable.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{Duration, Target, v1alpha1::TargetRef},
    export, import, inhibit,
    telemetry::LogFormat,
};

mod arena;
mod lease;
mod pooler;
mod pooler_agent;
mod pooler_sql;
mod prometheus;
mod rules;

pub use arena::ArenaArgs;
pub use lease::LeaseArgs;
pub use pooler::PoolerArgs;
pub use pooler_agent::PoolerAgentArgs;
pub use pooler_sql::PoolerSqlArgs;
pub use prometheus::PrometheusArgs;
pub use rules::RuleArgs;

/// The load line for Kubernetes services: SLOs, scaling and disruption budgets from one PerformanceProfile per workload.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, about, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator against the cluster of the kubeconfig or of the pod that it runs in
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinition as YAML
    Crd,
    /// Print what the operator would write for the profiles in files, without a cluster
    ///
    /// A workload in the same files gives the PodDisruptionBudget its selector.
    Render(RenderArgs),
    /// Check the profiles in files: schema, rules, PromQL and findings, with file and line
    ///
    /// Exit code 0: no errors. 1: errors, or with --strict warnings. 2: a file cannot be read or holds no profile.
    Check(CheckArgs),
    /// Explain objectives in words: what is counted, the budget, each alert and when it would fire
    Explain(ExplainArgs),
    /// Say what the rules of profiles would have done in the past: the budget, and each alert
    ///
    /// It reads the services' own series, so a profile need not be installed. Alerts on the workload and on absent metrics are
    /// not part of it.
    Backtest(BacktestArgs),
    /// Try ways of scaling against each other: a service under load and faults, simulated request by request
    ///
    /// Without --shapes and --faults every load is run without a fault, and every fault on two loads. The same seeds give the
    /// same figures on every machine. Exit code 1: --validate, and the queue is not that of theory.
    Arena(ArenaArgs),
    /// Turn objectives of OpenSLO, Sloth or Pyrra into profiles; what has no equivalent is listed on standard error
    ///
    /// Exit code 0: all imported, perhaps with notes. 1: an objective could not be. 2: a file cannot be read or holds none.
    Import(ImportArgs),
    /// Print the objectives of profiles in another form; what has no equivalent is listed on standard error
    ///
    /// Exit code 0: all exported, perhaps with notes. 1: an objective could not be. 2: a file cannot be read or holds none.
    Export(ExportArgs),
    /// Print rules with which Alertmanager mutes slower alerts of an objective while faster ones fire
    InhibitRules(InhibitRulesArgs),
    /// Run PgBouncer in a pooler's pod: configuration, probes, metrics, pause and drain
    ///
    /// It is the pod's first process, and not for people. SIGTERM begins the drain: no more clients are to come, idle ones are sent
    /// away a few at a time, open transactions end.
    PoolerAgent(Box<PoolerAgentArgs>),
    /// Print SQL for the poolers' roles and for the function that looks users up; nothing is run
    ///
    /// Read it, and pipe it to psql. Exit code 0: printed. 1: a name cannot be written. 2: a file cannot be read, or no profile in
    /// it needs any.
    PoolerSql(PoolerSqlArgs),
    /// Print the API reference as Markdown
    #[command(hide = true)]
    Reference,
}

/// Flags of `plimsoll run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub prometheus: PrometheusArgs,

    /// Namespace to work in; may be repeated. Default: all
    #[arg(long = "namespace", env = "PLIMSOLL_NAMESPACE", value_name = "NS", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// Address of /metrics, /livez, /readyz and /log-level
    #[arg(long, env = "PLIMSOLL_METRICS_ADDRESS", value_name = "HOST:PORT", default_value = "0.0.0.0:8080")]
    pub metrics_address: SocketAddr,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub rules: RuleArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub pooler: PoolerArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub lease: LeaseArgs,

    /// Format of the logs
    #[arg(long, env = "PLIMSOLL_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Level of the logs, or a list as in info,kube=debug; changed at run time with PUT /log-level from within the pod
    #[arg(long, env = "PLIMSOLL_LOG_LEVEL", value_name = "FILTER", default_value = "info")]
    pub log_level: String,

    /// Profiles that are reconciled at the same time
    #[arg(long, env = "PLIMSOLL_CONCURRENCY", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
}

/// Flags of `plimsoll render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Files with profiles; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Print one plain Prometheus rule file instead of Kubernetes objects
    #[arg(long = "rules")]
    pub rule_file: bool,

    /// Time for which calendar and maintenance windows are written, as in 2026-11-24T00:00:00Z. Default: now
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub rules: RuleArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub pooler: PoolerArgs,
}

/// Flags of `plimsoll check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files with profiles; - is standard input. Other kinds in the files are passed over
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Let warnings fail the check too
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub rules: RuleArgs,
}

/// Flags of `plimsoll explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Files with profiles; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The objective to explain. Default: all
    #[arg(long, value_name = "NAME")]
    pub objective: Option<String>,

    /// Time for which calendar and maintenance windows are explained, as in 2026-11-24T00:00:00Z. Default: now
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub prometheus: PrometheusArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub rules: RuleArgs,
}

/// Flags of `plimsoll backtest`.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// Files with profiles; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The objective to look at. Default: all
    #[arg(long, value_name = "NAME")]
    pub objective: Option<String>,

    /// How far to look back, from 1h to 90d
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = look_back)]
    pub since: Duration,

    /// The end, as in 2026-11-24T00:00:00Z. Default: now
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,

    /// Another target to try, per cent; may be repeated, at most four times
    #[arg(long = "target", value_name = "PERCENT", value_delimiter = ',')]
    pub targets: Vec<Target>,

    /// Form of the answer on standard output; html is one page that needs nothing else
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub prometheus: PrometheusArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub rules: RuleArgs,
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// A table for people
    Table,
    /// JSON for programs
    Json,
    /// A page for browsers
    Html,
}

/// Flags of `plimsoll import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files with objectives; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Whose form the files have
    #[arg(long, value_name = "FORM", value_enum)]
    pub from: import::Format,

    /// The workload of all the objectives, as in StatefulSet/auth. Default: a Deployment named as the service
    #[arg(long, value_name = "KIND/NAME", value_parser = target_ref)]
    pub target_ref: Option<TargetRef>,
}

/// Flags of `plimsoll export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Files with profiles; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The form to write
    #[arg(long, value_name = "FORM", value_enum)]
    pub to: export::Format,
}

/// Flags of `plimsoll inhibit-rules`.
#[derive(Debug, Args)]
pub struct InhibitRulesArgs {
    /// The form to print
    #[arg(long, value_name = "FORM", value_enum, default_value_t = inhibit::Format::Alertmanager)]
    pub format: inhibit::Format,
}

fn look_back(text: &str) -> Result<Duration, String> {
    let duration: Duration = text.parse().map_err(|error: crate::api::DurationError| error.to_string())?;
    if duration >= Duration::from_secs(3_600) && duration <= Duration::from_secs(90 * 86_400) {
        Ok(duration)
    } else {
        Err("it must be from 1h to 90d".to_owned())
    }
}

fn target_ref(text: &str) -> Result<TargetRef, String> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(TargetRef { api_version: "apps/v1".to_owned(), kind: kind.to_owned(), name: name.to_owned() })
        }
        _ => Err("write it as KIND/NAME, as in Deployment/auth".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_come_repeated_or_with_commas() {
        let cli = Cli::parse_from([
            "plimsoll",
            "run",
            "--namespace",
            "a,b",
            "--namespace",
            "c",
            "--rule-label",
            "release=lab",
        ]);
        let Command::Run(args) = cli.command else { panic!("not run") };
        assert_eq!(args.namespaces, ["a", "b", "c"]);
        assert_eq!(args.rules.rule_labels, [("release".to_owned(), "lab".to_owned())]);
        assert!(args.lease.leader_elect);
    }

    #[test]
    fn intervals_are_bounded() {
        for bad in ["0s", "500ms", "6m", "x"] {
            assert!(Cli::try_parse_from(["plimsoll", "check", "f", "--scrape-interval", bad]).is_err(), "{bad}");
            assert!(Cli::try_parse_from(["plimsoll", "check", "f", "--evaluation-interval", bad]).is_err(), "{bad}");
        }
    }
}
