//! What is rendered, as whole texts: a change of one character in what users get has to be seen and meant.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the texts anew; read the difference before you commit it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use plimsoll::yaml;
use serde_json::Value;

mod common;

/// A file with profiles, and the directory with what is rendered from it.
struct Case {
    profile: PathBuf,
    golden: PathBuf,
}

fn cases() -> Vec<Case> {
    let profiles = common::repository("tests/golden/profiles");
    let entries = std::fs::read_dir(&profiles).expect("the golden profiles");
    let mut cases: Vec<_> = entries
        .map(|entry| entry.expect("a directory can be listed").path())
        .map(|golden| Case { profile: golden.join("profile.yaml"), golden })
        .collect();
    assert!(cases.len() >= 15, "only {} golden profiles", cases.len());
    let samples = common::repository("tests/golden/samples");
    cases.extend(common::files("deploy/samples", "yaml").into_iter().map(|profile| {
        let golden = samples.join(profile.file_stem().expect("a file has a name"));
        Case { profile, golden }
    }));
    cases.sort_by(|one, other| one.golden.cmp(&other.golden));
    cases
}

/// Standard output of `plimsoll render` for a case, with the flags in its file `arguments`.
fn render(case: &Case, more: &[&str]) -> String {
    let arguments = case.golden.join("arguments");
    let arguments = if arguments.exists() { common::text(&arguments) } else { String::new() };
    let mut command = common::plimsoll();
    command.arg("render").arg(&case.profile).args(arguments.split_whitespace()).args(more);
    let output = common::run(&mut command, "");
    let (stdout, stderr) = common::streams(&output);
    assert!(output.status.success(), "{}: {stderr}", case.profile.display());
    stdout
}

/// Compares with the file, or writes it. The first line that differs is shown.
fn compare(file: &Path, actual: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().expect("a file is in a directory")).expect("a directory");
        std::fs::write(file, actual).expect("a file");
        return None;
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        return None;
    }
    let at = expected.lines().zip(actual.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    Some(format!("{}:{}\n  golden: {}\n  now:    {}", file.display(), at + 1, line(&expected), line(actual)))
}

#[test]
fn children_and_rules_are_as_before() {
    let mut differences = Vec::new();
    for case in cases() {
        differences.extend(compare(&case.golden.join("rendered.yaml"), &render(&case, &[])));
        differences.extend(compare(&case.golden.join("rules.yaml"), &render(&case, &["--rules"])));
    }
    assert!(
        differences.is_empty(),
        "{}\n\nif that is meant: UPDATE_GOLDEN=1 cargo test --test golden",
        differences.join("\n")
    );
}

#[test]
fn the_rule_object_holds_the_rules_of_the_file() {
    for case in cases() {
        let groups = |text: &str, pointer: &str| -> Vec<Value> {
            let documents = yaml::documents(text).expect("YAML");
            let lists = documents.iter().filter_map(|document| document.value.pointer(pointer)?.as_array().cloned());
            lists.flatten().collect()
        };
        let of_objects = groups(&render(&case, &[]), "/spec/groups");
        let of_file = groups(&render(&case, &["--rules"]), "/groups");
        assert_eq!(of_objects, of_file, "{}", case.profile.display());
    }
}

#[test]
fn every_expression_is_promql() {
    let mut count = 0;
    for case in cases() {
        let rules = yaml::documents(&render(&case, &["--rules"])).expect("YAML");
        let groups = rules[0].value["groups"].as_array().cloned().expect("groups");
        for rule in groups.iter().flat_map(|group| group["rules"].as_array().cloned().expect("rules")) {
            let expression = rule["expr"].as_str().expect("an expression");
            if let Err(error) = promql_parser::parser::parse(expression) {
                panic!("{}: {expression}: {error}", case.profile.display());
            }
            count += 1;
        }
    }
    assert!(count > 300, "only {count} expressions were looked at");
}

#[test]
fn promtool_takes_every_rule_file() {
    let promtool = common::tool("promtool");
    for case in cases() {
        let file = case.golden.join("rules.yaml");
        let mut command = Command::new(&promtool);
        command.args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(&file);
        let output = common::run(&mut command, "");
        let (stdout, stderr) = common::streams(&output);
        assert!(output.status.success(), "{}: {stdout}{stderr}", file.display());
        // promtool counts what it has read: a file that it takes for empty is not checked.
        let rules = common::text(&file).matches("expr:").count();
        assert!(
            stdout.contains(&format!("{rules} rules found")),
            "{}: {rules} rules, and promtool says {stdout}",
            file.display()
        );
    }
}

#[test]
fn objectives_are_explained_as_before() {
    let mut differences = Vec::new();
    for name in [
        "08-ratio-errors",
        "09-ratio-good",
        "10-latency",
        "11-windows",
        "12-alerting",
        "13-alerting-disabled",
        "17-raw",
        "18-native-latency",
        "19-probe",
        "20-time-slices",
        "21-preset-opentelemetry",
        "23-preset-istio",
        "30-calendar",
        "31-groups",
        "32-maintenance",
        "33-composite",
        "34-burn-threshold",
        "35-enforcement",
    ] {
        let golden = common::repository("tests/golden/profiles").join(name);
        let mut command = common::plimsoll();
        command.args(["explain", "--at", "2026-11-24T12:00:00Z"]).arg(golden.join("profile.yaml"));
        let output = common::run(&mut command, "");
        let (stdout, stderr) = common::streams(&output);
        assert!(output.status.success() && stderr.is_empty(), "{name}: {stderr}");
        differences.extend(compare(&golden.join("explained.txt"), &stdout));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
