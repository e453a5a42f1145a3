//! The command line as scripts and CI jobs use it: exit codes, what goes to which stream, and places in files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

mod common;

const MINIMAL: &str = "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: auth}\nspec: {targetRef: {name: auth}}\n";

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(arguments: &[&str], input: &str) -> Output {
    common::run(common::plimsoll().args(arguments), input)
}

/// Exit code, standard output, standard error.
fn ran(arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = run(arguments, input);
    let (stdout, stderr) = common::streams(&output);
    (output.status.code().expect("no signal"), stdout, stderr)
}

#[test]
fn warnings_fail_a_check_only_where_that_is_asked_for() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/auth-service.yaml");
    let (code, stdout, stderr) = ran(&["check", sample], "");
    assert!(stdout.contains("warning: ") && stdout.contains("1 profile: 0 errors, "), "{stdout}");
    assert_eq!((code, &*stderr), (0, ""));
    assert_eq!(ran(&["check", "--strict", sample], "").0, 1);
}

#[test]
fn check_of_a_sound_file_is_zero() {
    let directory = Directory::new("sound");
    let file = directory.file("auth.yaml", MINIMAL);
    assert_eq!(ran(&["check", &file], ""), (0, "1 profile: no findings\n".to_owned(), String::new()));
    let second = directory.file("mail.yaml", &MINIMAL.replace("auth", "mail"));
    assert_eq!(ran(&["check", &file, &second], "").1, "2 profiles: no findings\n");
    assert_eq!(ran(&["check", "-"], MINIMAL).0, 0);
}

#[test]
fn check_names_file_and_line_of_every_finding() {
    let text = r#"# Comments and blank lines count.

apiVersion: v1
kind: ConfigMap
metadata: {name: passed-over}
---
# The first profile.
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata:
  name: auth
spec:
  targetRef:
    name: auth
  # More pods than that
  autoscaling:
    minReplicas: 12  # are not allowed.
  objectives:
  - name: availability
    target: "99.9"
    indicator:
      ratio:
        # A function is none of the user's business.
        errors: rate(errors_total[5m])
        total: requests_total
  - name: fine
    target: "99"
    indicator: {ratio: {errors: a, total: b}}
  - name: latency
    target: "95"

    indicator:
      latency:
        histogram: h_bucket
        threshold: 200ms
---
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata:
  name: mail
spec:
  targetRef:
    name: mail
  disruption:
    maxUnavailable: 1
    minavailable: 50%
  alerting:
    mode: Off
"#;
    let directory = Directory::new("lines");
    // The rules of the schema hide what comes after them: without the first error the others are seen.
    let file = directory.file("a.yaml", text);
    let (code, stdout, stderr) = ran(&["check", &file], "");
    let places = |stdout: &str| -> Vec<String> {
        stdout.lines().map(|line| line.replacen(&format!("{file}:"), "", 1).chars().take(60).collect()).collect()
    };
    assert_eq!(code, 1);
    assert_eq!(
        places(&stdout),
        [
            "16: error: spec.autoscaling: minReplicas must not be above maxReplicas"[..60].to_owned(),
            "46: error: spec.disruption.minavailable: unknown field: see kubectl"[..60].to_owned(),
            "48: error: spec.alerting.mode: must be of type string, and is false"[..60].to_owned(),
        ]
    );
    assert_eq!(stderr, "2 profiles: 3 errors, 0 warnings\n");

    let file = directory.file("a.yaml", &text.replace("minReplicas: 12", "minReplicas: 10"));
    let (code, stdout, _) = ran(&["check", &file], "");
    assert_eq!(code, 1);
    assert_eq!(
        places(&stdout)[..2],
        [
            "24: error: spec.objectives[0].indicator.ratio.errors: `rate(errors_total"[..60].to_owned(),
            "34: error: spec.objectives[2].indicator.latency.histogram: `h_bucket`"[..60].to_owned(),
        ]
    );
}

#[test]
fn check_tells_two_profiles_for_one_target() {
    let directory = Directory::new("clash");
    let one = directory.file("one.yaml", MINIMAL);
    let other = directory.file("other.yaml", &MINIMAL.replace("metadata: {name: auth}", "metadata: {name: second}"));
    let (code, stdout, _) = ran(&["check", &one, &other], "");
    assert_eq!(code, 1);
    assert!(
        stdout.starts_with(&format!("{other}:4: error: spec.targetRef: the profile at {one}:1 has the same targetRef")),
        "{stdout}"
    );
    let (code, stdout, _) = ran(&["check", &one, &one], "");
    assert_eq!(code, 1);
    assert!(
        stdout.starts_with(&format!("{one}:3: error: metadata.name: a profile of this name stands at {one}:1 too")),
        "{stdout}"
    );
}

#[test]
fn check_of_standard_input_names_it() {
    let (code, stdout, _) = ran(&["check", "-"], &MINIMAL.replace("{targetRef", "{targetref"));
    assert_eq!(code, 1);
    assert!(stdout.contains("-:4: error: spec.targetref: unknown field"), "{stdout}");
    assert!(stdout.contains("-:4: error: spec.targetRef: Required value"), "{stdout}");
}

#[test]
fn input_that_cannot_be_used_is_two() {
    let directory = Directory::new("unusable");
    let cases = [
        ("/no/such/file.yaml".to_owned(), "/no/such/file.yaml: No such file or directory"),
        (directory.file("empty.yaml", ""), "no PerformanceProfile in the files"),
        (directory.file("other.yaml", "apiVersion: v1\nkind: ConfigMap\n"), "no PerformanceProfile in the files"),
        // OpenShift has a kind of the same name.
        (
            directory.file("openshift.yaml", "apiVersion: performance.openshift.io/v2\nkind: PerformanceProfile\n"),
            "no PerformanceProfile",
        ),
        (directory.file("broken.yaml", "a: [1,\n"), "broken.yaml: "),
        (directory.file("twice.yaml", &format!("{MINIMAL}kind: PerformanceProfile\n")), "duplicate"),
        (directory.0.display().to_string(), "Is a directory"),
    ];
    for (file, message) in &cases {
        for command in ["check", "render"] {
            let (code, stdout, stderr) = ran(&[command, file], "");
            assert_eq!((code, &*stdout), (2, ""), "{command} {file}: {stderr}");
            assert!(stderr.starts_with(&format!("plimsoll {command}: ")), "{stderr}");
            assert!(stderr.contains(message), "{command} {file}: {stderr}");
        }
    }
    let large = directory.file("large.yaml", &"# a line of a large file\n".repeat(400_000));
    assert_eq!(ran(&["check", &large], "").2, format!("plimsoll check: {large}: larger than 8 MiB\n"));
    for wrong in [
        &["check"][..],
        &["render"],
        &["check", "-", "--scrape-interval", "1h"],
        &["render", "-", "--rule-label", "x"],
        &["fly"],
    ] {
        assert_eq!(ran(wrong, "").0, 2, "{wrong:?}");
    }
}

#[test]
fn render_refuses_what_check_refuses_and_prints_nothing() {
    let directory = Directory::new("refused");
    let good = directory.file("good.yaml", MINIMAL);
    let bad =
        directory.file("bad.yaml", &MINIMAL.replace("auth", "mail").replace("{targetRef", "{objectives: 3, targetRef"));
    for more in [&[][..], &["--rules"]] {
        let arguments: Vec<_> = ["render", &good, &bad].iter().chain(more).copied().collect();
        let (code, stdout, stderr) = ran(&arguments, "");
        assert_eq!((code, &*stdout), (1, ""), "{stderr}");
        assert!(
            stderr.contains(&format!("{bad}:4: error: spec.objectives: must be of type array, and is 3")),
            "{stderr}"
        );
    }
}

#[test]
fn render_says_what_it_assumes() {
    let (code, stdout, stderr) = ran(&["render", "-"], MINIMAL);
    assert_eq!(code, 0);
    assert!(stdout.contains("namespace: default\n"), "{stdout}");
    assert_eq!(
        stderr,
        "-: note: profile auth names no namespace, which is in the labels of its rules: default is taken\n\
         -: note: Deployment auth is not in the files: its pods are assumed to have the label app.kubernetes.io/name=auth\n"
    );
}

#[test]
fn settings_come_from_flags_and_variables() {
    let rules = "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: auth, namespace: shop}\nspec: {targetRef: {name: auth}, objectives: [{name: o, target: '99', indicator: {ratio: {errors: a, total: b}}}]}\n";
    let flag = run(&["render", "-", "--rule-label", "release=lab", "--evaluation-interval", "1m"], rules);
    let variable = common::run(
        common::plimsoll()
            .args(["render", "-"])
            .env("PLIMSOLL_RULE_LABEL", "release=lab")
            .env("PLIMSOLL_EVALUATION_INTERVAL", "1m"),
        rules,
    );
    let (stdout, _) = common::streams(&flag);
    assert!(stdout.contains("    release: lab\n") && stdout.contains("interval: 1m\n"), "{stdout}");
    assert_eq!(stdout, common::streams(&variable).0);
}

#[test]
fn output_to_a_reader_that_has_gone_is_no_failure() {
    for command in ["crd", "reference"] {
        let mut writer =
            common::plimsoll().arg(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        drop(writer.stdout.take());
        let output = writer.wait_with_output().expect("started");
        let (_, stderr) = common::streams(&output);
        assert!(output.status.success() && stderr.is_empty(), "{command}: {} {stderr}", output.status);
    }
    let program = env!("CARGO_BIN_EXE_plimsoll");
    let pipe = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; '{program}' crd | head -1")])
        .output()
        .expect("bash");
    assert_eq!(common::streams(&pipe), ("apiVersion: apiextensions.k8s.io/v1\n".to_owned(), String::new()));
    assert!(pipe.status.success(), "{}", pipe.status);
}

#[test]
fn what_thanos_ruler_does_about_missing_stores_is_in_every_group_and_not_for_prometheus() {
    let directory = Directory::new("partial-response");
    let profile = common::repository("tests/golden/profiles/08-ratio-errors/profile.yaml");
    let profile = profile.to_str().expect("a path of text");
    let promtool = |rules: &str| {
        let file = directory.file("rules.yaml", rules);
        let mut command = std::process::Command::new(common::tool("promtool"));
        command.args(["check", "rules"]).arg(file);
        let output = common::run(&mut command, "");
        let (stdout, stderr) = common::streams(&output);
        (output.status.success(), stdout + &stderr)
    };
    let (code, plain, _) = ran(&["render", "--rules", profile], "");
    assert_eq!((code, plain.contains("partial_response")), (0, false));
    assert!(promtool(&plain).0);
    let (code, rules, _) = ran(&["render", "--rules", "--partial-response-strategy", "abort", profile], "");
    assert_eq!(code, 0);
    assert_eq!(rules.matches("\n  partial_response_strategy: abort\n").count(), rules.matches("\n- name: ").count());
    assert_eq!(rules.replace("  partial_response_strategy: abort\n", ""), plain);
    let (taken, said) = promtool(&rules);
    assert!(!taken && said.contains("partial_response_strategy"), "{said}");
}

#[test]
fn the_help_is_as_documented() {
    let mut text = String::new();
    for command in [
        &[][..],
        &["run"],
        &["crd"],
        &["render"],
        &["check"],
        &["explain"],
        &["backtest"],
        &["arena"],
        &["import"],
        &["export"],
        &["inhibit-rules"],
        &["pooler-sql"],
    ] {
        let output = common::run(common::plimsoll().env("COLUMNS", "100").args(command).arg("--help"), "");
        let (stdout, stderr) = common::streams(&output);
        assert!(output.status.success() && stderr.is_empty(), "{stderr}");
        let name: Vec<_> = ["plimsoll"].iter().chain(command).copied().collect();
        text.extend(["$ ", &name.join(" "), " --help\n", &stdout, "\n"]);
    }
    let file = common::repository("tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).expect("a file");
    }
    assert!(
        common::text(&file) == text,
        "the help has changed; if that is meant: UPDATE_GOLDEN=1 cargo test --test cli\n{text}"
    );
}
