//! Holding the clients while the primary changes, and letting them go again.
//!
//! A pause holds what goes to the primary: `PAUSE` waits until open transactions have ended, and clients queue. It ends when the
//! document no longer asks for it, or at its limit, whatever happens: a service that is held for ever is down.

use std::time::Duration;

use super::wanted::Pause;

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `PAUSE` each database that goes to the primary. It answers when open transactions have ended, so it needs a connection of
    /// its own to the console.
    Pause,
    /// What the document says is to be loaded (`RELOAD` with read-back) before anything else is done.
    Load,
    /// `RESUME` each database that is paused or about to be, on another connection.
    Resume,
}

/// What the agent sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// `SHOW DATABASES` says of every database that goes to the primary that it is paused.
    pub all_paused: bool,
    /// It says so of any of them, or a `PAUSE` has been sent and has not been answered.
    pub any_paused: bool,
    /// What the document says is loaded.
    pub loaded: bool,
}

/// A pause that is ended before it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// Its limit in seconds.
    pub limit_seconds: u32,
    /// Whether the clients were held at all: else transactions did not end in time.
    pub held: bool,
}

impl Ended {
    /// What is to be said of it, for the reason `PauseEnded`.
    pub fn message(&self) -> String {
        let Self { id, limit_seconds, held } = self;
        let how = if *held {
            "the clients were held"
        } else {
            "open transactions did not end, so not all clients were ever held"
        };
        format!(
            "pause {id} was ended at its limit of {limit_seconds} s ({how}); writes go to the primary that is named. \
             Set paused to false, and pause again, with a longer pauseLimit if the promotion needs it"
        )
    }
}

/// Where a pause is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    #[default]
    None,
    Held {
        id: String,
        since: Duration,
        reached: bool,
    },
    Over(Ended),
}

/// The memory of pauses. It outlives documents, and not the process: whoever starts anew under a document with a pause begins it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switchover {
    state: State,
}

impl Switchover {
    /// What to do now. `now` is since any fixed moment and does not go back.
    pub fn step(&mut self, now: Duration, wanted: Option<&Pause>, seen: Seen) -> Vec<Action> {
        match wanted {
            Some(pause) => self.hold(now, pause, seen),
            None => self.release(seen),
        }
    }

    fn hold(&mut self, now: Duration, pause: &Pause, seen: Seen) -> Vec<Action> {
        let known = match &self.state {
            State::None => None,
            State::Held { id, .. } => Some(id),
            State::Over(ended) => Some(&ended.id),
        };
        if known != Some(&pause.id) {
            // Another pause has its own time. Clients that are held already stay so.
            self.state = State::Held { id: pause.id.clone(), since: now, reached: seen.all_paused };
            return if seen.all_paused { vec![] } else { vec![Action::Pause] };
        }
        let State::Held { since, reached, .. } = &mut self.state else {
            return if seen.any_paused { vec![Action::Resume] } else { vec![] };
        };
        *reached |= seen.all_paused;
        if now.saturating_sub(*since) >= Duration::from_secs(pause.limit_seconds.into()) {
            let held = *reached;
            self.state = State::Over(Ended { id: pause.id.clone(), limit_seconds: pause.limit_seconds, held });
            return vec![Action::Resume];
        }
        // A restarted PgBouncer, or one that forgot a pause, is told again.
        if seen.any_paused { vec![] } else { vec![Action::Pause] }
    }

    /// First what is new is loaded, so that the clients that are let go find the new primary and not the old one.
    fn release(&mut self, seen: Seen) -> Vec<Action> {
        if self.state == State::None && !seen.any_paused {
            return vec![];
        }
        if !seen.any_paused {
            self.state = State::None;
            return vec![];
        }
        if seen.loaded { vec![Action::Resume] } else { vec![Action::Load, Action::Resume] }
    }

    /// The pause that is held, for the report: all clients are held.
    pub fn paused(&self, seen: Seen) -> Option<&str> {
        match &self.state {
            State::Held { id, .. } if seen.all_paused => Some(id),
            _ => None,
        }
    }

    /// A pause that was ended at its limit and is still asked for.
    pub fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Over(ended) => Some(ended),
            _ => None,
        }
    }

    /// How long from now until the pause ends by itself.
    pub fn remaining(&self, now: Duration, wanted: Option<&Pause>) -> Option<Duration> {
        match (&self.state, wanted) {
            (State::Held { since, .. }, Some(pause)) => {
                Some((*since + Duration::from_secs(pause.limit_seconds.into())).saturating_sub(now))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
