//! Whether the autoscaler can scale, in its own words.

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
    let conditions = facts
        .observed
        .live
        .autoscaler
        .as_ref()
        .and_then(|live| live.status.as_ref())
        .and_then(|status| status.conditions.clone())
        .unwrap_or_default();
    match conditions.iter().find(|condition| cannot_scale(condition, now)) {
        None => child,
        Some(condition) => {
            let words = condition.message.clone().unwrap_or_default();
            let reason = condition.reason.as_deref().unwrap_or(&condition.type_);
            Verdict::new(child.type_, Truth::False, reasons::CANNOT_SCALE, format!("{reason}: {words}"))
        }
    }
}

fn cannot_scale(condition: &HorizontalPodAutoscalerCondition, now: Timestamp) -> bool {
    let matters = matches!(&*condition.type_, "AbleToScale" | "ScalingActive");
    // A workload that a person has scaled to zero is not scaled by anyone, and need not be.
    let meant = condition.reason.as_deref() == Some("ScalingDisabled");
    let old = condition.last_transition_time.as_ref().is_none_or(|since| now.as_second() - since.0.as_second() >= GRACE_SECONDS);
    matters && !meant && condition.status == "False" && old
}
