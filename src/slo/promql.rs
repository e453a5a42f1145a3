//! The parts of PromQL that users write: checked, and always printed again from what was understood.
//!
//! Nothing a user wrote is pasted into an expression. A text that the parser does not see as exactly one selector is
//! refused, and what goes into a rule is printed from the parsed matchers.

use std::{fmt, str::FromStr};

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{Expr, VectorSelector},
};

use super::syntax;

mod plain;

/// The longest text that is taken, in bytes.
pub const MAX_LENGTH: usize = 1_024;

/// What is wrong with a selector, a list of matchers or a metric name, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromqlError {
    /// Nothing was written.
    #[error("the selector is empty: write a metric, like http_requests_total{{job=\"checkout\"}}")]
    Empty,
    /// The text is over [`MAX_LENGTH`] bytes.
    #[error("the text has {0} bytes: at most {MAX_LENGTH} are taken")]
    TooLong(usize),
    /// The text is no PromQL.
    #[error("`{text}` is no PromQL: {reason}")]
    Syntax {
        /// What was written.
        text: String,
        /// What the parser says.
        reason: String,
    },
    /// The text is PromQL and not a plain instant vector selector.
    #[error(
        "`{text}` is {found}, and a plain selector is needed: write the counter with its labels, like http_requests_total{{code=~\"5..\"}}; rate, sum and windows are added"
    )]
    NotASelector {
        /// What was written.
        text: String,
        /// What it is instead.
        found: &'static str,
    },
    /// The selector would match any metric.
    #[error("`{0}` names no metric: put the metric's name before the braces")]
    NoMetric(String),
    /// A list of matchers sets the metric's name.
    #[error("`{0}` sets the metric name: here only labels are matched")]
    NamesMetric(String),
    /// A matcher that Prometheus reads in another way than this parser.
    #[error("in `{text}`, {reason}")]
    Unsupported {
        /// What was written.
        text: String,
        /// What Prometheus would not take.
        reason: String,
    },
    /// The text is no metric name.
    #[error("`{0}` is no metric name: letters, digits, `_` and `:` only, and no digit first")]
    MetricName(String),
    /// The name of one series of a histogram instead of that of the histogram.
    #[error("`{text}` is one series of a histogram: write `{base}`, `{suffix}` is added")]
    HistogramSuffix {
        /// What was written.
        text: String,
        /// The name of the histogram.
        base: String,
        /// The ending that does not belong.
        suffix: &'static str,
    },
}

/// A plain instant vector selector: one metric with label matchers, like `http_requests_total{job="checkout"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    name: Option<String>,
    matchers: Vec<Matcher>,
}

/// Label matchers without a metric, like `job="checkout",code=~"5.."`. May be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Matchers {
    matchers: Vec<Matcher>,
}

/// The name of a histogram without its `_bucket`, `_count` or `_sum`, like `http_request_duration_seconds`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetricName(pub(super) String);

impl MetricName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Selector {
    /// The name of the metric, where it is not among the matchers.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The same matchers without those for one label, and the value of that label if it is one equality or one pattern.
    pub(crate) fn without(&self, label: &str) -> (Matchers, Option<&Matcher>) {
        let (taken, rest): (Vec<&Matcher>, Vec<&Matcher>) = self.matchers.iter().partition(|m| m.name == label);
        let only = match taken.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        (Matchers { matchers: rest.into_iter().cloned().collect() }, only)
    }

    pub(super) fn all_mut(&mut self) -> &mut Vec<Matcher> {
        &mut self.matchers
    }

    /// A metric without matchers.
    pub(super) const fn plain(name: String) -> Self {
        Self { name: Some(name), matchers: Vec::new() }
    }

    fn new(name: Option<String>, matchers: Vec<Matcher>, text: &str) -> Result<Self, PromqlError> {
        let named = name.is_some()
            || matchers.iter().any(|m| m.name == "__name__" && matches!(m.op, MatchOp::Equal | MatchOp::Re(_)));
        if named { Ok(Self { name, matchers }) } else { Err(PromqlError::NoMetric(text.to_owned())) }
    }
}

impl Matchers {
    /// A label that is empty.
    pub(super) fn one(label: &str) -> Self {
        Self { matchers: vec![Matcher::new(MatchOp::Equal, label, "")] }
    }

    pub(super) fn all(&self) -> &[Matcher] {
        &self.matchers
    }

    pub(super) fn all_mut(&mut self) -> &mut Vec<Matcher> {
        &mut self.matchers
    }
}

/// A selector within a larger expression that was parsed already.
impl TryFrom<&VectorSelector> for Selector {
    type Error = PromqlError;

    fn try_from(selector: &VectorSelector) -> Result<Self, Self::Error> {
        let shown = selector.to_string();
        let (name, matchers) = bare(selector.clone(), &shown)?;
        Self::new(name, matchers, &shown)
    }
}

impl FromStr for Selector {
    type Err = PromqlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(PromqlError::Empty);
        }
        let (name, matchers) = parse_selector(text, text)?;
        Self::new(name, matchers, text)
    }
}

impl FromStr for Matchers {
    type Err = PromqlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text.trim();
        if inner.is_empty() {
            return Ok(Self::default());
        }
        if inner.starts_with('{') {
            return Err(PromqlError::Unsupported {
                text: text.to_owned(),
                reason: "the braces are added: write the matchers alone, like job=\"checkout\",method=\"GET\""
                    .to_owned(),
            });
        }
        // A metric before the braces makes any list of matchers a valid selector, those that may all be empty too.
        let (name, matchers) = parse_selector(&format!("{ANY}{{{inner}}}"), text).map_err(|error| match error {
            PromqlError::Syntax { reason, .. } if reason.contains("set twice") => {
                PromqlError::NamesMetric(text.to_owned())
            }
            other => other,
        })?;
        if name.as_deref() != Some(ANY) || matchers.iter().any(|m| m.name == "__name__") {
            return Err(PromqlError::NamesMetric(text.to_owned()));
        }
        Ok(Self { matchers })
    }
}

impl FromStr for MetricName {
    type Err = PromqlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LENGTH {
            return Err(PromqlError::TooLong(text.len()));
        }
        if !is_metric_name(text) {
            return Err(PromqlError::MetricName(text.to_owned()));
        }
        for suffix in ["_bucket", "_count", "_sum"] {
            if let Some(base) = text.strip_suffix(suffix) {
                return Err(PromqlError::HistogramSuffix { text: text.to_owned(), base: base.to_owned(), suffix });
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// The metric that stands before a list of matchers while it is read.
const ANY: &str = "any_metric";

/// Parses one plain selector; `shown` is what the user wrote and what errors quote.
fn parse_selector(text: &str, shown: &str) -> Result<(Option<String>, Vec<Matcher>), PromqlError> {
    if shown.len() > MAX_LENGTH {
        return Err(PromqlError::TooLong(shown.len()));
    }
    if let Some((name, matchers)) = plain::selector(text) {
        return Ok((Some(name), checked(matchers, shown)?));
    }
    let not_a_selector = |found| PromqlError::NotASelector { text: shown.to_owned(), found };
    let no_promql = |reason: String| PromqlError::Syntax { text: shown.to_owned(), reason };
    match syntax::parse(text).map_err(no_promql)? {
        Expr::VectorSelector(selector) => bare(selector, shown),
        other => Err(not_a_selector(kind(&other))),
    }
}

/// The name and the matchers of a parsed selector that has nothing else; `shown` is what errors quote.
fn bare(selector: VectorSelector, shown: &str) -> Result<(Option<String>, Vec<Matcher>), PromqlError> {
    let not_a_selector = |found| PromqlError::NotASelector { text: shown.to_owned(), found };
    if selector.offset.is_some() {
        return Err(not_a_selector("a selector with an offset"));
    }
    if selector.at.is_some() {
        return Err(not_a_selector("a selector with an @ modifier"));
    }
    if !selector.matchers.or_matchers.is_empty() {
        return Err(not_a_selector("a selector with `or` between matchers"));
    }
    Ok((selector.name, checked(selector.matchers.matchers, shown)?))
}

/// Matchers that Prometheus takes, too.
fn checked(matchers: Vec<Matcher>, shown: &str) -> Result<Vec<Matcher>, PromqlError> {
    for matcher in &matchers {
        if let MatchOp::Re(_) | MatchOp::NotRe(_) = matcher.op {
            check_regex(&matcher.value)
                .map_err(|reason| PromqlError::Unsupported { text: shown.to_owned(), reason })?;
        }
    }
    Ok(matchers)
}

/// Refuses what this parser's regular expressions have and those of Prometheus (RE2) do not: one such pattern would keep
/// the whole rule file from loading.
pub(super) fn check_regex(pattern: &str) -> Result<(), String> {
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (_, tail) = rest.split_at(at);
        let mut next = tail.chars();
        let (first, second) = (next.next(), next.next());
        if first == Some('\\') {
            if let Some(escape @ ('u' | 'U' | '<' | '>' | 'R')) = second {
                return Err(format!(
                    "the regular expression `{pattern}` has `\\{escape}`, which Prometheus does not know"
                ));
            }
        } else if let Some(group) = tail.strip_prefix("(?") {
            let flags: String = group.chars().take_while(char::is_ascii_alphabetic).collect();
            if let Some(flag) = flags.chars().find(|f| !"imsUP".contains(*f)) {
                return Err(format!(
                    "the regular expression `{pattern}` has the flag `{flag}`, which Prometheus does not know"
                ));
            }
        }
        // What follows a backslash is part of the escape and starts nothing.
        rest = if first == Some('\\') { next.as_str() } else { tail.get(1..).unwrap_or_default() };
    }
    Ok(())
}

fn kind(expr: &Expr) -> &'static str {
    match expr {
        Expr::MatrixSelector(_) => "a range selector",
        Expr::Subquery(_) => "a subquery",
        Expr::Call(_) => "a function call",
        Expr::Aggregate(_) => "an aggregation",
        Expr::Binary(_) => "a binary expression",
        Expr::Unary(_) => "a negated expression",
        Expr::Paren(_) => "an expression in parentheses",
        Expr::NumberLiteral(_) => "a number",
        Expr::StringLiteral(_) => "a string",
        Expr::VectorSelector(_) | Expr::Extension(_) => "another expression",
    }
}

/// Whether the text is a metric name that needs no quotes.
pub(super) fn is_metric_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// Whether the text is a label name that needs no quotes.
pub(super) fn is_label_name(text: &str) -> bool {
    is_metric_name(text) && !text.contains(':')
}

/// A string literal of PromQL.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// One matcher as text.
pub(super) fn matcher_text(matcher: &Matcher) -> String {
    let name = if is_label_name(&matcher.name) { matcher.name.clone() } else { quote(&matcher.name) };
    format!("{name}{}{}", matcher.op, quote(&matcher.value))
}

/// Matchers as they stand between braces.
pub(super) fn join(matchers: &[Matcher]) -> String {
    matchers.iter().map(matcher_text).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&syntax::print_selector(self.name.as_deref(), &self.matchers))
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.matchers))
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
