//! A fence around what a tenant's PromQL can see: every selector carries one matcher, as prom-label-proxy does it.
//!
//! What users write is read, changed in the syntax tree, and printed. What is printed must read back as the changed tree, with the
//! matcher on every selector: else it is refused. Expressions that are built here from an objective's identity are not
//! fenced, and need not be: no text of a user is in them.

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::Expr,
};

use super::{
    Expression, Matchers, Selector, WindowExpression,
    expression::{UNLIKELY, WINDOW, put_in},
    promql::{matcher_text, quote},
    syntax,
};
use crate::api::Duration;

mod template;

pub use template::asks_prometheus;

/// One label and the only value of it that a profile may look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence {
    label: String,
    value: String,
}

/// What cannot be fenced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    /// A matcher on the label that is another one.
    #[error(
        "`{found}` looks beyond this namespace: the installation holds every selector to {wanted}, which is added; leave out the matcher on `{label}`"
    )]
    Foreign {
        /// What was written.
        found: String,
        /// The matcher that is added.
        wanted: String,
        /// The label that both are on.
        label: String,
    },
    /// What is printed does not read back as what was meant.
    #[error("the expression cannot be held to {0}: write it in a simpler way")]
    Unprintable(String),
}

/// Labels that rules set or that Prometheus reads in its own way: none of them can be the fence's.
const UNFIT: [&str; 16] = [
    "alertname",
    "alertstate",
    "composite",
    "group",
    "le",
    "long_window",
    "objective",
    "period",
    "pooler",
    "profile",
    "quantile",
    "severity",
    "short_window",
    "target",
    "tier",
    "window",
];

/// A label that a fence can be made of.
///
/// # Errors
///
/// A text that is no label name, or the name of a label that rules set.
pub fn fence_label(text: &str) -> Result<String, String> {
    if !super::promql::is_label_name(text) || text.starts_with("__") {
        return Err("it must be the name of a label: letters, digits and `_`, no digit first, and not `__`".to_owned());
    }
    if UNFIT.contains(&text) {
        return Err(format!("`{text}` is set by the rules: name the label that holds a series' namespace"));
    }
    Ok(text.to_owned())
}

/// What a fence can be put around.
pub trait Fenced: Sized {
    /// The same, with the matcher on every selector.
    fn within(self, fence: &Fence) -> Result<Self, FenceError>;
}

impl Fence {
    /// Holds selectors to `label="value"`. The label must have passed [`fence_label`].
    pub const fn new(label: String, value: String) -> Self {
        Self { label, value }
    }

    /// The label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The only value of it.
    pub fn value(&self) -> &str {
        &self.value
    }

    pub(super) const fn value_mut(&mut self) -> &mut String {
        &mut self.value
    }

    fn shown(&self) -> String {
        format!("{}={}", self.label, quote(&self.value))
    }

    /// Refuses matchers on the label that are not the fence's own. Whether that is among them.
    fn seen(&self, matchers: &[Matcher]) -> Result<bool, FenceError> {
        let mut on_label = matchers.iter().filter(|matcher| matcher.name == self.label).peekable();
        let there = on_label.peek().is_some();
        match on_label.find(|matcher| !matches!(matcher.op, MatchOp::Equal) || matcher.value != self.value) {
            None => Ok(there),
            Some(other) => {
                Err(FenceError::Foreign { found: matcher_text(other), wanted: self.shown(), label: self.label.clone() })
            }
        }
    }

    fn around(&self, matchers: &mut Vec<Matcher>) -> Result<(), FenceError> {
        if !self.seen(matchers)? {
            matchers.push(Matcher::new(MatchOp::Equal, &self.label, &self.value));
        }
        Ok(())
    }

    /// Refuses what looks elsewhere, and adds nothing: for matchers that are added to others that are fenced.
    pub fn admits(&self, matchers: &Matchers) -> Result<(), FenceError> {
        self.seen(matchers.all()).map(drop)
    }

    /// A whole expression.
    fn text(&self, text: &str) -> Result<String, FenceError> {
        let unprintable = || FenceError::Unprintable(self.shown());
        let mut expr = syntax::parse(text).map_err(|_| unprintable())?;
        syntax::change_selectors(&mut expr, &mut |matchers| {
            // Refused where expressions are read; here nothing may depend on that.
            if matchers.or_matchers.is_empty() { self.around(&mut matchers.matchers) } else { Err(unprintable()) }
        })?;
        let printed = syntax::print(&expr).map_err(|_| unprintable())?;
        match syntax::parse(&printed) {
            Ok(read) if read == expr && self.holds(&read) => Ok(printed),
            _ => Err(unprintable()),
        }
    }

    /// Whether every selector of an expression carries the matcher.
    pub fn holds_text(&self, text: &str) -> bool {
        syntax::parse(text).is_ok_and(|expr| self.holds(&expr))
    }

    /// Whether every selector carries the matcher. Another walk than the one that adds it.
    fn holds(&self, expr: &Expr) -> bool {
        let carries = |matchers: &promql_parser::label::Matchers| {
            matchers.or_matchers.is_empty() && self.seen(&matchers.matchers) == Ok(true)
        };
        let walked = syntax::walk(expr, &mut |expr| match expr {
            Expr::VectorSelector(selector) if !carries(&selector.matchers) => Err(()),
            Expr::MatrixSelector(selector) if !carries(&selector.vs.matchers) => Err(()),
            Expr::Extension(_) => Err(()),
            _ => Ok(()),
        });
        walked == Ok(true)
    }
}

impl Fenced for Selector {
    fn within(mut self, fence: &Fence) -> Result<Self, FenceError> {
        fence.around(self.all_mut())?;
        Ok(self)
    }
}

impl Fenced for Matchers {
    fn within(mut self, fence: &Fence) -> Result<Self, FenceError> {
        fence.around(self.all_mut())?;
        Ok(self)
    }
}

impl Fenced for Expression {
    fn within(self, fence: &Fence) -> Result<Self, FenceError> {
        fence.text(&self.to_string()).map(Self::understood)
    }
}

impl Fenced for WindowExpression {
    fn within(self, fence: &Fence) -> Result<Self, FenceError> {
        let (text, unlikely) = (self.to_string(), UNLIKELY.to_string());
        let unprintable = || FenceError::Unprintable(fence.shown());
        if text.contains(&unlikely) {
            return Err(unprintable());
        }
        let template = fence.text(&put_in(&text, UNLIKELY))?.replace(&unlikely, WINDOW);
        // The window has to be everywhere where it was.
        let other = Duration::from_secs(300);
        if fence.text(&put_in(&text, other))? == fence.text(&put_in(&template, other))? {
            Ok(Self::understood(template))
        } else {
            Err(unprintable())
        }
    }
}

#[cfg(test)]
mod tests;
