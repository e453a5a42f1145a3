//! Harm to the operator's process and to what it stands on.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};

use super::{Skipped, Verdict};
use crate::scene::Scene;

const CLOCK: &str = include_str!("../clock.c");

/// Seconds that the wall clock is off by, one after the other.
const JUMPS: [i64; 6] = [3600, -3600, 30 * 86400, 0, -86400, 0];

/// The wall clock jumps, by hours and by a month, to and fro.
pub async fn clock_jumps(scene: &mut Scene<'_>) -> Result<Verdict> {
    let clock = Clock::make()?;
    let mut launch = scene.launch("first");
    launch.environment.push(("LD_PRELOAD".into(), clock.library().into()));
    launch.environment.push(("CHAOS_CLOCK".into(), clock.file().into()));
    scene.start(launch).await?;
    let harm = async {
        let mut renewed = Vec::new();
        for seconds in JUMPS {
            clock.set(seconds)?;
            tokio::time::sleep(Duration::from_millis(2500)).await;
            renewed.push(scene.renewed().await?);
        }
        anyhow::Ok(renewed)
    };
    let (renewed, ()) = tokio::try_join!(harm, scene.play())?;
    let span = renewed.iter().max().zip(renewed.iter().min()).map(|(last, first)| last.duration_since(*first));
    // A program that is linked statically takes no notice: then nothing has been shown.
    if span.is_none_or(|span| span.as_hours() < 24 * 30) {
        return Err(Skipped("the program does not see the other clock: is it linked statically?".to_owned()).into());
    }
    let converged = scene.converge().await?;
    scene.assert_survived()?;
    Ok(Verdict::of(converged, format!("{} jumps, of up to 31 days", JUMPS.len())))
}

/// A clock that one process sees.
struct Clock(PathBuf);

impl Clock {
    fn make() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("chaos-clock-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let clock = Self(directory);
        let source = clock.0.join("clock.c");
        fs::write(&source, CLOCK)?;
        clock.set(0)?;
        let arguments = ["-shared", "-fPIC", "-O1", "-o"];
        let made =
            std::process::Command::new("cc").args(arguments).arg(clock.library()).arg(&source).arg("-ldl").output();
        match made {
            Ok(output) if output.status.success() => Ok(clock),
            Ok(output) => bail!("cc: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => Err(Skipped(format!("cc: {error}")).into()),
        }
    }

    fn library(&self) -> PathBuf {
        self.0.join("clock.so")
    }

    fn file(&self) -> PathBuf {
        self.0.join("offset")
    }

    /// In place: the process has mapped it.
    fn set(&self, seconds: i64) -> Result<()> {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().create(true).write(true).truncate(false).open(self.file())?;
        file.write_all_at(&seconds.to_ne_bytes(), 0).context("the clock")
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every line of the log fails: the disk is full.
pub async fn logs_full(scene: &mut Scene<'_>) -> Result<Verdict> {
    let mut launch = scene.launch("first");
    launch.log = PathBuf::from("/dev/full");
    scene.start(launch).await?;
    // Something to log.
    let proxy = &scene.replica(0)?.proxy;
    proxy.weather(crate::proxy::Weather { mishaps: 10, ..Default::default() });
    scene.play().await?;
    proxy.weather(crate::proxy::Weather::default());
    let converged = scene.converge().await?;
    scene.assert_survived()?;
    Ok(Verdict::of(converged, "standard output and error are /dev/full"))
}

/// An earlier program takes over with all objects in place, works, and gives them back to the present one.
pub async fn downgrade(scene: &mut Scene<'_>) -> Result<Verdict> {
    let Some(old) = scene.run.old_program.clone() else {
        return Err(Skipped("no earlier program: set CHAOS_OLD".to_owned()).into());
    };
    scene.start(scene.launch("first")).await?;
    scene.play().await?;
    scene.converge().await?;
    let before = scene.capture().await?;
    scene.strike().await?;
    let mut launch = scene.launch("old");
    launch.program = old;
    scene.start(launch).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let during = scene.capture().await?;
    let lost: Vec<_> = before.keys().filter(|key| !during.contains_key(*key)).cloned().collect();
    if !lost.is_empty() {
        bail!("the earlier program has removed {}", lost.join(", "));
    }
    let changed = before.iter().filter(|(key, object)| during.get(*key) != Some(object)).count();
    scene.strike().await?;
    scene.start(scene.launch("new")).await?;
    let note = format!("the earlier program has changed {changed} of {} objects", before.len());
    Ok(Verdict::of(scene.converge().await?, note))
}
