//! Molds of the rules that were built last, by their shape.
//!
//! The rules of a profile are some forty kilobytes, and those of most profiles differ in names alone: what everybody asks of an
//! availability is 99.9 % over 30 days. Where many profiles come at once, or a setting of the installation changes all of them, names go
//! into what was built for another. What comes out is the same text as if it were built: this is a memory and nothing else.

use std::{
    collections::{VecDeque, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Rules, mold::Mold};
use crate::slo::shape::{MARK, Name};

/// Most molds. One is about as large as the rules that it was made from.
const MOST: usize = 16;

/// Shapes that came once are remembered as numbers: a mold for one that does not come again would only cost.
const SEEN: usize = 64;

/// Those of this process.
pub(super) static MOLDS: Molds = Molds(Mutex::new(Memory { seen: VecDeque::new(), molds: VecDeque::new() }));

/// A memory of molds.
pub(super) struct Molds(Mutex<Memory>);

struct Memory {
    /// Numbers of shapes that came once, the oldest first.
    seen: VecDeque<u64>,
    /// The one that was used last first.
    molds: VecDeque<Known>,
}

struct Known {
    number: u64,
    shape: Rules,
    form: Form,
}

/// Where rules of a shape come from.
#[derive(Clone)]
enum Form {
    /// From a mold.
    Cast(Arc<Mold>),
    /// There is none: they are built each time.
    Built,
}

impl Molds {
    /// The rule groups as JSON.
    pub(super) fn json(&self, rules: &Rules) -> serde_json::Result<String> {
        let (shape, names) = rules.shape();
        let names = names.all();
        let number = number(&shape);
        let form = self.lock().find(number, &shape);
        match form {
            Some(Form::Cast(mold)) => return Ok(mold.cast(names)),
            Some(Form::Built) => return built(rules),
            None => {}
        }
        let text = built(rules)?;
        if self.lock().has_come(number) {
            let form = mold(&shape, names, &text)?.map_or(Form::Built, |mold| Form::Cast(Arc::new(mold)));
            self.lock().keep(Known { number, shape, form });
        }
        Ok(text)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Where the rules of a shape come from, if that is known.
    fn find(&mut self, number: u64, shape: &Rules) -> Option<Form> {
        let at = self.molds.iter().position(|known| known.number == number && known.shape == *shape)?;
        let known = self.molds.remove(at)?;
        let form = known.form.clone();
        self.molds.push_front(known);
        Some(form)
    }

    /// Whether a shape has come before; from now on it has.
    fn has_come(&mut self, number: u64) -> bool {
        if let Some(at) = self.seen.iter().position(|seen| *seen == number) {
            self.seen.remove(at);
            return true;
        }
        self.seen.push_back(number);
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        false
    }

    fn keep(&mut self, known: Known) {
        self.molds.push_front(known);
        self.molds.truncate(MOST);
    }
}

fn number(shape: &Rules) -> u64 {
    let mut hasher = DefaultHasher::new();
    shape.hash(&mut hasher);
    hasher.finish()
}

fn built(rules: &Rules) -> serde_json::Result<String> {
    serde_json::to_string(&rules.groups())
}

/// A mold that gives this text for these names. A text of a user that looks like a mark has none: it is in every text of that shape.
fn mold(shape: &Rules, names: &[Name], text: &str) -> serde_json::Result<Option<Mold>> {
    if text.contains(MARK) {
        return Ok(None);
    }
    Ok(Mold::new(&built(shape)?, names).filter(|mold| mold.cast(names) == text))
}

#[cfg(test)]
mod tests;
