//! What a profile's text can do: be a value, or be refused. And what the operator connects to: nothing that a profile names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::collections::BTreeSet;

use plimsoll::{
    api::crd,
    check::{assumed, decode},
    input::Manifest,
    profile::{
        Acting, Children, Plan, PoolerImages, Settings,
        build::{RULE_FILE_KEY, build, rule_file_text},
        validate::{Part, validate},
    },
    yaml,
};
use serde_json::Value;

mod common;

/// A profile with every text that goes into PromQL, alerts, objects' names and PgBouncer's file.
const PROFILE: &str = r#"
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: auth, namespace: store, uid: u1, generation: 1}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: auth}
  telemetry: {preset: Istio, selector: 'app="auth"'}
  objectives:
  - {name: available, description: calls, target: "99", window: 30d, indicator: {availability: {}}}
  - {name: errors, target: "99", indicator: {ratio: {errors: 'e{a="b"}', total: t}}, grouping: {by: [route], limit: 5}}
  - {name: good, target: "99", indicator: {ratio: {good: g, total: t}}, calendar: {period: Month, timeZone: Europe/Berlin}}
  - {name: quick, target: "99", indicator: {latency: {histogram: h, selector: 'a="b"', threshold: 1s}}}
  - {name: raw, target: "99", indicator: {raw: {errors: 'rate(e[$window])', total: 'rate(t[$window])'}}}
  - {name: probe, target: "99", indicator: {probe: {gauge: up}}}
  - {name: busy, target: "99", indicator: {throughput: {counter: c, selector: 'a="b"', minimum: "1"}}}
  - {name: full, target: "99", indicator: {saturation: {query: max(q), maximum: "0.9"}}}
  - {name: all, target: "99", indicator: {composite: {mode: Weighted, objectives: [{objective: errors, weight: "2"}, {profile: other, objective: errors, weight: "1"}]}}}
  alerting:
    labels: {team: identity}
    annotations: {note: text}
    runbookUrl: https://runbooks.example.com/auth
    page: {severity: critical}
    ticket: {severity: warning}
  rules: {labels: {release: lab}}
  maintenance:
  - {name: move, once: {start: "2026-11-24T00:00:00Z", end: "2026-11-24T02:00:00Z"}}
  enforcement:
    mode: Observe
    scaling: {dependencyWaiting: max(w), floors: [{name: noon, minReplicas: 4, once: {start: "2026-11-24T00:00:00Z", end: "2026-11-24T02:00:00Z"}}]}
  pooling:
    postgres:
      image: registry.example.com/pgbouncer:1.26.1
      version: "1.24"
      primary: {host: db-rw.store.svc, port: 5432}
      replicas: [{host: db-r1.store.svc, port: 5432}]
      databases: [{name: app, dbname: app}]
      auth:
        userlistSecretRef: {name: users, key: userlist.txt}
        authQuery: {user: lookup, function: public.user_lookup, database: postgres, passwordSecretRef: {name: lookup, key: password}}
      monitoring: {secretRef: {name: monitor}}
      parameters: {query_timeout: "5"}
      tls: {client: {mode: require, secretRef: {name: tls}}, server: {mode: verify-full, secretRef: {name: ca}}}
      pod: {nodeSelector: {disk: fast}, priorityClassName: high, imagePullSecrets: [{name: registry}]}
"#;

/// What somebody writes who wants more than a value: out of a string, a selector, a list, a line, a document, a template, a path.
const EVIL: [&str; 22] = [
    "\"} or vector(1) or up{a=\"",
    "x\"} or up #",
    "a,namespace=\"other\"} or up{b",
    "up) or (vector(1)",
    "1) or vector(1",
    "\\",
    "\"",
    "'",
    "x\nadmin_users = evil",
    "x\r\n%include /etc/passwd",
    "[users]",
    "' host=evil port=1 x='",
    "x;y",
    "x\u{0}y",
    "x\u{2028}y",
    "a: b\n---\nkind: Secret\n# ",
    "- &a [*a]",
    "!!binary aGk=",
    "{{ \"x\" }}{{ end }}",
    "{{ template \"x\" }}",
    "../../etc/passwd",
    "http://169.254.169.254/latest/meta-data",
];

fn manifest(value: &Value) -> Manifest {
    let mut documents = yaml::documents(&yaml::to_string(value).unwrap()).unwrap();
    Manifest { file: "profile.yaml".into(), document: documents.remove(0) }
}

fn settings() -> Settings {
    let image = |name: &str| Some(format!("registry.example.com/{name}:1"));
    Settings {
        at: "2026-11-23T12:00:00Z".parse().unwrap(),
        pooler: PoolerImages { image: image("pgbouncer"), agent_image: image("plimsoll") },
        ..Settings::default()
    }
}

/// What is written for a profile, as far as no value of a user may change it.
#[derive(Debug, PartialEq, Default)]
struct Written {
    names: Vec<String>,
    rules: Vec<(String, Vec<String>)>,
}

/// Whether the profile can be read at all, and what is written for it.
fn written(value: &Value) -> Option<Written> {
    let manifest = manifest(value);
    let profile = decode(&manifest).ok()?;
    let settings = settings();
    let checked = validate(&profile, &assumed(&profile, &[], &settings), &settings);
    let Children { autoscaler, disruption_budget, rule, pooler, .. } = build(&checked, &Acting::default());
    let mut written = Written::default();
    let mut object = |found: Option<Value>| {
        let Some(found) = found else { return };
        assert_eq!(found["metadata"]["namespace"], "store");
        written.names.push(found["metadata"]["name"].as_str().unwrap().to_owned());
        // It is one document, whatever is in it.
        assert_eq!(yaml::documents(&yaml::to_string(&found).unwrap()).unwrap().len(), 1);
    };
    object(json(autoscaler));
    object(json(disruption_budget));
    object(json(rule));
    object(json(pooler.config));
    object(json(pooler.service));
    object(json(pooler.stateful_set));
    if let Part::Wanted(rules) = &checked.rules {
        let file = yaml::documents(&rule_file_text(&rules.rules.groups()).unwrap()).unwrap();
        assert_eq!(file.len(), 1, "{RULE_FILE_KEY} is one document");
        for group in file[0].value["groups"].as_array().unwrap() {
            let rules = group["rules"].as_array().unwrap();
            let name = |rule: &Value| rule["record"].as_str().or(rule["alert"].as_str()).unwrap().to_owned();
            for rule in rules {
                let expr = rule["expr"].as_str().unwrap();
                assert!(promql_parser::parser::parse(expr).is_ok(), "{expr}");
                assert_eq!(rule["labels"]["namespace"], "store", "{rule}");
            }
            written.rules.push((group["name"].as_str().unwrap().to_owned(), rules.iter().map(name).collect()));
        }
    }
    Some(written)
}

fn json<K: serde::Serialize>(plan: Plan<K>) -> Option<Value> {
    if let Plan::Apply(object) = plan { serde_json::to_value(*object).ok() } else { None }
}

/// Pointers to every text below `spec`, and to every key of a map of the user's.
fn texts(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::String(_) => into.push(at.to_owned()),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| texts(field, &format!("{at}/{key}"), into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| texts(item, &format!("{at}/{index}"), into));
        }
        _ => {}
    }
}

#[test]
fn a_text_of_a_profile_is_a_value_or_refused() {
    let base = yaml::documents(PROFILE).unwrap().remove(0).value;
    let expected = written(&base).unwrap();
    assert_eq!(expected.names.len(), 6, "{:?}", expected.names);
    assert!(expected.rules.len() > 18, "{:?}", expected.rules.len());
    let mut places = Vec::new();
    texts(&base["spec"], "/spec", &mut places);
    assert!(places.len() > 60, "{}", places.len());
    let (mut taken, mut refused) = (0, 0);
    // These are names of what is recorded or written, and a DNS label or time by the schema: a text in them is seen as another one.
    let named = |place: &str| place.starts_with("/spec/objectives/") && place.ends_with("/name");
    // Two at each place, every one of them somewhere: all at every place take ten minutes.
    for (number, place) in places.iter().filter(|place| !named(place)).enumerate() {
        for evil in [EVIL[2 * number % EVIL.len()], EVIL[(2 * number + 1) % EVIL.len()]] {
            let mut spoilt = base.clone();
            *spoilt.pointer_mut(place).unwrap() = Value::from(evil);
            let Some(found) = written(&spoilt) else {
                refused += 1;
                continue;
            };
            assert!(
                found.names.iter().all(|name| expected.names.contains(name)),
                "{place} = {evil:?}: {:?}",
                found.names
            );
            let known: BTreeSet<&String> = expected.rules.iter().flat_map(|(_, names)| names).collect();
            for (group, names) in &found.rules {
                assert!(expected.rules.iter().any(|(name, _)| name == group), "{place} = {evil:?}: group {group}");
                // A window of another length has rules of other names, of the same form.
                let own = |name: &String| known.contains(name) || name.starts_with("plimsoll:");
                assert!(names.iter().all(own), "{place} = {evil:?}: {names:?}");
            }
            if found.rules.is_empty() { refused += 1 } else { taken += 1 }
        }
    }
    assert!(taken > 20 && refused > 20, "{taken} taken, {refused} refused");
}

/// Every field of the definition that holds a text, by its name.
fn fields(schema: &Value, name: &str, into: &mut BTreeSet<String>) {
    if schema["type"] == "string" {
        into.insert(name.to_owned());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        fields(field, name, into);
    }
    fields_of(&schema["items"], name, into);
    fields_of(&schema["additionalProperties"], name, into);
}

fn fields_of(schema: &Value, name: &str, into: &mut BTreeSet<String>) {
    if schema.is_object() {
        fields(schema, name, into);
    }
}

/// A Prometheus, a gate or anything else that the operator asks is the installation's choice. A profile names servers for
/// its own poolers alone, which run in its namespace; and one page for people, which nothing here opens.
#[test]
fn no_field_of_the_api_says_where_the_operator_connects_to() {
    let definition = serde_json::to_value(crd::crd()).unwrap();
    let mut names = BTreeSet::new();
    fields(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], "", &mut names);
    assert!(names.len() > 50, "{names:?}");
    let words =
        ["url", "uri", "host", "address", "endpoint", "server", "webhook", "link", "proxy", "path", "file", "port"];
    let leads: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| words.iter().any(|word| name.to_lowercase().contains(word)))
        .collect();
    // `profile` is one of the ways to divide, by its name; `server…` are times of PgBouncer.
    assert_eq!(leads, ["host", "profile", "runbookUrl", "serverIdleTimeout", "serverLifetime"]);
}

/// Parts of the operator that open connections. Each takes its address from the command line or from the API server.
#[test]
fn few_parts_open_connections() {
    let mut found = BTreeSet::new();
    let mut open = vec![common::repository("src")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = common::text(&path);
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                if ["reqwest::", "TcpStream", "hyper_util::client", "UdpSocket"].iter().any(|word| code.contains(word))
                {
                    found.insert(path.strip_prefix(common::repository("")).unwrap().display().to_string());
                }
            }
        }
    }
    // The agent runs in a pooler's pod: its rights and its network are those of the profile's namespace.
    found.retain(|path| !path.starts_with("src/pooler_agent/"));
    // `answer.rs` reads what a connection of `client.rs` brings.
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["src/profile/poolers.rs", "src/prometheus/answer.rs", "src/prometheus/client.rs"]
    );
    // The agents' pods are asked by the addresses that the kubelet has reported, at one path.
    let poolers = common::text(&common::repository("src/profile/poolers.rs"));
    assert!(poolers.contains("redirect::Policy::none()"), "an agent can send the operator elsewhere");
}
