use super::super::work::Hmac;
use super::super::workers::Workers;
use super::*;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

const FAULTS: Faults = Faults {
    cpu_milliseconds: 0,
    worker_milliseconds: 0,
    latency_milliseconds: 0,
    latency_share: 1.0,
    error_share: 0.0,
    fail_readiness: false,
};

fn starting(workers: usize, queue: usize) -> Arc<Service> {
    let workers = Workers::new(workers, queue, Duration::from_secs(5));
    Arc::new(Service::new(Hmac::new().unwrap(), FAULTS, workers, "demo".into(), "key".into()))
}

fn started() -> Arc<Service> {
    let service = starting(1, 8);
    service.prepare();
    service
}

async fn send(service: &Arc<Service>, request: &str, authorization: &str, body: &str) -> (u16, HeaderMap, String) {
    let (method, path) = request.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, authorization);
    let response = router(service).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn login(service: &Arc<Service>, password: &str) -> (u16, HeaderMap, String) {
    send(service, "POST /login", "", &format!(r#"{{"user":"ada","password":"{password}"}}"#)).await
}

#[tokio::test]
async fn a_login_gives_a_token_that_reads_the_profile() {
    let service = started();
    let (status, _, body) = login(&service, "demo").await;
    assert_eq!(status, 200, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let bearer = format!("Bearer {}", body["token"].as_str().unwrap());
    let (status, _, body) = send(&service, "GET /profile", &bearer, "").await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""user":"ada""#), "{body}");
}

#[tokio::test]
async fn what_is_not_authorized_is_401_and_what_is_malformed_400() {
    let service = started();
    assert_eq!(login(&service, "wrong").await.0, 401);
    for authorization in ["", "Bearer x", "Basic YQ==", "Bearer ada.99999999999.00"] {
        let (status, headers, _) = send(&service, "GET /profile", authorization, "").await;
        assert_eq!((status, headers.contains_key(header::WWW_AUTHENTICATE)), (401, true), "{authorization}");
    }
    let (status, _, body) = send(&service, "POST /login", "", r#"{"user":"a.b","password":"demo"}"#).await;
    assert_eq!(status, 400);
    assert!(body.contains(r#""field":"user""#), "{body}");
    assert_eq!(login(&service, &"x".repeat(65)).await.0, 400);
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_service() {
    let service = starting(1, 8);
    assert_eq!(send(&service, "GET /readyz", "", "").await.0, 503);
    assert_eq!(send(&service, "GET /healthz", "", "").await.0, 200);
    assert_eq!(login(&service, "demo").await.0, 503);
    service.prepare();
    let (status, headers, _) = send(&service, "GET /readyz", "", "").await;
    assert_eq!((status, headers.get(header::CONNECTION)), (200, None));
    assert!(service.apply(Faults { fail_readiness: true, ..FAULTS }));
    assert_eq!(send(&service, "GET /readyz", "", "").await.2, "injected fault\n");
    service.drain();
    let (status, headers, body) = send(&service, "GET /readyz", "", "").await;
    assert_eq!((status, body.as_str()), (503, "draining\n"));
    assert_eq!(headers[header::CONNECTION], "close");
    assert_eq!(login(&service, "demo").await.0, 200, "what still arrives while draining is answered");
}

#[tokio::test]
async fn faults_change_at_run_time_and_are_validated() {
    let service = started();
    let (status, _, body) = send(&service, "PUT /faults", "", r#"{"errorShare":1,"latencyMilliseconds":30}"#).await;
    assert_eq!(status, 200, "{body}");
    let begun = std::time::Instant::now();
    assert_eq!(login(&service, "demo").await.0, 500);
    assert!(begun.elapsed() >= Duration::from_millis(30));
    let (status, _, body) = send(&service, "PUT /faults", "", r#"{"errorShare":2}"#).await;
    assert_eq!(
        (status, body.as_str()),
        (400, r#"{"field":"errorShare","message":"errorShare: 2 is not between 0 and 1"}"#)
    );
    assert!(send(&service, "GET /faults", "", "").await.2.contains(r#""latencyMilliseconds":30"#));
    assert_eq!(send(&service, "PUT /faults", "", "{}").await.0, 200);
    assert_eq!(login(&service, "demo").await.0, 200);
    let page = send(&service, "GET /metrics", "", "").await.2;
    assert!(page.contains("http_requests_total{route=\"/login\",method=\"POST\",code=\"500\"} 1\n"), "{page}");
    assert!(page.contains("http_requests_total{route=\"/login\",method=\"POST\",code=\"200\"} 1\n"), "{page}");
}

#[tokio::test]
async fn a_full_queue_is_refused_at_once_and_health_is_still_answered() {
    let service = starting(0, 0);
    service.prepare();
    let (status, headers, body) = login(&service, "demo").await;
    assert_eq!((status, headers[header::RETRY_AFTER].as_bytes()), (503, &b"1"[..]));
    assert!(body.contains("too many requests are waiting"), "{body}");
    assert_eq!(send(&service, "GET /healthz", "", "").await.0, 200);
}
