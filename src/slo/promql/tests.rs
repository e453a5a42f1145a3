use super::*;

fn selector(text: &str) -> Result<String, String> {
    text.parse::<Selector>().map(|s| s.to_string()).map_err(|e| e.to_string())
}

fn matchers(text: &str) -> Result<String, String> {
    text.parse::<Matchers>().map(|s| s.to_string()).map_err(|e| e.to_string())
}

#[test]
fn prints_what_it_understood() {
    for (text, printed) in [
        ("up", "up"),
        ("up{}", "up"),
        (
            " http_requests_total { job = 'checkout' , code =~ \"5..\" } ",
            r#"http_requests_total{job="checkout",code=~"5.."}"#,
        ),
        (r#"a:b{path=~"/x\\d+",x!="",y!~"a|b"}"#, r#"a:b{path=~"/x\\d+",x!="",y!~"a|b"}"#),
        (r#"m{q="say \"hi\"\n"}"#, r#"m{q="say \"hi\"\n"}"#),
        (r#"{__name__="up",job="x"}"#, r#"{__name__="up",job="x"}"#),
        (r#"{__name__=~"http_.+"}"#, r#"{__name__=~"http_.+"}"#),
        ("m{city=\"Zürich\"} # a comment", "m{city=\"Zürich\"}"),
    ] {
        assert_eq!(selector(text).as_deref(), Ok(printed), "{text}");
        assert_eq!(selector(printed).as_deref(), Ok(printed), "printing is stable");
    }
}

#[test]
fn names_with_dots_are_quoted() {
    let printed = selector(r#"{"http.server.requests",job="x"}"#).unwrap();
    assert_eq!(selector(&printed).as_ref(), Ok(&printed));
    assert!(syntax::parse(&format!("sum(rate({printed}[5m]))")).is_ok(), "{printed}");
}

#[test]
fn refuses_what_is_no_plain_selector() {
    for (text, says) in [
        ("", "is empty"),
        ("  ", "is empty"),
        ("up[5m]", "a range selector"),
        ("up offset 5m", "an offset"),
        ("up @ 0", "an @ modifier"),
        ("rate(up[5m])", "a function call"),
        ("sum(up)", "an aggregation"),
        ("up + up", "a binary expression"),
        ("-up", "a negated expression"),
        ("(up)", "an expression in parentheses"),
        ("up[5m:1m]", "a subquery"),
        ("1", "a number"),
        ("\"up\"", "a string"),
        ("{job=\"x\"}", "names no metric"),
        ("{__name__!=\"x\",job=\"y\"}", "names no metric"),
        ("up{job=\"x\" or job=\"y\"}", "`or` between matchers"),
        ("up{job=\"x\"", "is no PromQL"),
        ("up{job=x}", "is no PromQL"),
        ("up}) or vector(1) #", "is no PromQL"),
        ("up{a=~\"(\"}", "is no PromQL"),
        (r#"up{a=~"\\u{61}"}"#, "which Prometheus does not know"),
        (r#"up{a=~"(?x)a b"}"#, "the flag `x`"),
    ] {
        let error = selector(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    assert!(selector(&format!("up{{a=\"{}\"}}", "x".repeat(MAX_LENGTH))).unwrap_err().contains("at most 1024"));
    assert_eq!(selector(r#"up{a=~"(?i)x\\(?y"}"#).as_deref(), Ok(r#"up{a=~"(?i)x\\(?y"}"#));
}

#[test]
fn matchers_stand_alone() {
    assert_eq!(matchers("").as_deref(), Ok(""));
    assert_eq!(matchers(" job = \"x\", ").as_deref(), Ok("job=\"x\""));
    assert_eq!(matchers("job=\"x\",code=~\"5..\"").as_deref(), Ok("job=\"x\",code=~\"5..\""));
    assert_eq!(matchers("job=~\".*\"").as_deref(), Ok("job=~\".*\""), "all may be empty: the histogram gives the name");
    for (text, says) in [
        ("{job=\"x\"}", "the braces are added"),
        ("__name__=\"x\"", "sets the metric name"),
        ("\"other\",job=\"x\"", "sets the metric name"),
        ("job=\"x\"} or vector(1) or metric{job=\"y\"", "a binary expression"),
        ("job=\"x\"}[5m] #", "a range selector"),
        ("job", "is no PromQL"),
    ] {
        let error = matchers(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn histograms_by_their_own_name() {
    assert_eq!(
        "http_request_duration_seconds".parse::<MetricName>().unwrap().as_str(),
        "http_request_duration_seconds"
    );
    for (text, says) in [
        ("", "no metric name"),
        ("1a", "no metric name"),
        ("a-b", "no metric name"),
        ("a{b=\"c\"}", "no metric name"),
        ("ä", "no metric name"),
        ("http_request_duration_seconds_bucket", "write `http_request_duration_seconds`"),
        ("x_count", "write `x`"),
    ] {
        let error = text.parse::<MetricName>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

proptest::proptest! {
    /// Whatever is taken stays one selector when it is put between other text.
    #[test]
    fn nothing_leaves_its_selector(text in r#"[a-z{}()\[\]"'`\\=~!,#\n ]{0,24}"#) {
        if let Ok(selector) = text.parse::<Selector>() {
            let put = format!("sum(rate({selector}[5m])) / 2");
            let parsed = syntax::parse(&put);
            let is_division = matches!(&parsed, Ok(Expr::Binary(_)));
            proptest::prop_assert!(is_division, "{text} -> {put}: {parsed:?}");
        }
        if let Ok(matchers) = text.parse::<Matchers>() {
            let put = format!("rate(x_bucket{{{matchers},le=\"1\"}}[5m]) / 2");
            let put = put.replace("{,", "{");
            let parsed = syntax::parse(&put);
            let is_division = matches!(&parsed, Ok(Expr::Binary(_)));
            proptest::prop_assert!(is_division, "{text} -> {put}: {parsed:?}");
        }
    }

    /// Values survive the way through the text of a rule.
    #[test]
    fn values_survive(value in "\\PC{0,20}|[\\x00-\\x1f\"\\\\]{0,8}") {
        let put = format!("up{{a={}}}", quote(&value));
        let selector: Selector = put.parse().unwrap();
        proptest::prop_assert_eq!(&selector.matchers[0].value, &value);
        proptest::prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
    }
}
