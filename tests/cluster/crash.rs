//! The operator killed in the middle of its work.

use std::time::Duration;

use crate::harness::{Action, Cluster, Launch, PATIENCE, Proxy, deployment, objective, profile_with};

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
