//! The syntax tree of PromQL: walked as a whole, and printed so that it reads back as the same tree.
//!
//! The parser has a walk and a printer of its own. Its walk leaves out the parameters of aggregations, and its printer writes
//! metric names that need quotes without them: neither is enough where a tenant must not get past what is checked.

use promql_parser::{label::Matchers, parser::Expr};

mod print;

pub(super) use print::{print, selector as print_selector};

/// Reads an expression. The parser panics at a time that it cannot hold, like `offset Inf`, and a text of one user must not end the
/// process for all: then it is no PromQL.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    std::panic::catch_unwind(|| promql_parser::parser::parse(text))
        .unwrap_or_else(|_| Err("a duration or a time in it is too long, or no number".to_owned()))
}

/// How deep an expression may be nested: parentheses, calls, operators and aggregations within each other.
pub const MAX_DEPTH: usize = 32;

/// How many selectors one expression may have: Prometheus reads the series of each at every evaluation.
pub const MAX_SELECTORS: usize = 20;

/// Every part of an expression in which another one stands.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().map(AsRef::as_ref).chain([aggregate.expr.as_ref()]).collect()
        }
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(AsRef::as_ref).collect(),
        // The parser makes none: they are for those who extend it.
        Expr::Extension(extension) => extension.expr.children().iter().collect(),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::VectorSelector(_) | Expr::MatrixSelector(_) => vec![],
    }
}

/// Calls `see` for an expression and everything in it, to the depth of [`MAX_DEPTH`]; beyond it says so.
pub(crate) fn walk<E>(expr: &Expr, see: &mut impl FnMut(&Expr) -> Result<(), E>) -> Result<bool, E> {
    walk_to(MAX_DEPTH, expr, see)
}

fn walk_to<E>(depth: usize, expr: &Expr, see: &mut impl FnMut(&Expr) -> Result<(), E>) -> Result<bool, E> {
    let Some(below) = depth.checked_sub(1) else { return Ok(false) };
    see(expr)?;
    for part in parts(expr) {
        if !walk_to(below, part, see)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Calls `change` for the matchers of every selector.
pub(super) fn change_selectors<E>(
    expr: &mut Expr,
    change: &mut impl FnMut(&mut Matchers) -> Result<(), E>,
) -> Result<(), E> {
    match expr {
        Expr::VectorSelector(selector) => change(&mut selector.matchers),
        Expr::MatrixSelector(selector) => change(&mut selector.vs.matchers),
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &mut aggregate.param {
                change_selectors(parameter, change)?;
            }
            change_selectors(&mut aggregate.expr, change)
        }
        Expr::Unary(unary) => change_selectors(&mut unary.expr, change),
        Expr::Binary(binary) => {
            change_selectors(&mut binary.lhs, change)?;
            change_selectors(&mut binary.rhs, change)
        }
        Expr::Paren(paren) => change_selectors(&mut paren.expr, change),
        Expr::Subquery(subquery) => change_selectors(&mut subquery.expr, change),
        Expr::Call(call) => call.args.args.iter_mut().try_for_each(|argument| change_selectors(argument, change)),
        // Never printed: see `print`.
        Expr::Extension(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
