//! `plimsoll import`: profiles from the objectives of OpenSLO, Sloth and Pyrra.
//!
//! Pure. Every field that is understood is marked as read; whatever is left is listed by its path, so that nothing is
//! dropped without a word. What cannot be carried over exactly is refused, not guessed.

mod fields;
mod openslo;
mod profiles;
mod promql;
mod pyrra;
mod sloth;

use std::{fmt, path::PathBuf};

use crate::{
    api::{
        Duration,
        v1alpha1::{self, PerformanceProfile, TargetRef},
    },
    input::Manifest,
};

pub use fields::Fields;
pub use profiles::Defaults;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// OpenSLO v1 and v1alpha
    Openslo,
    /// Sloth's own files and its PrometheusServiceLevel
    Sloth,
    /// Pyrra's ServiceLevelObjective
    Pyrra,
}

/// Something that the reader has to know, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// Whether an objective is missing because of it.
    pub failed: bool,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.failed { "not imported" } else { "note" };
        write!(f, "{}:{}: {level}: {}", self.file.display(), self.line, self.message)
    }
}

/// What came out.
#[derive(Debug, Default)]
pub struct Imported {
    /// The profiles, by namespace and name.
    pub profiles: Vec<PerformanceProfile>,
    /// Everything that has no equivalent.
    pub notes: Vec<Note>,
    /// The objectives that were found, imported or not.
    pub found: usize,
}

/// One objective on its way into a profile.
struct Slo {
    file: PathBuf,
    line: usize,
    namespace: Option<String>,
    service: String,
    target: Option<TargetRef>,
    objective: v1alpha1::Objective,
    defaults: Defaults,
}

/// Why an objective cannot be imported: where, and what.
type Refusal = (String, String);

/// Reads every document.
pub fn import(format: Format, manifests: &[Manifest], target: Option<&TargetRef>) -> Imported {
    let mut imported = Imported::default();
    let mut slos = Vec::new();
    match format {
        Format::Openslo => openslo::read(manifests, &mut slos, &mut imported),
        Format::Sloth => sloth::read(manifests, &mut slos, &mut imported),
        Format::Pyrra => pyrra::read(manifests, &mut slos, &mut imported),
    }
    profiles::gather(slos, target, &mut imported);
    imported.notes.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    imported
}

impl Imported {
    fn note(&mut self, fields: &Fields<'_>, pointer: &str, message: impl Into<String>) {
        self.push(fields, pointer, false, message.into());
    }

    fn refuse(&mut self, fields: &Fields<'_>, (pointer, message): Refusal) {
        self.push(fields, &pointer, true, message);
    }

    fn push(&mut self, fields: &Fields<'_>, pointer: &str, failed: bool, message: String) {
        let (file, line) = fields.place(pointer);
        let path = fields::shown(pointer);
        let message = if path.is_empty() { message } else { format!("{path}: {message}") };
        self.notes.push(Note { file, line, failed, message });
    }

    /// Notes every field that was not read.
    fn leftovers(&mut self, fields: &Fields<'_>) {
        for pointer in fields.unread() {
            self.note(fields, &pointer, "has no equivalent and is left out");
        }
    }
}

/// A target in per cent from a number, exactly: floating point noise below the last decimal is no part of it.
fn target(per_cent: f64) -> Result<crate::api::Target, String> {
    let text = format!("{per_cent:.5}");
    let exact = text.parse::<f64>().is_ok_and(|rounded| (rounded - per_cent).abs() < 1e-9);
    if !exact {
        return Err(format!("a target of {per_cent} % has more than five decimals"));
    }
    text.parse().map_err(|error: crate::api::TargetError| error.to_string())
}

/// A rolling window in whole days.
fn window(text: &str) -> Result<Duration, String> {
    let duration: Duration = text.parse().map_err(|_| {
        format!("a window of `{text}` is no fixed length: windows are rolling and whole days from 1d to 90d")
    })?;
    crate::slo::Window::try_from(duration).map(crate::slo::Window::duration).map_err(|error| error.to_string())
}

/// A name as Kubernetes takes it, as near to the text as possible.
fn dns_label(text: &str, longest: usize) -> String {
    let mut label = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        let fits = c.is_ascii_alphanumeric();
        if fits || !label.ends_with('-') {
            label.push(if fits { c } else { '-' });
        }
        if label.len() >= longest {
            break;
        }
    }
    label.trim_matches('-').to_owned()
}

/// Puts a label on the alerts, or says why not: some are set by the operator, some names Prometheus does not take.
fn alert_label(
    defaults: &mut Defaults,
    fields: &Fields<'_>,
    pointer: &str,
    label: (&str, String),
    imported: &mut Imported,
) {
    let (key, value) = label;
    let alerting =
        crate::slo::Alerting { labels: [(key.to_owned(), String::new())].into(), ..crate::slo::Alerting::default() };
    match alerting.findings().first() {
        Some(why) => imported.note(fields, pointer, why.clone()),
        None => drop(defaults.labels.insert(key.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests;
