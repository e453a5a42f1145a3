//! `plimsoll render`: what the operator would write, without a cluster.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::{
    check::{Located, assumed, check_manifests, decode},
    input::{self, InputError, is_profile},
    profile::{
        Acting, Children, Desired, Level, Plan, PoolerChildren, Settings,
        build::{build, rule_file_text},
        validate::{Part, validate},
    },
    yaml::{self, YamlError},
};

/// Where kubectl puts what names no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// Why nothing is rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A file cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No file has a profile.
    #[error("no PerformanceProfile in the files")]
    NoProfile,
    /// A profile is wrong.
    #[error("{}", lines(.0))]
    Findings(Vec<Located>),
    /// An object has no YAML form.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

fn lines(findings: &[Located]) -> String {
    let each: Vec<_> = findings.iter().map(ToString::to_string).collect();
    each.join("\n")
}

/// What is rendered.
pub struct Rendered {
    /// The YAML.
    pub text: String,
    /// What the reader should know about it.
    pub notes: Vec<String>,
}

/// The children of every profile in the files; with `rule_file` one plain rule file of all of them.
pub fn render(files: &[PathBuf], rule_file: bool, settings: &Settings) -> Result<Rendered, RenderError> {
    let mut manifests = Vec::new();
    for file in files {
        manifests.extend(input::read(file)?);
    }
    let checked = check_manifests(&manifests, settings);
    if checked.profiles == 0 {
        return Err(RenderError::NoProfile);
    }
    let (errors, warnings): (Vec<_>, Vec<_>) =
        checked.findings.into_iter().partition(|located| located.finding.level == Level::Error);
    if !errors.is_empty() {
        return Err(RenderError::Findings(errors));
    }
    let mut notes: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let mut documents = Vec::new();
    let mut groups = Vec::new();
    for manifest in manifests.iter().filter(|manifest| is_profile(manifest)) {
        // Checked above: what cannot be read is a finding.
        let Ok(mut profile) = decode(manifest) else { continue };
        let namespace = profile.metadata.namespace.clone().unwrap_or_else(|| {
            let name = profile.metadata.name.clone().unwrap_or_default();
            notes.push(format!(
                "{}: note: profile {name} names no namespace, which is in the labels of its rules: {DEFAULT_NAMESPACE} is taken",
                manifest.file.display()
            ));
            DEFAULT_NAMESPACE.to_owned()
        });
        profile.metadata.namespace = Some(namespace.clone());
        let (_, found) = input::target(&profile.spec.target_ref, &namespace, &manifests);
        let checked = validate(&profile, &assumed(&profile, &manifests, settings), settings);
        if !found && matches!(checked.disruption_budget, Part::Wanted(_)) && !rule_file {
            notes.push(format!(
                "{}: note: {} {} is not in the files: its pods are assumed to have the label app.kubernetes.io/name={}",
                manifest.file.display(),
                profile.spec.target_ref.kind,
                profile.spec.target_ref.name,
                profile.spec.target_ref.name
            ));
        }
        if let Part::Held(why) = &checked.pooling {
            notes.push(format!("{}: note: no poolers are rendered: {}", manifest.file.display(), why.message));
        }
        if let Part::Wanted(rules) = &checked.rules {
            groups.extend(rules.rules.groups());
        }
        let Children { autoscaler, disruption_budget, rule, vm_rule, rule_file: map, pooler } =
            build(&checked, &Acting::default());
        documents.extend([
            document(autoscaler),
            document(disruption_budget),
            document(rule),
            document(vm_rule),
            document(map),
        ]);
        documents.extend(poolers(pooler));
    }
    let text = if rule_file {
        rule_file_text(&groups)?
    } else {
        let texts =
            documents.into_iter().flatten().map(|value| yaml::to_string(&value)).collect::<Result<Vec<_>, _>>()?;
        texts.join("---\n")
    };
    Ok(Rendered { text, notes })
}

/// What runs the poolers.
fn poolers(children: PoolerChildren<Desired>) -> [Option<Value>; 11] {
    let PoolerChildren {
        config,
        service_account,
        role,
        role_binding,
        pods_service,
        service,
        network_policy,
        stateful_set,
        autoscaler,
        disruption_budget,
        pod_monitor,
    } = children;
    [
        document(config),
        document(service_account),
        document(role),
        document(role_binding),
        document(pods_service),
        document(service),
        document(network_policy),
        document(stateful_set),
        document(autoscaler),
        document(disruption_budget),
        document(pod_monitor),
    ]
}

/// The object without fields that are null, as they would be stored.
fn document<K: Serialize>(plan: Plan<K>) -> Option<Value> {
    match plan {
        Plan::Apply(object) => serde_json::to_value(*object).ok(),
        Plan::Absent | Plan::Hold(_) => None,
    }
}
