//! Whether the API server serves a resource, and which of those that hold rules or have pods scraped.

use std::time::Duration;

use kube::Client;

use super::{Category, categorize, error::no_answer};

/// Longest wait for the list of what is served.
const LONGEST: Duration = Duration::from_secs(10);

/// Whether a resource, such as `prometheusrules` of `monitoring.coreos.com/v1`, is served.
pub async fn api_served(client: &Client, group_version: &str, plural: &str) -> Result<bool, kube::Error> {
    let listed = tokio::time::timeout(LONGEST, client.list_api_group_resources(group_version)).await;
    match listed.unwrap_or_else(|_| Err(no_answer(LONGEST))) {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
        Err(error) if categorize(&error) == Category::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Which APIs for rule objects, and for scraping, are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleApis {
    /// `PrometheusRule` of the Prometheus Operator.
    pub prometheus_rule: bool,
    /// `VMRule` of the VictoriaMetrics operator.
    pub vm_rule: bool,
    /// `PodMonitor` of the Prometheus Operator.
    pub pod_monitor: bool,
}

/// Asks which APIs for rule objects are served. One that does not answer leaves all unknown.
pub async fn rule_apis(client: &Client) -> Result<RuleApis, kube::Error> {
    let (prometheus_rule, vm_rule, pod_monitor) = tokio::try_join!(
        api_served(client, "monitoring.coreos.com/v1", "prometheusrules"),
        api_served(client, "operator.victoriametrics.com/v1beta1", "vmrules"),
        api_served(client, "monitoring.coreos.com/v1", "podmonitors"),
    )?;
    Ok(RuleApis { prometheus_rule, vm_rule, pod_monitor })
}

/// Which APIs of other autoscalers are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScalerApis {
    /// `ScaledObject` of KEDA.
    pub scaled_object: bool,
    /// `Canary` of Flagger.
    pub canary: bool,
}

/// Asks which APIs of other autoscalers are served. One that does not answer leaves all unknown.
pub async fn scaler_apis(client: &Client) -> Result<ScalerApis, kube::Error> {
    let (scaled_object, canary) = tokio::try_join!(
        api_served(client, "keda.sh/v1alpha1", "scaledobjects"),
        api_served(client, "flagger.app/v1beta1", "canaries"),
    )?;
    Ok(ScalerApis { scaled_object, canary })
}
