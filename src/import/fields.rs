//! A foreign document, and which of its fields have been read.

use std::{cell::RefCell, collections::BTreeSet, path::PathBuf};

use serde_json::Value;

use crate::{input::Manifest, yaml::Document};

/// A document that remembers what was read of it. Pointers are those of JSON (`/spec/slos/0/name`).
pub struct Fields<'a> {
    manifest: &'a Manifest,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(manifest: &'a Manifest) -> Self {
        Self { manifest, read: RefCell::default() }
    }

    fn document(&self) -> &'a Document {
        &self.manifest.document
    }

    /// Looks without reading.
    pub(super) fn peek(&self, pointer: &str) -> Option<&'a Value> {
        self.document().value.pointer(pointer).filter(|value| !value.is_null())
    }

    /// A value with everything in it.
    pub(super) fn value(&self, pointer: &str) -> Option<&'a Value> {
        let value = self.peek(pointer)?;
        self.read.borrow_mut().insert(pointer.to_owned());
        Some(value)
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        let text = self.peek(pointer)?.as_str()?;
        self.read.borrow_mut().insert(pointer.to_owned());
        Some(text)
    }

    /// A number, or a text that is one.
    pub(super) fn number(&self, pointer: &str) -> Option<f64> {
        let number = match self.peek(pointer)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }?;
        self.read.borrow_mut().insert(pointer.to_owned());
        number.is_finite().then_some(number)
    }

    pub(super) fn flag(&self, pointer: &str) -> Option<bool> {
        let flag = self.peek(pointer)?.as_bool()?;
        self.read.borrow_mut().insert(pointer.to_owned());
        Some(flag)
    }

    /// How many items a list has.
    pub(super) fn length(&self, pointer: &str) -> usize {
        self.peek(pointer).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The texts of a map; what is no text stays unread.
    pub(super) fn texts(&self, pointer: &str) -> Vec<(String, String)> {
        let map = self.peek(pointer).and_then(Value::as_object);
        let entries = map.into_iter().flatten().filter_map(|(key, _)| {
            let text = self.text(&format!("{pointer}/{}", escaped(key)))?;
            Some((key.clone(), text.to_owned()))
        });
        entries.collect()
    }

    /// File and line of a field.
    pub(super) fn place(&self, pointer: &str) -> (PathBuf, usize) {
        (self.manifest.file.clone(), self.document().line(pointer))
    }

    /// The fields that were not read: the topmost of each, and nothing that is empty.
    pub(super) fn unread(&self) -> Vec<String> {
        let mut unread = Vec::new();
        self.walk(&self.document().value, "", &mut unread);
        unread
    }

    fn walk(&self, value: &Value, pointer: &str, unread: &mut Vec<String>) {
        let read = self.read.borrow();
        if read.contains(pointer) {
            return;
        }
        let below = format!("{pointer}/");
        let touched =
            pointer.is_empty() || read.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below));
        drop(read);
        match value {
            Value::Object(map) if touched => {
                for (key, child) in map {
                    self.walk(child, &format!("{pointer}/{}", escaped(key)), unread);
                }
            }
            Value::Array(items) if touched => {
                for (index, child) in items.iter().enumerate() {
                    self.walk(child, &format!("{pointer}/{index}"), unread);
                }
            }
            Value::Null => {}
            Value::Object(map) if map.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            _ => unread.push(pointer.to_owned()),
        }
    }
}

pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A pointer as people write paths.
pub(super) fn shown(pointer: &str) -> String {
    crate::profile::Finding::new(crate::profile::Level::Warning, pointer, "")
        .to_string()
        .trim_end_matches(": ")
        .to_owned()
}
