use super::*;

/// Every kind of node and of modifier.
const EXPRESSIONS: [&str; 33] = [
    "up",
    "up{}",
    "{__name__=~\"http_.+\",job!=\"x\",a!~\"b|c\"}",
    "{\"http.server.requests\",\"a.b\"=\"c\"}",
    "{\"http.server.requests\"}",
    "a{q=\"say \\\"hi\\\"\\n\\u0001\"}",
    "rate(a[5m] offset 1h)",
    "rate(a[5m] @ 12.5)",
    "a @ -3 offset -90s",
    "a @ start() + a @ end()",
    "max_over_time(rate(a[5m])[1d:1m] @ 7 offset 5m)",
    "max_over_time(a[1d:])",
    "-a ^ -b",
    "-(a + b) * 2",
    "2 - -1 + -Inf + NaN + 1e-9 + 0x1f",
    "a + on (x, y) group_left (z) b",
    "a / ignoring (x) group_right () b",
    "a == bool on () b",
    "a > bool 1",
    "a and ignoring () b or c unless on (d) e",
    "a atan2 b % c",
    "sum by (x, \"y.z\") (a)",
    "sum without () (a)",
    "sum by () (a)",
    "topk(scalar(max(b)), a)",
    "quantile without (x) (scalar(q), a)",
    "count_values(\"version\", a)",
    "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\\\\d\")",
    "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))",
    "absent(a) or vector(1) or time() - timestamp(a)",
    "((a))",
    "sum(a{on=\"x\"}) by (on, bool, offset)",
    "day_of_week() == 0",
];

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_printed_reads_back_as_the_same_tree() {
    for text in EXPRESSIONS {
        let expr = read(text);
        let printed = print(&expr).unwrap();
        assert_eq!(read(&printed), expr, "{text}: {printed}");
        assert_eq!(print(&read(&printed)).unwrap(), printed, "printing is stable");
    }
}

#[test]
fn escapes_that_promql_does_not_know_are_errors_and_no_panics() {
    for text in
        ["a{b=\"\\é\"}", "\"\\é\"", "a{b='\\\u{10000}'}", "{\"\\ü\"}", "a{b=\"\\x1é\"}", "a{b=\"\\u12é\"}", "a{b=\"\\"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

/// The names of all selectors in the order in which they are walked.
fn selectors(text: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let walked = walk(&read(text), &mut |expr| {
        match expr {
            Expr::VectorSelector(selector) => seen.push(selector.name.clone().unwrap_or_default()),
            Expr::MatrixSelector(selector) => seen.push(selector.vs.name.clone().unwrap_or_default()),
            _ => {}
        }
        Ok::<_, ()>(())
    });
    assert_eq!(walked, Ok(true), "{text}");
    seen
}

/// Where a selector can stand. Both walks go there.
pub const PLACES: [(&str, &[&str]); 12] = [
    ("a", &["a"]),
    ("-a", &["a"]),
    ("(a)", &["a"]),
    ("a + on (x) b", &["a", "b"]),
    ("rate(a[5m] offset 1h)", &["a"]),
    ("max_over_time(rate(a[5m])[1h:1m] @ 5)", &["a"]),
    ("topk(scalar(a), b)", &["a", "b"]),
    ("quantile by (x) (scalar(max(topk(scalar(a), b))), c)", &["a", "b", "c"]),
    ("count_values(\"x\", a)", &["a"]),
    ("clamp(a, scalar(b), scalar(rate(c[1m])))", &["a", "b", "c"]),
    ("label_join(a, \"x\", \",\", \"y\")", &["a"]),
    ("absent_over_time(a[5m]) or sum(b) unless c", &["a", "b", "c"]),
];

#[test]
fn every_place_where_a_selector_can_stand_is_walked() {
    for (text, names) in PLACES {
        assert_eq!(selectors(text), names, "{text}");
        let mut changed = read(text);
        let mut count = 0;
        change_selectors(&mut changed, &mut |_| {
            count += 1;
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(count, names.len(), "{text}");
    }
}

#[test]
fn the_walk_ends_where_it_is_too_deep() {
    let nested = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    let walked = |text: &str| walk(&read(text), &mut |_| Ok::<_, ()>(())).unwrap();
    assert!(walked(&nested(MAX_DEPTH - 1)));
    assert!(!walked(&nested(MAX_DEPTH)));
    assert!(!walked(&format!("{}a", "-".repeat(1_000))));
    assert!(!walked(&["a"; 40].join(" + ")));
}

#[test]
fn what_the_parser_panics_at_is_refused() {
    for text in ["2  offset Inf + N", "m offset 1e300", "m offset NaN"] {
        assert!(parse(text).is_err(), "{text}");
        assert!(text.parse::<crate::slo::Expression>().is_err(), "{text}");
        assert!(text.parse::<crate::slo::Selector>().is_err(), "{text}");
    }
}
