//! Errors of the API server, in few categories.

use std::time::Duration;

/// Category of a failed request, for metrics and conditions. The set is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// 403: the operator's role lacks the verb.
    Forbidden,
    /// 403 because the namespace is being deleted.
    NamespaceTerminating,
    /// 404: the object or its API is not there.
    NotFound,
    /// 409: somebody else wrote at the same time.
    Conflict,
    /// 400 or 422: the API server refuses the content.
    Invalid,
    /// 429: too many requests.
    Throttled,
    /// 5xx.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// No connection, or an answer that cannot be read.
    Transport,
}

impl Category {
    /// The category as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NamespaceTerminating => "namespace_terminating",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
        }
    }

    /// Whether the same request may succeed later without anybody's doing.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Conflict | Self::Throttled | Self::Unavailable | Self::Timeout | Self::Transport)
    }
}

/// No answer came within a time limit of ours: the client itself waits for ever.
#[derive(Debug, thiserror::Error)]
#[error("the API server does not answer within {} s", .0.as_secs())]
struct NoAnswer(Duration);

/// The error of a request that was given up.
pub fn no_answer(after: Duration) -> kube::Error {
    kube::Error::Service(Box::new(NoAnswer(after)))
}

/// The category of an error of the client.
pub fn categorize(error: &kube::Error) -> Category {
    let status = match error {
        kube::Error::Api(status) => status,
        kube::Error::Service(cause) if cause.is::<NoAnswer>() => return Category::Timeout,
        _ => return Category::Transport,
    };
    match status.code {
        // The API server has no reason of its own for it; the cause has (admission plugin NamespaceLifecycle).
        403 if status.message.contains("because it is being terminated") => Category::NamespaceTerminating,
        401 | 403 => Category::Forbidden,
        404 => Category::NotFound,
        409 => Category::Conflict,
        400 | 422 => Category::Invalid,
        429 => Category::Throttled,
        504 => Category::Timeout,
        500.. => Category::Unavailable,
        _ => Category::Transport,
    }
}

/// What the API server said, in one line without the client's wrapping.
pub fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Service(cause) if cause.is::<NoAnswer>() => cause.to_string(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            text
        }
    }
}
