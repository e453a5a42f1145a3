//! Profiles and what belongs to them, made, counted and taken away.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

/// Namespaces over which the profiles are spread.
const NAMESPACES: usize = 20;

/// A kind by its group, version and name.
pub fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The kinds of the children.
pub fn children() -> [ApiResource; 3] {
    [
        kind("autoscaling", "v2", "HorizontalPodAutoscaler"),
        kind("policy", "v1", "PodDisruptionBudget"),
        kind("monitoring.coreos.com", "v1", "PrometheusRule"),
    ]
}

/// The kind of the profiles.
pub fn profiles() -> ApiResource {
    kind("plimsoll.dev", "v1alpha1", "PerformanceProfile")
}

/// Namespace of the profile with this number.
pub fn namespace(number: usize) -> String {
    format!("bench-{:02}", number % NAMESPACES)
}

/// Name of the profile with this number.
pub fn name(number: usize) -> String {
    format!("service-{number:05}")
}

/// A workload without pods: what is measured is the operator, not a kubelet.
fn deployment(number: usize) -> Value {
    let name = name(number);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace(number)},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "localhost/none:0"}]},
            },
        },
    })
}

/// A profile with two objectives.
fn profile(number: usize) -> Value {
    let name = name(number);
    json!({
        "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile",
        "metadata": {"name": name, "namespace": namespace(number)},
        "spec": {
            "targetRef": {"name": name},
            "objectives": [
                {"name": "availability", "target": "99.9", "indicator": {"ratio": {
                    "errors": format!("http_requests_total{{job=\"{name}\",code=~\"5..\"}}"),
                    "total": format!("http_requests_total{{job=\"{name}\"}}"),
                }}},
                {"name": "latency", "target": "95", "indicator": {"latency": {
                    "histogram": "http_request_duration_seconds",
                    "selector": format!("job=\"{name}\""),
                    "threshold": "200ms",
                }}},
            ],
        },
    })
}

/// Applies one object.
pub async fn apply(client: &Client, resource: &ApiResource, object: &Value) -> Result<DynamicObject> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), text("/metadata/namespace"), resource);
    let params = PatchParams::apply("bench").force();
    let name = text("/metadata/name");
    api.patch(name, &params, &Patch::Apply(object)).await.with_context(|| format!("{} {name}", resource.kind))
}

/// Makes the namespaces and the workloads.
pub async fn workloads(client: &Client, count: usize) -> Result<()> {
    let namespaces = Api::<DynamicObject>::all_with(client.clone(), &kind("", "v1", "Namespace"));
    for number in 0..NAMESPACES {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(number)}});
        namespaces.patch(&namespace(number), &PatchParams::apply("bench").force(), &Patch::Apply(&object)).await?;
    }
    let resource = kind("apps", "v1", "Deployment");
    each(0..count, 16, |number| {
        let (client, resource) = (client.clone(), resource.clone());
        async move { apply(&client, &resource, &deployment(number)).await.map(drop) }
    })
    .await
}

/// Makes the profiles with these numbers, so many at a time.
pub async fn make_profiles(client: &Client, numbers: std::ops::Range<usize>, at_once: usize) -> Result<()> {
    each(numbers, at_once, |number| {
        let client = client.clone();
        async move { apply(&client, &profiles(), &profile(number)).await.map(drop) }
    })
    .await
}

/// Does something for every number, so many at a time.
pub async fn each<F>(numbers: std::ops::Range<usize>, at_once: usize, one: impl Fn(usize) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    stream::iter(numbers.map(|number| Ok(one(number)))).try_buffer_unordered(at_once).try_collect().await
}

/// How many objects of a kind there are in the cluster, without reading them.
pub async fn count(client: &Client, resource: &ApiResource) -> Result<usize> {
    let list = Api::<DynamicObject>::all_with(client.clone(), resource);
    let list = list.list_metadata(&ListParams::default().limit(1)).await?;
    let rest = list.metadata.remaining_item_count.unwrap_or(0);
    Ok(list.items.len() + usize::try_from(rest)?)
}

/// What the operator has written: the children of each profile and its status, as a bare client would apply them.
pub struct Written {
    /// Kind and object.
    pub children: Vec<(ApiResource, Value)>,
    /// The status.
    pub status: Value,
}

/// Reads back what the operator has written, by the profile's number.
pub async fn written(client: &Client, count: usize) -> Result<Vec<Written>> {
    let mut all: HashMap<(String, String), Written> = HashMap::new();
    let everything = async |resource: &ApiResource| {
        let api = Api::<DynamicObject>::all_with(client.clone(), resource);
        let (mut items, mut params) = (Vec::new(), ListParams::default().limit(500));
        loop {
            let list = api.list(&params).await?;
            items.extend(list.items);
            match list.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                _ => return anyhow::Ok(items),
            }
        }
    };
    for profile in everything(&profiles()).await? {
        let status = profile.data.get("status").cloned().unwrap_or_default();
        let key = (profile.namespace().unwrap_or_default(), profile.name_any());
        all.insert(key, Written { children: Vec::new(), status });
    }
    for resource in children() {
        for child in everything(&resource).await? {
            let owner = child.metadata.owner_references.iter().flatten().next().map(|owner| owner.name.clone());
            let key = (child.namespace().unwrap_or_default(), owner.unwrap_or_default());
            let Some(written) = all.get_mut(&key) else { continue };
            let object = json!({
                "apiVersion": resource.api_version, "kind": resource.kind,
                "metadata": {
                    "name": child.name_any(), "namespace": key.0, "labels": child.labels(),
                    "ownerReferences": child.metadata.owner_references,
                },
                "spec": child.data.get("spec"),
            });
            written.children.push((resource.clone(), object));
        }
    }
    let of = |number| all.remove(&(namespace(number), name(number))).context("a profile is missing");
    (0..count).map(of).collect()
}

/// Makes the same as the operator, with as many requests at a time: a profile, its children, its status.
pub async fn bare(client: &Client, written: &[Written], at_once: usize) -> Result<()> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let making = async move {
        let sender = &sender;
        each(0..written.len(), at_once, |number| {
            let client = client.clone();
            async move {
                let made = apply(&client, &profiles(), &profile(number)).await?;
                sender.send((number, made.uid().unwrap_or_default())).context("nobody listens")
            }
        })
        .await
    };
    let made = stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|one| (one, receiver)) });
    let children = made.map(Ok).try_for_each_concurrent(at_once, |(number, uid)| async move {
        let one = written.get(number).context("no such profile")?;
        for (resource, object) in &one.children {
            let mut object = object.clone();
            for owner in
                object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
            {
                owner["uid"] = json!(uid);
            }
            apply(client, resource, &object).await?;
        }
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace(number), &profiles());
        let status = json!({"apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "status": one.status});
        api.patch_status(&name(number), &PatchParams::apply("bench").force(), &Patch::Apply(&status)).await?;
        anyhow::Ok(())
    });
    // The channel ends with the making.
    let (made, written) = tokio::join!(making, children);
    made.and(written)
}

/// Takes everything away but the workloads, and waits until it is gone.
pub async fn clean(client: &Client) -> Result<()> {
    let [autoscaler, budget, rule] = children();
    for resource in [profiles(), autoscaler, budget, rule] {
        for number in 0..NAMESPACES {
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace(number), &resource);
            api.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
        }
    }
    for resource in children().into_iter().chain([profiles()]) {
        for tries in 0.. {
            if count(client, &resource).await? == 0 {
                break;
            }
            if tries > 600 {
                bail!("{} objects do not go", resource.kind);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// Takes the namespaces away.
pub async fn remove(client: &Client) -> Result<()> {
    let namespaces = Api::<DynamicObject>::all_with(client.clone(), &kind("", "v1", "Namespace"));
    for number in 0..NAMESPACES {
        let _ = namespaces.delete(&namespace(number), &DeleteParams::background()).await;
    }
    Ok(())
}
