//! The objects that the rules are in.

use crate::harness::{Action, Fault, Proxy};

/// To operators behind this proxy the cluster has no Prometheus Operator.
pub fn without_rule_api(proxy: &Proxy) -> Fault {
    proxy.fault(Action::Status(404, "NotFound"), |request| request.path.starts_with("/apis/monitoring.coreos.com/"))
}
