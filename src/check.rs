//! `plimsoll check`: everything that can be known of a manifest without a cluster.

use std::{fmt, path::PathBuf};

use serde_json::Value;

mod schema;

use crate::{
    api::v1alpha1::PerformanceProfile,
    input::{self, InputError, Manifest, is_profile, text},
    kube::RuleApis,
    profile::{Adoptable, Children, Finding, Level, Observed, Rivals, Settings, validate::validate},
};

/// A finding with its place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub finding: Finding,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{}:{}: {level}: {}", self.file.display(), self.line, self.finding)
    }
}

/// What was checked.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything that is wrong, in the order of the files.
    pub findings: Vec<Located>,
    /// The profiles that could be read.
    pub profiles: usize,
}

/// Checks the profiles in files.
pub fn check(files: &[PathBuf], settings: &Settings) -> Result<Checked, InputError> {
    let mut manifests = Vec::new();
    for file in files {
        manifests.extend(input::read(file)?);
    }
    let mut checked = check_manifests(&manifests, settings);
    checked.findings.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    Ok(checked)
}

/// Checks every profile among the manifests.
pub fn check_manifests(manifests: &[Manifest], settings: &Settings) -> Checked {
    let mut checked = Checked::default();
    let mut before: Vec<&Manifest> = Vec::new();
    for manifest in manifests.iter().filter(|manifest| is_profile(manifest)) {
        checked.profiles += 1;
        let mut findings = profile(manifest, manifests, settings);
        findings.extend(clashes(manifest, &before));
        checked.findings.extend(findings.into_iter().map(|finding| Located {
            file: manifest.file.clone(),
            line: manifest.document.line(&finding.pointer),
            finding,
        }));
        before.push(manifest);
    }
    checked
}

/// The schema first: where the shape is wrong, the rules behind it would only repeat that.
fn profile(manifest: &Manifest, manifests: &[Manifest], settings: &Settings) -> Vec<Finding> {
    let value = schema::without_nulls(&manifest.document.value);
    let mut findings = schema::shape(&value);
    if findings.is_empty() {
        findings = schema::rules(&value);
    }
    if !findings.is_empty() {
        return findings;
    }
    match decode(manifest) {
        Ok(profile) => validate(&profile, &assumed(&profile, manifests, settings), settings).findings,
        Err(error) => vec![Finding::new(Level::Error, "", error.to_string())],
    }
}

/// The profile in a manifest.
pub fn decode(manifest: &Manifest) -> Result<PerformanceProfile, serde_json::Error> {
    serde_json::from_value(schema::without_nulls(&manifest.document.value))
}

/// A cluster in which nothing stands in the way.
pub fn assumed(profile: &PerformanceProfile, manifests: &[Manifest], settings: &Settings) -> Observed {
    let namespace = profile.metadata.namespace.as_deref().unwrap_or_default();
    let (target, _) = input::target(&profile.spec.target_ref, namespace, manifests);
    Observed {
        now: settings.at,
        target,
        rivals: Rivals::default(),
        live: Children::default(),
        rule_apis: RuleApis { prometheus_rule: true, vm_rule: true, pod_monitor: true },
        adoptable: Adoptable::default(),
    }
}

/// Two profiles of one name, or for one target.
fn clashes(manifest: &Manifest, before: &[&Manifest]) -> Vec<Finding> {
    let key = |manifest: &Manifest, pointer: &str| {
        let value = &manifest.document.value;
        (text(value, "/metadata/namespace").to_owned(), value.pointer(pointer).cloned().unwrap_or(Value::Null))
    };
    let place = |other: &Manifest| format!("{}:{}", other.file.display(), other.document.line(""));
    let mut findings = Vec::new();
    if let Some(other) = before.iter().find(|other| key(other, "/metadata/name") == key(manifest, "/metadata/name")) {
        let message = format!("a profile of this name stands at {} too: the later one would replace it", place(other));
        findings.push(Finding::new(Level::Error, "/metadata/name", message));
    } else if let Some(other) =
        before.iter().find(|other| key(other, "/spec/targetRef") == key(manifest, "/spec/targetRef"))
    {
        let message =
            format!("the profile at {} has the same targetRef: only the older one would be carried out", place(other));
        findings.push(Finding::new(Level::Error, "/spec/targetRef", message));
    }
    findings
}
