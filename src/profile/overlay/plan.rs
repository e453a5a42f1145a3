//! What to do next about an adopted object: pure.

use k8s_openapi::{
    api::autoscaling::v2::HorizontalPodAutoscaler,
    jiff::{SignedDuration, Timestamp},
};
use serde_json::{Value, json};

use super::{
    Contention, Entry, Lever, Record, ScalerKind,
    lever::{at, depth, put},
    owners,
};
use crate::api::annotations;

/// How often a field that another changed is written again within [`WITHIN`].
const AGAIN: usize = 3;

/// See [`AGAIN`].
const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// What enforcement wants of an autoscaler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Fewest replicas. One above the object's maximum is cut to it; one that is no more than the object's own minimum asks for nothing.
    pub floor: Option<i32>,
    /// Whether nothing may be scaled down.
    pub hold: bool,
}

/// How one field stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is wanted and nothing was written.
    #[default]
    Idle,
    /// What is there does all that is wanted, and is not ours.
    Enough,
    /// What is wanted is written, or will be by this step.
    Written,
    /// What was written is being given back.
    Returning,
    /// Another wants it otherwise, and it was left to that one.
    Contended(Contention),
    /// The field is ours, and nobody knows what it was before: the annotation was removed. It stays as it is.
    Unremembered,
}

/// How an adopted object stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    /// The minimum of replicas.
    pub floor: State,
    /// Scale-down that is off.
    pub hold: State,
    /// The object's own minimum of replicas, without ours.
    pub least: i32,
    /// The most replicas that the object allows.
    pub most: i32,
    /// What is remembered. Keep it, and hand it to the next [`plan`]: somebody may remove the annotation.
    pub record: Option<Record>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// A JSON merge patch, valid for the version of the object that was looked at alone. Nothing is left to do where it is nothing.
    pub patch: Option<Value>,
    /// How the object stands.
    pub overlay: Overlay,
}

/// The next step from the object as it is to what is wanted; made again and again from what comes back, it comes to an end.
///
/// `remembered` stands in where the object has lost its annotation; the object's own word is the first.
pub fn plan(
    kind: ScalerKind,
    live: &Value,
    profile: &str,
    wish: Wish,
    remembered: Option<&Record>,
    now: Timestamp,
) -> Step {
    let stored = Record::on(live);
    let known = stored.clone().or_else(|| remembered.filter(|record| record.is_about(live)).cloned());
    let mut record = known.unwrap_or_else(|| Record::new(profile, live));
    profile.clone_into(&mut record.profile);
    let floor = wish.floor.map(|floor| json!(i64::from(floor).min(kind.maximum(live))));
    let hold = wish.hold.then(|| kind.held());
    let moves = [(Lever::Floor, floor), (Lever::Hold, hold)]
        .map(|(lever, wanted)| (lever, Field { kind, lever, live, now }.decide(wanted, record.entry(lever).cloned())));

    let mut patch = json!({});
    let mut values = false;
    let mut back: Vec<(&[&str], &[Value])> = Vec::new();
    for (lever, decided) in &moves {
        match &decided.change {
            Change::None => record.set(*lever, decided.entry.clone()),
            Change::Value(field, value) => {
                values = true;
                put(&mut patch, field, value.clone());
                record.set(*lever, decided.entry.clone());
            }
            Change::Owners(owners) => back.push((kind.path(*lever), owners)),
        }
    }
    // Fields go back to their owners in a request in which no value changes.
    if !values && !back.is_empty() {
        for (lever, decided) in &moves {
            if matches!(decided.change, Change::Owners(_)) {
                record.set(*lever, None);
            }
        }
        let list = if record.is_empty() { owners::without_ours(live, &back) } else { owners::handed_back(live, &back) };
        put(&mut patch, &["metadata", "managedFields"], Value::Array(list));
    }
    // What is on the object about another one is none of ours.
    let concerned = stored.is_some() || !record.is_empty();
    for (key, note) in [(annotations::ORIGINAL, record.annotation()), (annotations::FLOOR, record.floor_annotation())] {
        let place = ["metadata", "annotations", key];
        if concerned && at(live, &place).unwrap_or(&Value::Null) != &note {
            put(&mut patch, &place, note);
        }
    }
    let something = patch.as_object().is_some_and(|patch| !patch.is_empty());
    for key in ["resourceVersion", "uid"] {
        put(&mut patch, &["metadata", key], at(live, &["metadata", key]).cloned().unwrap_or(Value::Null));
    }
    let [(_, floor), (_, hold)] = moves;
    let least = kind.floor(own_floor(kind, live, record.floor.as_ref()));
    let overlay = Overlay {
        floor: floor.state,
        hold: hold.state,
        least: i32::try_from(least).unwrap_or(i32::MAX),
        most: i32::try_from(kind.maximum(live)).unwrap_or(i32::MAX),
        record: (!record.is_empty()).then_some(record),
    };
    Step { patch: something.then_some(patch), overlay }
}

/// The minimum that an autoscaler had before it was written, as the note on it says; nothing where there is none.
pub fn own_minimum(autoscaler: &HorizontalPodAutoscaler) -> Option<i32> {
    let live = serde_json::to_value(autoscaler).ok()?;
    let record = Record::on(&live)?;
    let kind = ScalerKind::HorizontalPodAutoscaler;
    i32::try_from(kind.floor(own_floor(kind, &live, record.floor.as_ref()))).ok()
}

/// The minimum that is the object's own: what it was, while ours is there.
fn own_floor<'a>(kind: ScalerKind, live: &'a Value, entry: Option<&'a Entry>) -> Option<&'a Value> {
    match entry.filter(|entry| entry.contended.is_none()) {
        Some(entry) => entry.was.as_ref(),
        None => at(live, kind.path(Lever::Floor)),
    }
}

/// One field of an object.
struct Field<'a> {
    kind: ScalerKind,
    lever: Lever,
    live: &'a Value,
    now: Timestamp,
}

struct Decided {
    entry: Option<Entry>,
    change: Change,
    state: State,
}

enum Change {
    None,
    /// The value at a path; null removes it.
    Value(&'static [&'static str], Value),
    /// The field is given to these, and no longer ours.
    Owners(Vec<Value>),
}

impl Field<'_> {
    fn decide(&self, wanted: Option<Value>, entry: Option<Entry>) -> Decided {
        match (wanted, entry) {
            (None, None) if owners::is_ours(self.live, self.path()) => Decided::leave(None, State::Unremembered),
            (None, None) => Decided::leave(None, State::Idle),
            (None, Some(entry)) => self.give_back(entry, State::Returning),
            (Some(wanted), None) if self.suffices(self.there(), &wanted) => Decided::leave(None, State::Enough),
            (Some(wanted), None) => self.take(wanted, Vec::new()),
            (Some(wanted), Some(entry)) => self.keep(wanted, entry),
        }
    }

    /// Writes the field, and remembers what it is.
    fn take(&self, wanted: Value, again: Vec<Timestamp>) -> Decided {
        let path = self.path();
        let entry = Entry {
            was: self.there().cloned(),
            depth: depth(self.live, path),
            owners: owners::others(self.live, path),
            set: wanted.clone(),
            again,
            returning: false,
            contended: None,
        };
        Decided { entry: Some(entry), change: Change::Value(path, wanted), state: State::Written }
    }

    /// Sees that a field that was written before is as it is wanted now.
    fn keep(&self, wanted: Value, mut entry: Entry) -> Decided {
        let there = self.there();
        if let Some(contention) = entry.contended.clone() {
            let enough = self.suffices(there, &wanted);
            let state = if enough { State::Enough } else { State::Contended(contention) };
            return Decided::leave(Some(entry), state);
        }
        if self.shared() && self.as_written(&entry) {
            // It is the other's own value now.
            let enough = Decided { entry: None, change: Change::Owners(Vec::new()), state: State::Enough };
            return if self.suffices(there, &wanted) { enough } else { self.take(wanted, entry.again) };
        }
        if self.as_written(&entry) || self.half_returned(&entry) {
            if self.suffices(entry.was.as_ref(), &wanted) {
                return self.give_back(entry, State::Enough);
            }
            if there == Some(&wanted) {
                return Decided::leave(Some(entry), State::Written);
            }
            entry.set = wanted.clone();
            entry.returning = false;
            return Decided { entry: Some(entry), change: Change::Value(self.path(), wanted), state: State::Written };
        }
        // Another has changed it.
        if self.suffices(there, &wanted) {
            return Decided { entry: Some(entry), change: Change::Owners(Vec::new()), state: State::Enough };
        }
        let recent = |at: &Timestamp| self.now.duration_since(*at) < WITHIN;
        entry.again.retain(recent);
        if entry.again.len() < AGAIN {
            entry.again.push(self.now);
            return self.take(wanted, entry.again);
        }
        let contention = Contention { by: owners::writer(self.live, self.path()), since: self.now };
        entry.contended = Some(contention.clone());
        Decided::leave(Some(entry), State::Contended(contention))
    }

    /// First the value, then whose it is. What another has written meanwhile stays.
    fn give_back(&self, mut entry: Entry, state: State) -> Decided {
        let there = self.there();
        if self.as_written(&entry) && !self.shared() && there != entry.was.as_ref() {
            let (path, value) = self.original(&entry);
            entry.returning = true;
            return Decided { entry: Some(entry), change: Change::Value(path, value), state };
        }
        let owners = if self.half_returned(&entry) { entry.owners.clone() } else { Vec::new() };
        Decided { entry: Some(entry), change: Change::Owners(owners), state }
    }

    /// Another has applied the very value that was written here, beside us.
    fn shared(&self) -> bool {
        owners::is_ours(self.live, self.path()) && !owners::others(self.live, self.path()).is_empty()
    }

    /// The value is what was written here.
    fn as_written(&self, entry: &Entry) -> bool {
        self.there() == Some(&entry.set) && !entry.returning && entry.contended.is_none()
    }

    /// The value is what it was, by our own writing.
    fn half_returned(&self, entry: &Entry) -> bool {
        entry.returning && self.there() == entry.was.as_ref()
    }

    /// What puts the field back: with all that was made to hold it, unless another has put something there.
    fn original(&self, entry: &Entry) -> (&'static [&'static str], Value) {
        let path = self.path();
        if let Some(was) = &entry.was {
            return (path, was.clone());
        }
        // Among the annotations is the note of all this; the API server drops them when the last is gone.
        let inside = path.first() == Some(&"metadata");
        let outermost = path.get(..=entry.depth).filter(|_| !inside).unwrap_or(path);
        let path = if owners::others_below(self.live, outermost) { path } else { outermost };
        (path, Value::Null)
    }

    fn there(&self) -> Option<&Value> {
        at(self.live, self.path())
    }

    fn path(&self) -> &'static [&'static str] {
        self.kind.path(self.lever)
    }

    fn suffices(&self, there: Option<&Value>, wanted: &Value) -> bool {
        self.kind.suffices(self.lever, there, wanted)
    }
}

impl Decided {
    const fn leave(entry: Option<Entry>, state: State) -> Self {
        Self { entry, change: Change::None, state }
    }
}
