//! `spec.telemetry`: metrics under names that are known.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Metrics that objectives need not name: an objective may then say `availability: {}`, and leave out the histogram of a
/// latency and the counter of a throughput.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Telemetry {
    /// Where the metrics come from, and with that their names.
    pub preset: TelemetryPreset,

    /// Label matchers of the service's series, like `service_name="azora-auth"`. Default: all series.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub selector: String,
}

/// Where metrics come from.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryPreset {
    /// HTTP servers instrumented with OpenTelemetry: the histogram `http_server_request_duration_seconds`.
    OpenTelemetry,
    /// The names that Prometheus' client libraries are commonly used with: `http_requests_total` with the label `code`, and the
    /// histogram `http_request_duration_seconds`.
    Prometheus,
    /// Istio's sidecars and waypoints: `istio_requests_total` and `istio_request_duration_milliseconds`.
    Istio,
    /// Linkerd's proxies: `response_total` and `response_latency_ms`, inbound.
    Linkerd,
    /// The ingress controller on nginx: `nginx_ingress_controller_requests` and
    /// `nginx_ingress_controller_request_duration_seconds`.
    IngressNginx,
    /// Envoy Gateway, and Envoy itself: `envoy_cluster_upstream_rq_xx` and `envoy_cluster_upstream_rq_time`.
    EnvoyGateway,
}
