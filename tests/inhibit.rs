//! The rules for inhibition against the alerts that are written. What Alertmanager makes of them, tests/alertmanager.sh tries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::collections::BTreeSet;

use plimsoll::yaml;
use serde_json::Value;

mod common;

fn printed(arguments: &[&str]) -> String {
    let output = common::run(common::plimsoll().arg("inhibit-rules").args(arguments), "");
    let (stdout, stderr) = common::streams(&output);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    stdout
}

fn rules(text: &str, pointer: &str) -> Vec<Value> {
    yaml::documents(text).expect("YAML")[0].value.pointer(pointer).and_then(Value::as_array).cloned().expect("rules")
}

/// Labels of every alert of the golden profiles.
fn alerts() -> Vec<Value> {
    let mut all = Vec::new();
    for directory in std::fs::read_dir(common::repository("tests/golden/profiles")).expect("the golden profiles") {
        let text = common::text(&directory.expect("a directory").path().join("rules.yaml"));
        for group in rules(&text, "/groups") {
            for rule in group["rules"].as_array().expect("rules").iter().filter(|rule| rule["alert"].is_string()) {
                let mut labels = rule["labels"].clone();
                labels["alertname"] = rule["alert"].clone();
                all.push(labels);
            }
        }
    }
    all
}

/// Name, operator and value of a matcher.
fn parts(matcher: &Value) -> (String, String, String) {
    let text = matcher.as_str().expect("a text");
    let (left, value) = text.strip_suffix('"').and_then(|text| text.split_once('"')).expect("a quoted value");
    let name = left.trim_end_matches(['=', '!', '~']);
    (name.to_owned(), left[name.len()..].to_owned(), value.to_owned())
}

#[test]
fn every_value_that_is_matched_is_one_that_alerts_have() {
    let alerts = alerts();
    let values = |name: &str| -> BTreeSet<_> { alerts.iter().filter_map(|labels| labels[name].as_str()).collect() };
    let mut tiers = BTreeSet::new();
    for rule in rules(&printed(&[]), "/inhibit_rules") {
        for label in rule["equal"].as_array().unwrap() {
            assert!(!values(label.as_str().unwrap()).is_empty(), "no alert has the label {label}");
        }
        for matcher in ["source_matchers", "target_matchers"].iter().flat_map(|side| rule[*side].as_array().unwrap()) {
            let (name, operator, value) = parts(matcher);
            match operator.as_str() {
                "=" | "=~" => {
                    for each in value.split('|') {
                        assert!(values(&name).contains(each), "no alert has {name} {each}");
                        tiers.extend((name == "tier").then(|| each.to_owned()));
                    }
                }
                _ => assert_eq!((name.as_str(), operator.as_str(), value.as_str()), ("objective", "!=", "")),
            }
        }
    }
    assert_eq!(tiers, values("tier").into_iter().map(str::to_owned).collect(), "a tier is in no rule");
}

#[test]
fn both_forms_say_the_same() {
    let object = printed(&["--format", "alertmanagerconfig"]);
    let document = &yaml::documents(&object).expect("YAML")[0].value;
    assert_eq!(document["apiVersion"], "monitoring.coreos.com/v1alpha1");
    assert_eq!(document["kind"], "AlertmanagerConfig");
    let matchers = |side: &Value| -> Vec<_> {
        let text = |matcher: &Value, field: &str| matcher[field].as_str().expect("a text").to_owned();
        let all = side.as_array().expect("matchers").iter();
        all.map(|m| (text(m, "name"), text(m, "matchType"), text(m, "value"))).collect()
    };
    let section = rules(&printed(&["--format", "alertmanager"]), "/inhibit_rules");
    let objects = rules(&object, "/spec/inhibitRules");
    assert_eq!(section.len(), objects.len());
    for (one, other) in section.iter().zip(&objects) {
        let of_section = |side: &str| -> Vec<_> { one[side].as_array().unwrap().iter().map(parts).collect() };
        assert_eq!(of_section("source_matchers"), matchers(&other["sourceMatch"]));
        assert_eq!(of_section("target_matchers"), matchers(&other["targetMatch"]));
        assert_eq!(one["equal"], other["equal"]);
    }
}

#[test]
fn the_files_in_deploy_are_what_is_printed() {
    for form in ["alertmanager", "alertmanagerconfig"] {
        let name = if form == "alertmanager" { "inhibit-rules" } else { form };
        let file = common::text(&common::repository(&format!("deploy/alertmanager/{name}.yaml")));
        let without_comments: Vec<_> = file.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(without_comments.join("\n") + "\n", printed(&["--format", form]), "write it with `make generate`");
    }
}
