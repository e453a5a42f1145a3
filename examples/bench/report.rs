//! The figures as one table.

use std::{fmt, time::Duration};

/// One size.
pub struct Row {
    /// Profiles.
    pub size: usize,
    /// Until the last profile was applied.
    pub applied: Duration,
    /// Until every child was there and every status written.
    pub took: Duration,
    /// The bare client's time for the same, and its seconds of CPU.
    pub bare: (Duration, f64),
    /// Seconds of CPU in that time.
    pub cpu: f64,
    /// The operator's requests per profile in that time, and a while later.
    pub requests: f64,
    /// See `requests`.
    pub settled: f64,
    /// Resident memory in MB a while later.
    pub resident: f64,
    /// Most of it, in MB.
    pub peak: f64,
}

/// All figures.
#[derive(Default)]
pub struct Report {
    /// Resident memory without profiles, in MB.
    pub idle: Option<f64>,
    /// By size.
    pub rows: Vec<Row>,
    /// From an edit to the child.
    pub edits: Vec<Duration>,
    /// Time, writes, and seconds of CPU in it.
    pub steady: Option<(Duration, usize, f64)>,
    /// Changes of autoscalers' statuses in that time.
    pub status_changes: usize,
    /// Reconciles in that time.
    pub reconciles: f64,
    /// Ready after, all looked at after, writes, resident memory and its peak.
    pub restart: Option<(Duration, Duration, usize, (f64, f64))>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| profiles | applied | converged | bare client | ratio | CPU | bare client | requests each | settled | resident | peak |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        if let Some(idle) = self.idle {
            writeln!(f, "| 0 | | | | | | | | | {idle:.1} MB | |")?;
        }
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {:.1} s | {:.1} s | {:.1} s | {:.2} | {:.2} s | {:.2} s | {:.2} | {:.2} | {:.1} MB | {:.1} MB |",
                row.size,
                row.applied.as_secs_f64(),
                row.took.as_secs_f64(),
                row.bare.0.as_secs_f64(),
                row.took.as_secs_f64() / row.bare.0.as_secs_f64(),
                row.cpu,
                row.bare.1,
                row.requests,
                row.settled,
                row.resident,
                row.peak,
            )?;
        }
        writeln!(f)?;
        if !self.edits.is_empty() {
            let mut edits: Vec<u128> = self.edits.iter().map(Duration::as_millis).collect();
            edits.sort_unstable();
            let at = |part: usize| edits.get((edits.len() - 1) * part / 100).copied().unwrap_or(0);
            writeln!(f, "one edit, to its child: {} ms median, {} ms 90th, {} ms longest", at(50), at(90), at(100))?;
        }
        if let Some((time, writes, cpu)) = self.steady {
            writeln!(
                f,
                "{} s steady, {} changes of autoscalers' statuses: {writes} writes, {:.0} reconciles, {cpu:.2} s CPU",
                time.as_secs(),
                self.status_changes,
                self.reconciles,
            )?;
        }
        if let Some((ready, all, writes, (resident, peak))) = self.restart {
            writeln!(
                f,
                "restart: ready after {:.1} s, all looked at after {:.1} s, {writes} writes, {resident:.1} MB (peak {peak:.1} MB)",
                ready.as_secs_f64(),
                all.as_secs_f64(),
            )?;
        }
        self.plot(f, "time to converge", "s", |row| row.took.as_secs_f64())?;
        self.plot(f, "resident memory", "MB", |row| row.resident)
    }
}

impl Report {
    /// A bar for each size, and what one profile more costs between one size and the next: the same where growth is linear.
    fn plot(&self, f: &mut fmt::Formatter<'_>, what: &str, unit: &str, value: fn(&Row) -> f64) -> fmt::Result {
        writeln!(f, "\n{what}")?;
        let most = self.rows.iter().map(value).fold(f64::MIN_POSITIVE, f64::max);
        let mut before: Option<&Row> = None;
        for row in &self.rows {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 50")]
            let bar = "#".repeat((value(row) / most * 50.0).round() as usize);
            let each = before.map_or_else(String::new, |before| {
                let slope = (value(row) - value(before)) / (row.size - before.size) as f64 * 1000.0;
                format!("   {slope:.2} {unit} per 1,000 more")
            });
            writeln!(f, "{:>6} {bar:<50} {:.1} {unit}{each}", row.size, value(row))?;
            before = Some(row);
        }
        Ok(())
    }
}
