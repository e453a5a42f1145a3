//! The only place that knows the YAML crates.
//!
//! `serde-saphyr` reads and writes: kube depends on it already, and it reads booleans as kubectl does (`Off` is `false`).
//! `granit-parser`, on which it is built, tells the lines.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};
use serde::Serialize;
use serde_json::Value;

/// What is wrong with a YAML text.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// It is no YAML.
    #[error("{0}")]
    Read(String),
    /// A value has no YAML form.
    #[error("{0}")]
    Write(#[from] serde_saphyr::ser::Error),
}

/// One document of a YAML text.
#[derive(Debug)]
pub struct Document {
    /// Its content.
    pub value: Value,
    /// The line, from 1, of every node, by JSON pointer (`/spec/objectives/0/name`).
    lines: BTreeMap<String, usize>,
}

impl Document {
    /// The line of the node at a JSON pointer, or of the nearest parent that exists.
    pub fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return *line;
            }
            match pointer.rsplit_once('/') {
                Some((parent, _)) => pointer = parent,
                None => return 1,
            }
        }
    }
}

impl Document {
    /// The items of a list in the document, each as a document of its own.
    pub fn parts(mut self, pointer: &str) -> Vec<Self> {
        let items = match self.value.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let parts = items.into_iter().enumerate().map(|(index, value)| {
            let prefix = format!("{pointer}/{index}");
            let below = |(path, line): (&String, &usize)| Some((path.strip_prefix(&prefix)?.to_owned(), *line));
            let lines =
                self.lines.iter().filter_map(below).filter(|(path, _)| path.is_empty() || path.starts_with('/'));
            Self { value, lines: lines.collect() }
        });
        parts.collect()
    }
}

/// Writes one value. Long strings stay on one line, so that the output does not depend on its width.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    Ok(serde_saphyr::to_string_with_options(value, options)?)
}

/// Reads every document of a text; empty documents are left out.
pub fn documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let values: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| YamlError::Read(error.to_string()))?;
    let mut lines = Vec::new();
    let mut walk = Walk { parser: Parser::new_from_str(text) };
    while let Some((event, line)) = walk.next()? {
        if matches!(event, Event::DocumentStart(..)) {
            let mut document = BTreeMap::new();
            let Some((event, line)) = walk.next()? else { break };
            let empty = matches!(&event, Event::Scalar(text, ..) if text.is_empty() || text == "~" || text == "null");
            walk.node(&event, line, "", &mut document)?;
            if !empty {
                lines.push(document);
            }
        }
        let _ = line;
    }
    let mut lines = lines.into_iter();
    Ok(values.into_iter().map(|value| Document { value, lines: lines.next().unwrap_or_default() }).collect())
}

struct Walk<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, usize)>, YamlError> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(YamlError::Read(error.to_string())),
                // Comments and the names of anchors are no nodes.
                Some(Ok((Event::Anchor(..) | Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok(Some((event, span.start.line()))),
            }
        }
    }

    fn node(
        &mut self,
        event: &Event<'a>,
        line: usize,
        path: &str,
        lines: &mut BTreeMap<String, usize>,
    ) -> Result<(), YamlError> {
        // A key's line has been noted already: a finding points to the key, not to the block below it.
        lines.entry(path.to_owned()).or_insert(line);
        match event {
            Event::MappingStart(..) => {
                while let Some((key, line)) = self.next()? {
                    if matches!(key, Event::MappingEnd) {
                        break;
                    }
                    let Some((value, value_line)) = self.next()? else { break };
                    let name = key.scalar().map_or("", |(text, _)| text);
                    let child = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                    lines.insert(child.clone(), line);
                    self.node(&value, value_line, &child, lines)?;
                }
            }
            Event::SequenceStart(..) => {
                let mut index = 0_usize;
                while let Some((item, line)) = self.next()? {
                    if matches!(item, Event::SequenceEnd) {
                        break;
                    }
                    self.node(&item, line, &format!("{path}/{index}"), lines)?;
                    index += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str =
        "# a comment\na: 1\nb:\n  c: [x, z]\n  d/e:\n  - f: 2\n    # why\n    g: off\n---\n---\n# more\nh: 1\n";

    #[test]
    fn reads_documents_with_their_lines() {
        let documents = documents(TEXT).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].value, json!({"a": 1, "b": {"c": ["x", "z"], "d/e": [{"f": 2, "g": false}]}}));
        for (pointer, line) in [("/a", 2), ("/b", 3), ("/b/c/1", 4), ("/b/d~1e", 5), ("/b/d~1e/0/g", 8), ("/b/zz/y", 3)]
        {
            assert_eq!(documents[0].line(pointer), line, "{pointer}");
        }
        assert_eq!(documents[1].value, json!({"h": 1}));
        assert_eq!(documents[1].line("/h"), 12);
    }

    #[test]
    fn says_where_a_text_is_no_yaml() {
        let error = documents("a: 1\nb: [1,\n").unwrap_err().to_string();
        assert!(error.contains("line"), "{error}");
        assert!(documents("a: 1\na: 2\n").is_err(), "a key twice is an error");
    }

    #[test]
    fn writes_long_strings_on_one_line() {
        let long = "word ".repeat(100);
        let text = to_string(&json!({"long": long, "on": "off", "number": "5"})).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        let back = documents(&text).unwrap();
        assert_eq!(back[0].value, json!({"long": long, "on": "off", "number": "5"}));
    }
}
