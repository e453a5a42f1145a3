//! A bad way to the API server.

use std::time::Duration;

use anyhow::Result;

use super::Verdict;
use crate::{proxy::Weather, scene::Scene};

/// Of a hundred requests so many go wrong.
const MISHAPS: usize = 30;

/// Conflicts, throttling, failures, silence, slowness and lost answers.
pub async fn errors(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    let proxy = &scene.replica(0)?.proxy;
    proxy.weather(Weather { mishaps: MISHAPS, ..Weather::default() });
    scene.play().await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    proxy.weather(Weather::default());
    let note = format!("{} requests went wrong", proxy.mishaps());
    Ok(Verdict::of(scene.converge().await?, note))
}

/// Every watch ends each second.
pub async fn watches_cut(scene: &mut Scene<'_>) -> Result<Verdict> {
    scene.start(scene.launch("first")).await?;
    let mut cuts = 0;
    let cutting = async {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            if let Ok(replica) = scene.replica(0) {
                replica.proxy.cut();
            }
            cuts += 1;
        }
    };
    tokio::select! {
        () = cutting => {}
        // It must get there while they are cut.
        converged = async { scene.play().await?; scene.converge().await } => {
            let converged = converged?;
            scene.assert_survived()?;
            return Ok(Verdict::of(converged, format!("{cuts} cuts, to the end")));
        }
    }
    anyhow::bail!("the cuts have ended")
}
