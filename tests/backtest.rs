//! `plimsoll backtest` without a Prometheus that answers: what it says, and its exit codes. What it tells of a real one is in
//! `tests/backtest.sh`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

mod common;

const PROFILE: &str = r#"apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: shop, namespace: store}
spec:
  targetRef: {name: shop}
  objectives:
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'e_total', total: 't_total'}}
"#;

fn backtest(arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = common::run(common::plimsoll().args(["backtest", "-"]).args(arguments), input);
    let (stdout, stderr) = common::streams(&output);
    (output.status.code().expect("an exit code"), stdout, stderr)
}

#[test]
fn what_cannot_be_asked_is_said_before_anything_is() {
    let url = ["--prometheus-url", "http://127.0.0.1:1"];
    for (arguments, input, code, said) in [
        (vec![], PROFILE, 2, "it needs a Prometheus to ask: --prometheus-url URL"),
        ([&url[..], &["--target", "1,2"]].concat(), PROFILE, 2, "--target"),
        ([&url[..], &["--target", "90,91,92,93,94"]].concat(), PROFILE, 2, "at most four targets"),
        ([&url[..], &["--since", "91d"]].concat(), PROFILE, 2, "from 1h to 90d"),
        ([&url[..], &["--objective", "latency"]].concat(), PROFILE, 2, "no objective is named latency"),
        (url.to_vec(), "kind: Deployment", 2, "no PerformanceProfile"),
    ] {
        let (found, stdout, stderr) = backtest(&arguments, input);
        assert_eq!((found, stdout.as_str()), (code, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_prometheus_that_does_not_answer_is_one_line_and_no_account() {
    let (code, stdout, stderr) = backtest(&["--prometheus-url", "http://user:secret@127.0.0.1:1"], PROFILE);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("plimsoll backtest: http://127.0.0.1:1 cannot be reached"), "{stderr}");
    assert!(!stderr.contains("secret") && stderr.lines().count() == 1, "{stderr}");
}
