//! What is remembered of an adopted object, in an annotation on it.

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Lever, lever::at};
use crate::api::annotations;

/// What the fields were before enforcement wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the profile that wrote them.
    pub profile: String,
    /// The object's uid: annotations are copied, and on another object this says nothing.
    pub uid: String,
    /// The minimum of replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Entry>,
    /// Scale-down that is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Entry>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it was; nothing where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Value>,
    /// Of a field that was not there: how many segments of the path to it were.
    #[serde(default)]
    pub depth: usize,
    /// Whose it was: the entries of `managedFields` without their lists of fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Value>,
    /// What was written.
    pub set: Value,
    /// When it was written again because somebody had changed it, in the last ten minutes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<Timestamp>,
    /// Its value is what it was again, and its owners are to follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returning: bool,
    /// It was left to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contended: Option<Contention>,
}

/// Who wants a field to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contention {
    /// The field manager that changed it last.
    pub by: String,
    /// When it was left to that one.
    pub since: Timestamp,
}

impl Record {
    /// Nothing written yet.
    pub(super) fn new(profile: &str, live: &Value) -> Self {
        Self { profile: profile.to_owned(), uid: uid(live).to_owned(), floor: None, hold: None }
    }

    /// What the object says, if it is about this object.
    pub fn on(live: &Value) -> Option<Self> {
        let text = at(live, &["metadata", "annotations", annotations::ORIGINAL])?.as_str()?;
        serde_json::from_str(text).ok().filter(|record: &Self| record.is_about(live))
    }

    /// The name of the profile in an annotation's text, where that is about the object with this uid.
    pub fn profile_of(note: &str, uid: &str) -> Option<String> {
        serde_json::from_str::<Self>(note).ok().filter(|record| record.uid == uid).map(|record| record.profile)
    }

    /// Whether it is about this very object, not one of the same name.
    pub(super) fn is_about(&self, live: &Value) -> bool {
        self.uid == uid(live)
    }

    /// The entry of a field.
    pub const fn entry(&self, lever: Lever) -> Option<&Entry> {
        match lever {
            Lever::Floor => self.floor.as_ref(),
            Lever::Hold => self.hold.as_ref(),
        }
    }

    pub(super) fn set(&mut self, lever: Lever, entry: Option<Entry>) {
        match lever {
            Lever::Floor => self.floor = entry,
            Lever::Hold => self.hold = entry,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.floor.is_none() && self.hold.is_none()
    }

    /// The floor that others are kept from lowering, or null where there is none.
    pub(super) fn floor_annotation(&self) -> Value {
        let floor = self.floor.as_ref().filter(|entry| entry.contended.is_none() && !entry.returning);
        floor.map_or(Value::Null, |entry| Value::String(entry.set.to_string()))
    }

    /// The annotation's value, or null where nothing is to be remembered.
    pub(super) fn annotation(&self) -> Value {
        if self.is_empty() {
            return Value::Null;
        }
        serde_json::to_string(self).map_or(Value::Null, Value::String)
    }
}

fn uid(live: &Value) -> &str {
    at(live, &["metadata", "uid"]).and_then(Value::as_str).unwrap_or_default()
}
