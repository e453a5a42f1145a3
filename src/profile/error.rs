//! What can go wrong while a profile is reconciled. What the user can mend is no error but a finding or a condition.

use crate::kube::{Category, categorize};

/// A write of one child that the API server did not take.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name}")]
pub struct ChildError {
    /// The child's kind.
    pub kind: &'static str,
    /// The child's name.
    pub name: String,
    /// What sort of failure it is.
    pub category: Category,
    /// What the client said.
    #[source]
    pub source: kube::Error,
}

/// A reconcile that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read from the API server.
    #[error("read {what}: {}", crate::kube::message(.source))]
    Read {
        /// What was read.
        what: String,
        /// What the client said.
        #[source]
        source: kube::Error,
    },
    /// The autoscalers and disruption budgets of the namespace are not known yet.
    #[error("autoscalers and disruption budgets are not listed after {} s: the watches say why", .0.as_secs())]
    NotListed(std::time::Duration),
    /// Some children were not taken; the others were.
    #[error("apply {}", list(.0))]
    Children(Vec<ChildError>),
    /// The status could not be written.
    #[error("write the status: {}", crate::kube::message(.0))]
    Status(#[source] kube::Error),
    /// The whole reconcile took too long.
    #[error("no end after {} s", .0.as_secs())]
    Timeout(std::time::Duration),
}

fn list(errors: &[ChildError]) -> String {
    let each: Vec<_> = errors.iter().map(|error| format!("{error}: {}", crate::kube::message(&error.source))).collect();
    each.join("; ")
}

impl Error {
    /// Which of a bounded set of categories the error is in.
    pub fn category(&self) -> Category {
        match self {
            Self::Read { source, .. } | Self::Status(source) => categorize(source),
            // The worst for the user's patience: one that a retry will not mend.
            Self::Children(errors) => errors
                .iter()
                .map(|error| error.category)
                .find(|category| !category.is_transient())
                .or_else(|| errors.first().map(|error| error.category))
                .unwrap_or(Category::Transport),
            Self::NotListed(_) | Self::Timeout(_) => Category::Timeout,
        }
    }
}
