//! Waits for what the operator does, as one that watches: at the least cost for the server.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;

use crate::objects;

/// Longest wait.
const LONGEST: Duration = Duration::from_secs(600);

/// Ends when so many profiles have a status, and so many of each child are there.
pub async fn converged(client: Client, size: usize) -> Result<()> {
    let statuses = async {
        let api = Api::<DynamicObject>::all_with(client.clone(), &objects::profiles());
        let mut events = std::pin::pin!(watcher::metadata_watcher(api, watcher::Config::default()).touched_objects());
        let mut with_status = HashSet::new();
        while with_status.len() < size {
            let profile = events.try_next().await?.context("the watch ended")?;
            // The object itself is not read: who has written a status is among its metadata.
            if profile.managed_fields().iter().any(|entry| entry.subresource.as_deref() == Some("status")) {
                with_status.insert((profile.namespace(), profile.name_any()));
            }
        }
        anyhow::Ok(())
    };
    let children = async {
        for resource in objects::children() {
            while objects::count(&client, &resource).await? < size {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        anyhow::Ok(())
    };
    let both = async { tokio::try_join!(statuses, children) };
    tokio::time::timeout(LONGEST, both).await.context("not converged in ten minutes")??;
    Ok(())
}

/// The moment at which an autoscaler with this maximum is seen.
pub async fn autoscaler_with(
    client: Client,
    resource: ApiResource,
    namespace: String,
    name: String,
    most: i64,
) -> Result<Instant> {
    let api = Api::<DynamicObject>::namespaced_with(client, &namespace, &resource);
    let events = watcher(api, watcher::Config::default().fields(&format!("metadata.name={name}"))).touched_objects();
    let wanted = events.filter_map(|object| async move {
        let found = object.ok()?.data.pointer("/spec/maxReplicas").and_then(Value::as_i64);
        (found == Some(most)).then(Instant::now)
    });
    std::pin::pin!(wanted).next().await.context("the watch ended")
}
