//! Until when this replica may write.
//!
//! Who holds a lease ends when it cannot renew it. But a process that stood still, as on a machine that is overloaded or moved, does not
//! know that it did: the next request of a reconcile may go out before the task that renews finds the lease lost. So each write asks the
//! clock first.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{Method, Request};
use kube::{Client, client::Body};

/// Shared between who renews the lease and who writes.
#[derive(Debug, Clone, Default)]
pub struct Tenure {
    /// Nothing where no lease is needed.
    until: Option<Arc<Mutex<Option<Instant>>>>,
}

/// The lease may be another's.
#[derive(Debug, thiserror::Error)]
#[error("not written: the lease was not renewed in time, and another replica may lead")]
struct Over;

impl Tenure {
    /// One that does not hold before it is first [renewed](Self::renewed).
    pub fn of_lease() -> Self {
        Self { until: Some(Arc::default()) }
    }

    /// The lease was renewed at this moment, and lasts so long.
    pub fn renewed(&self, at: Instant, lasts: Duration) {
        if let Some(until) = &self.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = at.checked_add(lasts);
        }
    }

    /// Whether the lease is surely still ours.
    pub fn holds(&self) -> bool {
        let Some(until) = &self.until else { return true };
        until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// A client whose writes fail when the tenure is over. Reads go through: they harm nobody.
    pub fn limits(&self, client: &Client) -> Client {
        let (tenure, inner) = (self.clone(), client.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let may = *request.method() == Method::GET || tenure.holds();
            let client = inner.clone();
            async move { if may { client.send(request).await } else { Err(kube::Error::Service(Box::new(Over))) } }
        });
        Client::new(service, client.default_namespace())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Response;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{Api, api::PostParams};

    use super::*;

    #[tokio::test]
    async fn writes_end_with_the_lease_and_reads_go_on() {
        let server = tower::service_fn(|_: Request<Body>| async {
            Ok::<_, kube::Error>(Response::new(Body::from(br#"{"metadata":{"name":"a"}}"#.to_vec())))
        });
        let tenure = Tenure::of_lease();
        let client = tenure.limits(&Client::new(server, "default"));
        let api = Api::<ConfigMap>::default_namespaced(client);
        let write = || async { api.create(&PostParams::default(), &ConfigMap::default()).await };
        assert!(write().await.is_err(), "it was never ours");
        let now = Instant::now();
        tenure.renewed(now, Duration::from_mins(1));
        assert!(write().await.is_ok());
        tenure.renewed(now, Duration::ZERO);
        let error = write().await.unwrap_err();
        assert!(crate::kube::message(&error).contains("another replica may lead"), "{}", crate::kube::message(&error));
        assert!(api.get("a").await.is_ok());
        assert!(Tenure::default().holds(), "without a lease all is allowed");
    }
}
