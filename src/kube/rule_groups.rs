//! The groups of a rule object, whoever made it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::slo::RuleGroup;

/// Groups that were built, which are many and long and are written as they are; or those that were read, as JSON: what a person has
/// written into one of ours must not keep it from being read.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleGroups {
    /// Built here.
    Built(Arc<Vec<RuleGroup>>),
    /// Read from the API server.
    Read(Vec<serde_json::Value>),
}

impl Default for RuleGroups {
    fn default() -> Self {
        Self::Read(Vec::new())
    }
}

impl Serialize for RuleGroups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Built(groups) => groups.as_slice().serialize(serializer),
            Self::Read(groups) => groups.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RuleGroups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Read)
    }
}
