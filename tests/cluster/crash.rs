//! The operator killed in the middle of its work.

use std::time::Duration;

use crate::harness::{Action, Cluster, Launch, PATIENCE, Proxy, deployment, objective, profile, profile_with};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn one_that_is_killed_while_it_writes_ends_the_work_when_it_is_back() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    for plural in ["horizontalpodautoscalers", "poddisruptionbudgets", "prometheusrules", "performanceprofiles"] {
        // Half of the writes arrive after the death of the sender, half do not.
        for (name, action) in [("arrives", Action::DelayAnswer(Duration::from_secs(30))), ("is-lost", Action::Hang)] {
            let name = format!("{}-{name}", &plural[..5]);
            let part = format!("/{plural}/{name}");
            let fault = proxy
                .fault(action, move |request| request.method == http::Method::PATCH && request.path.contains(&part));
            let mut operator = Launch::new(&cluster).through(&proxy).start().await;
            cluster.apply_yaml(&deployment(&name, 0)).await;
            cluster
                .apply_yaml(&profile_with(&name, &name, &format!("objectives:\n{}", objective("availability"))))
                .await;
            fault.wait_for_hits(1).await;
            operator.kill();
            operator.wait_for_exit(PATIENCE).await;
            fault.lift();

            let _next = Launch::new(&cluster).through(&proxy).start().await;
            cluster.wait_for_condition(&name, "Ready", "True", "AsDeclared").await;
            for (kind, child) in [
                ("HorizontalPodAutoscaler", name.clone()),
                ("PodDisruptionBudget", name.clone()),
                ("PrometheusRule", format!("{name}-slo")),
            ] {
                cluster.expect(kind, &child).await;
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn poolers_of_which_no_status_speaks_go_with_their_declaration() {
    let cluster = Cluster::new().await;
    let proxy = Proxy::start().await;
    let refused = proxy.fault(Action::Status(500, "InternalError"), |request| request.path.ends_with("/web/status"));
    let _operator =
        Launch::new(&cluster).arguments(&["--agent-image", "localhost/none:1"]).through(&proxy).start().await;
    let pooling = "pooling:
  postgres:
    image: localhost/none:1
    pod: {nodeSelector: {plimsoll.dev/no-such-node: 'true'}}
    primary: {host: db-rw}
    databases: [{name: azora}]
    auth: {userlistSecretRef: {name: users}}
    monitoring: {secretRef: {name: monitor}}";
    cluster.apply_yaml(&(deployment("web", 1) + "---" + &profile_with("web", "web", pooling))).await;
    cluster.wait_for("StatefulSet", "web-pgbouncer").await;
    refused.wait_for_hits(1).await;
    assert_eq!(cluster.expect("PerformanceProfile", "web").await.get("status"), None, "it must not know of them");

    cluster.apply_yaml(&profile("web")).await;
    refused.lift();
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    for kind in ["StatefulSet", "ConfigMap", "ServiceAccount", "Role", "NetworkPolicy", "PodDisruptionBudget"] {
        cluster.wait_for_absence(kind, "web-pgbouncer", PATIENCE).await;
    }
}
