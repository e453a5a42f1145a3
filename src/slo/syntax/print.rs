//! An expression as text.

use std::{
    fmt::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use promql_parser::{
    label::{Labels, Matcher},
    parser::{
        AggregateExpr, AtModifier, BinModifier, Expr, LabelModifier, Offset, VectorMatchCardinality, VectorSelector,
    },
};

use crate::slo::promql::{is_label_name, is_metric_name, join, quote};

/// The expression as text; an error where it has parts that PromQL has no text for.
pub fn print(expr: &Expr) -> Result<String, fmt::Error> {
    let mut text = String::new();
    write(&mut text, expr)?;
    Ok(text)
}

/// A metric with matchers.
pub fn selector(name: Option<&str>, matchers: &[Matcher]) -> String {
    let matchers = join(matchers);
    match name {
        Some(name) if is_metric_name(name) && matchers.is_empty() => name.to_owned(),
        Some(name) if is_metric_name(name) => format!("{name}{{{matchers}}}"),
        // Names with dots exist since Prometheus 3 and are quoted inside the braces.
        Some(name) if matchers.is_empty() => format!("{{{}}}", quote(name)),
        Some(name) => format!("{{{},{matchers}}}", quote(name)),
        None => format!("{{{matchers}}}"),
    }
}

fn write(text: &mut String, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::Aggregate(aggregate) => write_aggregate(text, aggregate),
        Expr::Unary(unary) => {
            text.push('-');
            write(text, &unary.expr)
        }
        Expr::Binary(binary) => {
            write(text, &binary.lhs)?;
            write!(text, " {} ", binary.op)?;
            if let Some(modifier) = &binary.modifier {
                write_modifier(text, modifier)?;
            }
            write(text, &binary.rhs)
        }
        Expr::Paren(paren) => {
            text.push('(');
            write(text, &paren.expr)?;
            text.push(')');
            Ok(())
        }
        Expr::Subquery(subquery) => {
            write(text, &subquery.expr)?;
            let step = subquery.step.map(duration).unwrap_or_default();
            write!(text, "[{}:{step}]", duration(subquery.range))?;
            write_times(text, subquery.at.as_ref(), subquery.offset.as_ref())
        }
        Expr::NumberLiteral(number) => write!(text, "{number}"),
        Expr::StringLiteral(string) => {
            text.push_str(&quote(&string.val));
            Ok(())
        }
        Expr::VectorSelector(found) => write_selector(text, found, None),
        Expr::MatrixSelector(found) => write_selector(text, &found.vs, Some(found.range)),
        Expr::Call(call) => {
            write!(text, "{}(", call.func.name)?;
            for (index, argument) in call.args.args.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write(text, argument)?;
            }
            text.push(')');
            Ok(())
        }
        Expr::Extension(_) => Err(fmt::Error),
    }
}

fn write_selector(text: &mut String, found: &VectorSelector, range: Option<Duration>) -> fmt::Result {
    if !found.matchers.or_matchers.is_empty() {
        return Err(fmt::Error);
    }
    text.push_str(&selector(found.name.as_deref(), &found.matchers.matchers));
    if let Some(range) = range {
        write!(text, "[{}]", duration(range))?;
    }
    write_times(text, found.at.as_ref(), found.offset.as_ref())
}

fn write_times(text: &mut String, at: Option<&AtModifier>, offset: Option<&Offset>) -> fmt::Result {
    match at {
        None => {}
        Some(AtModifier::Start) => text.push_str(" @ start()"),
        Some(AtModifier::End) => text.push_str(" @ end()"),
        Some(AtModifier::At(time)) => {
            let (sign, since) = match time.duration_since(UNIX_EPOCH) {
                Ok(since) => ("", since),
                Err(before) => ("-", before.duration()),
            };
            write!(text, " @ {sign}{}.{:03}", since.as_secs(), since.subsec_millis())?;
        }
    }
    match offset {
        None => Ok(()),
        Some(Offset::Pos(by)) => write!(text, " offset {}", duration(*by)),
        Some(Offset::Neg(by)) => write!(text, " offset -{}", duration(*by)),
    }
}

fn write_aggregate(text: &mut String, aggregate: &AggregateExpr) -> fmt::Result {
    write!(text, "{}", aggregate.op)?;
    match &aggregate.modifier {
        None => {}
        Some(LabelModifier::Include(labels)) => write!(text, " by ({}) ", names(labels))?,
        Some(LabelModifier::Exclude(labels)) => write!(text, " without ({}) ", names(labels))?,
    }
    text.push('(');
    if let Some(parameter) = &aggregate.param {
        write(text, parameter)?;
        text.push_str(", ");
    }
    write(text, &aggregate.expr)?;
    text.push(')');
    Ok(())
}

/// What stands between an operator and its right side. Values that fill gaps are refused before: they are experimental.
fn write_modifier(text: &mut String, modifier: &BinModifier) -> fmt::Result {
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(fmt::Error);
    }
    if modifier.return_bool {
        text.push_str("bool ");
    }
    match &modifier.matching {
        None => {}
        Some(LabelModifier::Include(labels)) => write!(text, "on ({}) ", names(labels))?,
        Some(LabelModifier::Exclude(labels)) => write!(text, "ignoring ({}) ", names(labels))?,
    }
    match &modifier.card {
        VectorMatchCardinality::ManyToOne(labels) => write!(text, "group_left ({}) ", names(labels)),
        VectorMatchCardinality::OneToMany(labels) => write!(text, "group_right ({}) ", names(labels)),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => Ok(()),
    }
}

fn names(labels: &Labels) -> String {
    let name = |label: &String| if is_label_name(label) { label.clone() } else { quote(label) };
    labels.labels.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Whole milliseconds, as the parser reads them.
fn duration(length: Duration) -> String {
    crate::api::Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)).to_string()
}
