//! Pods as they come: what they request.

use plimsoll::arena::hpa::{Container, Requests, Resource};

use crate::random::Random;

/// What the pods of a case have in common, so that their utilization can be on a border.
#[derive(Clone, Debug)]
pub struct Shape {
    cpu: i64,
    memory: i64,
    /// Percent.
    pub target: i32,
    /// Percent of the pods that are as the others.
    alike: i64,
    sidecar: bool,
    /// Whether some pods state their requests as a whole.
    whole: bool,
}

impl Shape {
    pub fn random(random: &mut Random) -> Self {
        Self {
            cpu: random.pick(&[100, 250, 1000, 1, 3, 333, 2000]),
            memory: random.pick(&[64 << 20, 1 << 30, 100_000_000]) * 1000,
            target: random.pick(&[50, 70, 80, 100, 60, 1, 150]),
            alike: random.pick(&[100, 100, 50]),
            sidecar: random.percent(20),
            whole: random.percent(10),
        }
    }

    pub fn request(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }

    /// Requests of the whole pod, if it states any.
    pub fn whole(&self, random: &mut Random) -> Option<Requests> {
        (self.whole && random.percent(50)).then(|| Requests {
            cpu: random.percent(60).then_some(self.cpu * 2),
            memory: random.percent(60).then_some(self.memory * 2),
        })
    }
}

pub fn containers(random: &mut Random, shape: &Shape) -> Vec<Container> {
    let factor = if random.percent(shape.alike) { 100 } else { random.within(0, 300) };
    let mut of = |name: &str, share: i64| {
        let mut part = |all: i64| match random.within(0, 499) {
            0 => None,
            1..=3 => Some(0),
            4 => Some(random.within(1 << 40, 1 << 61)),
            _ => Some(all * factor / 100 * share / 100),
        };
        Container { name: name.to_owned(), requests: Requests { cpu: part(shape.cpu), memory: part(shape.memory) } }
    };
    if shape.sidecar { vec![of("main", 80), of("sidecar", 20)] } else { vec![of("main", 100)] }
}
