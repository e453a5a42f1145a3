//! Faults against the real operator on a real control plane, made from a seed: `make chaos`.
//!
//! After each fault the cluster must be as after a run without one: every child of every profile with its content, labels and owner,
//! every condition, and nothing besides. See `docs/reliability.md`.

mod audit;
mod echo;
mod faults;
mod lab;
mod operator;
mod proxy;
mod random;
mod scene;
mod script;
mod state;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use nix::sys::signal::Signal;
use plimsoll::kube::{Category, categorize};
use serde_json::{Value, json};

use faults::{ALL, Skipped, Verdict, cluster_definition, fault};
use lab::Lab;
use scene::{Run, Scene};
use state::{State, leftovers};

/// Where the run takes place.
const NAMESPACE: &str = "plimsoll-chaos";
/// Longest time for one fault: beyond it something hangs that nobody thought of.
const LONGEST: Duration = Duration::from_mins(5);
/// Time without a change after which the clean run is at its end.
const REST: Duration = Duration::from_secs(6);

#[tokio::main]
async fn main() -> ExitCode {
    match chaos().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn chaos() -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok().context("the only TLS provider")?;
    let seed = match std::env::var("SEED") {
        Ok(text) if !text.is_empty() => text.parse().context("SEED")?,
        _ => u64::from(std::process::id()),
    };
    let lab = Lab::find()?;
    let client = lab.client().await?;
    let run = Run {
        lab,
        client,
        namespace: NAMESPACE.to_owned(),
        program: program()?,
        old_program: std::env::var_os("CHAOS_OLD").filter(|path| !path.is_empty()).map(PathBuf::from),
        seed,
        script: script::script(seed),
    };
    let chosen = std::env::var("FAULTS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let chosen = if chosen.is_empty() { ALL.to_vec() } else { chosen };
    let result = tokio::select! {
        result = all(&run, &chosen) => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // The lab is left as it was found, whatever came in between.
    let _ = run.lab.signal("etcd", Signal::SIGCONT);
    run.lab.up().await?;
    let namespaces = Api::<Namespace>::all(run.client.clone());
    let _ = namespaces.delete(NAMESPACE, &DeleteParams::background()).await;
    result
}

/// The program of the same build.
fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PLIMSOLL") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let directory = own.parent().and_then(|examples| examples.parent()).context("no target directory")?;
    Ok(directory.join("plimsoll"))
}

async fn all(run: &Run, chosen: &[&str]) -> Result<()> {
    if let Some(unknown) = chosen.iter().find(|name| !ALL.contains(name)) {
        bail!("there is no fault {unknown}: choose from {}", ALL.join(","));
    }
    cluster_definition(run).await?;
    alone(&run.client).await?;
    namespace(&run.client).await?;
    let began = Instant::now();
    println!("{:<20} {:>8} {:>12} {:>8}  {:<7} note", "fault", "seed", "converged", "writes", "result");
    let expected = clean(run).await.context("the clean run")?;
    let mut failed = Vec::new();
    for name in chosen {
        if !one(run, name, &expected).await {
            failed.push(*name);
        }
    }
    println!("{} faults in {} s", chosen.len(), began.elapsed().as_secs());
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: again with SEED={} FAULTS={}", run.seed, failed.join(","))
}

/// Other profiles would be lost with the definition, and other operators would have a hand in this.
async fn alone(client: &Client) -> Result<()> {
    let kind = GroupVersionKind::gvk("plimsoll.dev", "v1alpha1", "PerformanceProfile");
    let api = Api::<DynamicObject>::all_with(
        client.clone(),
        &ApiResource::from_gvk_with_plural(&kind, "performanceprofiles"),
    );
    let profiles = api.list(&ListParams::default()).await?;
    let other = profiles.items.iter().find(|profile| profile.metadata.namespace.as_deref() != Some(NAMESPACE));
    match other.and_then(|profile| profile.metadata.namespace.as_deref()) {
        Some(namespace) => bail!("the lab has profiles in {namespace}, which this run would delete: delete them first"),
        None => Ok(()),
    }
}

/// A new namespace: one from before may still be on its way out.
async fn namespace(client: &Client) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    let began = Instant::now();
    while namespaces.get_opt(NAMESPACE).await?.is_some() {
        match namespaces.delete(NAMESPACE, &DeleteParams::background()).await {
            Err(error) if matches!(categorize(&error), Category::NotFound | Category::Conflict) => {}
            other => drop(other?),
        }
        if began.elapsed() > LONGEST {
            bail!("the namespace {NAMESPACE} of an earlier run does not go");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    namespaces.create(&PostParams::default(), &namespace).await?;
    Ok(())
}

/// The state that the script leads to when nothing goes wrong.
async fn clean(run: &Run) -> Result<State> {
    let mut scene = Scene::set(run, "clean", None).await?;
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    let began = Instant::now();
    let (mut last, mut since) = (scene.capture().await?, Instant::now());
    while since.elapsed() < REST {
        if began.elapsed() > LONGEST {
            bail!("it does not come to rest");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = scene.capture().await?;
        if now != last || leftovers(&now) {
            (last, since) = (now, Instant::now());
        }
    }
    scene.assert_survived()?;
    whole(run, &last)?;
    let verdict = Verdict { converged: since.duration_since(began), note: format!("{} objects", last.len()) };
    row("clean", run.seed, Some(verdict.converged), scene.writes(), "ok", &verdict.note);
    scene.strike().await?;
    scene.tidy();
    Ok(last)
}

/// The clean run itself must be what the profiles ask for: else the same failure twice would look like a success.
fn whole(run: &Run, state: &State) -> Result<()> {
    let mut known = 0;
    for profile in &run.script.profiles {
        let name = profile.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let found = state.get(&format!("PerformanceProfile/{name}")).with_context(|| format!("{name} is missing"))?;
        if found.pointer("/status/present") != Some(&json!(true)) {
            bail!("the status of {name} is not about its present generation");
        }
        for (part, kind) in [("autoscaling", "HorizontalPodAutoscaler"), ("disruption", "PodDisruptionBudget")] {
            let wanted = profile.pointer(&format!("/spec/{part}/mode")) != Some(&json!("Disabled"));
            if wanted != state.contains_key(&format!("{kind}/{name}")) {
                bail!("{kind} {name} is {}", if wanted { "missing" } else { "there, and was not asked for" });
            }
            known += usize::from(wanted);
        }
    }
    let kept = state.keys().filter(|key| key.starts_with("PerformanceProfile/")).count();
    if kept != run.script.profiles.len() || known == 0 {
        bail!("{kept} profiles instead of {}", run.script.profiles.len());
    }
    Ok(())
}

/// One fault; whether it went well, or was not done.
async fn one(run: &Run, name: &str, expected: &State) -> bool {
    let scene = tokio::time::timeout(LONGEST, Scene::set(run, name, Some(expected))).await;
    let mut scene = match scene.map_err(anyhow::Error::from).flatten() {
        Ok(scene) => scene,
        Err(error) => {
            row(name, run.seed, None, 0, "FAILED", &format!("the namespace cannot be cleared: {error:#}"));
            return false;
        }
    };
    let result = tokio::time::timeout(LONGEST, fault(name, &mut scene)).await;
    let mut result = result.unwrap_or_else(|_| Err(anyhow::anyhow!("no end after {LONGEST:?}")));
    let _ = run.lab.signal("etcd", Signal::SIGCONT);
    let writes = scene.writes();
    if let Err(error) = scene.strike().await {
        result = result.and(Err(error));
    }
    if let Err(error) = run.lab.up().await {
        result = result.and(Err(error));
    }
    match result {
        Ok(verdict) => row(name, run.seed, Some(verdict.converged), writes, "ok", &verdict.note),
        Err(error) if error.is::<Skipped>() => row(name, run.seed, None, writes, "skipped", &error.to_string()),
        Err(error) => {
            row(name, run.seed, None, writes, "FAILED", &format!("{error:#}\n  logs: {}", scene.logs()));
            return false;
        }
    }
    scene.tidy();
    true
}

fn row(fault: &str, seed: u64, converged: Option<Duration>, writes: usize, result: &str, note: &str) {
    let converged = converged.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
    println!("{fault:<20} {seed:>8} {converged:>12} {writes:>8}  {result:<7} {note}");
}
