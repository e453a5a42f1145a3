//! One run: a load, a world and a policy, from one seed.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    autoscaling::{Autoscaling, Scaled},
    deployment::{Deployment, Phase},
    load::{Load, Shape, WARM_UP},
    measure::{METRICS_LAG, MetricsServer, Prometheus, SCRAPE},
    number::{MINUTE, Micros, SECOND, ceiling, micros},
    outcome::{Outcome, Point},
    policy::{Driver, Policy},
    random::Random,
    service::Service,
    world::{Fault, MIN, RIGHT, SIGMA, WORK, World, pods},
};

/// How often the autoscaler looks at its metrics.
const SYNC: Micros = 15 * SECOND;
/// How often an operator looks.
const TICK: Micros = 10 * SECOND;
/// How often its rules are evaluated.
const RULES: Micros = 15 * SECOND;
/// How often an eviction that was refused is tried again.
const EVICTION: Micros = 5 * SECOND;
/// For how long a clairvoyant looks ahead: a pod has to start.
const AHEAD: Micros = 60 * SECOND;

/// A run that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The load.
    pub shape: Shape,
    /// What goes wrong.
    pub fault: Fault,
    /// How the replicas are decided.
    pub policy: Policy,
    /// How long it takes, after the warm-up.
    pub minutes: u32,
    /// Where chance comes from. The load is the same for all policies.
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Sample,
    Publish,
    Scrape,
    Sync,
    Record,
    Tick,
    Ready(u32),
    Release,
    Noise,
    Quiet,
    Drain,
    Scarce,
    Plenty,
    Minute,
}

struct Simulation {
    world: World,
    load: Load,
    service: Service,
    deployment: Deployment,
    prometheus: Prometheus,
    metrics: MetricsServer,
    scaling: Scaling,
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    sequence: u64,
    outcome: Outcome,
}

enum Scaling {
    Autoscaler(Box<Autoscaling>),
    Static,
    Clairvoyant,
}

/// Makes a run.
pub fn run(setup: &Setup) -> Outcome {
    let load = Load::new(setup.shape, setup.minutes, setup.seed);
    let world = World::new(setup.fault, setup.shape, &load);
    let stream = |stream| Random::new(setup.seed, stream);
    let mut service = Service::new(world.service, stream(2));
    let scaling = match setup.policy.driver(&world) {
        Driver::Static => Scaling::Static,
        Driver::Clairvoyant => Scaling::Clairvoyant,
        Driver::Autoscaler { spec, enforcer } => Scaling::Autoscaler(Box::new(Autoscaling::new(spec, enforcer))),
    };
    let first = match scaling {
        Scaling::Static => ceiling(pods(load.highest(0, load.end()), 1.0, RIGHT)),
        _ => ceiling(pods(load.at(0), 1.0, RIGHT / world.target_factor.min(1.0))),
    };
    let deployment = Deployment::new(world.cluster, first.clamp(MIN, world.max), &mut service, stream(3));
    let mut simulation = Simulation {
        world,
        service,
        deployment,
        prometheus: Prometheus::new(world.blindness),
        metrics: MetricsServer::default(),
        scaling,
        events: BinaryHeap::new(),
        sequence: 0,
        outcome: Outcome::default(),
        load,
    };
    simulation.plan(&mut stream(4));
    simulation.go(&mut stream(5), &mut stream(6));
    simulation.close()
}

impl Simulation {
    fn at(&mut self, time: Micros, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((time, self.sequence, event)));
    }

    /// Everything periodic has a phase of its own, as in a cluster.
    fn plan(&mut self, phases: &mut Random) {
        for (event, period) in [
            (Event::Sample, SCRAPE),
            (Event::Scrape, SCRAPE),
            (Event::Record, RULES),
            (Event::Sync, SYNC),
            (Event::Tick, TICK),
        ] {
            let phase = phases.phase(period);
            self.at(phase, event);
        }
        self.at(0, Event::Minute);
        let world = self.world;
        let faults = [
            world.release.map(|(at, _)| (at, Event::Release)),
            world.noise.map(|(from, ..)| (from, Event::Noise)),
            world.noise.map(|(_, until, _)| (until, Event::Quiet)),
            world.drain.map(|at| (at, Event::Drain)),
            world.scarcity.map(|(from, ..)| (from, Event::Scarce)),
            world.scarcity.map(|(_, until, _)| (until, Event::Plenty)),
        ];
        for (at, event) in faults.into_iter().flatten() {
            self.at(at, event);
        }
    }

    fn go(&mut self, arrivals: &mut Random, work: &mut Random) {
        let end = self.load.end();
        let mean = WORK.ln() - SIGMA * SIGMA / 2.0;
        let mut arrival = self.load.next(0, arrivals);
        loop {
            let event = self.events.peek().map_or(Micros::MAX, |Reverse((at, ..))| *at);
            let request = self.service.next().unwrap_or(Micros::MAX);
            let coming = arrival.unwrap_or(Micros::MAX);
            if event.min(request).min(coming) >= end && arrival.is_none() {
                break;
            }
            if coming <= event && coming <= request {
                let drawn = f64::exp(mean + SIGMA * work.normal());
                let drawn = match self.world.tail {
                    Some(tail) if work.share() < tail.share => work.between(tail.between.0, tail.between.1),
                    _ => drawn,
                };
                self.service.arrive(coming, micros(drawn));
                arrival = self.load.next(coming, arrivals);
            } else if request <= event {
                self.service.step();
            } else if let Some(Reverse((now, _, event))) = self.events.pop() {
                self.handle(now, event);
            }
        }
        // What is under way is answered or given up.
        while self.service.next().is_some() {
            self.service.step();
        }
    }

    fn handle(&mut self, now: Micros, event: Event) {
        match event {
            Event::Sample => {
                let workers = self.world.service.workers;
                self.metrics.sample(now, &self.deployment, &self.service, workers, self.world.cpu_share);
                self.at(now + METRICS_LAG, Event::Publish);
                self.at(now + SCRAPE, Event::Sample);
            }
            Event::Publish => self.metrics.publish(),
            Event::Scrape => {
                self.prometheus.scrape(now, &self.deployment, &self.service);
                self.at(now + SCRAPE, Event::Scrape);
            }
            Event::Sync => {
                self.sync(now);
                self.at(now + SYNC, Event::Sync);
            }
            Event::Record => {
                if let Scaling::Autoscaler(autoscaling) = &mut self.scaling {
                    autoscaling.record(now, &self.prometheus);
                }
                self.at(now + RULES, Event::Record);
            }
            Event::Tick => {
                self.tick(now);
                self.at(now + TICK, Event::Tick);
            }
            Event::Ready(pod) => {
                self.deployment.ready(pod, now, &mut self.service);
                self.reconcile(now);
            }
            Event::Release => {
                self.deployment.roll_out(now, self.world.slowness(now));
                self.reconcile(now);
            }
            Event::Noise => self.disturb(self.world.noise.map_or(1.0, |(.., slowness)| slowness)),
            Event::Quiet => self.disturb(1.0),
            Event::Drain => {
                if self.deployment.drain(now, &mut self.service) {
                    self.at(now + EVICTION, Event::Drain);
                }
                self.reconcile(now);
            }
            Event::Scarce => {
                let connections = self.world.scarcity.map_or(0, |(.., connections)| connections);
                self.service.set_connections(connections, now);
            }
            Event::Plenty => self.service.set_connections(super::world::CONNECTIONS, now),
            Event::Minute => {
                self.outcome.points.push(Point {
                    rate: self.load.at(now),
                    replicas: self.deployment.replicas,
                    ready: self.deployment.count(Phase::Ready),
                });
                self.at(now + MINUTE, Event::Minute);
            }
        }
    }

    fn disturb(&mut self, noise: f64) {
        self.deployment.disturb(noise, &mut self.service);
    }

    /// The controllers of the workload act; pods that nodes took now will be ready later.
    fn reconcile(&mut self, now: Micros) {
        self.deployment.reconcile(now, &mut self.service);
        let started: Vec<(Micros, u32)> = self
            .deployment
            .alive()
            .filter(|(_, life)| life.phase == Phase::Starting && life.scheduled == Some(now))
            .filter_map(|(pod, life)| Some((life.ready?, pod)))
            .collect();
        for (ready, pod) in started {
            self.at(ready, Event::Ready(pod));
        }
    }

    fn sync(&mut self, now: Micros) {
        let wanted = match &mut self.scaling {
            Scaling::Static => return,
            Scaling::Clairvoyant => {
                let rate = self.load.highest(now, AHEAD);
                fewest(rate, self.world.slowness(now + AHEAD)).clamp(MIN, self.world.max)
            }
            Scaling::Autoscaler(autoscaling) => {
                let Scaled { replicas, at_max } =
                    autoscaling.sync(now, &self.deployment, &self.metrics, &self.prometheus);
                if at_max && now >= WARM_UP {
                    self.outcome.at_max += SYNC;
                }
                replicas
            }
        };
        self.scale(wanted, now);
    }

    fn scale(&mut self, wanted: i32, now: Micros) {
        if wanted != self.deployment.replicas {
            self.outcome.changes += u32::from(now >= WARM_UP);
            self.deployment.replicas = wanted;
            self.reconcile(now);
        }
    }

    /// An operator looks; if it moves a bound, the autoscaler follows at once, as since Kubernetes 1.37.
    fn tick(&mut self, now: Micros) {
        let Scaling::Autoscaler(autoscaling) = &mut self.scaling else { return };
        let seasonal = self.load.seasonal(now, 10 * MINUTE);
        let moved = autoscaling.enforce(now, &self.deployment, self.world.service.workers, seasonal);
        if moved {
            self.outcome.actions += u32::from(now >= WARM_UP);
            let scaled = autoscaling.sync(now, &self.deployment, &self.metrics, &self.prometheus);
            self.scale(scaled.replicas, now);
        }
    }

    fn close(mut self) -> Outcome {
        let end = self.load.end();
        let skip = usize::try_from(WARM_UP / MINUTE).unwrap_or_default();
        self.outcome.minutes = self.service.minutes().iter().skip(skip).copied().collect();
        self.outcome.points.drain(..skip.min(self.outcome.points.len()));
        self.outcome.pod_time = self.deployment.pod_time(WARM_UP, end);
        self.outcome
    }
}

/// About the fewest pods that meet the objective: the offered work and a margin of its square root.
fn fewest(rate: f64, slowness: f64) -> i32 {
    let offered = pods(rate, slowness, 1.0) * 4.0;
    ceiling((offered + offered.sqrt()) / 4.0)
}
