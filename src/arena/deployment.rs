//! The workload: a Deployment whose pods start slowly, roll over to a new template, wait for nodes and leave drained ones.

use super::{
    number::{Micros, ceiling, floor, id, index, micros, replicas},
    random::Random,
    service::Service,
};

/// Nodes that pods are spread over.
pub const NODES: u32 = 3;
/// The share of the pods that may be beyond, or missing, during a rollout, and missing during a drain.
const SURGE: f64 = 0.25;

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No node has room for it.
    Unschedulable,
    /// Its process starts.
    Starting,
    /// It serves.
    Ready,
    /// It was deleted.
    Deleted,
}

/// The life of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Where it is.
    pub phase: Phase,
    /// The revision of the template that it was made from.
    pub revision: u32,
    /// When it was made.
    pub created: Micros,
    /// When a node took it.
    pub scheduled: Option<Micros>,
    /// When it was ready, or will be.
    pub ready: Option<Micros>,
    /// When it was deleted.
    pub deleted: Option<Micros>,
    /// Its node.
    pub node: u32,
}

/// What the cluster gives.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seconds from the node to readiness: least and most.
    pub start: (f64, f64),
    /// Pods that the nodes have room for.
    pub capacity: usize,
}

/// The workload with its pods. The ids are those of the service.
#[derive(Debug)]
pub struct Deployment {
    settings: Settings,
    /// `spec.replicas`.
    pub replicas: i32,
    /// The revision of the template.
    pub revision: u32,
    /// When it came.
    pub revision_at: Micros,
    /// What the work of requests is multiplied by in pods of this revision.
    pub slowness: f64,
    /// What it is multiplied by on the first node.
    pub noise: f64,
    /// Since when the first node is cordoned.
    cordoned: Option<Micros>,
    lives: Vec<Life>,
    alive: Vec<u32>,
    random: Random,
}

impl Deployment {
    /// A workload whose first pods are ready.
    pub fn new(settings: Settings, count: i32, service: &mut Service, random: Random) -> Self {
        let mut deployment = Self {
            settings,
            replicas: count,
            revision: 1,
            revision_at: 0,
            slowness: 1.0,
            noise: 1.0,
            cordoned: None,
            lives: Vec::new(),
            alive: Vec::new(),
            random,
        };
        for _ in 0..count {
            let pod = deployment.create(0, service);
            deployment.ready(pod, 0, service);
        }
        deployment
    }

    /// Pods that were not deleted.
    pub fn alive(&self) -> impl Iterator<Item = (u32, &Life)> {
        self.alive.iter().filter_map(|pod| Some((*pod, self.lives.get(index(*pod))?)))
    }

    /// Pods that are in a phase.
    pub fn count(&self, phase: Phase) -> i32 {
        replicas(self.alive().filter(|(_, life)| life.phase == phase).count())
    }

    /// Pods that were not deleted: `status.replicas`.
    pub fn total(&self) -> i32 {
        replicas(self.alive.len())
    }

    fn create(&mut self, now: Micros, service: &mut Service) -> u32 {
        let node = id(self.lives.len()) % NODES;
        let pod = service.add_pod(self.slowness * if node == 0 { self.noise } else { 1.0 });
        self.lives.push(Life {
            phase: Phase::Unschedulable,
            revision: self.revision,
            created: now,
            scheduled: None,
            ready: None,
            deleted: None,
            node,
        });
        self.alive.push(pod);
        self.schedule(now);
        pod
    }

    /// Nodes take pods while they have room.
    fn schedule(&mut self, now: Micros) {
        let mut room =
            self.settings.capacity.saturating_sub(self.alive().filter(|(_, life)| life.scheduled.is_some()).count());
        for pod in &self.alive {
            let Some(life) = self.lives.get_mut(index(*pod)) else { continue };
            if life.scheduled.is_none() && room > 0 {
                room -= 1;
                let (least, most) = self.settings.start;
                life.phase = Phase::Starting;
                life.scheduled = Some(now);
                life.ready = Some(now + micros(self.random.between(least, most)));
            }
        }
    }

    /// The process of a pod has started, if nobody deleted it meanwhile.
    pub fn ready(&mut self, pod: u32, now: Micros, service: &mut Service) {
        if let Some(life) = self.lives.get_mut(index(pod))
            && life.phase == Phase::Starting
        {
            life.phase = Phase::Ready;
            life.ready = Some(now);
            service.set_ready(pod, true);
        }
    }

    /// A pod is deleted: it gets no more requests and serves those that it has.
    fn delete(&mut self, pod: u32, now: Micros, service: &mut Service) {
        if let Some(life) = self.lives.get_mut(index(pod)) {
            life.phase = Phase::Deleted;
            life.deleted = Some(now);
        }
        self.alive.retain(|other| *other != pod);
        service.set_ready(pod, false);
    }

    /// Another template is applied.
    pub fn roll_out(&mut self, now: Micros, slowness: f64) {
        self.revision += 1;
        self.revision_at = now;
        self.slowness = slowness;
    }

    /// The first node becomes noisy, or quiet with 1: its pods are slower.
    pub fn disturb(&mut self, noise: f64, service: &mut Service) {
        let change = noise / self.noise;
        self.noise = noise;
        for pod in &self.alive {
            if self.lives.get(index(*pod)).is_some_and(|life| life.node == 0)
                && let Some(pod) = service.pod_mut(*pod)
            {
                pod.slowness *= change;
            }
        }
    }

    /// Pods leave the first node, which takes no more of them since it is cordoned: as many as the disruption budget lets go
    /// now. Whether some are left.
    pub fn drain(&mut self, now: Micros, service: &mut Service) -> bool {
        let cordoned = *self.cordoned.get_or_insert(now);
        let on_node: Vec<u32> = self.on_cordoned(cordoned).collect();
        let least = self.replicas - ceiling(f64::from(self.replicas) * SURGE).max(1);
        let mut spare = self.count(Phase::Ready) - least;
        let mut left = on_node.len();
        for pod in on_node {
            let ready = self.lives.get(index(pod)).is_some_and(|life| life.phase == Phase::Ready);
            if !ready || spare > 0 {
                spare -= i32::from(ready);
                left -= 1;
                self.delete(pod, now, service);
            }
        }
        left > 0
    }

    /// Pods that are on the first node since before it was cordoned; later ones are on others.
    fn on_cordoned(&self, since: Micros) -> impl Iterator<Item = u32> {
        let there = move |life: &Life| life.node == 0 && life.scheduled.is_some_and(|scheduled| scheduled < since);
        self.alive().filter(move |(_, life)| there(life)).map(|(pod, _)| pod)
    }

    /// Pods on a node that is cordoned.
    pub fn draining(&self) -> i32 {
        self.cordoned.map_or(0, |since| replicas(self.on_cordoned(since).count()))
    }

    /// What the controllers of the Deployment and of its `ReplicaSets` do now: makes and deletes pods.
    pub fn reconcile(&mut self, now: Micros, service: &mut Service) {
        let is_old = |life: &Life, revision: u32| life.revision < revision;
        let revision = self.revision;
        let wanted = self.replicas.max(0);
        let surge = ceiling(f64::from(wanted) * SURGE);
        let missing = wanted - floor(f64::from(wanted) * SURGE);
        loop {
            let old = replicas(self.alive().filter(|(_, life)| is_old(life, revision)).count());
            let new = self.total() - old;
            if new > wanted {
                self.delete_one(now, service, |life| !is_old(life, revision));
            } else if new < wanted && (old == 0 || self.total() < wanted + surge) {
                self.create(now, service);
            } else if old > 0 && self.may_lose_old(missing, revision) {
                self.delete_one(now, service, |life| is_old(life, revision));
            } else {
                break;
            }
        }
        self.schedule(now);
    }

    /// Whether an old pod may go: one that does not serve, or one of more than have to serve.
    fn may_lose_old(&self, least: i32, revision: u32) -> bool {
        let mut old = self.alive().filter(|(_, life)| life.revision < revision);
        old.any(|(_, life)| life.phase != Phase::Ready) || self.count(Phase::Ready) > least
    }

    /// Deletes as a `ReplicaSet` does: first what no node has, then what does not serve yet, then what serves for the
    /// shortest time.
    fn delete_one(&mut self, now: Micros, service: &mut Service, among: impl Fn(&Life) -> bool) {
        let rank = |life: &Life| match life.phase {
            Phase::Unschedulable => (0, 0),
            Phase::Starting => (1, Micros::MAX - life.created),
            _ => (2, Micros::MAX - life.ready.unwrap_or_default()),
        };
        let first = self.alive().filter(|(_, life)| among(life)).min_by_key(|(_, life)| rank(life)).map(|(pod, _)| pod);
        if let Some(pod) = first {
            self.delete(pod, now, service);
        }
    }

    /// The time that nodes had pods of this workload within a span.
    pub fn pod_time(&self, from: Micros, until: Micros) -> Micros {
        let span = |life: &Life| {
            let begin = life.scheduled?.max(from);
            Some(life.deleted.unwrap_or(until).min(until).saturating_sub(begin))
        };
        self.lives.iter().filter_map(span).sum()
    }
}
