//! Enforcement on the real API server and HPA controller. What Prometheus measures is told by a double: that the loop is right on real
//! numbers is shown by tests/enforcement/run.sh.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Cluster, Launch, Load, Numbers, PATIENCE, Prometheus, deployment, eventually, objective, profile_with,
};

/// Two looks and a reconcile.
const SOON: Duration = Duration::from_secs(45);
const CALM: Load = Load { rate: 50.0, bad_share: 0.0, in_flight: 5.0 };
/// Ten times as much in flight: more than the pods carry, and every second request is bad.
const BURNING: Load = Load { rate: 100.0, bad_share: 0.5, in_flight: 50.0 };

struct Setting {
    cluster: Cluster,
    prometheus: Prometheus,
}

impl Setting {
    /// A workload with a profile whose enforcement goes so far, before any operator.
    async fn new(mode: &str) -> Self {
        let setting = Self { cluster: Cluster::new().await, prometheus: Prometheus::start().await };
        setting.budget("0.9");
        setting.load(CALM);
        setting.prometheus.load(&setting.cluster.namespace, "web", "first", None);
        setting.cluster.apply_yaml(&deployment("web", 2)).await;
        let spec = format!(
            "autoscaling: {{minReplicas: 2, maxReplicas: 20}}\ndisruption: {{maxUnavailable: 50%}}\n\
             enforcement: {{mode: {mode}, scaling: {{concurrency: 4, feedForward: Disabled}}}}\nobjectives:\n{}",
            objective("first")
        );
        setting.cluster.apply_yaml(&profile_with("web", "web", &spec)).await;
        setting
    }

    fn load(&self, load: Load) {
        self.prometheus.signal(&self.cluster.namespace, "web", "first", load);
    }

    fn budget(&self, remaining: &str) {
        self.prometheus.record(&self.cluster.namespace, "web", "first", Numbers::fresh(remaining));
    }

    async fn floor(&self) -> i64 {
        self.cluster.expect("HorizontalPodAutoscaler", "web").await["spec"]["minReplicas"].as_i64().unwrap()
    }

    async fn held(&self) -> bool {
        let autoscaler = self.cluster.expect("HorizontalPodAutoscaler", "web").await;
        autoscaler["spec"]["behavior"]["scaleDown"]["selectPolicy"] == "Disabled"
    }

    async fn actions(&self) -> Vec<Value> {
        let profile = self.cluster.expect("PerformanceProfile", "web").await;
        profile["status"]["enforcement"]["actions"].as_array().cloned().unwrap_or_default()
    }

    async fn action(&self, kind: &str, state: &str) -> Value {
        eventually(&format!("{kind} is {state}"), SOON, async || {
            let actions = self.actions().await;
            let found = actions.iter().find(|action| action["kind"] == kind && action["state"] == state);
            found.cloned().ok_or_else(|| json!(actions).to_string())
        })
        .await
    }

    async fn raised(&self) -> i64 {
        eventually("the floor is raised", SOON, async || {
            let floor = self.floor().await;
            if floor > 2 { Ok(floor) } else { Err(format!("{floor}: {}", json!(self.actions().await))) }
        })
        .await
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_floor_is_raised_obeyed_and_goes_on_under_a_successor() {
    let setting = Setting::new("Enforce").await;
    let cluster = &setting.cluster;
    let mut first = Launch::new(cluster).candidate(cluster, "first").asking(&setting.prometheus).start().await;
    cluster.wait_for_condition("web", "Enforcing", "True", "Idle").await;
    setting.load(BURNING);
    let floor = setting.raised().await;
    assert!(floor <= 20);
    let action = setting.action("RaiseFloor", "Open").await;
    for word in ["trigger", "evidence", "bound", "expected", "undo"] {
        assert!(action[word].as_str().is_some_and(|text| !text.is_empty()), "{word}: {action}");
    }
    // The cluster's own controller obeys, without any metrics API.
    eventually("the workload follows", PATIENCE, async || {
        let replicas = cluster.expect("Deployment", "web").await["spec"]["replicas"].as_i64();
        if replicas >= Some(floor) { Ok(()) } else { Err(format!("{replicas:?} of {floor}")) }
    })
    .await;
    cluster.wait_for_condition("web", "Enforcing", "True", "Acting").await;

    let second = Launch::new(cluster).candidate(cluster, "second").asking(&setting.prometheus).spawn().await;
    first.kill();
    first.wait_for_exit(PATIENCE).await;
    setting.load(CALM);
    eventually("the second leads", Duration::from_secs(30), async || {
        if second.metric("plimsoll_leader").await == Some(1.0) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    // Nothing is relaxed early: not by the first reconcile, which has no decision yet, nor by the decisions after it.
    for _ in 0..25 {
        assert!(setting.floor().await >= floor, "the successor lowered the floor");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let after = setting.action("RaiseFloor", "Open").await;
    assert_eq!(after["since"], action["since"], "the same action goes on");
    second.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_is_observed_is_said_and_not_done() {
    let setting = Setting::new("Observe").await;
    let cluster = &setting.cluster;
    let _operator = Launch::new(cluster).asking(&setting.prometheus).start().await;
    cluster.wait_for_condition("web", "Enforcing", "False", "Observing").await;
    setting.load(BURNING);
    setting.action("RaiseFloor", "Proposed").await;
    setting.budget("-0.2");
    setting.action("FreezeRollouts", "Proposed").await;
    cluster.wait_for_condition("web", "RolloutAllowed", "True", "Observing").await;
    assert_eq!((setting.floor().await, setting.held().await), (2, false));
    let budget = cluster.expect("PodDisruptionBudget", "web").await;
    assert_eq!(budget["spec"]["maxUnavailable"], "50%");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_prometheus_everything_stays_and_nothing_goes_down() {
    let mut setting = Setting::new("Enforce").await;
    let namespace = setting.cluster.namespace.clone();
    let _operator = Launch::new(&setting.cluster).asking(&setting.prometheus).start().await;
    setting.cluster.wait_for_condition("web", "Enforcing", "True", "Idle").await;
    setting.load(BURNING);
    let floor = setting.raised().await;
    setting.prometheus.down();
    setting.cluster.wait_for_condition("web", "Enforcing", "False", "MetricsNotTrusted").await;
    assert_eq!((setting.floor().await, setting.held().await), (floor, true));
    setting.cluster.wait_for_condition("web", "RolloutAllowed", "True", "AsDeclared").await;
    setting.prometheus.signal(&namespace, "web", "first", CALM);
    setting.prometheus.up().await;
    // It is watched for two minutes before it is believed.
    for _ in 0..20 {
        assert_eq!((setting.floor().await, setting.held().await), (floor, true));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_budget_that_is_gone_freezes_rollouts_and_lets_one_pod_go_at_a_time() {
    let setting = Setting::new("Enforce").await;
    let cluster = &setting.cluster;
    let _operator = Launch::new(cluster).asking(&setting.prometheus).start().await;
    cluster.wait_for_condition("web", "RolloutAllowed", "True", "AsDeclared").await;
    setting.budget("-0.2");
    let message = cluster.wait_for_condition("web", "RolloutAllowed", "False", "BudgetExhausted").await;
    assert!(message.contains("objective first is exhausted"), "{message}");
    setting.action("FreezeRollouts", "Open").await;
    eventually("the disruption budget is strict", SOON, async || {
        let budget = cluster.expect("PodDisruptionBudget", "web").await;
        if budget["spec"]["maxUnavailable"] == 1 { Ok(()) } else { Err(budget["spec"].to_string()) }
    })
    .await;
    // Paused, the freeze is lifted.
    let spec = format!(
        "autoscaling: {{minReplicas: 2, maxReplicas: 20}}\ndisruption: {{maxUnavailable: 50%}}\n\
         enforcement: {{mode: Enforce, pause: {{until: \"2099-01-01T00:00:00Z\", reason: drill}}}}\nobjectives:\n{}",
        objective("first")
    );
    cluster.apply_yaml(&profile_with("web", "web", &spec)).await;
    cluster.wait_for_condition("web", "RolloutAllowed", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "Enforcing", "False", "Paused").await;
}
