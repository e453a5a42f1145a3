//! The service: requests that wait for workers of pods, one event after the other.
//!
//! Every pod has its workers and one queue before them. A client gives up after a timeout: a request that still waits
//! then is thrown away when its turn comes, one that is being served is served to its end for nobody. A part of every
//! request may need a connection of a pool that all pods share.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{
    number::{MINUTE, Micros, SECOND, id, index, micros, seconds},
    pod::Pod,
    random::Random,
};

/// How requests find their pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancing {
    /// The less loaded of two that are drawn.
    TwoChoices,
    /// One after the other.
    RoundRobin,
}

/// A pool of connections behind all pods.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// Connections.
    pub connections: u32,
    /// The share of the work of a request that needs one, at its end.
    pub share: f64,
}

/// What a service is like.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Workers of a pod.
    pub workers: u32,
    /// When clients give up: None if they never do.
    pub timeout: Option<Micros>,
    /// A request that takes less is good.
    pub good_below: Micros,
    /// How requests find their pod.
    pub balancing: Balancing,
    /// Whether clients try once more when they gave up.
    pub retry: bool,
    /// A pool of connections behind the pods.
    pub shared: Option<Shared>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 4,
            timeout: Some(2 * SECOND),
            good_below: 750_000,
            balancing: Balancing::TwoChoices,
            retry: false,
            shared: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    Served,
    /// It holds a worker and waits for a connection.
    Waiting,
    Connected,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    arrived: Micros,
    work: Micros,
    pod: u32,
    /// Which use of the place this is: deadlines of former uses are stale.
    generation: u32,
    stage: Stage,
    expired: bool,
    again: bool,
}

/// Requests of one minute, by their arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests that clients made; a second attempt is not another request.
    pub total: u64,
    /// Those that failed, or took too long, at the first attempt.
    pub bad: u64,
}

/// How long requests waited for a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waits {
    /// Requests that got a worker.
    pub started: u64,
    /// Those that had to wait for it.
    pub waited: u64,
    /// The sum of the times.
    pub sum: Micros,
}

/// The service in operation.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    /// All pods that there ever were.
    pods: Vec<Pod>,
    /// Those that get requests.
    ready: Vec<u32>,
    requests: Vec<Request>,
    free: Vec<u32>,
    /// When a stage of a request ends.
    events: BinaryHeap<Reverse<(Micros, u32)>>,
    deadlines: VecDeque<(Micros, u32, u32)>,
    connected: u32,
    waiting: VecDeque<u32>,
    turn: usize,
    random: Random,
    minutes: Vec<Minute>,
    /// Times spent waiting for workers.
    pub waits: Waits,
}

impl Service {
    /// A service without pods.
    pub fn new(settings: Settings, random: Random) -> Self {
        Self {
            settings,
            pods: Vec::new(),
            ready: Vec::new(),
            requests: Vec::new(),
            free: Vec::new(),
            events: BinaryHeap::new(),
            deadlines: VecDeque::new(),
            connected: 0,
            waiting: VecDeque::new(),
            turn: 0,
            random,
            minutes: Vec::new(),
            waits: Waits::default(),
        }
    }

    /// A pod that gets no requests yet. `slowness` multiplies the work of its requests.
    pub fn add_pod(&mut self, slowness: f64) -> u32 {
        self.pods.push(Pod::new(slowness));
        id(self.pods.len() - 1)
    }

    /// The pod gets requests from now on, or no more; those that it has are served.
    pub fn set_ready(&mut self, pod: u32, ready: bool) {
        self.ready.retain(|other| *other != pod);
        if ready {
            self.ready.push(pod);
        }
    }

    /// A pod.
    pub fn pod(&self, pod: u32) -> Option<&Pod> {
        self.pods.get(index(pod))
    }

    /// A pod, to slow it down.
    pub fn pod_mut(&mut self, pod: u32) -> Option<&mut Pod> {
        self.pods.get_mut(index(pod))
    }

    /// Connections of the shared pool from now on.
    pub fn set_connections(&mut self, connections: u32, now: Micros) {
        if let Some(shared) = &mut self.settings.shared {
            shared.connections = connections;
        }
        self.connect(now);
    }

    /// Requests that wait for a connection of the shared pool: None if there is no pool.
    pub fn waiting(&self) -> Option<usize> {
        self.settings.shared.map(|_| self.waiting.len())
    }

    /// Requests by the minute of their arrival.
    pub fn minutes(&self) -> &[Minute] {
        &self.minutes
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Micros> {
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let deadline = self.deadlines.front().map(|(at, ..)| *at);
        match (event, deadline) {
            (Some(event), Some(deadline)) => Some(event.min(deadline)),
            (event, deadline) => event.or(deadline),
        }
    }

    /// A request with so much work comes.
    pub fn arrive(&mut self, now: Micros, work: Micros) {
        self.attempt(now, work, false);
    }

    fn attempt(&mut self, now: Micros, work: Micros, again: bool) {
        let Some(pod) = self.choose() else {
            // Refused at once: no pod counts it.
            self.score(now, again, false);
            return;
        };
        let request = Request { arrived: now, work, pod, generation: 0, stage: Stage::Queued, expired: false, again };
        let id = self.place(request);
        let Some(at) = self.pods.get_mut(index(pod)) else { return };
        at.in_flight += 1;
        if at.busy < self.settings.workers {
            self.start(now, id);
        } else {
            at.queue.push_back(id);
        }
        if let Some(timeout) = self.settings.timeout {
            let generation = self.requests.get(index(id)).map_or(0, |request| request.generation);
            self.deadlines.push_back((now + timeout, id, generation));
        }
    }

    fn choose(&mut self) -> Option<u32> {
        let count = self.ready.len();
        match (count, self.settings.balancing) {
            (0, _) => None,
            (1, _) => self.ready.first().copied(),
            (_, Balancing::RoundRobin) => {
                self.turn = (self.turn + 1) % count;
                self.ready.get(self.turn).copied()
            }
            (_, Balancing::TwoChoices) => {
                let first = self.random.below(count);
                let second = (first + 1 + self.random.below(count - 1)) % count;
                let (first, second) = (*self.ready.get(first)?, *self.ready.get(second)?);
                let load = |pod: u32| self.pods.get(index(pod)).map_or(u32::MAX, |pod| pod.in_flight);
                Some(if load(second) < load(first) { second } else { first })
            }
        }
    }

    fn place(&mut self, request: Request) -> u32 {
        if let Some(id) = self.free.pop()
            && let Some(place) = self.requests.get_mut(index(id))
        {
            *place = Request { generation: place.generation, ..request };
            return id;
        }
        self.requests.push(request);
        id(self.requests.len() - 1)
    }

    fn release(&mut self, id: u32) {
        if let Some(request) = self.requests.get_mut(index(id)) {
            request.generation = request.generation.wrapping_add(1);
            self.free.push(id);
        }
    }

    /// A worker that is free takes a request.
    fn start(&mut self, now: Micros, id: u32) {
        let Some(request) = self.requests.get_mut(index(id)) else { return };
        let Some(pod) = self.pods.get_mut(index(request.pod)) else { return };
        request.stage = Stage::Served;
        pod.occupy(now);
        let wait = now - request.arrived;
        self.waits.started += 1;
        self.waits.waited += u64::from(wait > 0);
        self.waits.sum += wait;
        let own = self.settings.shared.map_or(1.0, |shared| 1.0 - shared.share);
        let work = if own.to_bits() == 1.0_f64.to_bits() && pod.slowness.to_bits() == 1.0_f64.to_bits() {
            request.work
        } else {
            micros(seconds(request.work) * own * pod.slowness)
        };
        self.events.push(Reverse((now + work, id)));
    }

    /// What happens next, happens.
    pub fn step(&mut self) {
        let deadline = self.deadlines.front().map_or(Micros::MAX, |(at, ..)| *at);
        // At the same moment the answer is first: it came in time.
        let event = self.events.peek().is_some_and(|Reverse((at, _))| *at <= deadline);
        if event && let Some(Reverse((now, id))) = self.events.pop() {
            self.stage_ends(now, id);
        } else if let Some((now, id, generation)) = self.deadlines.pop_front() {
            self.expire(now, id, generation);
        }
    }

    fn stage_ends(&mut self, now: Micros, id: u32) {
        let Some(request) = self.requests.get_mut(index(id)) else { return };
        match (request.stage, self.settings.shared) {
            (Stage::Served, Some(_)) => {
                request.stage = Stage::Waiting;
                if let Some(pod) = self.pods.get_mut(index(request.pod)) {
                    pod.rest(now);
                }
                self.waiting.push_back(id);
                self.connect(now);
            }
            (Stage::Connected, Some(_)) => {
                self.connected = self.connected.saturating_sub(1);
                self.finish(now, id);
                self.connect(now);
            }
            _ => {
                if let Some(pod) = self.pods.get_mut(index(request.pod)) {
                    pod.rest(now);
                }
                self.finish(now, id);
            }
        }
    }

    /// Connections that are free go to those who wait.
    fn connect(&mut self, now: Micros) {
        let Some(shared) = self.settings.shared else { return };
        while self.connected < shared.connections {
            let Some(id) = self.waiting.pop_front() else { return };
            let Some(request) = self.requests.get_mut(index(id)) else { return };
            if request.expired {
                self.finish(now, id);
                continue;
            }
            request.stage = Stage::Connected;
            self.connected += 1;
            let work = micros(seconds(request.work) * shared.share);
            self.events.push(Reverse((now + work, id)));
        }
    }

    /// The worker of a request is free again and takes the next.
    fn finish(&mut self, now: Micros, id: u32) {
        let Some(request) = self.requests.get(index(id)).copied() else { return };
        if !request.expired {
            self.count(request, now - request.arrived);
        }
        self.release(id);
        if let Some(pod) = self.pods.get_mut(index(request.pod)) {
            pod.busy = pod.busy.saturating_sub(1);
        }
        while let Some(next) = self.pods.get_mut(index(request.pod)).and_then(|pod| pod.queue.pop_front()) {
            if self.requests.get(index(next)).is_some_and(|request| request.expired) {
                self.release(next);
            } else {
                self.start(now, next);
                return;
            }
        }
    }

    fn expire(&mut self, now: Micros, id: u32, generation: u32) {
        let Some(request) = self.requests.get_mut(index(id)) else { return };
        if request.generation != generation || request.expired {
            return;
        }
        request.expired = true;
        let request = *request;
        self.count(request, now - request.arrived);
        if self.settings.retry && !request.again {
            self.attempt(now, request.work, true);
        }
    }

    /// A request has its answer, or its client gave up.
    fn count(&mut self, request: Request, latency: Micros) {
        let good = latency < self.settings.good_below && !request.expired;
        if let Some(pod) = self.pods.get_mut(index(request.pod)) {
            pod.in_flight = pod.in_flight.saturating_sub(1);
            pod.counters.observe(latency, good);
        }
        self.score(request.arrived, request.again, good);
    }

    fn score(&mut self, arrived: Micros, again: bool, good: bool) {
        if again {
            return;
        }
        let minute = usize::try_from(arrived / MINUTE).unwrap_or(usize::MAX);
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, Minute::default());
        }
        if let Some(minute) = self.minutes.get_mut(minute) {
            minute.total += 1;
            minute.bad += u64::from(!good);
        }
    }
}
