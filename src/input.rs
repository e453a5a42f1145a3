//! Manifests from files, for `render` and `check`.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    api::{GROUP, v1alpha1::TargetRef},
    profile::{TargetState, Workload},
    yaml::{self, Document},
};

/// One document of a file.
pub struct Manifest {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The document.
    pub document: Document,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct InputError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// Largest file that is read, in bytes: a manifest that is stored in a cluster has at most 1.5 MiB.
const LARGEST: u64 = 8 << 20;

/// Every document of a file; `-` is standard input.
pub fn read(file: &Path) -> Result<Vec<Manifest>, InputError> {
    let wrong = |message: String| InputError { file: file.to_owned(), message };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_string(&mut text))
    };
    let length = read.map_err(|error| wrong(error.to_string()))?;
    if length as u64 > LARGEST {
        return Err(wrong("larger than 8 MiB".to_owned()));
    }
    let documents = yaml::documents(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(documents.into_iter().flat_map(|document| manifests(file, document)).collect())
}

/// The document itself, or what is in it if it is a `List`, as `kubectl get -o yaml` prints them.
fn manifests(file: &Path, document: Document) -> Vec<Manifest> {
    let is_list = text(&document.value, "/kind") == "List";
    let parts = if is_list { document.parts("/items") } else { vec![document] };
    parts.into_iter().map(|document| Manifest { file: file.to_owned(), document }).collect()
}

/// Whether a manifest is a profile, whatever its version.
pub fn is_profile(manifest: &Manifest) -> bool {
    let value = &manifest.document.value;
    text(value, "/kind") == "PerformanceProfile" && text(value, "/apiVersion").starts_with(&format!("{GROUP}/"))
}

/// The text at a JSON pointer, or an empty one.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The target of a profile as the manifests give it. Where it is not among them it is assumed to exist, with the selector
/// that Kubernetes recommends.
pub fn target(target: &TargetRef, namespace: &str, manifests: &[Manifest]) -> (TargetState, bool) {
    let or_default = |namespace: &str| if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() };
    let found = manifests.iter().map(|manifest| &manifest.document.value).find(|value| {
        text(value, "/kind") == target.kind
            && text(value, "/metadata/name") == target.name
            && or_default(text(value, "/metadata/namespace")) == or_default(namespace)
    });
    let selector = found.and_then(|value| value.pointer("/spec/selector")).cloned();
    let assumed = serde_json::json!({"matchLabels": {"app.kubernetes.io/name": target.name}});
    let workload =
        Workload { selector: serde_json::from_value(selector.unwrap_or(assumed)).ok(), ..Workload::default() };
    (TargetState::Found(workload), found.is_some())
}
