//! Whether the autoscaler can scale, in its own words.

use std::time::Duration;

use k8s_openapi::{api::autoscaling::v2::HorizontalPodAutoscalerCondition, jiff::Timestamp};

use super::{Facts, Truth, Verdict};
use crate::api::reasons;

/// How long the autoscaler may be without metrics before it counts: a new pod has none for its first minute.
const GRACE_SECONDS: i64 = 90;

/// The child's verdict, unless the autoscaler says that it has not been able to scale for a while.
pub fn verdict(child: Verdict, facts: &Facts<'_>, now: Timestamp) -> Verdict {
    if child.truth != Truth::True {
        return child;
    }
    match troubles(facts).find(|trouble| lasted(trouble, now) >= GRACE_SECONDS) {
        None => child,
        Some(condition) => {
            let words = condition.message.clone().unwrap_or_default();
            let reason = condition.reason.as_deref().unwrap_or(&condition.type_);
            Verdict::new(child.type_, Truth::False, reasons::CANNOT_SCALE, format!("{reason}: {words}"))
        }
    }
}

/// Time until the autoscaler's trouble counts; nothing where it has none that does not count yet.
pub fn grace_ends_in(facts: &Facts<'_>, now: Timestamp) -> Option<Duration> {
    let left = troubles(facts).map(|trouble| GRACE_SECONDS - lasted(trouble, now));
    left.filter(|seconds| *seconds > 0).min().and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}

/// The conditions that say that the autoscaler cannot scale.
fn troubles<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a HorizontalPodAutoscalerCondition> {
    let status = facts.observed.live.autoscaler.as_ref().and_then(|live| live.status.as_ref());
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    conditions.filter(|condition| {
        let matters = matches!(&*condition.type_, "AbleToScale" | "ScalingActive");
        // A workload that a person has scaled to zero is not scaled by anyone, and need not be.
        let meant = condition.reason.as_deref() == Some("ScalingDisabled");
        matters && !meant && condition.status == "False"
    })
}

/// For how many seconds a condition has been as it is.
fn lasted(condition: &HorizontalPodAutoscalerCondition, now: Timestamp) -> i64 {
    condition.last_transition_time.as_ref().map_or(i64::MAX, |since| now.as_second() - since.0.as_second())
}
