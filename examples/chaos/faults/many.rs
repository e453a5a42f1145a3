//! Much at once: events by the thousand, and one profile that fails among many that do not.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, stream};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use super::Verdict;
use crate::{
    proxy::Weather,
    scene::{Scene, insist},
    script::{deployment, profile},
};

/// How long the storm lasts.
const STORM: Duration = Duration::from_secs(20);
/// How often each event of the storm is said again. The API server, etcd and the writers share two cores with the operator, and come to some
/// hundred changes a second.
const ECHOES: usize = 60;
/// Writers of the storm.
const WRITERS: usize = 32;

/// Autoscalers' statuses and foreign objects change as fast as the API server takes it, and the watches say each change many times over; an
/// edit of a profile comes through.
pub async fn event_storm(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    scene.converge().await?;
    let names: Vec<String> = scene.capture().await?.into_keys().filter_map(autoscaler).collect();
    for number in 0..WRITERS {
        scene.apply(&foreign(number, 0)).await?;
    }
    let (calm, events, began) = (edit(scene, &names).await?, AtomicU64::new(0), Instant::now());
    let proxy = &scene.replica(0)?.proxy;
    proxy.weather(Weather { echoes: ECHOES, ..Weather::default() });
    let told = proxy.events();
    let writers = stream::iter(0..WRITERS).for_each_concurrent(None, async |writer| {
        let mut round: usize = 0;
        while began.elapsed() < STORM {
            round += 1;
            let done = match names.get((writer + round * WRITERS) % names.len().max(1)) {
                Some(name) if writer % 2 == 0 => measured(scene, name, round).await,
                _ => scene.apply(&foreign(writer, round)).await,
            };
            events.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
        }
    });
    let edits = async {
        tokio::time::sleep(STORM / 4).await;
        let mut worst = Duration::ZERO;
        for _ in 0..5 {
            worst = worst.max(edit(scene, &names).await?);
        }
        anyhow::Ok(worst)
    };
    let ((), worst) = tokio::join!(writers, edits);
    let seconds = began.elapsed().as_secs().max(1);
    let told = (proxy.events() - told) / seconds;
    let (worst, rate) = (worst?, events.load(Ordering::Relaxed) / seconds);
    proxy.weather(Weather::default());
    for number in 0..WRITERS {
        let name = format!("foreign-{number}");
        scene.api("HorizontalPodAutoscaler").delete(&name, &DeleteParams::background()).await?;
    }
    // The edits are taken back.
    for profile in &scene.run.script.profiles {
        insist(async || scene.apply(profile).await).await?;
    }
    let converged = scene.converge().await?;
    scene.assert_survived()?;
    let note = format!(
        "{rate} changes/s, {told} events/s; an edit took {} ms at worst, {} ms in the calm",
        worst.as_millis(),
        calm.as_millis()
    );
    Ok(Verdict::of(converged, note))
}

#[expect(clippy::needless_pass_by_value, reason = "it is a filter of owned keys")]
fn autoscaler(key: String) -> Option<String> {
    key.strip_prefix("HorizontalPodAutoscaler/").filter(|name| !name.contains('-')).map(str::to_owned)
}

/// What the autoscaler's controller writes when it has measured something.
async fn measured(scene: &Scene<'_>, name: &str, round: usize) -> Result<(), kube::Error> {
    let status = json!({"status": {"currentReplicas": round % 7, "desiredReplicas": round % 5}});
    let api = scene.api("HorizontalPodAutoscaler");
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.map(drop)
}

/// An autoscaler of somebody else, for a workload that no profile has.
fn foreign(number: usize, round: usize) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": format!("foreign-{number}")},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("foreign-{number}")},
            "minReplicas": 1, "maxReplicas": 2 + round % 50,
        },
    })
}

/// Edits a profile that has an autoscaler; how long it takes until the autoscaler follows.
async fn edit(scene: &Scene<'_>, names: &[String]) -> Result<Duration> {
    let name = names.first().context("no profile has an autoscaler")?;
    let before = maximum(scene, name).await?;
    follow(scene, name, if before == 41 { 42 } else { 41 }).await
}

async fn maximum(scene: &Scene<'_>, name: &str) -> Result<i64> {
    let autoscaler = scene.api("HorizontalPodAutoscaler").get(name).await?;
    autoscaler.data.pointer("/spec/maxReplicas").and_then(Value::as_i64).context("an autoscaler without a maximum")
}

async fn follow(scene: &Scene<'_>, name: &str, wanted: i64) -> Result<Duration> {
    let change = json!({"spec": {"autoscaling": {"maxReplicas": wanted}}});
    let began = Instant::now();
    scene.api("PerformanceProfile").patch(name, &PatchParams::default(), &Patch::Merge(&change)).await?;
    while maximum(scene, name).await? != wanted {
        if began.elapsed() > Duration::from_mins(1) {
            bail!("the autoscaler of {name} does not follow");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(began.elapsed())
}

/// One profile whose autoscaler is refused, and which somebody edits all the time, among many good ones: edits of these take as long
/// as without it.
pub async fn one_fails(scene: &mut Scene<'_>) -> Result<Verdict> {
    let count = std::env::var("PROFILES").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let refusal = Refusal::make(scene).await?;
    let result = among(scene, count).await;
    refusal.lift(scene).await?;
    result
}

async fn among(scene: &mut Scene<'_>, count: usize) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    let name = |number: usize| format!("many-{number:04}");
    let spec = |name: &str| json!({"targetRef": {"name": name}});
    let (began, here) = (Instant::now(), &*scene);
    let mut made = stream::iter(0..count)
        .map(async |number| {
            let name = name(number);
            insist(async || here.apply(&deployment(&name)).await).await?;
            insist(async || here.apply(&profile(&name, &spec(&name))).await).await
        })
        .buffer_unordered(8);
    while let Some(made) = made.next().await {
        made?;
    }
    drop(made);
    while written(here).await? < count {
        if began.elapsed() > Duration::from_secs(150) {
            bail!("{} of {count} autoscalers after {:?}", written(here).await?, began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let converged = began.elapsed();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut random = here.random.clone();
    for pair in 0..20 {
        let name = name(random.below(count));
        without.push(follow(here, &name, 20 + pair).await?);
        insist(async || here.apply(&deployment("bad")).await).await?;
        insist(async || here.apply(&profile("bad", &spec("bad"))).await).await?;
        let nuisance = async {
            for round in 0_u32.. {
                let change = json!({"metadata": {"annotations": {"nudge": round.to_string()}}, "spec": {"autoscaling": {"maxReplicas": 20 + round % 50}}});
                let _ =
                    here.api("PerformanceProfile").patch("bad", &PatchParams::default(), &Patch::Merge(&change)).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let good = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            follow(here, &name, 50 + pair).await
        };
        tokio::select! {
            () = nuisance => {}
            took = good => with.push(took?),
        }
        here.api("PerformanceProfile").delete("bad", &DeleteParams::background()).await?;
    }
    if here.api("HorizontalPodAutoscaler").get_opt("bad").await?.is_some() {
        bail!("the bad profile has an autoscaler: nothing has failed");
    }
    if written(here).await? != count {
        bail!("there are {} autoscalers for {count} profiles", written(here).await?);
    }
    here.assert_survived()?;
    let (without, with) = (median(without), median(with));
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    let note = format!(
        "{count} profiles; an edit took {} ms beside the failing one, {} ms without: ratio {ratio:.2}",
        with.as_millis(),
        without.as_millis()
    );
    Ok(Verdict::of(converged, note))
}

async fn written(scene: &Scene<'_>) -> Result<usize> {
    Ok(scene.api("HorizontalPodAutoscaler").list_metadata(&ListParams::default()).await?.items.len())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// An admission policy that lets no autoscaler named `bad` into the namespace.
struct Refusal;

impl Refusal {
    const NAME: &str = "plimsoll-chaos-refusal";

    fn api(scene: &Scene<'_>, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        Api::all_with(scene.run.client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural))
    }

    async fn make(scene: &Scene<'_>) -> Result<Self> {
        let refusal = Self;
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": Self::NAME},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["autoscaling"], "apiVersions": ["*"], "resources": ["horizontalpodautoscalers"],
                    "operations": ["CREATE", "UPDATE"],
                }]},
                "validations": [{"expression": "object.metadata.name != 'bad'", "message": "chaos lets this one not in"}],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": Self::NAME},
            "spec": {"policyName": Self::NAME, "validationActions": ["Deny"]},
        });
        let params = PatchParams::apply("chaos").force();
        for (kind, plural, object) in
            Self::KINDS.iter().zip([&policy, &binding]).map(|((kind, plural), object)| (kind, plural, object))
        {
            Self::api(scene, kind, plural).patch(Self::NAME, &params, &Patch::Apply(object)).await?;
        }
        let mut probe = foreign(0, 0);
        if let Some(name) = probe.pointer_mut("/metadata/name") {
            *name = json!("bad");
        }
        let dry = PatchParams { dry_run: true, ..params };
        let began = Instant::now();
        while scene.api("HorizontalPodAutoscaler").patch("bad", &dry, &Patch::Apply(&probe)).await.is_ok() {
            if began.elapsed() > Duration::from_secs(30) {
                refusal.lift(scene).await?;
                bail!("the admission policy does not take effect");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(refusal)
    }

    const KINDS: [(&str, &str); 2] = [
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    ];

    async fn lift(self, scene: &Scene<'_>) -> Result<()> {
        for (kind, plural) in Self::KINDS {
            Self::api(scene, kind, plural).delete(Self::NAME, &DeleteParams::default()).await?;
        }
        Ok(())
    }
}
