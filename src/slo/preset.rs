//! Metrics whose names are known: what their sources call requests, failures and durations.

use super::{BadEvents, Format, Indicator, Matchers, PromqlError, Selector, Unit, number::Decimal};
use crate::api::Duration;

/// Where metrics come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// OpenTelemetry's semantic conventions for HTTP servers, 1.23 and later, as Prometheus names them.
    OpenTelemetry,
    /// Common use of Prometheus' client libraries.
    Prometheus,
    /// Istio's standard metrics, 1.22 and later (earlier ones have no waypoints).
    Istio,
    /// Linkerd's proxy metrics, 2.x.
    Linkerd,
    /// ingress-nginx, 1.x.
    IngressNginx,
    /// Envoy's cluster statistics in Prometheus' format, as Envoy Gateway 1.x exposes them.
    EnvoyGateway,
}

/// Bounds of OpenTelemetry's histogram, as the semantic conventions advise them, in milliseconds.
const OPEN_TELEMETRY: [u64; 14] = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];
/// The default bounds of Prometheus' clients, which ingress-nginx has as well.
const PROMETHEUS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/// Envoy's default bounds, which Istio has as well, from a millisecond to an hour.
const ENVOY: [u64; 18] = [
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
    3_600_000,
];
/// Bounds that Linkerd's proxies have in every release: earlier ones had more.
const LINKERD: [u64; 11] = [1, 10, 50, 100, 200, 300, 400, 500, 1_000, 5_000, 10_000];

/// The names of a source.
struct Names {
    requests: &'static str,
    failures: &'static str,
    histogram: &'static str,
    scope: &'static str,
    unit: Unit,
    bounds: &'static [u64],
}

impl Source {
    const fn names(self) -> Names {
        let (seconds, milliseconds) = (Unit::Seconds, Unit::Milliseconds);
        match self {
            Self::OpenTelemetry => Names {
                requests: "http_server_request_duration_seconds_count",
                failures: "http_response_status_code=~\"5..\"",
                histogram: "http_server_request_duration_seconds",
                scope: "",
                unit: seconds,
                bounds: &OPEN_TELEMETRY,
            },
            Self::Prometheus => Names {
                requests: "http_requests_total",
                failures: "code=~\"5..\"",
                histogram: "http_request_duration_seconds",
                scope: "",
                unit: seconds,
                bounds: &PROMETHEUS,
            },
            // Each request is reported by both ends: what the server saw counts, or its waypoint.
            Self::Istio => Names {
                requests: "istio_requests_total",
                failures: "response_code=~\"5..\"",
                histogram: "istio_request_duration_milliseconds",
                scope: "reporter=~\"destination|waypoint\"",
                unit: milliseconds,
                bounds: &ENVOY,
            },
            // The classification knows gRPC's failures too.
            Self::Linkerd => Names {
                requests: "response_total",
                failures: "classification=\"failure\"",
                histogram: "response_latency_ms",
                scope: "direction=\"inbound\"",
                unit: milliseconds,
                bounds: &LINKERD,
            },
            Self::IngressNginx => Names {
                requests: "nginx_ingress_controller_requests",
                failures: "status=~\"5..\"",
                histogram: "nginx_ingress_controller_request_duration_seconds",
                scope: "",
                unit: seconds,
                bounds: &PROMETHEUS,
            },
            Self::EnvoyGateway => Names {
                requests: "envoy_cluster_upstream_rq_xx",
                failures: "envoy_response_code_class=\"5\"",
                histogram: "envoy_cluster_upstream_rq_time",
                scope: "",
                unit: milliseconds,
                bounds: &ENVOY,
            },
        }
    }
}

/// A source, and the service whose series it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    source: Source,
    selector: Matchers,
}

impl Preset {
    /// The metrics of one service.
    pub const fn new(source: Source, selector: Matchers) -> Self {
        Self { source, selector }
    }

    /// Server errors of all requests.
    pub fn availability(&self) -> Result<Indicator, PromqlError> {
        let names = self.source.names();
        let total = self.selector(names.requests, &[])?;
        let errors = self.selector(names.requests, &[names.failures])?;
        Ok(Indicator::Ratio { bad: BadEvents::Errors(errors), total })
    }

    /// Requests that take longer than a threshold. `narrowed` has further matchers.
    pub fn latency(&self, narrowed: &Matchers, threshold: Duration, format: Format) -> Result<Indicator, PromqlError> {
        let names = self.source.names();
        Ok(Indicator::Latency {
            histogram: names.histogram.parse()?,
            selector: self.matchers(&[&narrowed.to_string()]).parse()?,
            threshold,
            unit: names.unit,
            format,
        })
    }

    /// Minutes with fewer requests than a minimum. `narrowed` has further matchers.
    pub fn throughput(&self, narrowed: &Matchers, minimum: Decimal) -> Result<Indicator, PromqlError> {
        let counter = self.selector(self.source.names().requests, &[&narrowed.to_string()])?;
        Ok(Indicator::Throughput { counter, minimum })
    }

    /// What to know about a threshold that is no bound of the histogram's usual buckets.
    pub fn between_bounds(&self, threshold: Duration) -> Option<String> {
        let names = self.source.names();
        let milliseconds = threshold.as_millis();
        if names.bounds.contains(&milliseconds) {
            return None;
        }
        let shown = |bound: &u64| Duration::from_millis(*bound).to_string();
        let below = names.bounds.iter().rev().find(|bound| **bound < milliseconds).map(shown);
        let above = names.bounds.iter().find(|bound| **bound > milliseconds).map(shown);
        let near = [below, above].into_iter().flatten().collect::<Vec<_>>().join(" and ");
        Some(format!(
            "{} has no bucket that ends at {threshold} unless it was configured so: the nearest of its usual ones end at {near}",
            names.histogram
        ))
    }

    fn matchers(&self, more: &[&str]) -> String {
        let selector = self.selector.to_string();
        let all = [self.source.names().scope, &selector].into_iter().chain(more.iter().copied());
        all.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",")
    }

    /// Printed from what was parsed, and parsed as a whole: nothing that a user wrote can leave its braces.
    fn selector(&self, metric: &str, more: &[&str]) -> Result<Selector, PromqlError> {
        format!("{metric}{{{}}}", self.matchers(more)).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selector_stands_in_every_series() {
        let preset = Preset::new(Source::Istio, "destination_app=\"auth\"".parse().unwrap());
        let Indicator::Ratio { bad: BadEvents::Errors(errors), total } = preset.availability().unwrap() else {
            panic!()
        };
        assert_eq!(
            total.to_string(),
            "istio_requests_total{reporter=~\"destination|waypoint\",destination_app=\"auth\"}"
        );
        assert_eq!(
            errors.to_string(),
            "istio_requests_total{reporter=~\"destination|waypoint\",destination_app=\"auth\",response_code=~\"5..\"}"
        );
        let narrowed = "request_protocol=\"http\"".parse().unwrap();
        let latency = preset.latency(&narrowed, "250ms".parse().unwrap(), Format::Classic).unwrap();
        let Indicator::Latency { selector, unit, .. } = latency else { panic!() };
        assert_eq!(unit, Unit::Milliseconds);
        assert_eq!(
            selector.to_string(),
            "reporter=~\"destination|waypoint\",destination_app=\"auth\",request_protocol=\"http\""
        );
    }

    #[test]
    fn thresholds_between_buckets_are_said_with_their_neighbours() {
        let of = |source| Preset::new(source, Matchers::default());
        let said = of(Source::OpenTelemetry).between_bounds("200ms".parse().unwrap()).unwrap();
        assert!(said.contains("200ms") && said.ends_with("end at 100ms and 250ms"), "{said}");
        assert_eq!(of(Source::Linkerd).between_bounds("200ms".parse().unwrap()), None);
        let said = of(Source::Prometheus).between_bounds("1m".parse().unwrap()).unwrap();
        assert!(said.ends_with("end at 10s"), "{said}");
        for source in [Source::Istio, Source::EnvoyGateway, Source::IngressNginx, Source::Prometheus] {
            assert_eq!(of(source).between_bounds("250ms".parse().unwrap()), None, "{source:?}");
        }
    }
}
