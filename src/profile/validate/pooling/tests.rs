//! What becomes of a declaration.

use super::*;
use crate::profile::{
    PoolerImages,
    testing::{observed, profile},
    validate::validate,
};

const POSTGRES: &str = "pooling:
  postgres:
    primary: {host: auth-db-rw}
    databases: [{name: azora}]
    auth: {userlistSecretRef: {name: users}}
    monitoring: {secretRef: {name: monitor}}
";

fn settings() -> Settings {
    let pooler = PoolerImages { image: Some("pgbouncer:1".to_owned()), agent_image: Some("plimsoll:1".to_owned()) };
    Settings { pooler, ..Settings::default() }
}

fn checked(more: &str) -> (Part<PoolingPlan>, Vec<Finding>) {
    let spec = format!("{POSTGRES}{}", lines(more, "    "));
    let checked = validate(&profile(&spec), &observed(), &settings());
    (checked.pooling, checked.findings)
}

fn wanted(more: &str) -> PoolingPlan {
    match checked(more) {
        (Part::Wanted(plan), findings) => {
            assert!(findings.iter().all(|finding| finding.level == Level::Warning), "{findings:?}");
            plan
        }
        (other, findings) => panic!("{other:?} {findings:?}"),
    }
}

fn refused(more: &str) -> String {
    let (part, findings) = checked(more);
    assert!(matches!(&part, Part::Held(why) if why.reason == reasons::INVALID), "{more}: {part:?}");
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn lines(text: &str, indent: &str) -> String {
    text.lines().flat_map(|line| [indent, line, "\n"]).collect()
}

#[test]
fn a_short_declaration_has_the_defaults() {
    let plan = wanted("");
    let wanted = &plan.document.wanted;
    assert_eq!((plan.min, plan.max, wanted.instances, wanted.max_instances), (2, 6, 2, 6));
    assert_eq!((wanted.settings.pool_mode.as_str(), wanted.settings.default_pool_size), ("transaction", 25));
    assert_eq!((wanted.lag.max_bytes, wanted.budget.share_percent, wanted.drain_seconds), (16 << 20, 90, 60));
    assert_eq!((wanted.name.as_str(), wanted.service.as_str()), ("shop-pgbouncer", "shop-pgbouncer-pods"));
    assert_eq!((plan.cpu.0.as_str(), wanted.pause.as_ref()), ("700m", None));
    assert_eq!(plan.document.hash, hash(&plan.document.text));
}

#[test]
fn without_an_image_nothing_is_changed() {
    let profile = profile(POSTGRES);
    for pooler in [
        PoolerImages { image: Some("i".to_owned()), agent_image: None },
        PoolerImages { image: None, agent_image: Some("i".to_owned()) },
    ] {
        let checked = validate(&profile, &observed(), &Settings { pooler, ..Settings::default() });
        assert!(matches!(&checked.pooling, Part::Held(why) if why.reason == reasons::IMAGE_NOT_SET));
    }
}

#[test]
fn what_the_schema_should_have_refused_is_refused() {
    for (more, words) in [
        ("primary: {host: \"a\\n%include x\"}", "host is one host name or address"),
        ("primary: {host: \"a,b\"}", "host is one host name or address"),
        ("databases: [{name: \"a = host=b\"}]", "the name of a database"),
        ("databases: [{name: pgbouncer}]", "the name of a database"),
        ("databases: [{name: a}, {name: a}]", "two databases are named a"),
        ("databases: [{name: a_ro}]\nreplicas: [{host: r}]", "ends in _ro"),
        ("auth: {}", "auth needs"),
        ("auth: {authQuery: {user: u, function: \"f(1)\"}}", "SCHEMA.NAME"),
        ("instances: {min: 9, max: 2}", "instances.min is above"),
        ("connectionBudget: {share: \"101 %\"}", "from 1 % to 100 %"),
        ("version: \"1.20\"", "1.20"),
        ("parameters: {query_wait_timeout: \"3\\nadmin_users = eve\"}", "query_wait_timeout"),
        ("parameters: {no_such_setting: \"1\"}", "no_such_setting"),
        ("parameters: {pool_mode: session}", "poolMode"),
        ("resources: {limits: {cpu: lots}}", "no quantity"),
        ("resources: {requests: {memory: 1Gi}}", "is above the limit"),
        ("connectionBudget: {maxConnections: 10}", "with instances.max 6"),
    ] {
        // The later of two equal keys would be a mistake of the test's own: the one that is overridden is taken out.
        let key = more.split(':').next().unwrap();
        let kept: Vec<_> = POSTGRES.lines().filter(|l| !l.trim_start().starts_with(&format!("{key}:"))).collect();
        let spec = format!("{}{}", lines(&kept.join("\n"), ""), lines(more, "    "));
        let checked = validate(&profile(&spec), &observed(), &settings());
        let said = checked.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(matches!(&checked.pooling, Part::Held(why) if why.reason == reasons::INVALID), "{more}: {said}");
        assert!(said.contains(words), "{more}: {said}");
    }
}

#[test]
fn only_settings_that_are_taken_at_the_start_change_the_restart_hash() {
    let base = wanted("");
    let reloaded = wanted("parameters: {query_wait_timeout: \"30\"}");
    assert_eq!(base.restart_hash, reloaded.restart_hash);
    assert_ne!(base.document.hash, reloaded.document.hash);
    let restarted = wanted("parameters: {listen_backlog: \"256\"}");
    assert_ne!(base.restart_hash, restarted.restart_hash);
}

#[test]
fn connections_are_divided_by_what_there_is_and_is_to_come() {
    let mut seen = observed();
    let set = |asked, there| -> k8s_openapi::api::apps::v1::StatefulSet {
        serde_json::from_value(serde_json::json!({
            "spec": {"replicas": asked, "selector": {}, "template": {}}, "status": {"replicas": there},
        }))
        .unwrap()
    };
    for (asked, there, desired, expected) in [(2, 2, 2, 2), (5, 3, 2, 5), (2, 4, 2, 4), (2, 2, 6, 6), (1, 1, 1, 2)] {
        seen.live.pooler.stateful_set = Some(set(asked, there).into());
        let autoscaler: k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler =
            serde_json::from_value(serde_json::json!({
                "spec": {"maxReplicas": 6, "scaleTargetRef": {"kind": "StatefulSet", "name": "x"}},
                "status": {"desiredReplicas": desired},
            }))
            .unwrap();
        seen.live.pooler.autoscaler = Some(autoscaler.into());
        let checked = validate(&profile(POSTGRES), &seen, &settings());
        let Part::Wanted(plan) = checked.pooling else { panic!("{:?}", checked.pooling) };
        assert_eq!(plan.document.wanted.instances, expected);
    }
}

#[test]
fn a_pause_keeps_its_name_while_it_lasts() {
    let first = wanted("paused: true").document;
    let id = first.wanted.pause.as_ref().unwrap().id.clone();
    let mut seen = observed();
    let data = std::collections::BTreeMap::from([(crate::pooler::wanted::KEY.to_owned(), first.text)]);
    let config = k8s_openapi::api::core::v1::ConfigMap { data: Some(data), ..Default::default() };
    seen.live.pooler.config = Some(config.into());
    let paused = |generation: i64, more: &str, seen: &Observed| {
        let mut profile = profile(&format!("{POSTGRES}{more}"));
        profile.metadata.generation = Some(generation);
        let Part::Wanted(plan) = validate(&profile, seen, &settings()).pooling else { panic!("held") };
        plan.document.wanted.pause.map(|pause| pause.id)
    };
    assert_eq!(paused(8, "    paused: true\n    maxClientConn: 2000\n", &seen), Some(id.clone()));
    assert_eq!(paused(9, "", &seen), None);
    assert_ne!(paused(10, "    paused: true\n", &observed()), Some(id), "another pause has another name");
}

#[test]
fn what_is_missing_to_look_at_servers_is_said() {
    let spec = POSTGRES.replace("    monitoring: {secretRef: {name: monitor}}\n", "    replicas: [{host: r}]\n");
    let checked = validate(&profile(&spec), &observed(), &settings());
    assert!(matches!(checked.pooling, Part::Wanted(_)));
    let said: Vec<_> = checked.findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|one| one.contains("their lag cannot be looked at")), "{said:?}");
    assert!(said.iter().any(|one| one.contains("nothing keeps the poolers within them")), "{said:?}");
    assert!(refused("parameters: {listen_port: \"1\"}").contains("listen_port"));
}
