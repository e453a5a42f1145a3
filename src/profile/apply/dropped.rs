//! What an older Kubernetes lacks, in words: a field that the API server does not know it drops without a word, and what it does not
//! allow yet it refuses as if nobody ever could. Pure.

use crate::{api::reasons, profile::children::Why};

/// What the children have that the oldest Kubernetes of the chart does not, with the version that has it by default. A field is
/// named by the end of its path.
const SINCE: &[(&str, &str)] = &[
    // KEP-4951, HPAConfigurableTolerance: alpha in 1.33, on by default from 1.35.
    ("tolerance", "1.35"),
];

/// Fields that a message names, of those that are lost.
const MOST_NAMED: usize = 3;

/// Why a child is not as declared although the server took it; nothing where all was stored.
pub fn why(kind: &str, name: &str, lost: &[String]) -> Option<Why> {
    if lost.is_empty() {
        return None;
    }
    let mut named: Vec<_> = lost.iter().take(MOST_NAMED).map(|path| format!("{path}{}", since(path))).collect();
    if lost.len() > MOST_NAMED {
        named.push(format!("{} more", lost.len() - MOST_NAMED));
    }
    let message = format!(
        "the API server stored {kind} {name} without {}: this Kubernetes, or the definition of the kind, does not have it, or a \
         webhook took it out. The rest is as declared; take it out of the profile, or upgrade",
        named.join(", ")
    );
    Some(Why::new(reasons::FIELD_DROPPED, message))
}

fn since(path: &str) -> String {
    let field = path.rsplit('.').next().unwrap_or_default();
    let known = SINCE.iter().find(|(name, _)| *name == field);
    known.map(|(_, version)| format!(" (needs Kubernetes {version})")).unwrap_or_default()
}

/// A refusal, with the version that takes what was asked for, where that is known.
pub fn with_version(refusal: String) -> String {
    // KEP-2021, HPAScaleToZero: on by default from 1.37.
    if refusal.contains("spec.minReplicas: Invalid value: 0:") {
        return format!("{refusal} (minReplicas 0 needs Kubernetes 1.37, or its feature gate HPAScaleToZero)");
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_field_is_named_with_the_version_that_has_it() {
        assert_eq!(why("HorizontalPodAutoscaler", "web", &[]), None);
        let paths = ["spec.behavior.scaleUp.tolerance", "a", "b", "c", "d"].map(str::to_owned);
        let why = why("HorizontalPodAutoscaler", "web", &paths).unwrap();
        assert_eq!(why.reason, reasons::FIELD_DROPPED);
        let expected = "stored HorizontalPodAutoscaler web without spec.behavior.scaleUp.tolerance (needs Kubernetes 1.35), a, b, 2 more: ";
        assert!(why.message.contains(expected), "{}", why.message);
    }

    #[test]
    fn a_refusal_of_scaling_to_zero_names_the_version_that_can() {
        let refusal = "HorizontalPodAutoscaler.autoscaling \"web\" is invalid: spec.minReplicas: Invalid value: 0: must be greater than or equal to 1";
        assert!(
            with_version(refusal.to_owned())
                .ends_with("(minReplicas 0 needs Kubernetes 1.37, or its feature gate HPAScaleToZero)")
        );
        assert_eq!(with_version("quota exceeded".to_owned()), "quota exceeded");
    }
}
