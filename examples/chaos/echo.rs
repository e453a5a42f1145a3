//! A watch that says everything many times over: more events than an API server of this size makes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::body::Bytes;

/// The events of one watch, a line each.
pub struct Echo {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    events: Arc<AtomicU64>,
}

impl Echo {
    /// Adds the events that it lets through to `events`.
    pub fn new(events: Arc<AtomicU64>) -> Self {
        Self { begun: Vec::new(), events }
    }

    /// The events of which this is the end, each of them followed by so many of the same.
    pub fn pass(&mut self, chunk: &[u8], echoes: usize) -> Bytes {
        self.begun.extend_from_slice(chunk);
        let end = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(end);
        let whole = std::mem::replace(&mut self.begun, rest);
        let mut passed = Vec::with_capacity(whole.len() * (echoes + 1));
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            for _ in 0..=echoes {
                passed.extend_from_slice(line);
                self.events.fetch_add(1, Ordering::Relaxed);
            }
        }
        passed.into()
    }
}
