//! The matrix as tables for people.

use std::fmt::Write;

use super::{
    matrix::{Matrix, Score},
    statistics::Interval,
    summary::{Half, costs, mean_burn, subject, summaries},
};
use crate::explain::aligned;

/// What the matrix says, as text: every cell, then burns side by side, then the summary.
pub fn table(matrix: &Matrix) -> String {
    let mut text = String::new();
    for row in &matrix.rows {
        let half = if row.cell.shape.tuned() { "tuned" } else { "held out" };
        let _ = writeln!(text, "{} ({half})\n", row.cell.name());
        let mut rows = vec![strings(&[
            "policy",
            "bad requests",
            "burn",
            "pod-hours",
            "changes",
            "longest burn",
            "at max",
            "actions",
        ])];
        rows.extend(row.scores.iter().map(line));
        text.push_str(&aligned(&rows));
        text.push('\n');
    }
    for half in [Half::Tuned, Half::HeldOut] {
        side_by_side(matrix, half, &mut text);
    }
    for half in Half::of(matrix) {
        summary(matrix, half, &mut text);
    }
    let _ = writeln!(
        text,
        "Means of {} seeds with their interval of 95 %, over {} minutes. Burn: bad requests against those that the objective allows.",
        matrix.seeds, matrix.minutes
    );
    text
}

fn line(score: &Score) -> Vec<String> {
    let percent = Interval { mean: score.bad.mean * 100.0, half: score.bad.half * 100.0 };
    vec![
        score.policy.name().to_owned(),
        format!("{} %", shown(percent, 2)),
        shown(score.burn, 2),
        shown(score.pod_hours, 2),
        shown(score.changes, 0),
        format!("{} min", shown(score.recovery, 1)),
        format!("{} min", shown(score.at_max, 1)),
        shown(score.actions, 0),
    ]
}

fn side_by_side(matrix: &Matrix, half: Half, text: &mut String) {
    let mut rows = Vec::new();
    for row in matrix.rows.iter().filter(|row| half.has(row)) {
        if rows.is_empty() {
            let names = row.scores.iter().map(|score| score.policy.name().to_owned());
            rows.push(["burn / pod-hours".to_owned()].into_iter().chain(names).collect());
        }
        let cells = row.scores.iter().map(|score| format!("{:.2} / {:.1}", score.burn.mean, score.pod_hours.mean));
        rows.push([row.cell.name()].into_iter().chain(cells).collect());
    }
    if !rows.is_empty() {
        let _ = writeln!(text, "Cells, {}\n\n{}", half.name(), aligned(&rows));
    }
}

fn summary(matrix: &Matrix, half: Half, text: &mut String) {
    let all = summaries(matrix, half);
    let Some(first) = all.first() else { return };
    let _ = writeln!(text, "Summary, {}: {} cells\n", half.name(), first.cells);
    let mut rows = vec![strings(&[
        "policy",
        "worst burn",
        "in",
        "geometric mean",
        "mean",
        "burn > 1",
        "burn > 5",
        "pod-hours",
        "changes",
    ])];
    for one in &all {
        rows.push(vec![
            one.policy.name().to_owned(),
            format!("{:.2}", one.worst.0),
            one.worst.1.clone(),
            format!("{:.2}", one.geometric),
            format!("{:.2}", mean_burn(matrix, half, one.policy)),
            one.missed.to_string(),
            one.far_missed.to_string(),
            format!("{:.1}", one.pod_hours),
            format!("{:.0}", one.changes),
        ]);
    }
    text.push_str(&aligned(&rows));
    text.push('\n');
    let Some(policy) = subject(matrix) else { return };
    for cost in costs(matrix, half, policy) {
        let _ = writeln!(
            text,
            "  {} where {} meets the objective ({} cells): {:+.1} % pod-hours, and it misses {} of them",
            policy.name(),
            cost.against.name(),
            cost.cells,
            (cost.ratio - 1.0) * 100.0,
            cost.missed
        );
    }
    text.push('\n');
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// A mean with its interval.
pub(super) fn shown(interval: Interval, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", interval.mean, interval.half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_it_all() {
        let text = table(&super::super::summary::tests::matrix());
        for part in [
            "diurnal lie (tuned)",
            "ramp (held out)",
            "10.00 ± 1.00 %",
            "1.60 / 6.0",
            "Summary, held-out: 1 cells",
            "plimsoll-observe where hpa-cpu meets the objective (2 cells): +0.0 % pod-hours, and it misses 1 of them",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
