//! The groups of a rule object, whoever made it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::slo::RuleGroup;

/// Groups that are wanted, which are built when they are written and not before; or those that were read, as JSON: what a person has
/// written into one of ours must not keep it from being read.
#[derive(Clone)]
pub enum RuleGroups {
    /// Wanted by us.
    Wanted(Arc<dyn RuleSource>),
    /// Read from the API server.
    Read(Vec<serde_json::Value>),
}

/// What groups follow from.
pub trait RuleSource: Send + Sync {
    /// Builds them.
    fn groups(&self) -> Vec<RuleGroup>;

    /// The same as JSON.
    fn json(&self) -> serde_json::Result<String>;
}

/// A rule object as JSON, with the groups as their source has them. `without` is the object with no groups, in which they stand last.
pub(super) fn with_groups(groups: &RuleGroups, without: &impl Serialize) -> serde_json::Result<Option<Vec<u8>>> {
    const NONE: &[u8] = b"[]}}";
    let RuleGroups::Wanted(source) = groups else { return Ok(None) };
    let mut text = serde_json::to_vec(without)?;
    if !text.ends_with(NONE) {
        return Ok(None);
    }
    text.truncate(text.len() - NONE.len());
    text.extend_from_slice(source.json()?.as_bytes());
    text.extend_from_slice(b"}}");
    Ok(Some(text))
}

impl std::fmt::Debug for RuleGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wanted(wanted) => wanted.groups().fmt(f),
            Self::Read(groups) => groups.fmt(f),
        }
    }
}

impl PartialEq for RuleGroups {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wanted(one), Self::Wanted(other)) => one.groups() == other.groups(),
            (Self::Read(one), Self::Read(other)) => one == other,
            (one, other) => serde_json::to_value(one).ok() == serde_json::to_value(other).ok(),
        }
    }
}

impl Default for RuleGroups {
    fn default() -> Self {
        Self::Read(Vec::new())
    }
}

impl Serialize for RuleGroups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Wanted(wanted) => wanted.groups().serialize(serializer),
            Self::Read(groups) => groups.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RuleGroups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Read)
    }
}
