//! The matrix in a few lines for each policy.

use super::{
    matrix::{Matrix, Row, Score},
    number::length,
    policy::Policy,
    statistics::geometric,
};

/// Burns below count as this in geometric means: what is next to nothing would outweigh everything.
pub const LEAST_BURN: f64 = 0.1;

/// Which cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// On loads that policies may be tuned on.
    Tuned,
    /// On other loads.
    HeldOut,
    /// All.
    All,
}

impl Half {
    /// The halves that a matrix has, and the whole if it has both.
    pub fn of(matrix: &Matrix) -> Vec<Self> {
        let some = |half: &Self| matrix.rows.iter().any(|row| half.has(row));
        let mut halves: Vec<Self> = [Self::Tuned, Self::HeldOut].into_iter().filter(some).collect();
        if halves.len() == 2 {
            halves.push(Self::All);
        }
        halves
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tuned => "tuned",
            Self::HeldOut => "held-out",
            Self::All => "all",
        }
    }

    /// Whether a cell belongs to it.
    pub fn has(self, row: &Row) -> bool {
        match self {
            Self::Tuned => row.cell.shape.tuned(),
            Self::HeldOut => !row.cell.shape.tuned(),
            Self::All => true,
        }
    }
}

/// A policy over many cells. Burns are the means of the seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The policy.
    pub policy: Policy,
    /// How many cells there are.
    pub cells: usize,
    /// The highest burn, and the cell's name.
    pub worst: (f64, String),
    /// The geometric mean of the burns.
    pub geometric: f64,
    /// Cells whose objective was missed.
    pub missed: usize,
    /// Cells whose budget was spent five times and more.
    pub far_missed: usize,
    /// Hours of pods in all cells.
    pub pod_hours: f64,
    /// Changes of the replicas in all cells.
    pub changes: f64,
}

/// What a policy costs against another where that met the objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The other.
    pub against: Policy,
    /// Cells in which the other met the objective.
    pub cells: usize,
    /// How many of them the policy missed.
    pub missed: usize,
    /// Hours of pods there, as a share of the other's: 1.02 is two per cent more.
    pub ratio: f64,
}

/// The summaries of all policies over some cells. Empty without such cells.
pub fn summaries(matrix: &Matrix, half: Half) -> Vec<Summary> {
    let rows: Vec<&Row> = matrix.rows.iter().filter(|row| half.has(row)).collect();
    let policies = rows.first().map(|row| row.scores.iter().map(|score| score.policy)).into_iter().flatten();
    policies.map(|policy| summary(policy, &rows)).collect()
}

fn of(row: &Row, policy: Policy) -> Option<&Score> {
    row.scores.iter().find(|score| score.policy == policy)
}

fn summary(policy: Policy, rows: &[&Row]) -> Summary {
    let scores: Vec<(&Row, &Score)> = rows.iter().filter_map(|row| Some((*row, of(row, policy)?))).collect();
    let burns: Vec<f64> = scores.iter().map(|(_, score)| score.burn.mean).collect();
    let worst = scores.iter().max_by(|(_, one), (_, other)| one.burn.mean.total_cmp(&other.burn.mean));
    Summary {
        policy,
        cells: scores.len(),
        worst: worst.map(|(row, score)| (score.burn.mean, row.cell.name())).unwrap_or_default(),
        geometric: geometric(&burns.iter().map(|burn| burn.max(LEAST_BURN)).collect::<Vec<_>>()),
        missed: burns.iter().filter(|burn| **burn > 1.0).count(),
        far_missed: burns.iter().filter(|burn| **burn > 5.0).count(),
        pod_hours: scores.iter().map(|(_, score)| score.pod_hours.mean).sum(),
        changes: scores.iter().map(|(_, score)| score.changes.mean).sum(),
    }
}

/// What a policy costs against each of the others, over some cells.
pub fn costs(matrix: &Matrix, half: Half, policy: Policy) -> Vec<Cost> {
    let others = summaries(matrix, half).into_iter().map(|summary| summary.policy).filter(|other| *other != policy);
    let cost = |other: Policy| {
        let rows = matrix.rows.iter().filter(|row| half.has(row));
        let both = rows.filter_map(|row| Some((of(row, policy)?, of(row, other)?)));
        let met: Vec<(&Score, &Score)> = both.filter(|(_, other)| other.burn.mean <= 1.0).collect();
        let sum = |pick: &dyn Fn(&(&Score, &Score)) -> f64| met.iter().map(pick).sum::<f64>();
        (!met.is_empty()).then(|| Cost {
            against: other,
            cells: met.len(),
            missed: met.iter().filter(|(own, _)| own.burn.mean > 1.0).count(),
            ratio: sum(&|pair| pair.0.pod_hours.mean) / sum(&|pair| pair.1.pod_hours.mean),
        })
    };
    others.filter_map(cost).collect()
}

/// The policy that the others are compared with: the last that is Plimsoll's own.
pub fn subject(matrix: &Matrix) -> Option<Policy> {
    matrix.rows.first()?.scores.iter().map(|score| score.policy).rfind(|policy| policy.own())
}

/// The arithmetic mean of the burns over some cells.
pub fn mean_burn(matrix: &Matrix, half: Half, policy: Policy) -> f64 {
    let burns: Vec<f64> = matrix
        .rows
        .iter()
        .filter(|row| half.has(row))
        .filter_map(|row| of(row, policy))
        .map(|score| score.burn.mean)
        .collect();
    burns.iter().sum::<f64>() / length(burns.len()).max(1.0)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::arena::{
        load::Shape,
        matrix::{Cell, Mean},
        statistics::Interval,
        world::Fault,
    };

    pub fn score(policy: Policy, burn: f64, pod_hours: f64) -> Score {
        let of = |mean| Interval { mean, half: mean / 10.0 };
        Score {
            policy,
            bad: of(burn / 100.0),
            burn: of(burn),
            pod_hours: of(pod_hours),
            changes: of(4.0),
            recovery: of(3.0),
            at_max: of(0.0),
            actions: of(0.0),
            course: vec![Mean { rate: 100.0, ready: 7.0, bad: burn / 100.0 }; 3],
        }
    }

    pub fn matrix() -> Matrix {
        let row = |shape, fault, (one, other): ((f64, f64), (f64, f64))| Row {
            cell: Cell { shape, fault },
            scores: vec![score(Policy::HpaCpu, one.0, one.1), score(Policy::PlimsollObserve, other.0, other.1)],
        };
        let rows = vec![
            row(Shape::Step, Fault::None, ((0.01, 5.0), (0.4, 6.0))),
            row(Shape::Diurnal, Fault::Lie, ((10.0, 5.0), (1.6, 6.0))),
            row(Shape::Ramp, Fault::None, ((0.9, 10.0), (1.1, 9.0))),
        ];
        Matrix { seeds: 2, minutes: 3, rows }
    }

    #[test]
    fn a_summary_says_the_worst_and_counts_what_was_missed() {
        let tuned = summaries(&matrix(), Half::Tuned);
        assert_eq!(tuned.len(), 2);
        assert_eq!(tuned[0].worst, (10.0, "diurnal lie".to_owned()));
        assert!((tuned[0].geometric - 1.0).abs() < 1e-9 && (tuned[1].geometric - 0.8).abs() < 1e-9, "{tuned:?}");
        assert_eq!((tuned[0].missed, tuned[0].far_missed, tuned[1].missed, tuned[1].far_missed), (1, 1, 1, 0));
        assert_eq!(summaries(&matrix(), Half::HeldOut)[1].missed, 1);
        assert!((mean_burn(&matrix(), Half::Tuned, Policy::PlimsollObserve) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn cost_counts_only_where_the_other_met_the_objective() {
        let matrix = matrix();
        assert_eq!(subject(&matrix), Some(Policy::PlimsollObserve));
        let costs = costs(&matrix, Half::All, Policy::PlimsollObserve);
        assert_eq!((costs.len(), costs[0].cells, costs[0].missed), (1, 2, 1));
        assert!((costs[0].ratio - 1.0).abs() < 1e-9, "{costs:?}");
    }
}
