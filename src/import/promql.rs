//! From the queries of others to indicators: only forms that mean the same as the rules that are written here.

use promql_parser::{
    label::MatchOp,
    parser::{Expr, token},
};

use crate::{
    api::{Duration, v1alpha1},
    slo::{Selector, WindowExpression, indicator, number, parse_promql},
};

/// Longest expression of a raw indicator, in bytes.
const LONGEST_RAW: usize = 2_048;

/// A longest query, in bytes.
const LONGEST: usize = 8_192;

/// The counter in a query: the selector itself, its `rate` or `increase`, or the `sum` of these.
pub(super) fn counter(query: &str) -> Result<Selector, String> {
    let expr = parse(query)?;
    counter_of(&expr).ok_or_else(|| format!("`{}` is no sum of one counter's rate", one_line(query)))?
}

/// Bad and total events from two queries. The bad ones may be written as all without the good ones.
pub(super) fn errors_of(errors: &str, total: &str) -> Result<v1alpha1::Indicator, String> {
    let total = counter(total)?;
    let expr = parse(errors)?;
    if let Some(errors) = counter_of(&expr) {
        return Ok(ratio(Some(errors?.to_string()), None, &total));
    }
    if let Expr::Binary(binary) = bare(&expr)
        && binary.op.id() == token::T_SUB
        && binary.modifier.is_none()
        && let (Some(all), Some(good)) = (counter_of(&binary.lhs), counter_of(&binary.rhs))
        && all? == total
    {
        return Ok(good_of(&good?, &total));
    }
    Err(format!("`{}` is neither the sum of one counter's rate nor all events without the good ones", one_line(errors)))
}

/// Good and total events as counters: a latency where they are the bucket and the count of one histogram.
pub(super) fn good_of(good: &Selector, total: &Selector) -> v1alpha1::Indicator {
    match latency(good, total) {
        Some(latency) => v1alpha1::Indicator { latency: Some(latency), ..v1alpha1::Indicator::default() },
        None => ratio(None, Some(good.to_string()), total),
    }
}

pub(super) fn bad_of(bad: &Selector, total: &Selector) -> v1alpha1::Indicator {
    ratio(Some(bad.to_string()), None, total)
}

/// Both queries as they are, with `$window` for their range, where that gives events per second.
pub(super) fn raw(errors: &str, total: &str) -> Option<v1alpha1::Indicator> {
    let (errors, total) = (one_line_in_full(errors), one_line_in_full(total));
    let sound =
        [&errors, &total].iter().all(|text| text.len() <= LONGEST_RAW && text.parse::<WindowExpression>().is_ok());
    let raw = v1alpha1::Raw { errors, total };
    sound.then(|| v1alpha1::Indicator { raw: Some(raw), ..v1alpha1::Indicator::default() })
}

fn ratio(errors: Option<String>, good: Option<String>, total: &Selector) -> v1alpha1::Indicator {
    let ratio = v1alpha1::Ratio { errors, good, total: total.to_string() };
    v1alpha1::Indicator { ratio: Some(ratio), ..v1alpha1::Indicator::default() }
}

fn latency(good: &Selector, total: &Selector) -> Option<v1alpha1::Latency> {
    let histogram = good.name()?.strip_suffix("_bucket")?;
    let (rest, le) = good.without("le");
    let (of_total, none) = total.without("le");
    if total.name()?.strip_suffix("_count")? != histogram || none.is_some() || rest != of_total {
        return None;
    }
    let le = le?;
    // `0.2`, `1`, `1.0`, and the pattern of the two spellings.
    let boundary = le.value.split('|').next()?;
    let milliseconds = boundary.parse::<f64>().ok()? * 1_000.0;
    if !(1.0..=3_600_000.0).contains(&milliseconds) || (milliseconds - milliseconds.round()).abs() > 1e-6 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 3.6 million")]
    let threshold = Duration::from_millis(milliseconds.round() as u64);
    let equal = matches!(le.op, MatchOp::Equal);
    if !equal && format!("le=~\"{}\"", le.value) != indicator::le(&number::seconds(threshold.as_millis())) {
        return None;
    }
    Some(v1alpha1::Latency {
        histogram: Some(histogram.to_owned()),
        selector: rest.to_string(),
        format: v1alpha1::HistogramFormat::Classic,
        threshold,
    })
}

fn parse(query: &str) -> Result<Expr, String> {
    if query.len() > LONGEST {
        return Err(format!("a query of {} bytes: at most {LONGEST} are read", query.len()));
    }
    // The parser goes down once a parenthesis: a text of nothing else must not exhaust the stack.
    if query.matches('(').count() > 50 {
        return Err("a query with more than 50 parentheses is not read".to_owned());
    }
    parse_promql(query).map_err(|error| format!("`{}` is no PromQL: {error}", one_line(query)))
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

/// `None`: it is no form of a counter. An error: it is one, with a selector that is not taken.
fn counter_of(expr: &Expr) -> Option<Result<Selector, String>> {
    match bare(expr) {
        Expr::Aggregate(sum) if sum.op.id() == token::T_SUM && sum.modifier.is_none() && sum.param.is_none() => {
            counter_of(&sum.expr)
        }
        Expr::Call(call) if ["rate", "increase"].contains(&call.func.name) => {
            match call.args.args.first().map(|arg| bare(arg)) {
                Some(Expr::MatrixSelector(matrix)) => {
                    Some(Selector::try_from(&matrix.vs).map_err(|error| error.to_string()))
                }
                _ => None,
            }
        }
        Expr::VectorSelector(selector) => Some(Selector::try_from(selector).map_err(|error| error.to_string())),
        // A missing series counts as zero here in any case.
        Expr::Binary(or) if or.op.id() == token::T_LOR && is_zero(&or.rhs) => counter_of(&or.lhs),
        _ => None,
    }
}

fn is_zero(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Call(call) if call.func.name == "vector" => call
            .args
            .args
            .first()
            .is_some_and(|arg| matches!(bare(arg), Expr::NumberLiteral(number) if number.val == 0.0)),
        _ => false,
    }
}

fn one_line_in_full(text: &str) -> String {
    // A comment would swallow the rest of the line.
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words: Vec<_> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

pub(super) fn one_line(text: &str) -> String {
    let line = one_line_in_full(text);
    if line.chars().count() <= 160 { line } else { format!("{}…", line.chars().take(159).collect::<String>()) }
}
