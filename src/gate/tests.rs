use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const NOW: &str = "2026-11-24T12:00:00Z";

fn question(query: &str) -> Question {
    Question::new("shop".to_owned(), "web".to_owned(), query).unwrap()
}

fn said(status: &Value) -> Known {
    Known::of(
        serde_json::from_value(json!({
            "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": "web"},
            "spec": {"targetRef": {"name": "web"}}, "status": status,
        }))
        .unwrap(),
    )
}

fn condition(status: &str, reason: &str) -> Value {
    json!([{"type": "Ready", "status": "True", "reason": "AsDeclared", "message": "", "lastTransitionTime": NOW},
        {"type": "RolloutAllowed", "status": status, "reason": reason, "message": "so it is", "lastTransitionTime": NOW}])
}

fn frozen(until: &str, overridden: &Value) -> Known {
    said(&json!({
        "conditions": condition("False", "BudgetExhausted"),
        "objectives": [{"name": "availability", "target": "99.9", "state": "Exhausted",
            "budget": {"remaining": "-12.5", "consumedEvents": "9", "totalEvents": "10"}}],
        "enforcement": {"mode": "Enforce", "freeze": {"action": "Deny", "reason": "spent", "since": "2026-11-24T10:00:00Z",
            "until": until, "override": overridden}},
    }))
}

fn answer(known: &Known, query: &str) -> (u16, Value) {
    let question = question(query);
    let answer = Answer::new(known, &question, NOW.parse().unwrap()).unwrap();
    (answer.code(&question).as_u16(), serde_json::to_value(answer).unwrap())
}

#[test]
fn the_answer_is_what_the_condition_says() {
    let (code, body) = answer(&said(&json!({"conditions": condition("True", "AsDeclared")})), "unknown=deny");
    assert_eq!((code, &body["allowed"], &body["inconclusive"]), (200, &json!(true), &json!(false)));
    let (code, body) = answer(&frozen("2026-11-24T13:00:00Z", &Value::Null), "");
    assert_eq!(code, 403);
    assert_eq!(
        body,
        json!({
            "allowed": false, "inconclusive": false, "namespace": "shop", "profile": "web", "reason": "BudgetExhausted",
            "message": "so it is", "until": "2026-11-24T13:00:00Z",
            "budgets": [{"objective": "availability", "remaining": "-12.5"}],
        })
    );
    assert_eq!(answer(&frozen("2026-11-24T13:00:00Z", &Value::Null), "answer=body"), (200, body));
    let observed = said(&json!({"conditions": condition("False", "BudgetExhausted")}));
    assert_eq!(answer(&observed, "").0, 403, "there is nothing but the condition");
    assert_eq!(Answer::new(&Known::Absent, &question(""), NOW.parse().unwrap()), None);
}

#[test]
fn an_override_opens_the_gate_for_as_long_as_the_policy() {
    let (code, body) =
        answer(&frozen("2026-11-24T13:00:00Z", &json!({"reason": "INC-1", "until": "2026-11-24T12:30:00Z"})), "");
    assert_eq!((code, &body["reason"], &body["allowed"]), (200, &json!("FreezeOverridden"), &json!(true)));
    assert!(body["message"].as_str().unwrap().contains("INC-1") && body["until"].is_null(), "{body}");
    assert_eq!(answer(&frozen("2026-11-24T13:00:00Z", &json!({"reason": "INC-1", "until": NOW})), "").0, 403);
}

#[test]
fn what_is_not_known_stops_nobody_who_does_not_want_it() {
    let unknown = [
        (said(&json!({})), "NotDeclared"),
        (said(&json!({"conditions": condition("Unknown", "MetricsNotTrusted")})), "MetricsNotTrusted"),
        (frozen(NOW, &Value::Null), "FreezeEnded"),
        (Known::Unreadable("no answer".to_owned()), "ProfileUnreadable"),
    ];
    for (known, reason) in unknown {
        for (query, code, allowed) in [
            ("", 200, true),
            ("unknown=allow", 200, true),
            ("unknown=deny", 503, false),
            ("unknown=deny&answer=body", 200, false),
        ] {
            let (found, body) = answer(&known, query);
            assert_eq!(
                (found, &body["allowed"], &body["inconclusive"], &body["reason"]),
                (code, &json!(allowed), &json!(true), &json!(reason)),
                "{reason} {query}"
            );
        }
    }
}

#[test]
fn only_names_and_known_parameters_are_taken() {
    let long = "a".repeat(64);
    for (namespace, profile, query) in [
        ("Shop", "web", ""),
        ("shop.eu", "web", ""),
        (&*long, "web", ""),
        ("", "web", ""),
        ("shop", "../secrets", ""),
        ("shop", "-web", ""),
        ("shop", "web.", ""),
        ("shop", "wéb", ""),
        ("shop", "web", "unknown=block"),
        ("shop", "web", "dry"),
    ] {
        assert!(
            Question::new(namespace.to_owned(), profile.to_owned(), query).is_err(),
            "{namespace}/{profile}?{query}"
        );
    }
    assert!(Question::new("shop".to_owned(), "web.v2".to_owned(), "&unknown=deny&&answer=body").is_ok());
}

/// An API server that counts what it is asked, and a gate that asks it.
fn gate(status: u16) -> (Gate, Arc<std::sync::atomic::AtomicU32>) {
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (status, body) = match (&*name, status) {
                ("hangs", _) => std::future::pending().await,
                ("missing", _) => (
                    404,
                    json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": ""}),
                ),
                (_, 200) => (
                    200,
                    json!({
                        "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": name},
                        "spec": {"targetRef": {"name": "web"}}, "status": {"conditions": condition("False", "BudgetExhausted")},
                    }),
                ),
                (_, code) => (code, json!({"kind": "Status", "status": "Failure", "code": code, "message": "broken"})),
            };
            let body = kube::client::Body::from(serde_json::to_vec(&body).unwrap());
            Ok::<_, std::convert::Infallible>(http::Response::builder().status(status).body(body).unwrap())
        }
    });
    (Gate::new(Client::new(service, "default"), &["shop".to_owned()]), asked)
}

async fn send(gate: &Gate, method: &str, path: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    let response = router(gate.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn one_question_to_the_api_server_is_enough_for_many_at_the_gate() {
    let (gate, asked) = gate(200);
    let all =
        (0..40).map(|number| {
            let gate = gate.clone();
            async move {
                send(&gate, if number % 2 == 0 { "GET" } else { "POST" }, "/gate/shop/web", vec![b'x'; 100]).await.0
            }
        });
    assert!(futures::future::join_all(all).await.iter().all(|code| *code == 403));
    let asked = asked.load(std::sync::atomic::Ordering::SeqCst);
    assert!(asked as usize <= AT_ONCE, "{asked} questions");
}

/// As if what is known had been learned so much earlier.
async fn age(gate: &Gate, by: Duration) {
    for (at, _) in gate.known.lock().await.values_mut() {
        *at = at.checked_sub(by).unwrap();
    }
}

#[tokio::test]
async fn what_was_known_holds_while_the_api_server_is_silent() {
    let (well, asked) = gate(200);
    assert_eq!(send(&well, "GET", "/gate/shop/web", Vec::new()).await.0, 403);
    age(&well, Duration::from_secs(4)).await;
    assert_eq!(send(&well, "GET", "/gate/shop/web", Vec::new()).await.0, 403);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    age(&well, FRESH).await;
    assert_eq!(send(&well, "GET", "/gate/shop/web", Vec::new()).await.0, 403);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2, "what is old is asked anew");

    let (broken, _) = gate(500);
    let broken = Gate { known: Arc::clone(&well.known), ..broken };
    age(&well, Duration::from_secs(590)).await;
    assert_eq!(send(&broken, "GET", "/gate/shop/web", Vec::new()).await.0, 403, "frozen, as it was last known");
    age(&well, Duration::from_secs(10)).await;
    let (code, body) = send(&broken, "GET", "/gate/shop/web?unknown=deny", Vec::new()).await;
    assert_eq!((code, &body["reason"]), (503, &json!("ProfileUnreadable")));
    let impatient = Gate { patience: Duration::from_millis(50), ..well };
    let hanging = send(&impatient, "GET", "/gate/shop/hangs?unknown=deny", Vec::new());
    let (code, body) = tokio::time::timeout(Duration::from_secs(5), hanging).await.expect("an answer in time");
    assert_eq!(
        (code, &body["inconclusive"]),
        (503, &json!(true)),
        "an answer comes, also where the API server gives none"
    );
}

#[tokio::test]
async fn others_are_told_what_is_wrong() {
    let (gate, asked) = gate(200);
    assert_eq!(send(&gate, "GET", "/gate/shop/missing", Vec::new()).await.0, 404);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(send(&gate, "GET", "/gate/elsewhere/web", Vec::new()).await.0, 404, "the operator does not work there");
    let (code, body) = send(&gate, "GET", "/gate/shop/%2e%2e%2fsecrets", Vec::new()).await;
    assert!(
        code == 400 && body["error"].as_str().is_some_and(|error| error.contains("/gate/NAMESPACE/PROFILE")),
        "{code} {body}"
    );
    assert_eq!(send(&gate, "DELETE", "/gate/shop/web", Vec::new()).await.0, 405);
    assert_eq!(send(&gate, "POST", "/gate/shop/web", vec![0; LONGEST_BODY + 1]).await.0, 413);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1, "nonsense does not reach the API server");
}

#[tokio::test]
async fn names_that_are_made_up_do_not_fill_the_memory() {
    let (gate, _) = gate(200);
    let filler = (Instant::now(), Known::Absent);
    gate.known.lock().await.extend((0..MOST).map(|number| (("shop".to_owned(), number.to_string()), filler.clone())));
    assert_eq!(send(&gate, "GET", "/gate/shop/web", Vec::new()).await.0, 403);
    let known = gate.known.lock().await;
    assert!(known.len() <= MOST && known.contains_key(&("shop".to_owned(), "web".to_owned())), "{}", known.len());
}
