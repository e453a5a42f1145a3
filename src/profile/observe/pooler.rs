//! Reads what runs the poolers. Profiles without any cost no request.

use std::sync::Arc;

use kube::{Client, Resource, ResourceExt, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use super::{read::child, stores::Stores};
use crate::{
    api::v1alpha1::PerformanceProfile,
    profile::{
        build::{pooler_name, pooler_pods_name},
        children::{Live, PoolerChildren},
        error::Error,
        validate::declared_pooling,
    },
};

/// Whether the profile has poolers, or may have some left. Its status need not speak of them: it was not written yet when the profile
/// was changed again, or the process ended before. Their configuration is the first that is written and the last that is removed.
fn concerned(profile: &PerformanceProfile, stores: &Stores) -> bool {
    let name = pooler_name(&profile.name_any());
    let known = profile.status.iter().flat_map(|status| &status.children).any(|child| child.name.starts_with(&name));
    known
        || declared_pooling(profile).is_some()
        || stores.rule_files.get(&profile.namespace().unwrap_or_default(), &name).is_some()
}

/// Every object that runs the poolers, as it is now.
pub async fn read(
    client: &Client,
    stores: &Stores,
    profile: &PerformanceProfile,
    monitors: bool,
) -> Result<PoolerChildren<Live>, Error> {
    if !concerned(profile, stores) {
        return Ok(PoolerChildren::default());
    }
    let one = One {
        client,
        namespace: profile.namespace().unwrap_or_default(),
        name: pooler_name(&profile.name_any()),
        pods_name: pooler_pods_name(&profile.name_any()),
    };
    let access = async { tokio::try_join!(one.named(), one.named(), one.named(), one.named()) };
    let reached = async { tokio::try_join!(one.of_pods(), one.named(), one.named()) };
    let sized = async {
        let monitor = async { if monitors { one.named().await } else { Ok(None) } };
        tokio::try_join!(one.named(), one.named(), one.named(), monitor)
    };
    let (
        (config, service_account, role, role_binding),
        (pods_service, service, network_policy),
        (stateful_set, autoscaler, disruption_budget, pod_monitor),
    ) = tokio::try_join!(access, reached, sized)?;
    Ok(PoolerChildren {
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
    })
}

struct One<'a> {
    client: &'a Client,
    namespace: String,
    name: String,
    pods_name: String,
}

impl One<'_> {
    async fn named<K>(&self) -> Result<Option<Arc<K>>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
    {
        Ok(child(self.client, &self.namespace, &self.name).await?.map(Arc::new))
    }

    async fn of_pods<K>(&self) -> Result<Option<Arc<K>>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
    {
        Ok(child(self.client, &self.namespace, &self.pods_name).await?.map(Arc::new))
    }
}
