//! The freeze of rollouts, at admission: the policy and the status of a profile alone, without an operator.

use std::time::Duration;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::api::{Patch, PatchParams};
use plimsoll::api::v1alpha1::{
    FreezeAction::{Deny, Warn},
    FreezeOverride, FreezeStatus,
};
use serde_json::json;

use crate::harness::{
    Frozen, Launch, Load, Numbers, PATIENCE, Prometheus, Way, eventually, objective, profile_of, profile_with,
};

const HOUR: Duration = Duration::from_hours(1);
const LATER: &str = "2099-01-02T03:04:05Z";
const OVERRIDE: &str = "plimsoll.dev/override";

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_rollout_is_denied_and_the_message_says_the_ways_out() {
    let frozen = Frozen::new().await;
    frozen.workload("Deployment", "web").await;
    frozen.freeze_until("Deployment", "web", Deny, LATER.parse().unwrap()).await;
    for way in Way::ALL {
        let denied =
            frozen.set_image(way, "Deployment", "web", "app:3").await.expect_err(&format!("{way:?} is allowed"));
        for part in [
            "rollouts of Deployment web are frozen until 2099-01-02T03:04:05Z by PerformanceProfile deployment-web: ",
            "objective availability has spent its error budget (-12 % left)",
            "(1) go back to images that were good: app=app:1,proxy=proxy:1;",
            "(2) wait until then, or until the budget has recovered",
            &format!(
                "(3) give a reason, which is recorded: kubectl -n {} annotate --overwrite deployment/web plimsoll.dev/override=REASON",
                frozen.cluster.namespace
            ),
        ] {
            assert!(denied.contains(part), "{way:?}: `{part}` is not in: {denied}");
        }
    }
    for (what, pointer, to) in [
        ("an environment variable", "/spec/template/spec/containers/0/env/0/value", json!("3")),
        ("a label of the pods", "/spec/template/metadata/labels", json!({"app": "web", "version": "3"})),
        ("the grace period", "/spec/template/spec/terminationGracePeriodSeconds", json!(7)),
        ("a container less", "/spec/template/spec/containers", json!([{"name": "app", "image": "app:2"}])),
    ] {
        let denied = frozen.change(Way::Replace, "Deployment", "web", pointer, to).await.expect_err(what);
        assert!(denied.contains("are frozen until"), "{what}: {denied}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_is_no_rollout_passes() {
    let frozen = Frozen::new().await;
    let cluster = &frozen.cluster;
    frozen.workload("Deployment", "web").await;
    frozen.freeze("Deployment", "web", Deny, HOUR).await;
    let api = cluster.api("Deployment");
    let scaled = api.patch_scale("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 2}}))).await;
    assert_eq!(scaled.expect("scaled").spec.and_then(|spec| spec.replicas), Some(2));
    for change in [
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"minReadySeconds": 1, "paused": true, "strategy": {"rollingUpdate": {"maxSurge": 1}}}}),
        json!({"metadata": {"labels": {"team": "platform"}}}),
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-24T12:00:00Z"}}}}}),
        json!({"spec": {"template": {"metadata": {"annotations": {"checksum/secret": "1", "kubectl.kubernetes.io/restartedAt": null}}}}}),
    ] {
        let changed = api.patch("web", &PatchParams::default(), &Patch::Merge(&change)).await;
        changed.unwrap_or_else(|denied| panic!("{change}: {denied}"));
    }
    cluster.edit_status("Deployment", "web", json!({"observedGeneration": 1})).await;
    for way in Way::ALL {
        frozen
            .set_image(way, "Deployment", "web", "app:2")
            .await
            .unwrap_or_else(|denied| panic!("{way:?}, unchanged: {denied}"));
    }
    let restarted_with_an_image = json!({"spec": {"template": {
        "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-24T13:00:00Z"}},
        "spec": {"terminationGracePeriodSeconds": 7},
    }}});
    let changed = api.patch("web", &PatchParams::default(), &Patch::Merge(&restarted_with_an_image)).await;
    assert!(changed.is_err(), "a restart that carries another change along is a rollout");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn going_back_to_good_images_passes() {
    let frozen = Frozen::new().await;
    frozen.workload("Deployment", "web").await;
    frozen.freeze("Deployment", "web", Deny, HOUR).await;
    let containers = "/spec/template/spec/containers";
    let images = |app: &str, proxy: &str| json!([{"name": "app", "image": app}, {"name": "proxy", "image": proxy}]);
    let set = async |app: &str, proxy: &str| {
        frozen.change(Way::StrategicPatch, "Deployment", "web", containers, images(app, proxy)).await
    };
    assert!(set("app:1", "proxy:0").await.is_err(), "half of one set and half of another were never good together");
    set("app:1", "proxy:1").await.expect("the last good ones");
    let env =
        frozen.change(Way::MergePatch, "Deployment", "web", &format!("{containers}/0/env/0/value"), json!("9")).await;
    let denied = env.expect_err("good images are there already: this goes forward");
    assert!(
        denied.contains("images that were good: app=app:0,proxy=proxy:0;"),
        "the present ones are no way out: {denied}"
    );
    set("app:0", "proxy:0").await.expect("the ones before, and containers in the other order");
    let template =
        json!({"containers": images("app:1", "proxy:1"), "initContainers": [{"name": "init", "image": "init:1"}]});
    let with_init = json!({"spec": {"template": {"spec": template}}});
    let added =
        frozen.cluster.api("Deployment").patch("web", &PatchParams::default(), &Patch::Strategic(with_init)).await;
    assert!(added.is_err(), "good containers with an init container that nobody knows");
    assert!(set("app:2", "proxy:1").await.is_err(), "the way back is no way forth");

    frozen.workload("Deployment", "new").await;
    let freeze = frozen.freeze("Deployment", "new", Deny, HOUR).await;
    frozen.write("Deployment", "new", &FreezeStatus { good_images: Vec::new(), ..freeze }).await;
    let denied =
        frozen.set_image(Way::MergePatch, "Deployment", "new", "app:1").await.expect_err("nothing is known to be good");
    assert!(denied.contains("(1) go back to images that were good: none is known"), "{denied}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_warning_warns_and_no_more() {
    let frozen = Frozen::new().await;
    frozen.workload("Deployment", "web").await;
    frozen.freeze_until("Deployment", "web", Warn, LATER.parse().unwrap()).await;
    let change = json!({"spec": {"template": {"metadata": {"labels": {"version": "3"}}}}});
    let warnings = frozen.warnings("Deployment", "web", &change, &PatchParams::default()).await.expect("it passes");
    let expected = "the rollout of Deployment web goes on, but should wait until 2099-01-02T03:04:05Z: PerformanceProfile deployment-web: \
                    objective availability has spent its error budget (-12 % left)";
    assert!(warnings.iter().any(|warning| warning.contains(expected)), "{warnings:?}");
    let stored = frozen.cluster.expect("Deployment", "web").await;
    assert_eq!(stored["spec"]["template"]["metadata"]["labels"]["version"], "3");
    let change = json!({"spec": {"replicas": 1}});
    let warnings = frozen.warnings("Deployment", "web", &change, &PatchParams::default()).await.expect("it passes");
    assert_eq!(warnings, [""; 0], "scaling is no reason to warn");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_reason_overrides_and_is_in_the_audit_log() {
    let frozen = Frozen::new().await;
    frozen.workload("Deployment", "web").await;
    frozen.freeze("Deployment", "web", Deny, HOUR).await;
    frozen.annotate("Deployment", "web", OVERRIDE, Some("  ")).await;
    assert!(frozen.set_image(Way::StrategicPatch, "Deployment", "web", "app:3").await.is_err(), "blank is no reason");
    frozen.annotate("Deployment", "web", OVERRIDE, Some("INC-7: pool fix")).await;
    frozen.set_image(Way::StrategicPatch, "Deployment", "web", "app:3").await.expect("overridden");
    frozen.annotate("Deployment", "web", OVERRIDE, None).await;
    assert!(
        frozen.set_image(Way::StrategicPatch, "Deployment", "web", "app:4").await.is_err(),
        "the reason was taken back"
    );
    let at_once = json!({
        "metadata": {"annotations": {OVERRIDE: "INC-8"}},
        "spec": {"template": {"metadata": {"labels": {"version": "5"}}}},
    });
    let params = PatchParams::default();
    frozen.cluster.api("Deployment").patch("web", &params, &Patch::Merge(at_once)).await.expect("in the same request");

    let Ok(log) = std::env::var("LAB_AUDIT_LOG")
        .or_else(|_| std::env::var("KUBECONFIG").map(|file| file.replace("pki/admin.conf", "audit.log")))
    else {
        eprintln!("the audit log was not looked at: LAB_AUDIT_LOG does not name it");
        return;
    };
    let key = format!("\"{}/override\":", frozen.policies[0]);
    for reason in ["deployment-web: INC-7: pool fix", "deployment-web: INC-8"] {
        let entry = format!("{key}\"{reason}\"");
        eventually(&format!("the audit log has {entry}"), PATIENCE, async || {
            let text = std::fs::read_to_string(&log).map_err(|error| format!("{log}: {error}"))?;
            let mut found = text.lines().filter(|line| line.contains(&entry));
            let of_the_change = found.any(|line| line.contains("\"verb\":\"patch\"") && line.contains("\"code\":200"));
            if of_the_change { Ok(()) } else { Err("no such entry".to_owned()) }
        })
        .await;
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(
        text.lines().filter(|line| line.contains(&key)).count(),
        2,
        "what was not overridden is not recorded as such"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_reason_that_has_run_out_is_asked_for_anew() {
    let frozen = Frozen::new().await;
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    for (name, until) in [("spent", now), ("valid", now + HOUR)] {
        frozen.workload("Deployment", name).await;
        let freeze = frozen.freeze("Deployment", name, Deny, HOUR).await;
        let overridden = Some(FreezeOverride { reason: "INC-1".to_owned(), until: Time(until) });
        frozen.write("Deployment", name, &FreezeStatus { overridden, ..freeze }).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        frozen.annotate("Deployment", name, OVERRIDE, Some(" INC-1")).await;
    }
    frozen.set_image(Way::StrategicPatch, "Deployment", "valid", "app:3").await.expect("it still holds");
    let denied =
        frozen.set_image(Way::StrategicPatch, "Deployment", "spent", "app:3").await.expect_err("it has run out");
    assert!(denied.contains("the present one has run out, give another"), "{denied}");
    frozen.annotate("Deployment", "spent", OVERRIDE, Some("INC-2")).await;
    frozen.set_image(Way::StrategicPatch, "Deployment", "spent", "app:3").await.expect("another reason");

    // What the operator notes at the beginning of the next freeze.
    frozen.workload("Deployment", "next").await;
    let freeze = frozen.freeze("Deployment", "next", Deny, HOUR).await;
    let overridden = Some(FreezeOverride { reason: "INC-1".to_owned(), until: freeze.since.clone() });
    frozen.write("Deployment", "next", &FreezeStatus { overridden, ..freeze }).await;
    frozen.annotate("Deployment", "next", OVERRIDE, Some("INC-1")).await;
    let denied = frozen.set_image(Way::StrategicPatch, "Deployment", "next", "app:3").await;
    denied.expect_err("it is older than the freeze");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_freeze_ends_by_itself_and_no_operator_is_needed() {
    let frozen = Frozen::new().await;
    let name = |way: Way| format!("web-{}", format!("{way:?}").to_lowercase());
    for way in Way::ALL {
        frozen.workload("Deployment", &name(way)).await;
    }
    frozen.workload("Deployment", "less").await;
    let ends = Timestamp::now() + Duration::from_secs(12);
    for workload in Way::ALL.map(name).iter().map(String::as_str).chain(["less"]) {
        frozen.freeze_until("Deployment", workload, Deny, ends).await;
    }
    for way in Way::ALL {
        assert!(frozen.set_image(way, "Deployment", &name(way), "app:3").await.is_err(), "{way:?}: frozen as yet");
    }
    let left = Duration::try_from(ends.duration_since(Timestamp::now())).expect("all was asked before the end");
    tokio::time::sleep(left + Duration::from_secs(1)).await;
    for way in Way::ALL {
        let changed = frozen.set_image(way, "Deployment", &name(way), "app:3").await;
        changed.unwrap_or_else(|denied| panic!("{way:?}, after the end: {denied}"));
    }

    // What only takes fields away leaves no time in the managed fields. Any other write before or with it does.
    let remove = async || {
        let patch = serde_json::from_value(json!([{"op": "remove", "path": "/spec/template/spec/containers/0/env/1"}]));
        let patch = Patch::<serde_json::Value>::Json(patch.expect("a patch"));
        frozen.cluster.api("Deployment").patch("less", &PatchParams::default(), &patch).await
    };
    assert!(remove().await.is_err(), "documented: a removal alone does not see the end");
    frozen.annotate("Deployment", "less", "example.com/any", Some("1")).await;
    remove().await.expect("a write after the end lets it through");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_freeze_is_for_one_workload_and_goes_with_its_profile() {
    let frozen = Frozen::new().await;
    let cluster = &frozen.cluster;
    for (kind, name) in [("Deployment", "web"), ("Deployment", "web-2"), ("StatefulSet", "web")] {
        frozen.workload(kind, name).await;
    }
    frozen.freeze("Deployment", "web", Deny, HOUR).await;
    assert!(frozen.set_image(Way::Apply, "Deployment", "web", "app:3").await.is_err());
    frozen.set_image(Way::Apply, "Deployment", "web-2", "app:3").await.expect("another name");
    frozen.set_image(Way::Apply, "StatefulSet", "web", "app:3").await.expect("another kind");

    let profile = profile_of("Deployment", "web");
    cluster.edit("PerformanceProfile", &profile, json!({"spec": {"enforcement": {"mode": "Observe"}}})).await;
    eventually("enforcement is off, whatever the status says", PATIENCE, async || {
        frozen.set_image(Way::Apply, "Deployment", "web", "app:3").await
    })
    .await;
    frozen.freeze("Deployment", "web", Deny, HOUR).await;
    assert!(frozen.set_image(Way::Apply, "Deployment", "web", "app:4").await.is_err());
    cluster.delete("PerformanceProfile", &profile).await;
    eventually("the profile is gone: nothing is left that is locked", PATIENCE, async || {
        frozen.set_image(Way::Apply, "Deployment", "web", "app:4").await
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn every_kind_of_workload_can_be_frozen() {
    let frozen = Frozen::new().await;
    for kind in ["StatefulSet", "DaemonSet", "Rollout"] {
        frozen.workload(kind, "web").await;
        frozen.set_image(Way::MergePatch, kind, "web", "app:3").await.expect("nothing is frozen yet");
        frozen.freeze(kind, "web", Deny, HOUR).await;
        let denied = frozen.set_image(Way::MergePatch, kind, "web", "app:4").await.expect_err(kind);
        assert!(denied.contains(&format!("rollouts of {kind} web are frozen")), "{denied}");
        assert!(denied.contains(&format!("annotate --overwrite {}/web", kind.to_lowercase())), "{denied}");
        frozen
            .set_image(Way::MergePatch, kind, "web", "app:1")
            .await
            .unwrap_or_else(|denied| panic!("{kind}, back: {denied}"));
        frozen.annotate(kind, "web", OVERRIDE, Some("INC-1")).await;
        frozen
            .set_image(Way::MergePatch, kind, "web", "app:5")
            .await
            .unwrap_or_else(|denied| panic!("{kind}, overridden: {denied}"));
    }
    frozen.cluster.edit("StatefulSet", "web", json!({"spec": {"replicas": 2}})).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_policy_that_comes_back_freezes_again() {
    let frozen = Frozen::new().await;
    let again = frozen.installed_again().await;
    again.workload("Deployment", "web").await;
    again.freeze("Deployment", "web", Deny, HOUR).await;
    assert!(again.set_image(Way::Apply, "Deployment", "web", "app:3").await.is_err());
}

/// The whole way, with an operator that decides.
#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn an_exhausted_budget_freezes_and_an_override_is_told_and_counted() {
    let frozen = Frozen::new().await;
    let cluster = &frozen.cluster;
    let prometheus = Prometheus::start().await;
    prometheus.record(&cluster.namespace, "web", "availability", Numbers::fresh("-0.12"));
    let load = Load { rate: 10.0, bad_share: 0.0001, in_flight: 2.0 };
    prometheus.signal(&cluster.namespace, "web", "availability", load);
    let operator = Launch::new(cluster).asking(&prometheus).start().await;
    frozen.workload("Deployment", "web").await;
    // Of a time before any freeze.
    frozen.annotate("Deployment", "web", OVERRIDE, Some("INC-1")).await;
    let spec = format!("enforcement: {{mode: Enforce}}\nobjectives:\n{}", objective("availability"));
    cluster.apply_yaml(&profile_with("web", "web", &spec)).await;
    let patience = Duration::from_mins(1);
    cluster.wait_for_condition_within(patience, "web", "RolloutAllowed", "False", "BudgetExhausted").await;
    let series = |name: &str| format!("plimsoll_{name}{{namespace=\"{}\",profile=\"web\"}}", cluster.namespace);
    let gate = format!("/gate/{}/web", cluster.namespace);
    // Another image each time: one that was let through before the freeze had arrived is no change any more.
    let tries = std::cell::Cell::new(10);
    let denied = eventually("the freeze has arrived", PATIENCE, async || {
        tries.set(tries.get() + 1);
        let changed = frozen.set_image(Way::StrategicPatch, "Deployment", "web", &format!("app:{}", tries.get())).await;
        changed.map_or_else(Ok, |_| Err("allowed".to_owned()))
    })
    .await;
    assert!(
        denied.contains("by PerformanceProfile web: the error budget of objective availability is exhausted"),
        "{denied}"
    );
    assert!(denied.contains("the present one has run out"), "{denied}");
    assert_eq!(operator.metric(&series("rollout_allowed")).await, Some(0.0));
    assert_eq!(operator.metric(&series("freeze_overrides_total")).await, Some(0.0));
    assert_eq!(operator.get(&gate).await.0, 403);

    frozen.annotate("Deployment", "web", OVERRIDE, Some("INC-2")).await;
    frozen.set_image(Way::StrategicPatch, "Deployment", "web", "app:3").await.expect("at once, whoever has seen it");
    let note = cluster.wait_for_event("web", "FreezeOverridden").await;
    assert!(note.contains("INC-2"), "{note}");
    assert_eq!(operator.metric(&series("freeze_overrides_total")).await, Some(1.0));
    eventually("the gate lets it through too", PATIENCE, async || match operator.get(&gate).await {
        (200, body) if body.contains("FreezeOverridden") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let freeze = cluster.expect("PerformanceProfile", "web").await["status"]["enforcement"]["freeze"].clone();
    assert_eq!(
        (&freeze["override"]["reason"], &freeze["override"]["until"]),
        (&json!("INC-2"), &freeze["until"]),
        "{freeze}"
    );
    frozen.set_image(Way::StrategicPatch, "Deployment", "web", "app:4").await.expect("noted, and it holds");
    assert_eq!(operator.metric(&series("freeze_overrides_total")).await, Some(1.0), "once, not at each look");
}
