//! Two replicas, of which one leads. The API server's audit log says who wrote.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::jiff::Timestamp;
use nix::sys::signal::Signal;

use super::Verdict;
use crate::{audit::Entry, proxy::Weather, scene::Scene};

/// Longest time without a leader: the lease lasts 15 s, and is looked at every 2 s.
const TAKEOVER: Duration = Duration::from_secs(20);

/// The leader dies in the middle of the work, and its node with it: started again under its name it would lead at once.
pub async fn killed(scene: &mut Scene<'_>) -> Result<Verdict> {
    two(scene).await?;
    let after = scene.random.between(Duration::from_secs(1), Duration::from_secs(6));
    let harm = async {
        tokio::time::sleep(after).await;
        scene.replica(0)?.lose();
        scene.wait_for_leader("second").await
    };
    let (took, ()) = tokio::try_join!(harm, scene.play())?;
    finish(scene, took).await
}

/// The leader's network goes dark, its process lives, and the network comes back after another has taken over.
pub async fn cut(scene: &mut Scene<'_>) -> Result<Verdict> {
    two(scene).await?;
    let after = scene.random.between(Duration::from_secs(1), Duration::from_secs(6));
    let harm = async {
        tokio::time::sleep(after).await;
        scene.replica(0)?.proxy.weather(Weather { dark: true, ..Weather::default() });
        let took = scene.wait_for_leader("second").await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.replica(0)?.proxy.weather(Weather::default());
        anyhow::Ok(took)
    };
    let (took, ()) = tokio::try_join!(harm, scene.play())?;
    finish(scene, took).await
}

/// The leader's process stands still, as on a machine that is overloaded or moved, and goes on after another has taken over.
pub async fn stopped(scene: &mut Scene<'_>) -> Result<Verdict> {
    two(scene).await?;
    let after = scene.random.between(Duration::from_secs(1), Duration::from_secs(6));
    let harm = async {
        tokio::time::sleep(after).await;
        scene.replica(0)?.signal(Signal::SIGSTOP)?;
        let took = scene.wait_for_leader("second").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.replica(0)?.signal(Signal::SIGCONT)?;
        took
    };
    let (took, ()) = tokio::try_join!(harm, scene.play())?;
    finish(scene, took).await
}

async fn two(scene: &mut Scene<'_>) -> Result<()> {
    scene.start(scene.launch("first")).await?;
    scene.start(scene.launch("second")).await?;
    // It must have seen the lease: from then on it counts.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(())
}

async fn finish(scene: &Scene<'_>, took: Duration) -> Result<Verdict> {
    let converged = scene.converge().await?;
    // What was cut off has had its time to do harm by now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    if took > TAKEOVER {
        bail!("nobody led for {:.1} s", took.as_secs_f64());
    }
    let gap = gap(&scene.audit()?)?;
    let note = format!("led again after {:.1} s; {:.1} s between their writes", took.as_secs_f64(), gap.as_secs_f64());
    Ok(Verdict::of(converged, note))
}

/// Time between the last write of the first and the first write of the second; an error where they overlap.
fn gap(entries: &[Entry]) -> Result<Duration> {
    let of = |name: &'static str| entries.iter().filter(move |entry| entry.replica == name && !entry.lease);
    let last: &Entry = of("first").max_by_key(|entry| entry.to).context("the first has written nothing")?;
    let begin: Timestamp = of("second").map(|entry| entry.from).min().context("the second has written nothing")?;
    let late: Vec<_> = of("first").filter(|entry| entry.to >= begin).map(|entry| entry.what.clone()).collect();
    if !late.is_empty() {
        bail!("{} writes of the first after the second began: {}", late.len(), late.join(", "));
    }
    Ok(Duration::try_from(begin.duration_since(last.to))?)
}
