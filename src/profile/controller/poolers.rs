//! Watches of what runs the poolers.

use futures::{Stream, StreamExt, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::{Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Resource,
    runtime::{reflector::ObjectRef, watcher},
};
use serde::de::DeserializeOwned;

use super::Controller;
use crate::{
    api::labels,
    kube::PodMonitor,
    profile::{
        Guarded,
        triggers::{self, triggers},
    },
};

impl Controller {
    /// What runs the poolers, beside the objects that are watched anyway.
    pub(super) fn poolers(&self) -> impl Stream<Item = ObjectRef<Guarded>> + use<> {
        let selector =
            format!("{}={},{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::NAME, labels::PGBOUNCER);
        let ours = || watcher::Config::default().labels(&selector);
        stream::select_all([
            self.owned::<Service>(ours()).boxed(),
            self.owned::<ServiceAccount>(ours()).boxed(),
            self.owned::<NetworkPolicy>(ours()).boxed(),
            self.owned::<Role>(ours()).boxed(),
            self.owned::<RoleBinding>(ours()).boxed(),
            triggers(
                self.rules::<PodMonitor>(ours(), |apis| apis.pod_monitor),
                triggers::version_fingerprint,
                triggers::owner,
            )
            .boxed(),
        ])
    }

    /// Profiles whose child of this kind has changed in any way.
    fn owned<K>(&self, config: watcher::Config) -> impl Stream<Item = ObjectRef<Guarded>> + use<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        triggers(self.metadata::<K>(config), triggers::version_fingerprint, triggers::owner)
    }
}
