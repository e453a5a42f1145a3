//! From `spec.pooling` to poolers that can be built. Nothing in a plan can be wrong: it becomes configuration of another program.

use k8s_openapi::{
    api::{
        autoscaling::v2::HorizontalPodAutoscalerBehavior,
        core::v1::{ResourceRequirements, Toleration},
    },
    apimachinery::pkg::api::resource::Quantity,
};
use std::collections::BTreeMap;

use crate::{
    api::{
        reasons,
        v1alpha1::{Management, PerformanceProfile, PostgresPooling},
    },
    pooler::{
        keys::{Reloadable, check_parameter},
        version,
        wanted::{Wanted, hash},
    },
    profile::{
        children::Why,
        finding::{Finding, Level},
        observe::Observed,
        settings::Settings,
    },
};

use super::{Part, metrics::default_behavior, rule_object};

mod budget;
mod document;
mod resources;
mod words;

/// Where the poolers' part of a profile stands.
const PLACE: &str = "/spec/pooling/postgres";

/// Poolers as they are to be.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolingPlan {
    /// What the agents follow.
    pub document: Document,
    /// Image with `PgBouncer`.
    pub image: String,
    /// Image with the operator's own program.
    pub agent_image: String,
    /// Fewest poolers.
    pub min: i32,
    /// Most poolers.
    pub max: i32,
    /// Requests and limits of a pooler.
    pub resources: ResourceRequirements,
    /// CPU of a pooler, on average, beyond which there are to be more of them.
    pub cpu: Quantity,
    /// How fast their number moves.
    pub behavior: HorizontalPodAutoscalerBehavior,
    /// Labels of the nodes that they may run on.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that they bear.
    pub tolerations: Vec<Toleration>,
    /// Secrets for the images' registries.
    pub image_pull_secrets: Vec<String>,
    /// Their priority class.
    pub priority_class: Option<String>,
    /// What is mounted.
    pub secrets: Secrets,
    /// Changes with whatever `PgBouncer` takes only at its start.
    pub restart_hash: String,
    /// Whether the cluster can be told to scrape them.
    pub scraped: bool,
    /// Labels of the object that says so.
    pub scrape_labels: BTreeMap<String, String>,
}

/// What the agents follow, and its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The content.
    pub wanted: Wanted,
    /// The same as it is written.
    pub text: String,
    /// The name by which agents say that they have it.
    pub hash: String,
}

/// Names of the secrets that poolers mount, all of the profile's own namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// List of users: secret and key.
    pub userlist: Option<(String, String)>,
    /// Password of the looking-up user: secret and key.
    pub auth_user: Option<(String, String)>,
    /// The agent's own user.
    pub monitor: Option<String>,
    /// Certificate shown to clients.
    pub client_tls: Option<String>,
    /// Authority of the servers.
    pub server_tls: Option<String>,
}

/// The declaration, where there is one that is not switched off.
pub fn declared(profile: &PerformanceProfile) -> Option<&PostgresPooling> {
    profile.spec.pooling.as_ref()?.postgres.as_ref().filter(|postgres| postgres.mode == Management::Managed)
}

/// Everything that is wrong is a finding, and then nothing is changed: running poolers keep the configuration that they have.
pub fn pooling(
    profile: &PerformanceProfile,
    observed: &Observed,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Part<PoolingPlan> {
    let Some(postgres) = declared(profile) else {
        return Part::Unwanted(match profile.spec.pooling.as_ref().and_then(|pooling| pooling.postgres.as_ref()) {
            Some(_) => Why::new(reasons::DISABLED, "pooling.postgres.mode is Disabled: no poolers"),
            None => Why::new(reasons::NOT_DECLARED, "no pools are declared"),
        });
    };
    let mut found = words::findings(postgres);
    let restart_hash = parameters(postgres, &mut found);
    resources::findings(postgres.resources.as_ref(), &mut found);
    let document = document::document(profile, postgres, &observed.live.pooler);
    match &document {
        Ok(document) => budget::findings(postgres, &document.wanted, &mut found),
        Err(finding) => found.push(finding.clone()),
    }
    let error = found.iter().find(|finding| finding.level == Level::Error).map(ToString::to_string);
    findings.append(&mut found);
    let document = match (error, document) {
        (None, Ok(document)) => document,
        (error, _) => {
            let what = error.unwrap_or_default();
            return Part::Held(Why::new(
                reasons::INVALID,
                format!("{what}; poolers that run keep the configuration that they have"),
            ));
        }
    };
    let image = postgres.image.clone().or_else(|| settings.pooler.image.clone());
    let (Some(image), Some(agent_image)) = (image, settings.pooler.agent_image.clone()) else {
        return Part::Held(image_not_set(postgres));
    };
    let instances = postgres.instances.clone().unwrap_or_default();
    let pod = postgres.pod.clone().unwrap_or_default();
    let resources = resources::or_default(postgres.resources.as_ref());
    Part::Wanted(PoolingPlan {
        document,
        image,
        agent_image,
        min: instances.min,
        max: instances.max,
        cpu: resources::scale_out_at(&resources),
        resources,
        behavior: default_behavior(),
        node_selector: pod.node_selector,
        tolerations: pod.tolerations,
        image_pull_secrets: pod.image_pull_secrets.into_iter().map(|secret| secret.name).collect(),
        priority_class: pod.priority_class_name,
        secrets: secrets(postgres),
        restart_hash,
        scraped: observed.rule_apis.pod_monitor,
        scrape_labels: rule_object::labels(profile, settings),
    })
}

fn image_not_set(postgres: &PostgresPooling) -> Why {
    let message = if postgres.image.is_none() {
        "no image with PgBouncer is named: set spec.pooling.postgres.image, or start the operator with --pooler-image (the chart's pooling.image)"
    } else {
        "the operator does not know its own image, which poolers take its program from: start it with --agent-image (the chart's pooling.agentImage)"
    };
    Why::new(reasons::IMAGE_NOT_SET, message)
}

/// Checks each parameter; those that `PgBouncer` takes only at its start make a name that changes with them.
fn parameters(postgres: &PostgresPooling, found: &mut Vec<Finding>) -> String {
    let mut at_start = BTreeMap::new();
    let version = match version::wanted(&postgres.version) {
        Ok(version) => version,
        Err(error) => {
            found.push(Finding::new(Level::Error, format!("{PLACE}/version"), error.to_string()));
            return String::new();
        }
    };
    for (key, value) in &postgres.parameters {
        match check_parameter(version, key, value) {
            Ok(Reloadable::Reload) => {}
            Ok(Reloadable::Restart) => {
                at_start.insert(key, value);
            }
            Err(error) => {
                let place = format!("{PLACE}/parameters/{}", key.replace('~', "~0").replace('/', "~1"));
                found.push(Finding::new(Level::Error, place, error.to_string()));
            }
        }
    }
    let text: Vec<_> = at_start.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    hash(&text.join("\n"))
}

fn secrets(postgres: &PostgresPooling) -> Secrets {
    let auth = &postgres.auth;
    let tls = postgres.tls.as_ref();
    let password = auth.auth_query.as_ref().and_then(|query| query.password_secret_ref.as_ref());
    Secrets {
        userlist: auth.userlist_secret_ref.as_ref().map(|secret| (secret.name.clone(), secret.key.clone())),
        auth_user: password.map(|secret| (secret.name.clone(), secret.key.clone())),
        monitor: postgres.monitoring.as_ref().map(|monitoring| monitoring.secret_ref.name.clone()),
        client_tls: tls.and_then(|tls| tls.client.as_ref()).map(|client| client.secret_ref.name.clone()),
        server_tls: tls
            .and_then(|tls| tls.server.as_ref())
            .and_then(|server| server.secret_ref.as_ref())
            .map(|secret| secret.name.clone()),
    }
}

#[cfg(test)]
mod tests;
