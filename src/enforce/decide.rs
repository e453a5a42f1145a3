//! One decision, as a table of contents.

use super::{
    Action, Freeze, Kind, Measured, Memory, Metrics, Settings, Signals, Sizing, attribution, care, demand, floor,
    freeze, hold, pods, sizing, trust,
};

/// What should be so, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is to be remembered.
    pub memory: Memory,
    /// Fewest replicas; nothing where what is declared is enough. Above what is declared, and never above the maximum.
    pub floor: Option<i32>,
    /// Scale-down is held.
    pub hold: bool,
    /// Rollouts are denied, or warned of.
    pub freeze: Option<Freeze>,
    /// At most one pod at a time may be evicted.
    pub strict_budget: bool,
    /// What the demand needs.
    pub sizing: Sizing,
    /// What stands in the way, in words.
    pub verdicts: Vec<Verdict>,
}

/// Something that users must know, with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The numbers cannot be relied on: everything stays as it is.
    MetricsNotTrusted(String),
    /// More pods did not help.
    ScalingIneffective(String),
    /// The burn began with a release.
    ReleaseSuspected(String),
    /// Something behind the pods is saturated.
    DependencyLimited(String),
    /// The need is beyond the maximum.
    Saturated(String),
    /// Pods find no node, or no quota.
    CapacityUnavailable(String),
    /// The limit of actions is reached.
    ActionsLimited(String),
    /// Paused by the profile.
    Paused(String),
}

/// What should be so now. The same look, settings and memory give the same decision, always.
pub fn decide(signals: &Signals, settings: &Settings, memory: &Memory) -> Decision {
    let mut turn = Turn::new(signals, settings, memory);
    turn.trusted = trust::judge(&mut turn);
    attribution::note_burn(&mut turn);
    attribution::note_release(&mut turn);
    attribution::note_dependency(&mut turn);
    attribution::note_pods(&mut turn);
    turn.sizing = sizing::measure(&mut turn);
    attribution::note_capacity(&mut turn);
    floor::prove(&mut turn);
    floor::raise(&mut turn);
    floor::lower(&mut turn);
    demand::follow(&mut turn);
    hold::hold(&mut turn);
    freeze::freeze(&mut turn);
    care::disruption(&mut turn);
    care::surge(&mut turn);
    attribution::verdicts(&mut turn);
    turn.end()
}

/// One decision in the making.
pub(super) struct Turn<'a> {
    pub(super) signals: &'a Signals,
    pub(super) settings: &'a Settings,
    pub(super) memory: Memory,
    pub(super) now: i64,
    /// Whether the numbers may be relied on.
    pub(super) trusted: bool,
    pub(super) sizing: Sizing,
    pub(super) verdicts: Vec<Verdict>,
}

/// What an action says of itself when it begins.
pub(super) struct Words {
    pub(super) trigger: String,
    pub(super) evidence: String,
    pub(super) bound: String,
    pub(super) expected: String,
}

impl<'a> Turn<'a> {
    fn new(signals: &'a Signals, settings: &'a Settings, memory: &Memory) -> Self {
        let mut memory = memory.clone();
        memory.tidy(signals.now);
        Self {
            signals,
            settings,
            memory,
            now: signals.now,
            trusted: false,
            sizing: Sizing::default(),
            verdicts: Vec::new(),
        }
    }

    /// The numbers, where they may be relied on.
    pub(super) fn evidence(&self) -> Option<&'a Measured> {
        match &self.signals.metrics {
            Metrics::Measured(measured) if self.trusted => Some(measured),
            _ => None,
        }
    }

    /// The replicas beyond which nothing goes: the maximum, and what the database carries. Nodes are no limit of a floor that is up:
    /// pods that wait for one are what makes a cluster grow.
    pub(super) fn most(&self) -> i32 {
        let connections = self.signals.limits.connections.unwrap_or(i32::MAX);
        self.settings.max.min(connections).max(self.settings.min)
    }

    pub(super) fn paused(&self) -> bool {
        self.settings.paused_until.is_some_and(|until| self.now < until)
    }

    /// Whether relaxing is out of the question: the numbers are not trusted, or the process has just taken over.
    pub(super) fn static_now(&self) -> bool {
        !self.trusted || self.now < self.memory.hold_still_until
    }

    /// Whether an action may be begun, or made stronger; counts it where it may.
    pub(super) fn may_begin(&mut self) -> bool {
        if self.paused() {
            return false;
        }
        if self.memory.starts.len() >= self.settings.max_actions_per_hour {
            self.memory.limited_at = self.now;
            return false;
        }
        self.memory.starts.push(self.now);
        true
    }

    /// Notes that an action goes on: begins it where it is not open yet.
    pub(super) fn act(&mut self, kind: Kind, until: Option<i64>, prove_by: Option<i64>, words: Words) {
        let Words { trigger, evidence, bound, expected } = words;
        let since = self.now;
        if let Some(open) = self.open(kind) {
            *open = Action { until, prove_by, trigger, evidence, bound, expected, since: open.since, ..open.clone() };
        } else {
            let (ended, observed) = (None, None);
            self.memory.actions.push(Action {
                kind,
                since,
                until,
                ended,
                trigger,
                evidence,
                bound,
                expected,
                prove_by,
                observed,
            });
        }
    }

    pub(super) fn open(&mut self, kind: Kind) -> Option<&mut Action> {
        self.memory.actions.iter_mut().find(|action| action.kind == kind && action.is_open())
    }

    /// Notes what was seen of an open action.
    pub(super) fn saw(&mut self, kind: Kind, observed: String) {
        if let Some(open) = self.open(kind) {
            open.observed = Some(observed);
            open.prove_by = None;
        }
    }

    /// Ends an open action.
    pub(super) fn finish(&mut self, kind: Kind, why: &str) {
        let now = self.now;
        if let Some(open) = self.open(kind) {
            open.ended = Some(now);
            open.until = None;
            open.prove_by = None;
            open.observed = Some(match open.observed.take() {
                Some(seen) => format!("{seen}; {why}"),
                None => why.to_owned(),
            });
        }
    }

    fn end(mut self) -> Decision {
        let floor = self.floor();
        self.memory.looked_at = self.now;
        self.memory.tidy(self.now);
        Decision {
            floor,
            hold: self.memory.open(Kind::HoldScaleDown).is_some(),
            freeze: self.memory.freeze.clone(),
            strict_budget: self.memory.strict,
            sizing: self.sizing,
            verdicts: self.verdicts,
            memory: self.memory,
        }
    }

    /// The highest of all floors, within the bounds.
    fn floor(&self) -> Option<i32> {
        let memory = &self.memory;
        let surge = if memory.surge_base > 0 { memory.surge_base + 1 } else { 0 };
        let highest = [pods(memory.floor), pods(memory.demand_floor), surge].into_iter().max().unwrap_or(0);
        let floor = highest.min(self.most());
        (floor > self.settings.min).then_some(floor)
    }
}
