//! Flags that decide which replica works.

use clap::Args;

/// Flags that decide which replica works.
#[derive(Debug, Args)]
pub struct LeaseArgs {
    /// Let one replica lead and the others wait
    #[arg(long, env = "PLIMSOLL_LEADER_ELECT", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_elect: bool,

    /// Name of the lease that the leader holds
    #[arg(long, env = "PLIMSOLL_LEASE_NAME", value_name = "NAME", default_value = "plimsoll")]
    pub lease_name: String,

    /// Namespace of the lease. Default: the pod's own, from POD_NAMESPACE, or the kubeconfig's
    #[arg(long, env = "PLIMSOLL_LEASE_NAMESPACE", value_name = "NS")]
    pub lease_namespace: Option<String>,

    /// Shards that the namespaces are divided into, for the replicas to share; with 1 one replica leads. The same for all replicas
    #[arg(long, env = "PLIMSOLL_SHARDS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
}
