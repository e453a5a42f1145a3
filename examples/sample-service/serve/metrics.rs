//! The metrics of the service, under the names that HTTP servers commonly use.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Instant;

const BUCKETS: [f64; 11] = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0];

/// The status of a request whose client went away before the answer, as nginx counts it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    route: &'static str,
    method: &'static str,
}

type Histograms = Family<Endpoint, Histogram, fn() -> Histogram>;

/// The metrics; a clone counts into the same ones.
#[derive(Clone)]
pub struct Metrics {
    pub registry: Arc<Registry>,
    requests: Family<Answer, Counter>,
    durations: Histograms,
    in_flight: Gauge,
}

impl Metrics {
    pub fn new() -> Self {
        let requests = Family::default();
        let durations: Histograms = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let in_flight = Gauge::default();
        let mut registry = Registry::default();
        registry.register("http_requests", "Requests answered, by route, method and status code", requests.clone());
        registry.register("http_request_duration_seconds", "Time from the request to its answer", durations.clone());
        registry.register("http_requests_in_flight", "Requests that have no answer yet", in_flight.clone());
        Self { registry: Arc::new(registry), requests, durations, in_flight }
    }

    /// Makes the series of a route appear at zero: what first appears at 1 is one event that `rate()` does not see.
    pub fn announce(&self, route: &'static str, method: &'static str) {
        let _ = self.durations.get_or_create(&Endpoint { route, method });
        for code in [200, 500, 503] {
            let _ = self.requests.get_or_create(&Answer { route, method, code });
        }
    }

    fn begin(&self, route: &'static str, method: &'static str) -> InFlight {
        self.in_flight.inc();
        InFlight { metrics: self.clone(), route, method, started: Instant::now(), code: CLIENT_CLOSED_REQUEST }
    }
}

/// A request on its way. It is counted when dropped, because a request whose client has gone is dropped without an answer.
struct InFlight {
    metrics: Metrics,
    route: &'static str,
    method: &'static str,
    started: Instant,
    code: u16,
}

impl InFlight {
    fn answered(mut self, status: StatusCode) {
        self.code = status.as_u16();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Self { metrics, route, method, started, code } = self;
        metrics.in_flight.dec();
        let endpoint = Endpoint { route, method };
        metrics.durations.get_or_create(&endpoint).observe(started.elapsed().as_secs_f64());
        metrics.requests.get_or_create(&Answer { route, method, code: *code }).inc();
    }
}

/// Counts the requests of one route.
pub async fn track(State((metrics, route)): State<(Metrics, &'static str)>, request: Request, next: Next) -> Response {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    };
    let in_flight = metrics.begin(route, method);
    let response = next.run(request).await;
    in_flight.answered(response.status());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(metrics: &Metrics) -> String {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &metrics.registry).unwrap();
        page
    }

    #[test]
    fn series_start_at_zero_and_count_answers() {
        let metrics = Metrics::new();
        metrics.announce("/login", "POST");
        assert!(page(&metrics).contains("http_requests_total{route=\"/login\",method=\"POST\",code=\"500\"} 0\n"));
        let first = metrics.begin("/login", "POST");
        assert!(page(&metrics).contains("http_requests_in_flight 1\n"));
        first.answered(StatusCode::INTERNAL_SERVER_ERROR);
        let page = page(&metrics);
        assert!(page.contains("http_requests_total{route=\"/login\",method=\"POST\",code=\"500\"} 1\n"), "{page}");
        assert!(page.contains("http_request_duration_seconds_count{route=\"/login\",method=\"POST\"} 1\n"), "{page}");
        assert!(page.contains("_bucket{le=\"0.2\",route=\"/login\",method=\"POST\"} 1\n"), "{page}");
        assert!(page.contains("http_requests_in_flight 0\n"), "{page}");
    }

    #[test]
    fn a_request_without_an_answer_is_counted() {
        let metrics = Metrics::new();
        drop(metrics.begin("/profile", "GET"));
        assert!(page(&metrics).contains("http_requests_total{route=\"/profile\",method=\"GET\",code=\"499\"} 1\n"));
    }
}
