//! What the agents may do at the API server: read their own document.

use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

use super::{metadata, pooler_name};
use crate::profile::validate::Profile;

/// Who the agents are.
pub fn service_account(profile: &Profile) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(profile, pooler_name(&profile.name)),
        // The pods ask for the token themselves.
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// One object, by its name. A watch with that name as its field selector is all that it lets through.
pub fn role(profile: &Profile) -> Role {
    Role {
        metadata: metadata(profile, pooler_name(&profile.name)),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["configmaps".to_owned()]),
            resource_names: Some(vec![pooler_name(&profile.name)]),
            verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
            ..PolicyRule::default()
        }]),
    }
}

/// Gives it to them.
pub fn role_binding(profile: &Profile) -> RoleBinding {
    let name = pooler_name(&profile.name);
    RoleBinding {
        metadata: metadata(profile, name.clone()),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(profile.namespace.clone()),
            ..Subject::default()
        }]),
    }
}
