//! Carries out the plans for the poolers.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{Applier, in_time};
use crate::{
    api::{FIELD_MANAGER, v1alpha1::ChildState},
    kube::{Category, categorize, message},
    profile::{
        build::{pooler_name, pooler_pods_name},
        children::{Applied, Desired, Live, Plan, PoolerChildren},
        error::ChildError,
    },
};

impl Applier<'_> {
    /// Carries every plan for the poolers out, what their pods need before the pods.
    pub(super) async fn pooler(
        &self,
        desired: PoolerChildren<Desired>,
        live: &PoolerChildren<Live>,
        errors: &mut Vec<ChildError>,
    ) -> PoolerChildren<Applied> {
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
        } = desired;
        let name = &*pooler_name(self.profile);
        let pods_name = &*pooler_pods_name(self.profile);
        // The first that is written is the last that goes: by it a later reconcile knows of the others.
        let goes = matches!(config, Plan::Absent);
        let written = if goes { None } else { Some(self.child(config, live.config.as_deref(), name, errors).await.0) };
        let service_account = self.child(service_account, live.service_account.as_deref(), name, errors).await.0;
        let role = self.child(role, live.role.as_deref(), name, errors).await.0;
        let role_binding = self.child(role_binding, live.role_binding.as_deref(), name, errors).await.0;
        let pods_service = self.child(pods_service, live.pods_service.as_deref(), pods_name, errors).await.0;
        let service = self.child(service, live.service.as_deref(), name, errors).await.0;
        let network_policy = self.child(network_policy, live.network_policy.as_deref(), name, errors).await.0;
        let made = live.stateful_set.is_none() && matches!(stateful_set, Plan::Apply(_));
        let set = Box::pin(self.child(stateful_set, live.stateful_set.as_deref(), name, errors)).await.0;
        if made && set.state == Some(ChildState::Applied) {
            self.seed(name, autoscaler_minimum(&autoscaler)).await;
        }
        PoolerChildren {
            service_account,
            role,
            role_binding,
            pods_service,
            service,
            network_policy,
            stateful_set: set,
            autoscaler: self.child(autoscaler, live.autoscaler.as_deref(), name, errors).await.0,
            disruption_budget: self.child(disruption_budget, live.disruption_budget.as_deref(), name, errors).await.0,
            pod_monitor: self.child(pod_monitor, live.pod_monitor.as_deref(), name, errors).await.0,
            config: match written {
                Some(outcome) => outcome,
                None => self.child(Plan::Absent, live.config.as_deref(), name, errors).await.0,
            },
        }
    }

    /// Asks once, when the set has just been made, for the fewest poolers. From then on their number is the autoscaler's, which would
    /// otherwise take its time for the first step.
    async fn seed(&self, name: &str, minimum: Option<i32>) {
        let Some(minimum) = minimum else { return };
        let api = Api::<StatefulSet>::namespaced(self.client.clone(), self.namespace);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = json!({"spec": {"replicas": minimum}});
        let asked = in_time(async { api.patch_scale(name, &params, &Patch::Merge(&patch)).await }).await;
        if let Err(error) = asked
            && categorize(&error) != Category::NotFound
        {
            tracing::warn!(name, error = message(&error), "poolers not scaled; their autoscaler does it");
        }
    }
}

fn autoscaler_minimum(plan: &Plan<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler>) -> Option<i32> {
    match plan {
        Plan::Apply(autoscaler) => autoscaler.spec.min_replicas,
        Plan::Absent | Plan::Hold(_) => None,
    }
}
