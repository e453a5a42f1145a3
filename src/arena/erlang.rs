//! The queue against theory: Erlang's formula for workers with one queue, and Pollaczek and Khinchine's for one worker.

use super::{
    load::Load,
    number::{length, micros, real, seconds},
    random::Random,
    service::{Balancing, Service, Settings},
    statistics::{Interval, interval, joint, student},
    world::SIGMA,
};

/// Requests of a run, and those of its beginning that do not count.
const REQUESTS: u64 = 150_000;
const SETTLE: u64 = 10_000;

/// A queue that theory knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Workers with one queue.
    pub workers: u32,
    /// The share of the time that they are busy.
    pub utilization: f64,
    /// Whether the work of requests is lognormal, as in the arena; else it is exponential.
    pub lognormal: bool,
}

/// The queues that are tried.
pub const CASES: [Case; 6] = [
    Case { workers: 1, utilization: 0.7, lognormal: false },
    Case { workers: 4, utilization: 0.5, lognormal: false },
    Case { workers: 4, utilization: 0.8, lognormal: false },
    Case { workers: 20, utilization: 0.85, lognormal: false },
    Case { workers: 1, utilization: 0.5, lognormal: true },
    Case { workers: 1, utilization: 0.8, lognormal: true },
];

/// A quantity in theory and as it was simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// What it must be.
    pub theory: f64,
    /// What it is.
    pub simulated: Interval,
    /// Half of the interval that holds for all comparisons at the same time: of twelve intervals of 95 % one is wrong in
    /// every other validation.
    pub joint: f64,
}

impl Compared {
    /// Whether theory lies within the joint interval of the simulation.
    pub fn agrees(&self) -> bool {
        (self.theory - self.simulated.mean).abs() <= self.joint
    }
}

/// What came out for one queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// The queue.
    pub case: Case,
    /// The share of requests that wait.
    pub waiting: Compared,
    /// The mean wait, in mean durations of a request.
    pub wait: Compared,
}

impl Validation {
    /// Whether both agree.
    pub fn agrees(&self) -> bool {
        self.waiting.agrees() && self.wait.agrees()
    }
}

/// Erlang C: the probability that a request waits, with so many workers and so much work offered.
pub fn erlang_c(workers: u32, offered: f64) -> f64 {
    // Erlang B by its recursion, which does not overflow.
    let blocked = (1..=workers).fold(1.0, |blocked, n| offered * blocked / (f64::from(n) + offered * blocked));
    let idle = 1.0 - offered / f64::from(workers);
    blocked / (blocked + (1.0 - blocked) * idle)
}

/// The simulation against theory over so many seeds. Waits are measured at the beginning of the service.
pub fn validate(case: Case, seeds: u64) -> Validation {
    let Case { workers, utilization, lognormal } = case;
    let offered = f64::from(workers) * utilization;
    let (waiting, wait) = if lognormal {
        // One worker: Poisson arrivals see it busy for that share of the time.
        let variation = f64::exp(SIGMA * SIGMA) - 1.0;
        (utilization, utilization * (1.0 + variation) / (2.0 * (1.0 - utilization)))
    } else {
        let waiting = erlang_c(workers, offered);
        (waiting, waiting / (f64::from(workers) * (1.0 - utilization)))
    };
    let runs: Vec<(f64, f64)> = (1..=seeds).map(|seed| simulate(case, seed)).collect();
    let compared = |theory, simulated: Interval| {
        let degrees = runs.len().saturating_sub(1).max(1);
        Compared { theory, simulated, joint: simulated.half / student(degrees) * joint(length(degrees)) }
    };
    let of = |pick: &dyn Fn(&(f64, f64)) -> f64| interval(&runs.iter().map(pick).collect::<Vec<_>>());
    Validation { case, waiting: compared(waiting, of(&|run| run.0)), wait: compared(wait, of(&|run| run.1)) }
}

/// The share of requests that waited and their mean wait, in units of a mean duration of 0.1 s.
fn simulate(case: Case, seed: u64) -> (f64, f64) {
    let mean = 0.1;
    let settings =
        Settings { workers: case.workers, timeout: None, balancing: Balancing::RoundRobin, ..Settings::default() };
    let mut service = Service::new(settings, Random::new(seed, 2));
    let pod = service.add_pod(1.0);
    service.set_ready(pod, true);
    let rate = f64::from(case.workers) * case.utilization / mean;
    let load = Load::constant(rate, micros(2.0 * real(REQUESTS) / rate));
    let (mut arrivals, mut work) = (Random::new(seed, 5), Random::new(seed, 6));
    let mut settled = service.waits;
    let mut now = 0;
    for request in 0..REQUESTS {
        let Some(next) = load.next(now, &mut arrivals) else { break };
        while service.next().is_some_and(|event| event <= next) {
            service.step();
        }
        if request == SETTLE {
            settled = service.waits;
        }
        let drawn = if case.lognormal {
            f64::exp(mean.ln() - SIGMA * SIGMA / 2.0 + SIGMA * work.normal())
        } else {
            mean * work.exponential()
        };
        service.arrive(next, micros(drawn));
        now = next;
    }
    let started = real(service.waits.started - settled.started).max(1.0);
    let waited = real(service.waits.waited - settled.waited);
    (waited / started, seconds(service.waits.sum - settled.sum) / started / mean)
}

/// The validation as a table for people.
pub fn table(all: &[Validation], seeds: u64) -> String {
    let mut rows = vec![
        ["workers", "busy", "work", "waiting: theory", "simulated", "wait: theory", "simulated", "agrees"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let shown = |compared: &Compared| {
        (format!("{:.4}", compared.theory), format!("{:.4} ± {:.4}", compared.simulated.mean, compared.simulated.half))
    };
    for one in all {
        let (waiting, wait) = (shown(&one.waiting), shown(&one.wait));
        rows.push(vec![
            one.case.workers.to_string(),
            one.case.utilization.to_string(),
            if one.case.lognormal { "lognormal" } else { "exponential" }.to_owned(),
            waiting.0,
            waiting.1,
            wait.0,
            wait.1,
            if one.agrees() { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let agree = all.iter().filter(|one| one.agrees()).count();
    format!(
        "The queue against theory: Erlang C with exponential work, Pollaczek and Khinchine with one worker and lognormal work.\n\
         Share of requests that wait, and mean wait in mean durations; mean and 95 % interval of {seeds} seeds of {REQUESTS} requests.\n\
         They agree if theory lies within intervals that hold for all comparisons at the same time with 95 %.\n\n{}\n\
         {agree} of {} agree\n",
        crate::explain::aligned(&rows),
        all.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_c_is_that_of_the_tables() {
        // One worker waits as often as it is busy; 5 erlang on 6 workers: 0.5875; 100 on 110: 0.2182 (to four digits).
        for (workers, offered, expected) in [(1, 0.7, 0.7), (2, 1.0, 1.0 / 3.0), (6, 5.0, 0.5875)] {
            assert!((erlang_c(workers, offered) - expected).abs() < 5e-5, "{}", erlang_c(workers, offered));
        }
    }

    #[test]
    fn the_queue_is_that_of_theory() {
        for case in CASES {
            let found = validate(case, 10);
            assert!(found.agrees(), "{found:?}");
            // An interval that is wide agrees with anything.
            assert!(found.wait.simulated.half < 0.08 * found.wait.theory, "{found:?}");
        }
    }
}
