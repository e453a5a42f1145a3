//! The groups of a rule object, whoever made it.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::slo::RuleGroup;

/// Groups that are wanted, which are built when they are written and not before; or those that were read, as JSON: what a person has
/// written into one of ours must not keep it from being read.
#[derive(Clone)]
pub enum RuleGroups {
    /// Wanted by us.
    Wanted(Arc<Wanted>),
    /// Read from the API server.
    Read(Vec<serde_json::Value>),
}

/// Groups that are built at most once.
pub struct Wanted {
    build: Box<dyn Fn() -> Vec<RuleGroup> + Send + Sync>,
    built: OnceLock<Vec<RuleGroup>>,
}

impl RuleGroups {
    /// Groups that are built like this when they are needed.
    pub fn wanted(build: impl Fn() -> Vec<RuleGroup> + Send + Sync + 'static) -> Self {
        Self::Wanted(Arc::new(Wanted { build: Box::new(build), built: OnceLock::new() }))
    }
}

impl Wanted {
    /// The groups.
    pub fn groups(&self) -> &[RuleGroup] {
        self.built.get_or_init(&self.build)
    }
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
