//! Whole PromQL expressions that users write, where a selector is not enough.
//!
//! They go into rules as they were written, in parentheses, once they have been seen to be complete on their own: an
//! expression that closes a parenthesis it has not opened, or ends in a comment, is refused.

use std::{fmt, str::FromStr};

use promql_parser::{
    label::{MatchOp, Matchers},
    parser::{Expr, value::ValueType},
};

use super::{
    promql::check_regex,
    syntax::{self, MAX_DEPTH, MAX_SELECTORS},
};
use crate::api::Duration;

/// The longest expression that is taken, in bytes.
pub const MAX_EXPRESSION_LENGTH: usize = 2_048;

/// What stands for the range in a [`WindowExpression`].
pub(super) const WINDOW: &str = "$window";

/// A range that nobody writes, to see where [`WINDOW`] ends up.
pub(super) const UNLIKELY: Duration = Duration::from_secs(7_919);

/// Functions that give a count over their range where a rate per second is needed.
const COUNTS: [&str; 3] = ["increase", "delta", "idelta"];

/// What is wrong with an expression, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Nothing was written.
    #[error("the expression is empty")]
    Empty,
    /// The text is over [`MAX_EXPRESSION_LENGTH`] bytes.
    #[error(
        "the expression has {0} bytes: at most {MAX_EXPRESSION_LENGTH} are taken; record a part of it by a rule of yours"
    )]
    TooLong(usize),
    /// Parts within parts, deeper than [`MAX_DEPTH`].
    #[error("the expression is nested deeper than {MAX_DEPTH} levels: record a part of it by a rule of yours")]
    TooDeep,
    /// More selectors than [`MAX_SELECTORS`].
    #[error(
        "the expression has {0} selectors: at most {MAX_SELECTORS} are taken; record a part of it by a rule of yours"
    )]
    TooManySelectors(usize),
    /// The text is no PromQL.
    #[error("the expression is no PromQL: {0}")]
    Syntax(String),
    /// The text does not stand in parentheses as it stands alone.
    #[error("the expression ends in a comment: leave out what follows `#`")]
    Comment,
    /// The expression yields something other than series with a value each.
    #[error("the expression is a {0}, and an instant vector is needed, like sum(rate(http_requests_total[5m]))")]
    NotAVector(&'static str),
    /// No range of the expression is `$window`.
    #[error(
        "the expression has no range $window: write it where the range stands, like rate(http_requests_total[$window])"
    )]
    NoWindow,
    /// `$window` where no window is put in.
    #[error("$window is put in for ranges of 5m and longer: here it stands in nothing")]
    Window,
    /// Something that Prometheus does not take, or that gives other numbers than it seems to.
    #[error("{0}")]
    Unsupported(String),
}

/// A PromQL expression that yields an instant vector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expression(String);

/// A PromQL expression with `$window` for the range: events per second over that window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowExpression(String);

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = bounded(text)?;
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for WindowExpression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = bounded(text)?;
        // `$windows` would become `5ms`.
        let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if text.split(WINDOW).skip(1).any(goes_on) {
            return Err(ExpressionError::Window);
        }
        let seen = check(&put_in(text, UNLIKELY))?;
        check(&put_in(text, Duration::from_secs(300)))?;
        if !seen.ranges.contains(&std::time::Duration::from_secs(UNLIKELY.as_secs())) {
            return Err(ExpressionError::NoWindow);
        }
        match seen.counts {
            Some(function) => Err(ExpressionError::Unsupported(format!(
                "`{function}` counts over its range, and events per second are needed: write `rate`"
            ))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl Expression {
    /// An expression that was printed from one that was read.
    pub(super) const fn understood(text: String) -> Self {
        Self(text)
    }
}

impl WindowExpression {
    /// An expression that was printed from one that was read.
    pub(super) const fn understood(text: String) -> Self {
        Self(text)
    }

    /// The expression over one window.
    pub(super) fn over(&self, window: Duration) -> String {
        put_in(&self.0, window)
    }
}

impl fmt::Display for WindowExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text with a window in the place of `$window`.
pub(super) fn put_in(text: &str, window: Duration) -> String {
    text.replace(WINDOW, &window.to_string())
}

fn bounded(text: &str) -> Result<&str, ExpressionError> {
    match text.trim() {
        "" => Err(ExpressionError::Empty),
        _ if text.len() > MAX_EXPRESSION_LENGTH => Err(ExpressionError::TooLong(text.len())),
        text => Ok(text),
    }
}

fn check(text: &str) -> Result<Seen, ExpressionError> {
    let expr = syntax::parse(text).map_err(ExpressionError::Syntax)?;
    let mut seen = Seen::default();
    if !syntax::walk(&expr, &mut |expr| seen.see(expr)).map_err(ExpressionError::Unsupported)? {
        return Err(ExpressionError::TooDeep);
    }
    if seen.selectors > MAX_SELECTORS {
        return Err(ExpressionError::TooManySelectors(seen.selectors));
    }
    match syntax::parse(&format!("({text})")) {
        Ok(Expr::Paren(inside)) if *inside.expr == expr => {}
        _ => return Err(ExpressionError::Comment),
    }
    match expr.value_type() {
        ValueType::Vector => Ok(seen),
        ValueType::Scalar => Err(ExpressionError::NotAVector("number")),
        ValueType::String => Err(ExpressionError::NotAVector("string")),
        ValueType::Matrix => Err(ExpressionError::NotAVector("range vector")),
    }
}

/// What an expression is made of.
#[derive(Default)]
struct Seen {
    /// The ranges of selectors and subqueries.
    ranges: Vec<std::time::Duration>,
    /// The first function that counts over its range.
    counts: Option<&'static str>,
    /// How many selectors there are.
    selectors: usize,
}

impl Seen {
    fn see(&mut self, expr: &Expr) -> Result<(), String> {
        let experimental = |what: &str| Err(format!("{what} is experimental: Prometheus takes it with a flag only"));
        match expr {
            Expr::VectorSelector(selector) => {
                self.selectors += 1;
                matchers(&selector.matchers)?;
            }
            Expr::MatrixSelector(selector) => {
                self.selectors += 1;
                matchers(&selector.vs.matchers)?;
                self.ranges.push(selector.range);
            }
            Expr::Subquery(subquery) => self.ranges.push(subquery.range),
            Expr::Call(call) if call.func.experimental => {
                return experimental(&format!("the function `{}`", call.func.name));
            }
            Expr::Call(call) if COUNTS.contains(&call.func.name) => self.counts = Some(call.func.name),
            Expr::Aggregate(aggregate) => {
                let operator = aggregate.op.to_string();
                if operator.starts_with("limit") {
                    return experimental(&format!("`{operator}`"));
                }
            }
            Expr::Binary(binary) => {
                let filled = binary.modifier.as_ref().map(|modifier| &modifier.fill_values);
                if filled.is_some_and(|values| values.lhs.is_some() || values.rhs.is_some()) {
                    return experimental("`fill`");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn matchers(matchers: &Matchers) -> Result<(), String> {
    if !matchers.or_matchers.is_empty() {
        return Err("Prometheus has no `or` between matchers".to_owned());
    }
    for matcher in &matchers.matchers {
        if let MatchOp::Re(_) | MatchOp::NotRe(_) = matcher.op {
            check_regex(&matcher.value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windowed(text: &str) -> Result<String, String> {
        let parsed = text.parse::<WindowExpression>().map_err(|error| error.to_string())?;
        Ok(parsed.over(Duration::from_secs(3_600)))
    }

    #[test]
    fn the_window_goes_where_it_is_written() {
        for (text, over) in [
            ("sum(rate(a[$window]))", "sum(rate(a[1h]))"),
            (" rate(a[$window])\n - rate(b[$window] offset 1m) ", "rate(a[1h])\n - rate(b[1h] offset 1m)"),
            ("avg_over_time(up[$window:1m])", "avg_over_time(up[1h:1m])"),
            ("rate(a{path=\"#$\"}[$window]) and on () b", "rate(a{path=\"#$\"}[1h]) and on () b"),
        ] {
            assert_eq!(windowed(text).as_deref(), Ok(over));
        }
    }

    #[test]
    fn what_is_no_complete_expression_with_a_window_is_refused() {
        for (text, why) in [
            ("", "is empty"),
            ("  \n", "is empty"),
            (&"a".repeat(3_000), "3000 bytes"),
            ("sum(rate(a[5m]))", "no range $window"),
            ("rate(a{range=\"$window\"}[5m])", "no range $window"),
            ("rate(a[5m] offset $window)", "no range $window"),
            ("rate(a[$windows])", "stands in nothing"),
            ("rate(a[$interval])", "no PromQL"),
            ("rate(a[$window]", "no PromQL"),
            ("rate(a[$window])) or (b", "no PromQL"),
            ("rate(a[$window]) # per second", "comment"),
            ("a[$window]", "range vector"),
            ("scalar(rate(a[$window]))", "is a number"),
            ("\"$window\"", "is a string"),
            ("sum(increase(a[$window]))", "write `rate`"),
            ("rate(a{b=~\"(?x) c\"}[$window])", "Prometheus does not know"),
            ("rate(a{b=\"1\" or b=\"2\"}[$window])", "no `or`"),
            ("mad_over_time(a[$window])", "experimental"),
            ("limitk(2, rate(a[$window]))", "experimental"),
        ] {
            let error = windowed(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn an_expression_needs_no_window() {
        for text in ["max(a / b)", "a", "1 - avg(b)"] {
            assert_eq!(text.parse::<Expression>().unwrap().to_string(), text);
        }
        for text in ["1", "a[5m]", "$window", "a # b", "a) or (b"] {
            assert!(text.parse::<Expression>().is_err(), "{text}");
        }
    }
}
