//! Selectors as nearly everybody writes them, read without the grammar of the whole language.
//!
//! The parser builds tables and compiles regular expressions, which are the same in many profiles, each time. What is read here is read as
//! the parser reads it: a test holds the two against each other. For anything out of the ordinary nothing is given,
//! and the parser has the word, and the error.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use promql_parser::label::{MatchOp, Matcher};
use regex::Regex;

use super::is_label_name;

/// Most regular expressions that are kept: a tenant can write as many as he likes.
const MOST_PATTERNS: usize = 64;

/// The longest regular expression that is kept, in bytes.
const LONGEST_PATTERN: usize = 64;

/// Words with an underscore that are not the name of a metric where one may stand.
const KEYWORDS: [&str; 4] = ["count_values", "group_left", "group_right", "limit_ratio"];

/// A metric and its matchers, like `http_requests_total{job="checkout",code=~"5.."}`.
pub(super) fn selector(text: &str) -> Option<(String, Vec<Matcher>)> {
    let (name, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
    // Without an underscore it may be a word of the language, like `inf`.
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.contains('_')
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
        && !KEYWORDS.contains(&name);
    if !plain {
        return None;
    }
    let inner = match rest {
        "" => "",
        _ => rest.strip_prefix('{')?.strip_suffix('}')?,
    };
    Some((name.to_owned(), matchers(inner)?))
}

/// Matchers as they stand between braces, like `job="checkout",code=~"5.."`.
pub(super) fn matchers(text: &str) -> Option<Vec<Matcher>> {
    let (mut rest, mut read) = (text, Vec::new());
    while !rest.is_empty() {
        if !read.is_empty() {
            let next = rest.strip_prefix(',')?;
            rest = next.strip_prefix(' ').unwrap_or(next);
        }
        let (label, tail) = rest.split_at(rest.find(['=', '!'])?);
        if !is_label_name(label) || label == "__name__" {
            return None;
        }
        let (op, tail) = tail.split_at(tail.find('"')?);
        let (value, tail) = tail.strip_prefix('"')?.split_once('"')?;
        if value.contains(|c: char| c == '\\' || c.is_control()) {
            return None;
        }
        let op = match op {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Re(pattern(value)?),
            "!~" => MatchOp::NotRe(pattern(value)?),
            _ => return None,
        };
        read.push(Matcher::new(op, label, value));
        rest = tail;
    }
    Some(read)
}

/// The parser's regular expression for a pattern. Braces are left to it: it takes some that are no repetition.
fn pattern(text: &str) -> Option<Regex> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    if text.len() > LONGEST_PATTERN || text.contains('{') {
        return None;
    }
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
        return Some(known.clone());
    }
    let made = Regex::new(&format!("^(?:{text})$")).ok()?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() < MOST_PATTERNS {
        known.insert(text.to_owned(), made.clone());
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::{Expr, parse};
    use proptest::prelude::*;

    use super::*;

    fn by_the_parser(text: &str) -> Option<(String, Vec<Matcher>)> {
        match parse(text).ok()? {
            Expr::VectorSelector(one)
                if one.matchers.or_matchers.is_empty() && one.offset.is_none() && one.at.is_none() =>
            {
                Some((one.name?, one.matchers.matchers))
            }
            _ => None,
        }
    }

    #[test]
    fn what_most_write_is_read_here() {
        for text in [
            "http_requests_total",
            "http_requests_total{}",
            r#"http_requests_total{job="shop",code=~"5.."}"#,
            r#"http_requests_total{job!="shop", code!~"2..|3..", city="Zürich", by="1", x=""}"#,
        ] {
            let read = selector(text);
            assert!(read.is_some(), "{text}");
            assert_eq!(read, by_the_parser(text), "{text}");
        }
    }

    #[test]
    fn all_else_is_left_to_the_parser() {
        for text in [
            "up",
            "group_left",
            "a_b offset 5m",
            "a_b[5m]",
            "a_b{c='d'}",
            r#"a_b{c="\n"}"#,
            r#"a_b{__name__="x"}"#,
            r#"a_b{c=~"("}"#,
            r#"a_b{c=~"x{2}"}"#,
            r#"a_b{c="d",}"#,
            r#"a_b{c="d" or e="f"}"#,
            r#"a_b{c="d"}} or vector(1) #"}"#,
            r#"a_b{c=x"d"}"#,
        ] {
            assert_eq!(selector(text), None, "{text}");
        }
    }

    fn matcher() -> impl Strategy<Value = String> {
        r#"([a-z_]{1,6}|on|by|offset|bool|inf|nan|sum)(=|!=|=~|!~|==)"[a-z0-9.|+*?()$^# {},=äß-]{0,8}""#
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_parser_reads(
            name in r"[a-z]{0,3}_?[a-z0-9_]{0,12}",
            inner in prop::collection::vec(matcher(), 0..4),
            comma in "(,|, | ,)",
            brackets in prop::sample::select(vec![("{", "}"), ("{", "}"), ("{", ""), ("", "")]),
        ) {
            let text = [&name, brackets.0, &inner.join(&comma), brackets.1].concat();
            if let Some(read) = selector(&text) {
                prop_assert_eq!(Some(read), by_the_parser(&text));
            }
        }
    }
}
