//! The images of a pod template, as a set that the policy can compare.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// The image of each container, init containers included; the names of both are unique together.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageSet(BTreeMap<String, String>);

impl ImageSet {
    /// The images of a workload that has a pod template at `spec.template`; empty where it has none.
    pub fn of_workload(spec: &Value) -> Self {
        let containers = ["/template/spec/containers", "/template/spec/initContainers"];
        let all = containers.iter().filter_map(|list| spec.pointer(list)?.as_array()).flatten();
        let image = |container: &Value| {
            let text = |key: &str| container.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("name")?, text("image").unwrap_or_default()))
        };
        Self(all.filter_map(image).collect())
    }

    /// From its text; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let pairs: Option<BTreeMap<_, _>> = text
            .split(',')
            .map(|pair| pair.split_once('=').map(|(name, image)| (name.to_owned(), image.to_owned())))
            .collect();
        pairs.filter(|pairs| !pairs.keys().any(String::is_empty)).map(Self)
    }

    /// Whether there is no container.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `container=image,container=image`, sorted by container. Neither part can hold a comma or an equals sign.
impl fmt::Display for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, image)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={image}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
