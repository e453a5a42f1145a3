//! The profiles of files with their objectives, for the commands that look at these alone.

use std::path::PathBuf;

use kube::ResourceExt;

use crate::{
    api::v1alpha1::{self, Management, PerformanceProfile},
    check::{assumed, check_manifests, decode},
    input::{self, is_profile},
    profile::{
        Finding, Level, Settings,
        validate::{alerting, validate},
    },
    render::RenderError,
    slo,
};

/// Where kubectl puts what names no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// One objective with what belongs to it.
#[derive(Clone)]
pub struct Loaded {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The profile.
    pub profile: PerformanceProfile,
    /// The objective as it is written.
    pub wire: v1alpha1::Objective,
    /// The objective as it is understood.
    pub objective: slo::Objective,
    /// How its alerts look.
    pub alerting: slo::Alerting,
    /// Whether its alerts are written at all.
    pub alerts: bool,
    /// What could be better about it.
    pub findings: Vec<Finding>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// As for `render`.
    #[error(transparent)]
    Profiles(#[from] RenderError),
    /// No profile has an objective, or none of that name.
    #[error("{0}")]
    NoObjective(String),
}

/// Every objective of the profiles in files, or the one of that name in each.
pub fn load(files: &[PathBuf], name: Option<&str>, settings: &Settings) -> Result<Vec<Loaded>, LoadError> {
    let mut manifests = Vec::new();
    for file in files {
        manifests.extend(input::read(file).map_err(RenderError::from)?);
    }
    let checked = check_manifests(&manifests, settings);
    if checked.profiles == 0 {
        return Err(RenderError::NoProfile.into());
    }
    let errors: Vec<_> = checked.findings.into_iter().filter(|found| found.finding.level == Level::Error).collect();
    if !errors.is_empty() {
        return Err(RenderError::Findings(errors).into());
    }
    let mut loaded = Vec::new();
    let mut names = Vec::new();
    for manifest in manifests.iter().filter(|manifest| is_profile(manifest)) {
        // Checked above: what cannot be read is a finding.
        let Ok(mut profile) = decode(manifest) else { continue };
        profile.metadata.namespace.get_or_insert_with(|| DEFAULT_NAMESPACE.to_owned());
        let observed = assumed(&profile, &manifests, settings);
        let checked = validate(&profile, &observed, settings);
        let alerts = profile.spec.alerting.as_ref().is_none_or(|alerting| alerting.mode == Management::Managed);
        // All of them are sound: of a profile with errors nothing is loaded.
        for (index, (wire, objective)) in profile.spec.objectives.iter().zip(checked.objectives).enumerate() {
            names.push(wire.name.clone());
            if name.is_some_and(|name| name != wire.name) {
                continue;
            }
            let own = format!("/spec/objectives/{index}/");
            let about =
                |finding: &&Finding| finding.pointer.starts_with(&own) || finding.pointer.starts_with("/spec/alerting");
            loaded.push(Loaded {
                file: manifest.file.clone(),
                wire: wire.clone(),
                objective,
                alerting: alerting(&profile),
                alerts,
                findings: checked.findings.iter().filter(about).cloned().collect(),
                profile: profile.clone(),
            });
        }
        if names.is_empty() {
            names.push(format!("(profile {} has none)", profile.name_any()));
        }
    }
    match (loaded.is_empty(), name) {
        (false, _) => Ok(loaded),
        (true, Some(name)) => {
            Err(LoadError::NoObjective(format!("no objective is named {name}; there are: {}", names.join(", "))))
        }
        (true, None) => Err(LoadError::NoObjective("the profiles in the files declare no objectives".to_owned())),
    }
}
