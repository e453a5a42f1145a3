//! Whether the API server serves a resource.

use std::time::Duration;

use kube::Client;

use super::{Category, categorize, error::no_answer};

/// Longest wait for the list of what is served.
const LONGEST: Duration = Duration::from_secs(10);

/// Whether a resource, such as `prometheusrules` of `monitoring.coreos.com/v1`, is served.
pub async fn api_served(client: &Client, group_version: &str, plural: &str) -> Result<bool, kube::Error> {
    let listed = tokio::time::timeout(LONGEST, client.list_api_group_resources(group_version)).await;
    match listed.unwrap_or_else(|_| Err(no_answer(LONGEST))) {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
        Err(error) if categorize(&error) == Category::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
