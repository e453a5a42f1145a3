//! Whether the API server serves a resource.

use kube::Client;

use super::{Category, categorize};

/// Whether a resource, such as `prometheusrules` of `monitoring.coreos.com/v1`, is served.
pub async fn api_served(client: &Client, group_version: &str, plural: &str) -> Result<bool, kube::Error> {
    match client.list_api_group_resources(group_version).await {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
        Err(error) if categorize(&error) == Category::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
