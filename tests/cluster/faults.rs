//! An API server that refuses, fails, hangs or breaks off: the rest of the profile is carried out, the condition says what
//! is wrong, and all is well when the server is.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::harness::{Action, Cluster, Launch, PATIENCE, Proxy, deployment, eventually, objective, profile_with};

fn with_objective(name: &str) -> String {
    deployment(name, 0) + "---" + &profile_with(name, name, &format!("objectives:\n{}", objective("availability")))
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_child_that_is_not_taken_stops_no_other_and_is_tried_again() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let mut operator = Launch::new(&cluster).through(&proxy).start().await;
    let cases = [
        ("conflict", Action::Status(409, "Conflict"), "Conflict"),
        ("forbidden", Action::Status(403, "Forbidden"), "Forbidden"),
        ("invalid", Action::Status(422, "Invalid"), "Invalid"),
        ("throttled", Action::Status(429, "TooManyRequests"), "TooManyRequests"),
        ("failing", Action::Status(500, "InternalError"), "InternalError"),
        ("hanging", Action::Hang, "does not answer within 5 s"),
        ("breaking", Action::Drop, ""),
    ];
    let mut faults = Vec::new();
    for (name, action, words) in cases {
        let path = format!("/horizontalpodautoscalers/{name}");
        let fault =
            proxy.fault(action, move |request| request.method == Method::PATCH && request.path.ends_with(&path));
        cluster.apply_yaml(&with_objective(name)).await;
        faults.push((name, words, fault));
    }
    for (name, words, fault) in &faults {
        let message = cluster.wait_for_condition(name, "AutoscalingReady", "False", "ApplyFailed").await;
        assert!(message.contains(words) && !message.is_empty(), "{name}: {message}");
        cluster.wait_for_condition(name, "Ready", "False", "ApplyFailed").await;
        cluster.wait_for_condition(name, "DisruptionReady", "True", "AsDeclared").await;
        cluster.wait_for_condition(name, "RulesReady", "True", "AsDeclared").await;
        assert_eq!(cluster.get("HorizontalPodAutoscaler", name).await, None);
        cluster.expect("PodDisruptionBudget", name).await;
        cluster.expect("PrometheusRule", &format!("{name}-slo")).await;
        cluster.wait_for_event(name, "ApplyFailed").await;
        let children = cluster.expect("PerformanceProfile", name).await["status"]["children"].clone();
        assert_eq!(children[0]["state"], "Failed", "{name}: {children}");
        fault.wait_for_hits(3).await;
    }
    // One second, two, four, eight: in the time of this test no profile can have been tried more often than this.
    for (name, _, fault) in &faults {
        assert!(fault.hits() <= 10, "{name}: {} tries", fault.hits());
        fault.lift();
    }
    for (name, ..) in &faults {
        cluster.wait_for_condition_within(PATIENCE * 2, name, "Ready", "True", "AsDeclared").await;
        cluster.expect("HorizontalPodAutoscaler", name).await;
    }
    for category in ["conflict", "forbidden", "invalid", "throttled", "unavailable", "timeout", "transport"] {
        let series =
            format!("plimsoll_child_apply_errors_total{{kind=\"HorizontalPodAutoscaler\",category=\"{category}\"}}");
        assert!(operator.metric(&series).await.is_some_and(|count| count >= 3.0), "{series}");
    }
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_status_that_is_not_taken_is_tried_again() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    for (name, code) in [("conflict", 409), ("failing", 500)] {
        let path = format!("/performanceprofiles/{name}/status");
        let fault = proxy.fault(Action::Status(code, "Whatever"), move |request| request.path.ends_with(&path));
        cluster.apply_yaml(&with_objective(name)).await;
        cluster.wait_for("PrometheusRule", &format!("{name}-slo")).await;
        fault.wait_for_hits(2).await;
        fault.lift();
        cluster.wait_for_condition(name, "Ready", "True", "AsDeclared").await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn reads_that_fail_tear_nothing_down() {
    let cluster = Cluster::new().await;
    cluster.apply_yaml(&(with_objective("web") + "---" + &with_objective("other"))).await;

    // What cannot be listed is neither absent nor foreign.
    let lists = ["/deployments", "/horizontalpodautoscalers", "/poddisruptionbudgets", "/prometheusrules"];
    let refused = lists.into_iter().zip([500, 403, 429, 503]).map(async |(path, code)| {
        let proxy = Proxy::start().await;
        let fault = proxy.fault(Action::Status(code, "Whatever"), move |request| {
            request.method == Method::GET && request.path.ends_with(path)
        });
        let mut operator = Launch::new(&cluster).through(&proxy).start().await;
        eventually(&format!("{path} cannot be listed"), PATIENCE * 2, async || {
            if fault.hits() >= 1 && operator.failed_reconciles().await > 0 {
                Ok(())
            } else {
                Err(fault.hits().to_string())
            }
        })
        .await;
        assert_eq!(proxy.child_writes().len(), 0, "{path}: {:?}", proxy.child_writes());
        operator.assert_running();
    });
    futures::future::join_all(refused).await;

    let proxy = Proxy::start().await;
    let mut operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    cluster.wait_for_condition("other", "Ready", "True", "AsDeclared").await;

    // A target that no watch shows is asked for. The others are looked after all the while.
    let hanging = proxy
        .fault(Action::Hang, |request| request.method == Method::GET && request.path.ends_with("/replicasets/web"));
    let unwatched = "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: unwatched}\n\
                     spec: {targetRef: {kind: ReplicaSet, name: web}}\n";
    cluster.apply_yaml(unwatched).await;
    hanging.wait_for_hits(1).await;
    cluster.edit("PodDisruptionBudget", "other", json!({"spec": {"maxUnavailable": 3}})).await;
    eventually("drift of another profile is mended", Duration::from_secs(2), async || {
        let budget = cluster.expect("PodDisruptionBudget", "other").await;
        if budget["spec"]["maxUnavailable"] == 1 { Ok(()) } else { Err(budget["spec"].to_string()) }
    })
    .await;
    operator.assert_running();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_happens_while_the_watches_are_cut_is_seen_afterwards() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&with_objective("web")).await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;

    let down = proxy.fault(Action::Status(503, "ServiceUnavailable"), |_| true);
    proxy.cut_connections();
    cluster.delete("HorizontalPodAutoscaler", "web").await;
    cluster.edit("PodDisruptionBudget", "web", json!({"spec": {"maxUnavailable": 3}})).await;
    cluster.delete("PrometheusRule", "web-slo").await;
    cluster.apply_yaml(&with_objective("new")).await;
    down.wait_for_hits(5).await;
    down.lift();

    // The watches come back after at most half a minute of backoff.
    eventually("all is as declared", PATIENCE * 3, async || {
        let there = [
            cluster.get("HorizontalPodAutoscaler", "web").await.is_some(),
            cluster.get("PrometheusRule", "web-slo").await.is_some(),
            cluster.expect("PodDisruptionBudget", "web").await["spec"]["maxUnavailable"] == 1,
            cluster.get("HorizontalPodAutoscaler", "new").await.is_some(),
        ];
        if there == [true; 4] { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_role_without_autoscalers_costs_the_autoscaler_alone() {
    let cluster = Cluster::new().await;
    let namespace = &cluster.namespace;
    let role = |verbs: &str| {
        format!(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: operator}}
rules:
- {{apiGroups: [plimsoll.dev], resources: [performanceprofiles], verbs: [get, list, watch]}}
- {{apiGroups: [plimsoll.dev], resources: [performanceprofiles/status], verbs: [get, patch, update]}}
- {{apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [{verbs}]}}
- {{apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, list, watch, create, patch, delete]}}
- {{apiGroups: [''], resources: [configmaps], verbs: [get, list, watch, create, patch, delete]}}
- {{apiGroups: [monitoring.coreos.com], resources: [prometheusrules], verbs: [get, list, watch, create, patch, delete]}}
- {{apiGroups: [operator.victoriametrics.com], resources: [vmrules], verbs: [get, list, watch, create, patch, delete]}}
- {{apiGroups: [apps], resources: [deployments, statefulsets], verbs: [get, list, watch]}}
- {{apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: operator}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}}
subjects: [{{kind: ServiceAccount, name: operator, namespace: {namespace}}}]
"
        )
    };
    cluster.apply_yaml(&role("get, list, watch")).await;
    let proxy = Proxy::impersonating(&format!("system:serviceaccount:{namespace}:operator")).await;
    let _operator = Launch::new(&cluster).through(&proxy).start().await;
    cluster.apply_yaml(&with_objective("web")).await;

    let message = cluster.wait_for_condition("web", "AutoscalingReady", "False", "ApplyFailed").await;
    assert!(message.contains("is forbidden") && message.contains("horizontalpodautoscalers"), "{message}");
    cluster.wait_for_condition("web", "DisruptionReady", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "RulesReady", "True", "AsDeclared").await;

    cluster.apply_yaml(&role("get, list, watch, create, patch, delete")).await;
    cluster.wait_for_condition_within(PATIENCE * 2, "web", "Ready", "True", "AsDeclared").await;
    cluster.expect("HorizontalPodAutoscaler", "web").await;
}
