//! The gate: a running operator is asked as the delivery tools ask, with what stands in examples/gates/.
//!
//! The operator stands by and does not lead, so that what the status says is for the test to say. Every replica answers.

use std::{path::PathBuf, process::Command};

use prometheus_http_query::reqwest;
use serde_json::{Value, json};

use crate::harness::{Cluster, Launch, Operator, PATIENCE, eventually, profile};

/// The address that the examples ask.
const ADDRESS: &str = "http://plimsoll.plimsoll-system:8080";

struct Gate {
    cluster: Cluster,
    operator: Operator,
    http: reqwest::Client,
}

/// What a tool makes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    GoesOn,
    Stops,
    Pauses,
}

impl Gate {
    async fn new() -> Self {
        let cluster = Cluster::new().await;
        let now = "2099-01-01T00:00:00.000000Z";
        let held = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "plimsoll"},
            "spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600, "acquireTime": now, "renewTime": now},
        });
        cluster.apply_value(&held).await.expect("a lease");
        let operator = Launch::new(&cluster).candidate(&cluster, "stands-by").spawn().await;
        let http = reqwest::Client::builder().tls_certs_only([]).timeout(PATIENCE).build().expect("a client");
        cluster.apply_yaml(&profile("web")).await;
        Self { cluster, operator, http }
    }

    /// Writes the condition, and waits until the gate does not go by an older one.
    async fn say(&self, status: &str, reason: &str) {
        let time = "2026-11-24T12:00:00Z";
        let condition = json!({
            "type": "RolloutAllowed", "status": status, "reason": reason, "message": "so it is", "lastTransitionTime": time,
        });
        let freeze = json!({
            "action": "Deny", "reason": "the error budget of objective availability is exhausted", "since": time,
            "until": "2099-01-02T03:04:05Z",
        });
        let freeze = if status == "False" { freeze } else { Value::Null };
        let status = json!({"conditions": [condition], "enforcement": {"mode": "Enforce", "freeze": freeze}});
        self.cluster.edit_status("PerformanceProfile", "web", status).await;
        eventually("the gate has heard of it", PATIENCE, async || {
            let (_, body) = self.operator.get(&format!("/gate/{}/web", self.cluster.namespace)).await;
            if body.contains(&format!("\"reason\":\"{reason}\"")) { Ok(()) } else { Err(body) }
        })
        .await;
    }

    /// A file of examples/gates/, as somebody has put his own address and names into it.
    fn example(&self, name: &str) -> String {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/gates").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(ADDRESS), "{name} asks the operator");
        let url = format!("{}/gate/{}/web", self.operator.url(), self.cluster.namespace);
        text.replace(&format!("{ADDRESS}/gate/shop/web"), &url).replace(ADDRESS, &self.operator.url())
    }

    fn documents(&self, name: &str) -> Vec<Value> {
        serde_saphyr::from_multiple(&self.example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Flagger posts a description of the canary; every status above 202 is a no.
    async fn flagger(&self) -> Vec<Outcome> {
        let documents = self.documents("flagger.yaml");
        let hooks = documents[0]["spec"]["analysis"]["webhooks"].as_array().expect("webhooks");
        let mut all = Vec::new();
        for hook in hooks {
            assert!(
                ["confirm-rollout", "confirm-promotion"].contains(&hook["type"].as_str().expect("a type")),
                "{hook}"
            );
            let payload = json!({
                "name": "web", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b", "type": hook["type"],
                "failedChecks": 0, "canaryWeight": 0, "iterations": 0, "remainingTime": 60_000_000_000_i64,
                "metadata": {"eventMessage": "x".repeat(8_000)},
            });
            let request =
                self.http.post(hook["url"].as_str().expect("a URL")).header("content-type", "application/json");
            let answer = request.body(payload.to_string()).send().await.expect("an answer");
            all.push(if answer.status().as_u16() <= 202 { Outcome::GoesOn } else { Outcome::Stops });
        }
        all
    }

    /// Argo Rollouts gets the URL, asks for 2xx, and holds its two conditions against the part of the body at `jsonPath`.
    async fn argo_rollouts(&self) -> Outcome {
        let documents = self.documents("argo-rollouts.yaml");
        let metric = &documents[0]["spec"]["metrics"][0];
        let web = &metric["provider"]["web"];
        let answer = self.http.get(web["url"].as_str().expect("a URL")).send().await.expect("an answer");
        assert!(answer.status().is_success(), "Argo Rollouts takes {} for a fault", answer.status());
        let body: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        assert_eq!(web["jsonPath"], "{$}", "the whole body");
        let holds = |condition: &Value| {
            condition.as_str().expect("a condition").split("&&").all(|term| {
                let (wanted, path) = term.trim().strip_prefix('!').map_or((true, term.trim()), |path| (false, path));
                let field = path.strip_prefix("result.").unwrap_or_else(|| panic!("the test reads no {path}"));
                body[field].as_bool().unwrap_or_else(|| panic!("no {field} in {body}")) == wanted
            })
        };
        match (holds(&metric["successCondition"]), holds(&metric["failureCondition"])) {
            (true, false) => Outcome::GoesOn,
            (false, true) => Outcome::Stops,
            (false, false) => Outcome::Pauses,
            (true, true) => panic!("both conditions hold: {body}"),
        }
    }

    /// The Job of Argo CD's hook, or of Flux: its command, run as it stands there.
    fn job(&self, name: &str) -> Outcome {
        let documents = self.documents(name);
        let job = documents.iter().find(|document| document["kind"] == "Job").expect("a Job");
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let words: Vec<_> =
            container["command"].as_array().expect("a command").iter().map(|w| w.as_str().unwrap()).collect();
        outcome(Command::new(words[0]).args(&words[1..]))
    }

    fn pipeline(&self) -> Outcome {
        let script = self.example("pipeline.sh");
        outcome(
            Command::new("sh").args(["-c", &script]).env("NAMESPACE", &self.cluster.namespace).env("PROFILE", "web"),
        )
    }

    async fn all(&self) -> Vec<(&'static str, Outcome)> {
        let flagger = self.flagger().await;
        assert!(flagger.iter().all(|outcome| *outcome == flagger[0]) && flagger.len() == 2);
        vec![
            ("Flagger", flagger[0]),
            ("Argo Rollouts", self.argo_rollouts().await),
            ("Argo CD", self.job("argo-cd.yaml")),
            ("Flux", self.job("flux.yaml")),
            ("pipeline", self.pipeline()),
        ]
    }
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    // 22: the server has said no. Any other failure is none of its answers.
    assert!(matches!(output.status.code(), Some(0 | 22)), "{command:?}: {output:?}");
    assert!(text.contains("\"allowed\":"), "the reason is in the log of the step: {text}");
    if output.status.success() { Outcome::GoesOn } else { Outcome::Stops }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn every_example_goes_by_the_condition() {
    let gate = Gate::new().await;
    gate.say("True", "AsDeclared").await;
    for (tool, outcome) in gate.all().await {
        assert_eq!(outcome, Outcome::GoesOn, "{tool}");
    }
    gate.say("False", "BudgetExhausted").await;
    for (tool, outcome) in gate.all().await {
        assert_eq!(outcome, Outcome::Stops, "{tool}");
    }
    gate.say("Unknown", "MetricsNotTrusted").await;
    for (tool, outcome) in gate.all().await {
        let expected = if tool == "Argo Rollouts" { Outcome::Pauses } else { Outcome::GoesOn };
        assert_eq!(outcome, expected, "{tool}: not known");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_answer_says_why_and_until_when() {
    let gate = Gate::new().await;
    gate.say("False", "BudgetExhausted").await;
    let path = format!("/gate/{}/web", gate.cluster.namespace);
    let (code, body) = gate.operator.get(&path).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (code, &body["allowed"], &body["reason"], &body["message"], &body["until"]),
        (403, &json!(false), &json!("BudgetExhausted"), &json!("so it is"), &json!("2099-01-02T03:04:05Z"))
    );
    assert_eq!(gate.operator.get(&format!("{path}?answer=body")).await.0, 200);
    assert_eq!(gate.operator.get(&format!("{path}?unknown=deny")).await.0, 403, "this is known");
    assert_eq!(gate.operator.get(&format!("/gate/{}/other", gate.cluster.namespace)).await.0, 404);
    assert_eq!(gate.operator.get("/gate/kube-system/web").await.0, 404, "not one of the operator's namespaces");
    gate.say("Unknown", "MetricsNotTrusted").await;
    assert_eq!(gate.operator.get(&format!("{path}?unknown=deny")).await.0, 503);
    gate.cluster.delete("PerformanceProfile", "web").await;
    eventually("the profile is gone", PATIENCE, async || match gate.operator.get(&path).await {
        (404, _) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}
