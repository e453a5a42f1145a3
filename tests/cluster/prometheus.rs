//! A Prometheus that is absent, slow, wrong or silent: the conditions say so, and nothing that runs is touched.

use serde_json::{Value, json};

use crate::harness::{
    Action, Cluster, Launch, Numbers, Operator, PATIENCE, Prometheus, Proxy, deployment, essence, eventually,
    objective, profile_with,
};

/// A profile with two objectives, its children, and a Prometheus that knows both.
struct Setting {
    cluster: Cluster,
    prometheus: Prometheus,
    children: Vec<Value>,
}

impl Setting {
    async fn new() -> (Self, Operator) {
        let cluster = Cluster::new().await;
        let prometheus = Prometheus::start().await;
        for objective in ["first", "second"] {
            prometheus.record(&cluster.namespace, "web", objective, Numbers::fresh("0.9"));
            prometheus.load(&cluster.namespace, "web", objective, None);
        }
        let operator = Launch::new(&cluster).asking(&prometheus).start().await;
        cluster.apply_yaml(&deployment("web", 0)).await;
        let spec = format!("objectives:\n{}{}", objective("first"), objective("second"));
        cluster.apply_yaml(&profile_with("web", "web", &spec)).await;
        let mut setting = Self { cluster, prometheus, children: Vec::new() };
        setting.wait_until_well().await;
        setting.note_children().await;
        (setting, operator)
    }

    async fn note_children(&mut self) {
        self.children.clear();
        for (kind, name) in Self::CHILDREN {
            self.children.push(essence(&self.cluster.expect(kind, name).await));
        }
    }

    const CHILDREN: [(&str, &str); 3] =
        [("HorizontalPodAutoscaler", "web"), ("PodDisruptionBudget", "web"), ("PrometheusRule", "web-slo")];

    async fn wait_until_well(&self) {
        for type_ in ["MetricsAvailable", "ObjectivesMet", "RulesLoaded", "Ready"] {
            self.cluster.wait_for_condition("web", type_, "True", "AsDeclared").await;
        }
        eventually("both objectives are met", PATIENCE, async || {
            let status = self.status().await;
            let all = status["objectives"].as_array().unwrap();
            if all.iter().all(|objective| objective["state"] == "Met") && status["objectivesMet"] == "2/2" {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
        .await;
    }

    async fn status(&self) -> Value {
        self.cluster.expect("PerformanceProfile", "web").await["status"].clone()
    }

    /// Prometheus is of no use: that is said, and the last numbers stay.
    async fn assert_unknown(&self, reason: &str, words: &str) {
        let cluster = &self.cluster;
        let before = self.status().await;
        let message = cluster.wait_for_condition("web", "MetricsAvailable", "False", reason).await;
        assert!(message.contains(words), "{message}");
        cluster.wait_for_condition("web", "ObjectivesMet", "Unknown", reason).await;
        cluster.wait_for_condition("web", "RulesLoaded", "Unknown", reason).await;
        let status = self.status().await;
        for index in 0..2 {
            let objective = &status["objectives"][index];
            assert_eq!(objective["state"], "Unknown", "{objective}");
            assert_eq!(objective["budget"]["remaining"], "90", "{objective}");
            assert_eq!(
                objective["measuredAt"], before["objectives"][index]["measuredAt"],
                "old numbers keep their time"
            );
        }
        assert_eq!(status["objectivesMet"], "0/2");
        assert_eq!(status["worst"]["budgetRemaining"], "90");
        cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
        self.assert_children_untouched().await;
    }

    async fn assert_children_untouched(&self) {
        for ((kind, name), before) in Self::CHILDREN.iter().zip(&self.children) {
            assert_eq!(&essence(&self.cluster.expect(kind, name).await), before);
        }
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_a_prometheus_the_objectives_are_written_and_not_judged() {
    let cluster = Cluster::new().await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    cluster.apply_yaml(&profile_with("web", "web", &format!("objectives:\n{}", objective("availability")))).await;
    for type_ in ["MetricsAvailable", "ObjectivesMet", "RulesLoaded"] {
        let message = cluster.wait_for_condition("web", type_, "Unknown", "NoPrometheus").await;
        assert!(message.contains("--prometheus-url"), "{message}");
    }
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    cluster.expect("PrometheusRule", "web-slo").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_prometheus_that_fails_as_a_whole() {
    let (mut setting, mut operator) = Setting::new().await;

    setting.prometheus.down();
    setting.assert_unknown("PrometheusUnreachable", "cannot be reached").await;
    let note = setting.cluster.wait_for_event("web", "PrometheusUnreachable").await;
    assert!(!note.contains("secret"), "a password is in the URL, and must not be in {note}");
    setting.prometheus.up().await;
    setting.wait_until_well().await;

    setting.prometheus.answer_everything(404, "text/html", "<html><body>404 page not found</body></html>");
    setting.assert_unknown("PrometheusRefuses", "check the URL").await;
    setting.prometheus.well();
    setting.wait_until_well().await;

    setting.prometheus.answer_everything(200, "text/html", "<html><body>Welcome to Grafana</body></html>");
    setting.assert_unknown("PrometheusRefuses", "check the URL").await;
    setting.prometheus.well();
    setting.wait_until_well().await;

    let refusal = r#"{"status":"error","errorType":"bad_data","error":"query queue is full"}"#;
    setting.prometheus.answer_everything(422, "application/json", refusal);
    setting.assert_unknown("PrometheusRefuses", "query queue is full").await;
    setting.prometheus.well();
    setting.wait_until_well().await;

    setting.prometheus.answer_everything(401, "text/plain", "no token");
    setting.assert_unknown("PrometheusRefuses", "401").await;
    setting.prometheus.well();
    setting.wait_until_well().await;

    setting.assert_children_untouched().await;
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_prometheus_that_hangs_holds_up_nothing_else() {
    let (mut setting, mut operator) = Setting::new().await;
    setting.prometheus.hang();
    setting.prometheus.wait_until_asked().await;
    // While it hangs, profiles are carried out.
    setting.cluster.edit("PodDisruptionBudget", "web", json!({"spec": {"maxUnavailable": 3}})).await;
    eventually("drift is mended", std::time::Duration::from_secs(2), async || {
        let budget = setting.cluster.expect("PodDisruptionBudget", "web").await;
        if budget["spec"]["maxUnavailable"] == 1 { Ok(()) } else { Err(budget["spec"].to_string()) }
    })
    .await;
    setting.note_children().await;
    setting.assert_unknown("PrometheusUnreachable", "does not answer within 10 s").await;
    setting.prometheus.well();
    setting.wait_until_well().await;

    // Nor does it hold up the end.
    setting.prometheus.hang();
    setting.prometheus.wait_until_asked().await;
    operator.terminate();
    assert!(operator.wait_for_exit(std::time::Duration::from_secs(4)).await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn samples_that_are_missing_old_or_no_numbers() {
    let (setting, _operator) = Setting::new().await;
    let Setting { cluster, prometheus, .. } = &setting;
    let namespace = &cluster.namespace;
    let assert_second_unknown = async |truth: &str| {
        let message = cluster.wait_for_condition("web", "ObjectivesMet", "Unknown", "NoData").await;
        assert!(message.contains("second") && !message.contains("first"), "{message}");
        let status = setting.status().await;
        assert_eq!(status["objectives"][0]["state"], "Met", "the other objective is judged as before");
        assert_eq!(status["objectives"][1]["state"], "Unknown");
        assert_eq!(status["objectives"][1]["budget"]["remaining"], "90", "the last numbers stay");
        assert_eq!(status["objectivesMet"], "1/2");
        if truth == "False" {
            let message = cluster.wait_for_condition("web", "MetricsAvailable", "False", "NoData").await;
            assert!(message.contains("objective second"), "{message}");
        }
        cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
        setting.assert_children_untouched().await;
    };

    // Partial.
    prometheus.forget(namespace, "web", "second");
    assert_second_unknown("False").await;
    prometheus.record(namespace, "web", "second", Numbers::fresh("0.9"));
    setting.wait_until_well().await;

    // No numbers: never a budget of 0 %, and never one of 100 %.
    prometheus.record(namespace, "web", "second", Numbers::fresh("NaN"));
    assert_second_unknown("True").await;
    prometheus.record(namespace, "web", "second", Numbers::fresh("0.9"));
    setting.wait_until_well().await;

    // The rules are no longer evaluated, and the last values are still answered.
    prometheus.record(
        namespace,
        "web",
        "second",
        Numbers { age: std::time::Duration::from_mins(2), ..Numbers::fresh("0.9") },
    );
    assert_second_unknown("False").await;
    let message = cluster.condition("web", "MetricsAvailable").await.unwrap().message;
    assert!(message.contains("newest sample") && message.contains("s old"), "{message}");
    prometheus.record(namespace, "web", "second", Numbers::fresh("0.9"));
    setting.wait_until_well().await;

    // Nothing at all.
    prometheus.forget(namespace, "web", "first");
    prometheus.forget(namespace, "web", "second");
    let message = cluster.wait_for_condition("web", "MetricsAvailable", "False", "NoData").await;
    assert!(message.contains("no events of objective first"), "{message}");
    eventually("both are unknown", PATIENCE, async || {
        let status = setting.status().await;
        if status["objectivesMet"] == "0/2" { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    setting.assert_children_untouched().await;

    // Well again, and worse than before: an answer is believed at once.
    prometheus.record(namespace, "web", "first", Numbers::fresh("0.9"));
    prometheus.record(namespace, "web", "second", Numbers::fresh("-0.5"));
    let message = cluster.wait_for_condition("web", "ObjectivesMet", "False", "BudgetExhausted").await;
    assert!(message.contains("second"), "{message}");
    cluster.wait_for_event("web", "ObjectiveExhausted").await;
    let columns = cluster.print_columns("PerformanceProfile", "web").await;
    assert_eq!(columns[3].1, "1/2");
    assert_eq!(columns[4].1, "-50");
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    setting.assert_children_untouched().await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn rules_that_are_not_loaded_or_fail() {
    let cluster = Cluster::new().await;
    let prometheus = Prometheus::start().await;
    let proxy = Proxy::start().await;
    // What an installation of kube-prometheus-stack has.
    let selecting = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusList", "metadata": {"resourceVersion": "1"},
        "items": [{
            "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
            "metadata": {"name": "stack", "namespace": "monitoring"},
            "spec": {"ruleSelector": {"matchLabels": {"release": "prod"}}},
        }],
    });
    let installation =
        proxy.fault(Action::Json(selecting), |request| request.path == "/apis/monitoring.coreos.com/v1/prometheuses");
    let _operator = Launch::new(&cluster).asking(&prometheus).through(&proxy).start().await;
    cluster.apply_yaml(&deployment("web", 3)).await;
    let with = |more: &str| profile_with("web", "web", &format!("{more}objectives:\n{}", objective("availability")));
    cluster.apply_yaml(&with("")).await;

    let message = cluster.wait_for_condition("web", "RulesLoaded", "False", "NotSelected").await;
    assert!(message.contains("Prometheus monitoring/stack selects rules with the label release=prod"), "{message}");
    assert!(message.contains("spec.rules.labels") && message.contains("--rule-label"), "{message}");

    // With the label nothing more can be said than to wait, or to look at the selectors.
    cluster.apply_yaml(&with("rules: {labels: {release: prod}}\n")).await;
    eventually("the label is not blamed any more", PATIENCE, async || {
        let condition = cluster.condition("web", "RulesLoaded").await.unwrap();
        if condition.message.contains("ruleNamespaceSelector") { Ok(()) } else { Err(condition.message) }
    })
    .await;
    assert!(installation.hits() > 0);

    prometheus.load(&cluster.namespace, "web", "availability", Some("found duplicate series for the match group"));
    let message = cluster.wait_for_condition("web", "RulesLoaded", "False", "RuleFailing").await;
    assert!(message.contains("found duplicate series"), "{message}");
    cluster.wait_for_event("web", "RuleFailing").await;

    prometheus.load(&cluster.namespace, "web", "availability", None);
    let message = cluster.wait_for_condition("web", "RulesLoaded", "True", "AsDeclared").await;
    assert_eq!(message, "Prometheus evaluates every rule");
}
