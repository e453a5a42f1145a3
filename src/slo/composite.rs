//! An objective made of others, from what their rules have recorded.
//!
//! At any five minutes the share of bad events of the whole is that of its weakest part, or the weighted mean of the
//! parts' shares. That share of the parts' events is then counted as bad: so the budget is one of events here too, and
//! a busy hour weighs more than a quiet one.

use super::{Decimal, Identity, record::BASE};

/// How the parts make the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The whole is as bad as its weakest part: a chain of services, each of which a request needs.
    Weakest,
    /// The whole is the weighted mean of its parts: several services that a user may use or not.
    Weighted,
}

/// One part of a composite objective.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The objective.
    pub identity: Identity,
    /// Its weight, against those of the other parts. Of no effect where the weakest counts.
    pub weight: Decimal,
}

/// An objective made of others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Composite {
    /// How the parts make the whole.
    pub mode: Mode,
    /// The parts.
    pub parts: Vec<Part>,
}

/// The label that tells series of composites apart. A part is never one of them: two that name each other would add up
/// each other's numbers for ever.
pub(super) const LABEL: &str = "composite";

impl Part {
    fn select(&self, kind: &str) -> String {
        format!("plimsoll:{kind}:rate{BASE}{{{},{LABEL}=\"\"}}", self.identity.matchers())
    }

    /// The share of bad events: zero without events, absent while nothing is measured.
    fn share(&self) -> String {
        let (bad, total) = (self.select("bad"), self.select("total"));
        format!("(sum({bad}) / (sum({total}) > 0) or 0 * sum({bad}))")
    }
}

impl Composite {
    /// All events per second of all parts. Absent as soon as one of them is: what is not known is not good.
    pub(super) fn total(&self) -> String {
        let each: Vec<String> = self.parts.iter().map(|part| format!("sum({})", part.select("total"))).collect();
        each.join(" + ")
    }

    /// Of these the bad ones.
    pub(super) fn bad(&self, total: &str) -> String {
        match self.mode {
            Mode::Weakest => {
                // Without a label of its own each part would hide those after it.
                let numbered = |(index, part): (usize, &Part)| {
                    format!("label_replace({}, \"part\", \"{index}\", \"\", \"\")", part.share())
                };
                let each: Vec<String> = self.parts.iter().enumerate().map(numbered).collect();
                format!("max({}) * {total}", each.join(" or "))
            }
            Mode::Weighted => {
                let each: Vec<String> =
                    self.parts.iter().map(|part| format!("{} * {}", part.weight, part.share())).collect();
                let weights: Vec<String> = self.parts.iter().map(|part| part.weight.to_string()).collect();
                format!("({}) / ({}) * {total}", each.join(" + "), weights.join(" + "))
            }
        }
    }
}
