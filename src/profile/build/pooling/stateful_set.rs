//! The poolers.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy,
};

use super::{metadata, pooler_name, pooler_pods_name, selector, template};
use crate::profile::validate::{PoolingPlan, Profile};

/// Time for which a pooler must have been ready before the next one is replaced: that long it takes until all nodes send clients there.
const SETTLED: i32 = 5;

/// The poolers, without their number: that is their autoscaler's. A set, because a pooler has to have a number of its own that stays: a
/// cancel finds the right one by it.
pub fn build(profile: &Profile, plan: &PoolingPlan) -> StatefulSet {
    StatefulSet {
        metadata: metadata(profile, pooler_name(&profile.name)),
        spec: StatefulSetSpec {
            service_name: Some(pooler_pods_name(&profile.name)),
            selector: selector(profile),
            pod_management_policy: Some("Parallel".to_owned()),
            min_ready_seconds: Some(SETTLED),
            revision_history_limit: Some(3),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                // Without a partition Kubernetes 1.37 makes a pod that was not ready at a change from the old template, and removes it
                // again at once, without end: what counts as current then is by ordinals, and it replaces those that are not ready first.
                rolling_update: Some(RollingUpdateStatefulSetStrategy {
                    partition: Some(0),
                    ..RollingUpdateStatefulSetStrategy::default()
                }),
            }),
            template: template::template(profile, plan),
            ..StatefulSetSpec::default()
        },
        status: None,
    }
}
