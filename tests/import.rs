//! Import and export. Specifications in the forms of others, as their public examples have them: what becomes of each is a golden text, and
//! `plimsoll check` has nothing against any profile that comes out.
//!
//! `UPDATE_GOLDEN=1 cargo test --test import` writes the texts anew; read the difference before you commit it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod common;

#[test]
fn examples_become_profiles_and_what_does_not_is_said() {
    let mut differences = Vec::new();
    let mut inputs = 0;
    for form in ["openslo", "pyrra", "sloth"] {
        for file in common::files(&format!("tests/import/{form}"), "yaml") {
            inputs += 1;
            let text = common::text(&file);
            let mut command = common::plimsoll();
            let output = common::run(command.args(["import", "--from", form, "-"]), &text);
            let (profiles, notes) = common::streams(&output);
            let code = output.status.code().expect("an exit code");
            assert!(code <= 1, "{}: {notes}", file.display());
            // Each objective of the input comes out or is named as one that could not.
            assert_eq!(code == 1, notes.contains("not imported:"), "{}: {notes}", file.display());
            if !profiles.is_empty() {
                let checked = common::run(common::plimsoll().args(["check", "-"]), &profiles);
                let (found, summary) = common::streams(&checked);
                assert!(checked.status.success(), "{}: {found}{summary}", file.display());
            }
            let golden = file.with_extension("golden");
            let now = format!("exit code {code}\n--- standard error\n{notes}--- standard output\n{profiles}");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&golden, &now).expect("a file");
            }
            if std::fs::read_to_string(&golden).unwrap_or_default() != now {
                differences.push(format!("{}:\n{now}", golden.display()));
            }
        }
    }
    assert!(inputs >= 14, "only {inputs} inputs");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn ran(arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = common::run(common::plimsoll().args(arguments), input);
    let (stdout, stderr) = common::streams(&output);
    (output.status.code().expect("an exit code"), stdout, stderr)
}

#[test]
fn what_is_exported_comes_back_as_it_was() {
    let profile = r#"apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata:
  name: checkout
  namespace: shop
spec:
  targetRef:
    apiVersion: apps/v1
    kind: StatefulSet
    name: checkout-v2
  objectives:
  - name: availability
    description: Orders are taken.
    target: '99.95'
    window: 28d
    indicator:
      ratio:
        errors: 'http_requests_total{job="checkout",code=~"5.."}'
        total: 'http_requests_total{job="checkout"}'
  - name: saved
    target: '99'
    window: 7d
    indicator:
      ratio:
        good: saved_total
        total: orders_total
  - name: latency
    target: '95'
    window: 30d
    indicator:
      latency:
        histogram: http_request_duration_seconds
        selector: 'job="checkout",route!="/healthz"'
        format: Classic
        threshold: 200ms
  - name: slow
    target: '99.9'
    window: 90d
    indicator:
      latency:
        histogram: http_request_duration_seconds
        selector: ''
        format: Classic
        threshold: 1s
"#;
    let (code, exported, stderr) = ran(&["export", "--to", "openslo", "-"], profile);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let (code, imported, stderr) = ran(&["import", "--from", "openslo", "-"], &exported);
    assert_eq!((code, stderr.as_str()), (0, ""), "{exported}");
    let value = |text: &str| plimsoll::yaml::documents(text).unwrap().remove(0).value;
    assert_eq!(value(&imported), value(profile));
    let with_more = profile.replace("  objectives:\n", "  disruption: {maxUnavailable: 1}\n  objectives:\n");
    let (_, _, stderr) = ran(&["export", "--to", "openslo", "-"], &with_more);
    assert_eq!(stderr, "-: note: profile checkout: spec.disruption has no equivalent and is left out\n");
}

#[test]
fn a_calendar_window_is_one_in_openslo_too() {
    let profile = r"apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: checkout, namespace: shop}
spec:
  targetRef: {name: checkout}
  objectives:
  - name: availability
    target: '99.9'
    calendar: {period: Quarter, timeZone: Africa/Johannesburg}
    additionalWindows: [7d]
    indicator: {ratio: {errors: 'e_total', total: 't_total'}}
";
    let (code, exported, stderr) = ran(&["export", "--to", "openslo", "-"], profile);
    assert_eq!(code, 0);
    assert_eq!(
        stderr,
        "-: note: profile checkout, objective availability: additionalWindows has no equivalent and is left out\n"
    );
    let slo = plimsoll::yaml::documents(&exported).unwrap().remove(1).value;
    let window = slo.pointer("/spec/timeWindow/0").unwrap();
    assert_eq!(window["duration"], "1Q");
    assert_eq!(window["isRolling"], false);
    assert_eq!(window["calendar"]["timeZone"], "Africa/Johannesburg");
    assert!(window["calendar"]["startTime"].as_str().unwrap().ends_with("-01 00:00:00"), "{window}");
    let (code, imported, stderr) = ran(&["import", "--from", "openslo", "-"], &exported);
    assert_eq!((code, stderr.as_str()), (0, ""), "{exported}");
    assert!(imported.contains("period: Quarter") && imported.contains("timeZone: Africa/Johannesburg"), "{imported}");
}

#[test]
fn import_says_with_its_exit_code_what_came_of_it() {
    let pyrra = "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: a}\nspec: {target: '99', window: 4w, indicator: {ratio: {errors: {metric: e_total}, total: {metric: t_total}}}}\n";
    let (code, stdout, stderr) = ran(&["import", "--from", "pyrra", "--target-ref", "StatefulSet/db", "-"], pyrra);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("kind: StatefulSet\n    name: db\n"), "{stdout}");
    let (code, stdout, stderr) = ran(&["import", "--from", "pyrra", "-"], &pyrra.replace("'99'", "'100'"));
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("-:4: not imported: spec.target: "), "{stderr}");
    assert!(stderr.ends_with("1 of 1 objectives not imported\n"), "{stderr}");
    assert_eq!(ran(&["import", "--from", "sloth", "-"], pyrra).0, 2);
    assert_eq!(ran(&["import", "--from", "pyrra", "-"], "a: [").0, 2);
    assert_eq!(ran(&["import", "--from", "pyrra", "--target-ref", "db", "-"], pyrra).0, 2);
}
