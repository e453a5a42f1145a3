//! The definition of the resource: what it takes and what it refuses, as `plimsoll check` says and as a real API server
//! says. Both are asked about the same manifests, so that neither can be more lenient than the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::path::{Path, PathBuf};

use kube::core::cel;
use plimsoll::{
    api::crd,
    check::check_manifests,
    input::{Manifest, text as string_at},
    profile::{Level, Settings},
    yaml,
};

mod common;

/// One document of a file below `tests/manifests`.
struct Case {
    file: PathBuf,
    line: usize,
    text: String,
}

impl Case {
    fn place(&self) -> String {
        let file = self.file.strip_prefix(common::repository("")).unwrap_or(&self.file);
        format!("{}:{}", file.display(), self.line)
    }

    fn manifest(&self) -> Manifest {
        let mut documents = yaml::documents(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.place()));
        assert_eq!(documents.len(), 1, "{}", self.place());
        Manifest { file: self.file.clone(), document: documents.remove(0) }
    }

    /// The annotation of this name, which says what is expected.
    fn expected(&self, name: &str) -> Option<String> {
        let manifest = self.manifest();
        let value =
            string_at(&manifest.document.value, &format!("/metadata/annotations/plimsoll.dev~1{name}")).to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn refused(&self) -> String {
        self.expected("test-refused").unwrap_or_else(|| panic!("{}: no annotation test-refused", self.place()))
    }

    /// What `plimsoll check` says, by level.
    fn check(&self) -> (Vec<String>, Vec<String>) {
        let checked = check_manifests(
            &[self.manifest()],
            &Settings { at: "2026-11-24T12:00:00Z".parse().unwrap(), ..Settings::default() },
        );
        assert_eq!(checked.profiles, 1, "{}", self.place());
        let (errors, warnings): (Vec<_>, Vec<_>) = checked
            .findings
            .into_iter()
            .map(|located| located.finding)
            .partition(|finding| finding.level == Level::Error);
        let texts = |findings: Vec<plimsoll::profile::Finding>| findings.iter().map(ToString::to_string).collect();
        (texts(errors), texts(warnings))
    }
}

fn cases_of(file: &Path) -> Vec<Case> {
    let mut line = 1;
    let mut cases = Vec::new();
    let whole = common::text(file);
    for text in whole.split_inclusive("\n---\n") {
        if text.lines().any(|line| line.starts_with("kind:")) {
            cases.push(Case { file: file.to_owned(), line, text: text.trim_end_matches("---\n").to_owned() });
        }
        line += text.matches('\n').count();
    }
    cases
}

fn cases(directory: &str, least: usize) -> Vec<Case> {
    let files = common::files(&format!("tests/manifests/{directory}"), "yaml");
    let cases: Vec<_> = files.iter().flat_map(|file| cases_of(file)).collect();
    assert!(cases.len() >= least, "{directory} holds only {} manifests", cases.len());
    cases
}

fn samples() -> Vec<Case> {
    common::files("deploy/samples", "yaml").iter().flat_map(|file| cases_of(file)).collect()
}

/// Fails with all failures, not only the first.
fn none(failures: &[String]) {
    assert!(failures.is_empty(), "{} of the manifests:\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn check_refuses_what_is_bad() {
    let failures: Vec<_> = cases("bad", 150)
        .iter()
        .filter_map(|case| {
            let (errors, _) = case.check();
            let expected = case.refused();
            let said = errors.iter().any(|error| error.contains(&expected));
            (!said).then(|| format!("{}: not said: {expected}\nbut: {errors:#?}", case.place()))
        })
        .collect();
    none(&failures);
}

#[test]
fn check_takes_what_is_good() {
    let failures: Vec<_> = cases("good", 30)
        .iter()
        .filter_map(|case| {
            let (errors, warnings) = case.check();
            let as_expected = match case.expected("test-warning") {
                Some(expected) => warnings.iter().any(|warning| warning.contains(&expected)),
                None => warnings.is_empty(),
            };
            (!errors.is_empty() || !as_expected).then(|| format!("{}: {errors:#?} {warnings:#?}", case.place()))
        })
        .collect();
    none(&failures);
}

#[test]
fn the_samples_are_clean() {
    let failures: Vec<_> = samples()
        .iter()
        .filter_map(|case| {
            let (errors, warnings) = case.check();
            // A median is an objective of 50 %: no way to write it without leaving out the tiers that could never fire.
            let expected =
                |warning: &&String| warning.contains("tier is left out") && warning.contains("a target of 50 %");
            let clean = errors.is_empty() && warnings.iter().all(|warning| expected(&warning));
            (!clean).then(|| format!("{}: {errors:#?} {warnings:#?}", case.place()))
        })
        .collect();
    none(&failures);
}

#[test]
fn check_finds_what_no_schema_can() {
    let failures: Vec<_> = cases("findings", 15)
        .iter()
        .filter_map(|case| {
            let (errors, _) = case.check();
            let expected = case.expected("test-finding").unwrap_or_else(|| panic!("{}: no test-finding", case.place()));
            let said = errors.iter().any(|error| error.contains(&expected));
            (!said).then(|| format!("{}: not said: {expected}\nbut: {errors:#?}", case.place()))
        })
        .collect();
    none(&failures);
}

const IMMUTABLE: &str = "targetRef is immutable: create another profile for another workload";

#[test]
fn the_target_cannot_be_changed() {
    let profile = |name: &str| {
        serde_json::json!({
            "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": "p"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}
        })
    };
    let validate = |new: &str, old: &str| {
        cel::Validator::new().validate_with_defaults(&crd::schema(), &profile(new), Some(&profile(old)))
    };
    validate("a", "a").expect("the same target");
    let errors = validate("b", "a").expect_err("another target").into_vec();
    assert_eq!(errors.iter().map(|error| &*error.message).collect::<Vec<_>>(), [IMMUTABLE]);
}

#[test]
fn the_installed_definition_is_the_generated_one() {
    let generated = yaml::to_string(&crd::crd()).expect("YAML");
    let installed = common::text(&common::repository("crds/performanceprofiles.plimsoll.dev.yaml"));
    assert!(generated == installed, "crds/ is out of date: make generate");
}

#[test]
fn the_reference_is_the_generated_one() {
    let written = common::text(&common::repository("docs/api-reference.md"));
    assert!(plimsoll::reference::markdown() == written, "docs/api-reference.md is out of date: make generate");
}

mod cluster {
    use std::{process::Command, sync::Mutex, thread};

    use super::{Case, IMMUTABLE, cases, common, none, samples};

    fn kubectl(arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(common::tool("kubectl"));
        if std::env::var_os("KUBECONFIG").is_none() {
            command.env("KUBECONFIG", common::lab("run").join("pki/admin.conf"));
        }
        let output = common::run(command.args(arguments), input);
        let (stdout, stderr) = common::streams(&output);
        if output.status.success() { Ok(stdout) } else { Err(stderr) }
    }

    /// The current definition, for as long as the test lasts and after it.
    fn install_definition() {
        let definition = common::text(&common::repository("crds/performanceprofiles.plimsoll.dev.yaml"));
        kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &definition)
            .unwrap_or_else(|error| panic!("this test needs a cluster (tests/lab/lab up): {error}"));
        let established =
            ["wait", "--for=condition=Established", "--timeout=60s", "crd/performanceprofiles.plimsoll.dev"];
        kubectl(&established, "").expect("the definition is established");
        // Established is the name; the new schema is served a moment later.
        let probe = "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: probe}\nspec: {targetRef: {name: x}}\n";
        let served = (0..50).any(|_| {
            let served = kubectl(&["create", "--dry-run=server", "-f", "-"], probe).is_ok();
            thread::sleep(std::time::Duration::from_millis(200));
            served
        });
        assert!(served, "the API server does not serve the definition");
    }

    /// Asks the API server about every case, a few at a time.
    fn ask(cases: &[Case], judge: impl Fn(&Case, Result<String, String>) -> Option<String> + Sync) -> Vec<String> {
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for part in cases.chunks(cases.len().div_ceil(4)) {
                let (failures, judge) = (&failures, &judge);
                scope.spawn(move || {
                    for case in part {
                        let arguments =
                            ["create", "--dry-run=server", "--validate=strict", "--namespace=default", "-f", "-"];
                        failures.lock().expect("no panic").extend(judge(case, kubectl(&arguments, &case.text)));
                    }
                });
            }
        });
        failures.into_inner().expect("no panic")
    }

    #[test]
    #[ignore = "needs a cluster: make test-cluster"]
    fn the_api_server_says_the_same() {
        install_definition();
        let refused = ask(&cases("bad", 150), |case, answer| {
            let expected = case.expected("test-refused-by-server").unwrap_or_else(|| case.refused());
            match answer {
                Ok(_) => Some(format!("{}: taken, and it should be refused: {expected}", case.place())),
                Err(error) if error.contains(&expected) => None,
                // Kubernetes 1.34 does not say which integer.
                Err(error) if error.contains(&expected.replace("int32", "integer")) => None,
                Err(error) => Some(format!("{}: not said: {expected}\nbut: {error}", case.place())),
            }
        });
        let taken = |case: &Case, answer: Result<String, String>| Some(format!("{}: {}", case.place(), answer.err()?));
        let mut failures = refused;
        failures.extend(ask(&cases("good", 30), taken));
        failures.extend(ask(&cases("findings", 15), taken));
        failures.extend(ask(&samples(), taken));
        none(&failures);
    }

    struct Namespace(String);

    impl Drop for Namespace {
        fn drop(&mut self) {
            let _ = kubectl(&["delete", "namespace", &self.0, "--wait=false"], "");
        }
    }

    #[test]
    #[ignore = "needs a cluster: make test-cluster"]
    fn the_api_server_keeps_the_target() {
        install_definition();
        let namespace = Namespace(format!("plimsoll-crd-{}", std::process::id()));
        kubectl(&["create", "namespace", &namespace.0], "").expect("a namespace");
        let profile = "apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: p}\nspec: {targetRef: {name: a}}\n";
        kubectl(&["create", "-n", &namespace.0, "-f", "-"], profile).expect("a profile");
        let patch = |patch: &str| {
            let arguments = [
                "patch",
                "performanceprofile",
                "p",
                "-n",
                &namespace.0,
                "--type=merge",
                "--dry-run=server",
                "-p",
                patch,
            ];
            kubectl(&arguments, "")
        };
        patch(r#"{"spec": {"autoscaling": {"maxReplicas": 20}}}"#).expect("everything else can be changed");
        for other in [r#"{"name": "b"}"#, r#"{"kind": "StatefulSet"}"#, r#"{"apiVersion": "apps/v2"}"#] {
            let error =
                patch(&format!(r#"{{"spec": {{"targetRef": {other}}}}}"#)).expect_err("the target cannot be changed");
            assert!(error.contains(IMMUTABLE), "{error}");
        }
    }
}
