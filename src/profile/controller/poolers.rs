//! Watches of what runs the poolers.

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::{
    core::v1::{Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::{Role, RoleBinding},
};
use kube::runtime::{reflector::ObjectRef, watcher};

use super::{Controller, stubs};
use crate::{
    api::labels,
    kube::{Cache, PodMonitor, Written},
    profile::Kept,
};

impl Controller {
    /// What runs the poolers, beside the objects that are watched anyway.
    pub(super) fn poolers(&self) -> impl Stream<Item = ObjectRef<Kept>> + use<> {
        let selector =
            format!("{}={},{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::NAME, labels::PGBOUNCER);
        let ours = || watcher::Config::default().labels(&selector);
        stream::select_all([
            self.owned::<Service>(ours()).boxed(),
            self.owned::<ServiceAccount>(ours()).boxed(),
            self.owned::<NetworkPolicy>(ours()).boxed(),
            self.owned::<Role>(ours()).boxed(),
            self.owned::<RoleBinding>(ours()).boxed(),
            stubs(self.rules::<PodMonitor>(ours(), |apis| apis.pod_monitor), Cache::new(|_| Vec::new())).boxed(),
        ])
    }

    /// Profiles whose child of this kind has changed in any way.
    fn owned<K>(&self, config: watcher::Config) -> impl Stream<Item = ObjectRef<Kept>> + use<K>
    where
        K: Written,
    {
        stubs(self.metadata::<K>(config), Cache::new(|_| Vec::new()))
    }
}
