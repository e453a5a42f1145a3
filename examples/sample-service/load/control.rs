//! The generator's own HTTP interface: its rate, its counters, its metrics.

use super::tally::{Counts, Tally};
use crate::body::{self, Fields, Invalid};
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::watch;

/// The highest rate, in requests per second.
pub const MAX_RATE: f64 = 5_000.0;

#[derive(Clone)]
pub struct Control {
    pub rate: watch::Sender<f64>,
    pub tally: Arc<Tally>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    requests_per_second: f64,
    in_flight: i64,
    #[serde(flatten)]
    counts: Counts,
}

pub fn router(control: Control) -> Router {
    Router::new()
        .route("/rate", get(report).put(change_rate))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(|State(control): State<Control>| async move { body::metrics(&control.tally.registry) }))
        .with_state(control)
}

async fn report(State(control): State<Control>) -> Json<Report> {
    Json(control.report())
}

async fn change_rate(State(control): State<Control>, body: Bytes) -> Result<Json<Report>, Invalid> {
    control.rate.send_replace(rate_in(&body)?);
    Ok(Json(control.report()))
}

impl Control {
    fn report(&self) -> Report {
        let requests_per_second = *self.rate.borrow();
        Report { requests_per_second, in_flight: self.tally.in_flight(), counts: self.tally.whole() }
    }
}

fn rate_in(body: &[u8]) -> Result<f64, Invalid> {
    let rate = Fields::parse(body, &["requestsPerSecond"])?.required("requestsPerSecond")?;
    checked_rate("requestsPerSecond", rate)
}

/// Refuses a rate out of bounds; 0 pauses.
pub fn checked_rate(name: &str, rate: f64) -> Result<f64, Invalid> {
    if (0.0..=MAX_RATE).contains(&rate) {
        Ok(rate)
    } else {
        Err(Invalid::field(name, format!("{rate} is not between 0 and {MAX_RATE}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bounded() {
        for (body, rate) in [("0", 0.0), ("0.5", 0.5), ("200", 200.0), ("5000", 5_000.0)] {
            assert_eq!(rate_in(format!(r#"{{"requestsPerSecond": {body}}}"#).as_bytes()), Ok(rate));
        }
        for body in ["-1", "5000.1", "1e300", "\"fast\"", "null"] {
            let error = rate_in(format!(r#"{{"requestsPerSecond": {body}}}"#).as_bytes()).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("requestsPerSecond"), "{body}");
        }
        assert_eq!(rate_in(b"{}").unwrap_err().message, "requestsPerSecond: required");
        assert!(checked_rate("rate", f64::NAN).is_err());
    }
}
