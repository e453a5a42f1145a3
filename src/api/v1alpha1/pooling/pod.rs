//! How many poolers there are, and where their pods run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretName;

/// How many poolers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.min <= self.max").message("instances.min must not be above instances.max (defaults: 2 and 6)"))]
pub struct PoolerInstances {
    /// Fewest, from 1 to 50; with 1 nothing serves while it is replaced. Default: 2.
    #[serde(default = "default_min")]
    #[schemars(range(min = 1, max = 50))]
    pub min: i32,

    /// Most, from 1 to 50: more are made while their CPU is above 70 % of what one PgBouncer can use. Default: 6.
    #[serde(default = "default_max")]
    #[schemars(range(min = 1, max = 50))]
    pub max: i32,
}

impl Default for PoolerInstances {
    fn default() -> Self {
        Self { min: default_min(), max: default_max() }
    }
}

/// Where the poolers' pods run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PoolerPod {
    /// Labels of the nodes that they may run on. Default: any node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20), extend("additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,

    /// Taints that they bear: at most 20. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<Toleration>,

    /// Secrets with credentials for the images' registries: at most 10. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub image_pull_secrets: Vec<SecretName>,

    /// Their priority class. Default: the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')").message("priorityClassName is the name of a PriorityClass"))]
    pub priority_class_name: Option<String>,
}

const fn default_min() -> i32 {
    2
}

const fn default_max() -> i32 {
    6
}
