//! The matrix: every load with every fault under every policy, each from many seeds.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    load::Shape,
    number::{length, real},
    outcome::Outcome,
    policy::Policy,
    simulation::{Setup, run},
    statistics::{Interval, interval},
    world::Fault,
};

/// The loads on which faults are tried: one that was tuned on and one that was not.
const WITH_FAULTS: [Shape; 2] = [Shape::Diurnal, Shape::Ramp];

/// A load with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The load.
    pub shape: Shape,
    /// What goes wrong.
    pub fault: Fault,
}

impl Cell {
    /// Its name: that of the load, and that of the fault.
    pub fn name(self) -> String {
        match self.fault {
            Fault::None => self.shape.name().to_owned(),
            fault => format!("{} {}", self.shape.name(), fault.name()),
        }
    }
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The policies.
    pub policies: Vec<Policy>,
    /// Seeds for each, from 1.
    pub seeds: u64,
    /// Minutes of each run.
    pub minutes: u32,
}

/// The cells of what was asked for: of nothing, all loads without a fault and all faults on two loads.
pub fn cells(shapes: &[Shape], faults: &[Fault]) -> Vec<Cell> {
    let product = |shapes: &[Shape], faults: &[Fault]| -> Vec<Cell> {
        let with = |fault: &Fault| shapes.iter().map(|shape| Cell { shape: *shape, fault: *fault }).collect::<Vec<_>>();
        faults.iter().flat_map(with).collect()
    };
    let mut cells = match (shapes, faults) {
        ([], []) => {
            let faults: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| *fault != Fault::None).collect();
            [product(&Shape::ALL, &[Fault::None]), product(&WITH_FAULTS, &faults)].concat()
        }
        (shapes, []) => product(shapes, &[Fault::None]),
        ([], faults) => product(&WITH_FAULTS, faults),
        (shapes, faults) => product(shapes, faults),
    };
    let mut seen = Vec::new();
    cells.retain(|cell| {
        let new = !seen.contains(cell);
        seen.push(*cell);
        new
    });
    // What was tuned on comes first.
    cells.sort_by_key(|cell| !cell.shape.tuned());
    cells
}

/// The load and the pods at a minute, and how the budget burned, as the mean of the seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// Requests a second.
    pub rate: f64,
    /// Pods that served.
    pub ready: f64,
    /// The share of bad requests.
    pub bad: f64,
}

/// What a policy came to in a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The policy.
    pub policy: Policy,
    /// The share of requests that were bad.
    pub bad: Interval,
    /// How many times as fast as allowed the budget was spent.
    pub burn: Interval,
    /// Hours of pods.
    pub pod_hours: Interval,
    /// How often the replicas were changed.
    pub changes: Interval,
    /// The longest burn, in minutes.
    pub recovery: Interval,
    /// Minutes at the most replicas.
    pub at_max: Interval,
    /// How often the bounds of the autoscaler were moved.
    pub actions: Interval,
    /// Minute by minute.
    pub course: Vec<Mean>,
}

/// A cell with all policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// The policies, in the order of the plan.
    pub scores: Vec<Score>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Seeds of each score.
    pub seeds: u64,
    /// Minutes of each run.
    pub minutes: u32,
    /// The cells, those on loads that were tuned on first.
    pub rows: Vec<Row>,
}

/// Runs a plan on so many threads. The outcome does not depend on how many they are.
pub fn matrix(plan: &Plan, threads: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Matrix {
    let mut setups = Vec::new();
    for cell in &plan.cells {
        for policy in &plan.policies {
            for seed in 1..=plan.seeds {
                let Cell { shape, fault } = *cell;
                setups.push(Setup { shape, fault, policy: *policy, minutes: plan.minutes, seed });
            }
        }
    }
    let outcomes = all(&setups, threads, progress);
    let seeds = usize::try_from(plan.seeds).unwrap_or(usize::MAX).max(1);
    let mut scores =
        plan.policies.iter().cycle().zip(outcomes.chunks(seeds)).map(|(policy, runs)| score(*policy, runs));
    let rows = plan
        .cells
        .iter()
        .map(|cell| Row { cell: *cell, scores: scores.by_ref().take(plan.policies.len()).collect() })
        .collect();
    Matrix { seeds: plan.seeds, minutes: plan.minutes, rows }
}

fn all(setups: &[Setup], threads: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Outcome> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut outcomes = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(setup) = setups.get(index) else { return outcomes };
            outcomes.push((index, run(setup)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, setups.len());
        }
    };
    let mut outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn score(policy: Policy, runs: &[Outcome]) -> Score {
    let of = |value: &dyn Fn(&Outcome) -> f64| interval(&runs.iter().map(value).collect::<Vec<_>>());
    Score {
        policy,
        bad: of(&Outcome::bad_share),
        burn: of(&Outcome::burn),
        pod_hours: of(&Outcome::pod_hours),
        changes: of(&|run| f64::from(run.changes)),
        recovery: of(&Outcome::recovery),
        at_max: of(&Outcome::minutes_at_max),
        actions: of(&|run| f64::from(run.actions)),
        course: course(runs),
    }
}

fn course(runs: &[Outcome]) -> Vec<Mean> {
    let minutes = runs.iter().map(|run| run.points.len().min(run.minutes.len())).min().unwrap_or_default();
    let count = length(runs.len()).max(1.0);
    let at = |minute: usize| {
        let mut mean = Mean::default();
        for run in runs {
            let (Some(point), Some(requests)) = (run.points.get(minute), run.minutes.get(minute)) else { continue };
            mean.rate += point.rate / count;
            mean.ready += f64::from(point.ready) / count;
            mean.bad += real(requests.bad) / real(requests.total.max(1)) / count;
        }
        mean
    };
    (0..minutes).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_every_load_and_every_fault_is_run() {
        let all = cells(&[], &[]);
        assert_eq!(all.len(), Shape::ALL.len() + 2 * (Fault::ALL.len() - 1));
        let first_held_out = all.iter().position(|cell| !cell.shape.tuned()).unwrap();
        assert!(all[first_held_out..].iter().all(|cell| !cell.shape.tuned()));
        assert_eq!(cells(&[Shape::Step, Shape::Step], &[]), [Cell { shape: Shape::Step, fault: Fault::None }]);
        assert_eq!(cells(&[], &[Fault::Lie]).len(), 2);
        assert_eq!(cells(&[Shape::Step, Shape::Ramp], &[Fault::Lie, Fault::None]).len(), 4);
    }

    #[test]
    fn what_comes_out_does_not_depend_on_the_threads() {
        let plan = Plan {
            cells: cells(&[Shape::Step, Shape::Bursty], &[Fault::None, Fault::NodeDrain]),
            policies: vec![Policy::StaticPeak, Policy::Clairvoyant],
            seeds: 2,
            minutes: 6,
        };
        let (one, three) = (matrix(&plan, 1, &|_, _| {}), matrix(&plan, 3, &|_, _| {}));
        assert_eq!(one, three);
        let [first, second] = &one.rows[0].scores[..] else { panic!("two policies") };
        assert_eq!((first.policy, second.policy), (Policy::StaticPeak, Policy::Clairvoyant));
        assert!(first.course.len() == 6 && first.pod_hours.mean > second.pod_hours.mean, "{first:?} {second:?}");
    }
}
