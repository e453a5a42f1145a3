//! Harm to the cluster itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use nix::sys::signal::Signal;

use super::Verdict;
use crate::{
    scene::{Run, Scene, insist},
    state,
};

const DEFINITION: &str = include_str!("../../../crds/performanceprofiles.plimsoll.dev.yaml");

/// Everything that the operator writes.
const CHILDREN: [&str; 11] = [
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "PrometheusRule",
    "PodMonitor",
    "ConfigMap",
    "Service",
    "ServiceAccount",
    "StatefulSet",
    "NetworkPolicy",
    "Role",
    "RoleBinding",
];

/// All children go at once.
pub async fn children_deleted(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    scene.converge().await?;
    let before = scene.writes();
    state::clear(&scene.run.client, &scene.run.namespace, &CHILDREN).await?;
    let converged = scene.converge().await?;
    scene.assert_survived()?;
    Ok(Verdict::of(converged, format!("{} writes to mend it", scene.writes() - before)))
}

/// The API server dies in the middle of the work, and comes back.
pub async fn api_server_killed(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    let after = scene.random.between(Duration::from_secs(1), Duration::from_secs(6));
    let harm = async {
        tokio::time::sleep(after).await;
        let began = Instant::now();
        scene.run.lab.kill("kube-apiserver").await?;
        scene.run.lab.up().await?;
        anyhow::Ok(began.elapsed())
    };
    let (away, ()) = tokio::try_join!(harm, scene.play())?;
    let note = format!("away for {:.1} s, {} restarts", away.as_secs_f64(), scene.ends());
    Ok(Verdict::of(scene.converge().await?, note))
}

/// etcd stands still for a while in the middle of the work.
pub async fn etcd_stalled(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    let after = scene.random.between(Duration::from_secs(1), Duration::from_secs(6));
    let length = scene.random.between(Duration::from_secs(5), Duration::from_secs(10));
    let harm = async {
        tokio::time::sleep(after).await;
        scene.run.lab.signal("etcd", Signal::SIGSTOP)?;
        tokio::time::sleep(length).await;
        scene.run.lab.signal("etcd", Signal::SIGCONT)
    };
    let ((), ()) = tokio::try_join!(harm, scene.play())?;
    let note = format!("stalled for {:.1} s, {} restarts", length.as_secs_f64(), scene.ends());
    Ok(Verdict::of(scene.converge().await?, note))
}

/// The definition goes, and with it every profile and every child; it comes back, and somebody applies the profiles again.
pub async fn definition_deleted(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    scene.converge().await?;
    let definitions = Api::<CustomResourceDefinition>::all(scene.run.client.clone());
    let name = definition()?.metadata.name.unwrap_or_default();
    definitions.delete(&name, &DeleteParams::default()).await?;
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let left = scene.capture().await?;
        let there = definitions.get_opt(&name).await?.is_some();
        if !there && left.keys().all(|key| key.starts_with("Deployment/")) {
            break;
        }
        if Instant::now() > deadline {
            bail!("these outlive the definition: {:?}", left.keys().take(5).collect::<Vec<_>>());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // A while in which the operator watches something that is not there.
    tokio::time::sleep(Duration::from_secs(10)).await;
    install_definition(scene.run).await?;
    for profile in &scene.run.script.profiles {
        insist(async || scene.apply(profile).await).await?;
    }
    let converged = scene.converge().await?;
    scene.assert_survived()?;
    Ok(Verdict::of(converged, "the operator lived on"))
}

fn definition() -> Result<CustomResourceDefinition> {
    serde_saphyr::from_str(DEFINITION).context("crds/performanceprofiles.plimsoll.dev.yaml")
}

/// Installs the definition and waits until it is served.
pub async fn install_definition(run: &Run) -> Result<()> {
    let definition = definition()?;
    let name = definition.metadata.name.clone().unwrap_or_default();
    let definitions = Api::<CustomResourceDefinition>::all(run.client.clone());
    let params = PatchParams::apply("chaos").force();
    insist(async || definitions.patch(&name, &params, &Patch::Apply(&definition)).await).await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !plimsoll::kube::api_served(&run.client, "plimsoll.dev/v1alpha1", "performanceprofiles").await? {
        if Instant::now() > deadline {
            bail!("the definition is not served");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
