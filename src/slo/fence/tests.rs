use promql_parser::label::Matchers as Read;
use proptest::prelude::*;

use super::*;

fn fence() -> Fence {
    Fence::new("namespace".to_owned(), "store".to_owned())
}

fn fenced<T: std::str::FromStr<Err: std::fmt::Display> + Fenced + ToString>(text: &str) -> Result<String, String> {
    let read: T = text.parse().map_err(|error: T::Err| error.to_string())?;
    read.within(&fence()).map(|fenced| fenced.to_string()).map_err(|error| error.to_string())
}

#[test]
fn selectors_get_the_matcher() {
    for (text, expected) in [
        ("up", r#"up{namespace="store"}"#),
        ("up{}", r#"up{namespace="store"}"#),
        (r#"up{job="x"}"#, r#"up{job="x",namespace="store"}"#),
        (r#"up{namespace="store",job="x"}"#, r#"up{namespace="store",job="x"}"#),
        (r#"up{"namespace"="store"}"#, r#"up{namespace="store"}"#),
        (r#"{__name__=~".+"}"#, r#"{__name__=~".+",namespace="store"}"#),
        (r#"{"a.b"}"#, r#"{__name__="a.b",namespace="store"}"#),
        // As a value, and as the end of another label's name, it is nothing to the fence.
        (
            r#"up{exported_namespace="other",a="namespace"}"#,
            r#"up{exported_namespace="other",a="namespace",namespace="store"}"#,
        ),
    ] {
        assert_eq!(fenced::<Selector>(text).as_deref(), Ok(expected), "{text}");
        assert_eq!(fenced::<Selector>(expected).as_deref(), Ok(expected), "twice is once");
    }
    assert_eq!(fenced::<Matchers>("").as_deref(), Ok(r#"namespace="store""#));
    assert_eq!(fenced::<Matchers>("a=\"b\"").as_deref(), Ok(r#"a="b",namespace="store""#));
}

#[test]
fn expressions_get_it_wherever_a_selector_stands() {
    for (text, expected) in [
        ("-a", "-a{N}"),
        ("(a)", "(a{N})"),
        ("a + on (x) group_left (y) b", "a{N} + on (x) group_left (y) b{N}"),
        ("rate(a[5m] offset 1h)", "rate(a{N}[5m] offset 1h)"),
        ("a @ start() offset -5m", "a{N} @ start() offset -5m"),
        ("max_over_time(rate(a[5m])[1h:1m] @ 5)", "max_over_time(rate(a{N}[5m])[1h:1m] @ 5.000)"),
        // The walk of the parser passes over parameters.
        ("topk(scalar(a), b)", "topk(scalar(a{N}), b{N})"),
        (
            "quantile by (x) (scalar(max(topk(scalar(a), b))), c)",
            "quantile by (x) (scalar(max(topk(scalar(a{N}), b{N}))), c{N})",
        ),
        ("count_values(\"x\", a)", "count_values(\"x\", a{N})"),
        ("clamp(a, scalar(b), scalar(rate(c[1m])))", "clamp(a{N}, scalar(b{N}), scalar(rate(c{N}[1m])))"),
        ("absent(a) or sum(b) unless c", "absent(a{N}) or sum(b{N}) unless c{N}"),
        ("a{namespace='store'} and b", "a{N} and b{N}"),
        (
            "label_replace(a, \"namespace\", \"other\", \"\", \"\")",
            "label_replace(a{N}, \"namespace\", \"other\", \"\", \"\")",
        ),
        ("a # and b", "a{N}"),
    ] {
        let expected = expected.replace('N', "namespace=\"store\"");
        match fenced::<Expression>(text) {
            Ok(printed) => {
                assert_eq!(printed, expected, "{text}");
                assert_eq!(fenced::<Expression>(&printed).as_ref(), Ok(&expected), "twice is once");
            }
            Err(error) => assert!(text.contains('#') && error.contains("comment"), "{text}: {error}"),
        }
    }
}

#[test]
fn the_window_stays_where_it_is_written() {
    for (text, expected) in [
        ("rate(a[$window])", "rate(a{N}[$window])"),
        ("rate(a[$window] offset $window)", "rate(a{N}[$window] offset $window)"),
        ("avg_over_time(up[$window:1m])", "avg_over_time(up{N}[$window:1m])"),
        ("rate(a{b=\"$window\"}[$window])", "rate(a{b=\"$window\",N}[$window])"),
        ("topk(scalar(rate(b[$window])), rate(a[$window]))", "topk(scalar(rate(b{N}[$window])), rate(a{N}[$window]))"),
    ] {
        let expected = expected.replace('N', "namespace=\"store\"");
        assert_eq!(fenced::<WindowExpression>(text).as_ref(), Ok(&expected), "{text}");
        assert_eq!(fenced::<WindowExpression>(&expected).as_ref(), Ok(&expected), "twice is once");
    }
    for text in ["rate(a[$window]) * 2h11m59s", "rate(a[$window]) + rate(a[2h11m59s])"] {
        assert!(fenced::<WindowExpression>(text).is_err(), "{text}");
    }
}

#[test]
fn what_looks_elsewhere_is_refused() {
    for matcher in [
        "namespace=\"other\"",
        "namespace!=\"other\"",
        "namespace!=\"store\"",
        "namespace=~\"store\"",
        "namespace=~\".+\"",
        "namespace!~\"x\"",
        "namespace=\"\"",
        "namespace=\"store \"",
        "\"namespace\"=\"other\"",
        "namespace=\"store\",namespace=\"other\"",
        "namespace='\\x6fther'",
        "namespace=`other`",
    ] {
        for place in
            ["up{M}", "topk(scalar(b{M}), a)", "sum(rate(a{M}[5m] @ 1))", "max_over_time(a{M}[1h:1m])", "b or a{M}"]
        {
            let text = place.replace('M', matcher);
            let error = fenced::<Expression>(&text).unwrap_err();
            assert!(
                error.contains("looks beyond this namespace") && error.contains("namespace=\"store\""),
                "{text}: {error}"
            );
        }
        assert!(fenced::<Selector>(&format!("up{{{matcher}}}")).is_err(), "{matcher}");
        assert!(fenced::<Matchers>(matcher).is_err(), "{matcher}");
        assert!(fence().admits(&matcher.parse().unwrap()).is_err(), "{matcher}");
    }
    // Not to be fenced, and refused before: the second argument of `info` adds series that no selector names.
    for text in ["info(a)", "info(a, {namespace=\"other\"})", "a{namespace=\"store\" or namespace=\"other\"}"] {
        assert!(fenced::<Expression>(text).is_err(), "{text}");
    }
}

#[test]
fn what_the_reader_would_refuse_is_not_printed_either() {
    for text in ["a{b=\"c\" or namespace=\"other\"}", "a +", "a + fill (0) b"] {
        assert!(fence().text(text).is_err(), "{text}");
    }
}

#[test]
fn the_label_is_one_that_no_rule_sets() {
    for label in ["namespace", "exported_namespace", "tenant", "_n1"] {
        assert_eq!(fence_label(label).as_deref(), Ok(label));
    }
    for label in ["", "a-b", "1a", "a b", "__name__", "__x", "le", "profile", "objective", "severity", "a=\"b\""] {
        assert!(fence_label(label).is_err(), "{label}");
    }
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]",
        "[a-c]\\{(job=\"[a-z]{0,3}\"|namespace=\"store\"|x=~\"[a-z.]{0,3}\")\\}",
        Just("{\"a.b\",c=\"d\"}".to_owned()),
        Just("c{job=\"\\\\d\\\"}\"}".to_owned()),
        Just("a offset 5m".to_owned()),
        Just("a @ end()".to_owned()),
        Just("vector(1.5)".to_owned()),
    ]
}

/// Vectors of vectors, by every way in which one can stand in another.
pub fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("sum by (x) ({a})")),
            inner.clone().prop_map(|a| format!("max_over_time(({a})[1h:1m] offset 3m)")),
            inner.clone().prop_map(|a| format!("label_replace({a}, \"x\", \"$1\", \"y\", \"(.*)\")")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("topk(scalar({a}), {b})")),
            (inner.clone(), inner.clone(), "(\\+|/|and|or|unless|> bool|\\^)")
                .prop_map(|(a, b, op)| format!("({a}) {op} ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("clamp_min({a}, scalar({b}))")),
        ]
    })
}

/// The matchers of all selectors, by a walk that is written for this test alone: through the printed tree.
fn all_matchers(expr: &Expr) -> Vec<Read> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::VectorSelector(selector) => found.push(selector.matchers.clone()),
            Expr::MatrixSelector(selector) => found.push(selector.vs.matchers.clone()),
            Expr::Aggregate(inner) => {
                open.push(&inner.expr);
                open.extend(inner.param.as_deref());
            }
            Expr::Unary(inner) => open.push(&inner.expr),
            Expr::Binary(inner) => open.extend([inner.lhs.as_ref(), inner.rhs.as_ref()]),
            Expr::Paren(inner) => open.push(&inner.expr),
            Expr::Subquery(inner) => open.push(&inner.expr),
            Expr::Call(inner) => open.extend(inner.args.args.iter().map(AsRef::as_ref)),
            Expr::Extension(_) => panic!("an extension"),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {}
        }
    }
    found
}

proptest! {
    #[test]
    fn every_selector_has_the_matcher_and_twice_is_once(text in expression()) {
        let printed = fence().text(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let read = syntax::parse(&printed).unwrap();
        let own = Matcher::new(MatchOp::Equal, "namespace", "store");
        let matchers = all_matchers(&read);
        for found in &matchers {
            prop_assert_eq!(found.matchers.iter().filter(|matcher| **matcher == own).count(), 1);
        }
        prop_assert_eq!(matchers.len(), all_matchers(&syntax::parse(&text).unwrap()).len());
        prop_assert_eq!(fence().text(&printed).unwrap(), printed);
    }
}
