//! Presets against series as their sources name them.

use plimsoll::slo::{Alerting, Format, Indicator, Matchers, Preset, RuleGroup, Source};

use super::{Case, Counter, minutely, objective, traffic::all_are_numbers};

/// A source with its series: requests that succeed, requests that fail, and the buckets of a histogram up to 250 ms, or what
/// stands for it, and of all observations.
struct Sample {
    source: Source,
    selector: &'static str,
    good: &'static str,
    bad: &'static str,
    bucket: &'static str,
    count: &'static str,
    threshold: &'static str,
}

const SAMPLES: [Sample; 6] = [
    Sample {
        source: Source::OpenTelemetry,
        selector: "service_name=\"auth\"",
        good: r#"http_server_request_duration_seconds_count{service_name="auth",http_request_method="GET",http_response_status_code="200"}"#,
        bad: r#"http_server_request_duration_seconds_count{service_name="auth",http_request_method="GET",http_response_status_code="503"}"#,
        bucket: r#"http_server_request_duration_seconds_bucket{service_name="auth",http_request_method="GET",http_response_status_code="200",le="0.25"}"#,
        count: r#"http_server_request_duration_seconds_count{service_name="auth",http_request_method="GET",http_response_status_code="200"}"#,
        threshold: "250ms",
    },
    Sample {
        source: Source::Prometheus,
        selector: "job=\"auth\"",
        good: r#"http_requests_total{job="auth",code="200",method="get"}"#,
        bad: r#"http_requests_total{job="auth",code="500",method="get"}"#,
        bucket: r#"http_request_duration_seconds_bucket{job="auth",method="get",le="1.0"}"#,
        count: r#"http_request_duration_seconds_count{job="auth",method="get"}"#,
        threshold: "1s",
    },
    Sample {
        source: Source::Istio,
        selector: "destination_app=\"auth\"",
        good: r#"istio_requests_total{reporter="destination",destination_app="auth",response_code="200",source_app="web"}"#,
        bad: r#"istio_requests_total{reporter="waypoint",destination_app="auth",response_code="503",source_app="web"}"#,
        bucket: r#"istio_request_duration_milliseconds_bucket{reporter="destination",destination_app="auth",le="250"}"#,
        count: r#"istio_request_duration_milliseconds_count{reporter="destination",destination_app="auth"}"#,
        threshold: "250ms",
    },
    Sample {
        source: Source::Linkerd,
        selector: "deployment=\"auth\"",
        good: r#"response_total{direction="inbound",deployment="auth",classification="success",status_code="200"}"#,
        bad: r#"response_total{direction="inbound",deployment="auth",classification="failure",status_code="500"}"#,
        bucket: r#"response_latency_ms_bucket{direction="inbound",deployment="auth",le="200"}"#,
        count: r#"response_latency_ms_count{direction="inbound",deployment="auth"}"#,
        threshold: "200ms",
    },
    Sample {
        source: Source::IngressNginx,
        selector: "ingress=\"auth\"",
        good: r#"nginx_ingress_controller_requests{ingress="auth",status="200"}"#,
        bad: r#"nginx_ingress_controller_requests{ingress="auth",status="502"}"#,
        bucket: r#"nginx_ingress_controller_request_duration_seconds_bucket{ingress="auth",le="0.25"}"#,
        count: r#"nginx_ingress_controller_request_duration_seconds_count{ingress="auth"}"#,
        threshold: "250ms",
    },
    Sample {
        source: Source::EnvoyGateway,
        selector: "envoy_cluster_name=\"auth\"",
        good: r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="auth",envoy_response_code_class="2"}"#,
        bad: r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="auth",envoy_response_code_class="5"}"#,
        bucket: r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="auth",le="250"}"#,
        count: r#"envoy_cluster_upstream_rq_time_count{envoy_cluster_name="auth"}"#,
        threshold: "250ms",
    },
];

fn preset(sample: &Sample) -> Preset {
    Preset::new(sample.source, sample.selector.parse().unwrap())
}

fn latency(sample: &Sample) -> Indicator {
    let threshold = sample.threshold.parse().unwrap();
    preset(sample).latency(&Matchers::default(), threshold, Format::Classic).unwrap()
}

/// Each indicator of each preset, for `promtool check rules`.
pub fn all() -> Vec<Indicator> {
    let each = |sample: &Sample| {
        let throughput = preset(sample).throughput(&Matchers::default(), "10".parse().unwrap()).unwrap();
        [preset(sample).availability().unwrap(), latency(sample), throughput]
    };
    SAMPLES.iter().flat_map(each).collect()
}

fn rules(indicator: Indicator) -> Vec<RuleGroup> {
    minutely(&objective("30d", "99", indicator), &Alerting::default())
}

/// A series of another service, which must not count.
fn other(series: &str) -> String {
    series.replace("\"auth\"", "\"other\"")
}

#[test]
fn failures_are_those_of_the_service() {
    for (index, sample) in SAMPLES.iter().enumerate() {
        let name = ["otel", "prom", "istio", "linkerd", "nginx", "envoy"][index];
        let indicator = preset(sample).availability().unwrap();
        let mut case = Case::new(format!("preset-{name}"), rules(indicator.clone()))
            .series(sample.good, &Counter::starting_at(5).rise(90, 120))
            .series(sample.bad, &Counter::starting_at(5).rise(10, 120))
            .series(&other(sample.bad), &Counter::starting_at(5).rise(1_000, 120));
        for minute in [2, 60, 120] {
            case = all_are_numbers(case, minute);
        }
        case.holds(120, "abs(sum(plimsoll:error_ratio:1h) - 0.1) < 0.001")
            .firing(120, r#"alertname="ErrorRateHigh""#, 1)
            .run();
        // Before the first failure there is no such series.
        all_are_numbers(Case::new(format!("preset-{name}-good"), rules(indicator)), 60)
            .series(sample.good, &Counter::starting_at(5).rise(90, 60))
            .value(60, "sum(plimsoll:error_ratio:1h)", 0.0)
            .never(60, r#"alertname=~".+""#)
            .run();
    }
}

#[test]
fn slow_requests_are_those_above_the_bucket() {
    for (index, sample) in SAMPLES.iter().enumerate() {
        let name = ["otel", "prom", "istio", "linkerd", "nginx", "envoy"][index];
        all_are_numbers(Case::new(format!("preset-{name}-latency"), rules(latency(sample))), 120)
            .series(sample.count, &Counter::starting_at(5).rise(100, 120))
            .series(sample.bucket, &Counter::starting_at(5).rise(80, 120))
            .series(&other(sample.count), &Counter::starting_at(5).rise(1_000, 120))
            .holds(120, "abs(sum(plimsoll:error_ratio:1h) - 0.2) < 0.001")
            .firing(120, r#"alertname="LatencyAboveTarget""#, 1)
            .run();
    }
}
