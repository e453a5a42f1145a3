//! The kinds of indicators beyond ratio and classic latency: expressions, native histograms, probes, time slices.

use plimsoll::slo::{Format, Indicator, Unit};

use super::{
    Case, Counter, every,
    traffic::{RECORDED, all_are_numbers, rules},
};

fn raw(errors: &str, total: &str) -> Indicator {
    Indicator::Raw { errors: errors.parse().unwrap(), total: total.parse().unwrap() }
}

fn native(threshold: &str) -> Indicator {
    Indicator::Latency {
        histogram: "duration_seconds".parse().unwrap(),
        selector: "job=\"x\"".parse().unwrap(),
        threshold: threshold.parse().unwrap(),
        unit: Unit::Seconds,
        format: Format::Native,
    }
}

fn probe() -> Indicator {
    Indicator::Probe { gauge: "probe_success{job=\"x\"}".parse().unwrap() }
}

fn throughput(minimum: &str) -> Indicator {
    Indicator::Throughput { counter: "jobs_total".parse().unwrap(), minimum: minimum.parse().unwrap() }
}

fn saturation(query: &str, maximum: &str) -> Indicator {
    Indicator::Saturation { query: query.parse().unwrap(), maximum: maximum.parse().unwrap() }
}

/// One of each kind, for `promtool check rules`.
pub fn all() -> [Indicator; 5] {
    [
        raw("sum(rate(a{b=\"{{\"}[$window])) # no\n - sum(rate(c[$window]))", "rate(a[$window]) or\nrate(d[$window])"),
        native("200ms"),
        probe(),
        throughput("1000"),
        saturation("sum by (pod) (pool_used) / sum by (pod) (pool_size)", "0.8"),
    ]
}

const READY: &str = r#"plimsoll_target_ready_pods{namespace="shop",profile="checkout"}"#;

#[test]
fn expressions_count_like_selectors() {
    // Of the requests that came in, those that neither succeeded nor were refused.
    let indicator = raw(
        "sum(rate(in_total[$window])) - sum(rate(out_total{result=~\"ok|refused\"}[$window]))",
        "rate(in_total[$window])",
    );
    let out = |result: &str| format!("out_total{{result=\"{result}\"}}");
    let mut case = Case::new("raw", rules(indicator))
        .series("in_total{pod=\"a\"}", &Counter::starting_at(0).rise(60, 240))
        .series("in_total{pod=\"b\"}", &Counter::starting_at(0).rise(40, 240))
        .series(&out("ok"), &Counter::starting_at(0).rise(89, 240))
        .series(&out("refused"), &Counter::starting_at(0).rise(10, 240));
    for minute in [2, 60, 240] {
        case = all_are_numbers(case, minute);
    }
    case.value(240, "round(sum(plimsoll:total:rate5m) * 60, 0.001)", 100.0)
        .value(240, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.01)
        .value(240, "round(sum(plimsoll:error_ratio:1h), 0.0001)", 0.01)
        .value(240, "round(sum(plimsoll:error_ratio:6h), 0.0001)", 0.01)
        .value(240, "round(sum(plimsoll:error_ratio:3d), 0.0001)", 0.01)
        .value(240, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.99)
        .never(240, r#"severity="critical""#)
        .run();
}

#[test]
fn what_an_expression_does_not_yield_is_no_error_and_never_nan() {
    // 0/0 while nothing comes in; a filter that yields nothing while all is well.
    let indicator = raw(
        "sum(rate(errors_total[$window])) > 0.1",
        "sum(rate(sum_total[$window])) / sum(rate(parts_total[$window]))",
    );
    let mut case = Case::new("raw-nan", rules(indicator))
        .series("sum_total", &Counter::starting_at(0).rise(20, 60).rise(0, 60).rise(20, 60))
        .series("parts_total", &Counter::starting_at(0).rise(10, 60).rise(0, 60).rise(10, 60))
        .series("errors_total", &Counter::starting_at(0).rise(1, 180));
    for minute in [2, 60, 90, 125, 180] {
        case = all_are_numbers(case, minute);
    }
    case.nothing(90, "plimsoll:total:rate5m")
        .nothing(90, "plimsoll:error_ratio:5m")
        .value(180, "round(sum(plimsoll:total:rate5m), 0.0001)", 2.0)
        .value(180, "sum(plimsoll:bad:events)", 0.0)
        .value(180, "sum(plimsoll:budget_remaining:ratio)", 1.0)
        .never(180, r#"alertname=~".+""#)
        .run();
    Case::new("raw-missing", rules(raw("rate(e[$window])", "rate(t[$window])")))
        .series("e", &Counter::starting_at(0).rise(10, 60))
        .series(READY, &Counter::starting_at(1).rise(0, 60))
        .nothing(60, RECORDED)
        .firing(60, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        .never(60, r#"alertname!="ObjectiveMetricsAbsent""#)
        .run();
}

#[test]
fn an_expression_that_fails_pages() {
    Case::new("raw-page", rules(raw("rate(e[$window])", "rate(t[$window])")))
        .series("t", &Counter::starting_at(0).rise(100, 240))
        .series("e", &Counter::starting_at(0).rise(0, 180).rise(50, 60))
        .firing(180, r#"alertname="ErrorBudgetBurn""#, 0)
        .firing(240, r#"alertname="ErrorBudgetBurn",tier="page-fast""#, 1)
        .firing(240, r#"alertname="ErrorRateHigh""#, 1)
        .run();
}

/// Observations a minute in the buckets (0.125, 0.25], (0.25, 0.5] and (0.5, 1] of schema 0, as a rising native histogram.
fn histogram(minutes: usize, buckets: [u32; 3]) -> String {
    let [low, middle, high] = buckets;
    let count = low + middle + high;
    let start = "{{schema:0 count:0 sum:0 offset:-2 buckets:[0 0 0]}}";
    format!("{start}+{{{{schema:0 count:{count} sum:{count} offset:-2 buckets:[{low} {middle} {high}]}}}}x{minutes}")
}

#[test]
fn native_histograms_count_what_is_slower() {
    let mut case = Case::new("native", every(1, "30d", "95", native("500ms")))
        .gauge("duration_seconds{job=\"x\",pod=\"a\"}", &histogram(300, [50, 46, 4]))
        .gauge("duration_seconds{job=\"x\",pod=\"b\"}", &histogram(300, [100, 90, 10]))
        .gauge("duration_seconds{job=\"y\"}", &histogram(300, [0, 0, 1000]));
    for minute in [2, 60, 300] {
        case = all_are_numbers(case, minute);
    }
    case.value(300, "round(sum(plimsoll:total:rate5m) * 60, 0.001)", 300.0)
        .value(300, "round(sum(plimsoll:bad:rate5m) * 60, 0.001)", 14.0)
        .value(300, "round(sum(plimsoll:error_ratio:1h), 0.0001)", 0.0467)
        .value(300, "round(sum(plimsoll:error_ratio:6h), 0.0001)", 0.0467)
        .value(300, "round(sum(plimsoll:objective:ratio), 0.0001)", 0.9533)
        .never(300, r#"alertname="LatencyAboveTarget""#)
        .run();
    Case::new("native-slow", every(1, "30d", "95", native("500ms")))
        .gauge("duration_seconds{job=\"x\"}", &histogram(120, [50, 40, 10]))
        .value(120, "round(sum(plimsoll:error_ratio:5m), 0.0001)", 0.1)
        .firing(120, r#"alertname="LatencyAboveTarget""#, 1)
        .run();
}

#[test]
fn a_threshold_within_a_bucket_of_a_native_histogram_is_interpolated() {
    // A third of a bucket from 0.25 to 0.5 is slower than 0.397 when it is cut like the buckets themselves are.
    Case::new("native-between", rules(native("397ms")))
        .gauge("duration_seconds{job=\"x\"}", &histogram(60, [0, 99, 0]))
        .value(60, "round(sum(plimsoll:error_ratio:5m), 0.01)", 0.33)
        .run();
}

#[test]
fn native_histograms_without_traffic_or_of_the_other_format() {
    let idle = "{{schema:0 count:8 sum:8 offset:-2 buckets:[4 2 2]}}x120";
    let mut case = Case::new("native-idle", rules(native("500ms"))).gauge("duration_seconds{job=\"x\"}", idle);
    for minute in [2, 60, 120] {
        case = all_are_numbers(case, minute);
    }
    case.value(120, "sum(plimsoll:total:events)", 0.0)
        .value(120, "sum(plimsoll:error_ratio:1h)", 0.0)
        .value(120, "sum(plimsoll:objective:ratio)", 1.0)
        .never(120, r#"alertname=~".+""#)
        .run();
    Case::new("native-classic", rules(native("500ms")))
        .series("duration_seconds_count{job=\"x\"}", &Counter::starting_at(0).rise(100, 60))
        .series("duration_seconds_bucket{job=\"x\",le=\"0.5\"}", &Counter::starting_at(0).rise(90, 60))
        .series(READY, &Counter::starting_at(1).rise(0, 60))
        .nothing(60, RECORDED)
        .firing(60, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        .run();
}

#[test]
fn probes_count_samples_and_a_missing_one_is_neither_good_nor_bad() {
    let series = |pod: &str| format!("probe_success{{job=\"x\",instance=\"{pod}\"}}");
    let mut case = Case::new("probe", rules(probe()))
        // One of two fails for 12 minutes, is not scraped for 60, and is well again.
        .gauge(&series("a"), "1x99 0x11 _x60 1x99")
        .gauge(&series("b"), "1x299");
    for minute in [1, 99, 115, 150, 250] {
        case = all_are_numbers(case, minute);
    }
    case.value(99, "sum(plimsoll:bad:events)", 0.0)
        .value(111, "round(sum(plimsoll:error_ratio:5m), 0.01)", 0.5)
        .firing(109, r#"alertname="ErrorRateHigh",severity="critical""#, 1)
        .firing(160, r#"alertname="ErrorRateHigh""#, 0)
        // Of 272 + 212 samples 12 are bad. (What the recorded rates hold of the last minutes is not counted yet.)
        .value(271, "round(sum(plimsoll:bad:events), 1)", 12.0)
        .holds(271, "abs(sum(plimsoll:total:events) - 484) < 12")
        .holds(271, "abs(sum(plimsoll:objective:ratio) - (1 - 12 / 484)) < 0.002")
        .run();
    Case::new("probe-missing", rules(probe()))
        .gauge(&series("a"), "1x59 _x60")
        .gauge("probe_success{job=\"y\"}", "0x120")
        .series(READY, &Counter::starting_at(1).rise(0, 120))
        .value(60, "sum(plimsoll:objective:ratio)", 1.0)
        .nothing(70, "plimsoll:error_ratio:5m")
        .firing(90, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        .never(120, r#"severity="critical""#)
        .run();
}

#[test]
fn a_probe_that_always_fails_is_all_bad() {
    Case::new("probe-down", rules(probe()))
        .gauge("probe_success{job=\"x\"}", "0x120")
        .value(120, "sum(plimsoll:error_ratio:5m)", 1.0)
        .value(120, "sum(plimsoll:objective:ratio)", 0.0)
        .firing(120, r#"tier="page-fast""#, 1)
        .run();
}

#[test]
fn minutes_below_the_throughput_are_bad() {
    // 100 a second for two hours, 50 for twenty minutes, and 100 again.
    let counter = Counter::starting_at(0).rise(6_000, 120).rise(3_000, 20).rise(6_000, 120);
    let mut case = Case::new("throughput", rules(throughput("80"))).series("jobs_total", &counter);
    for minute in [2, 60, 130, 260] {
        case = all_are_numbers(case, minute);
    }
    case.value(60, "round(sum(plimsoll:slice:value), 0.001)", 100.0)
        .value(60, "sum(plimsoll:slice:bad)", 0.0)
        .value(60, "round(sum(plimsoll:total:rate5m) * 60, 0.001)", 1.0)
        .value(138, "sum(plimsoll:slice:bad)", 1.0)
        .firing(124, r#"alertname="ThroughputBelowMinimum""#, 0)
        .firing(130, r#"alertname="ThroughputBelowMinimum",severity="warning""#, 1)
        .firing(140, r#"tier="page-fast",severity="critical""#, 1)
        // An event is a minute, and the rate is that of four: twenty minutes are bad, to within those four.
        .holds(260, "abs(sum(plimsoll:bad:events) - 20) <= 4")
        .holds(260, "abs(sum(plimsoll:total:events) - 260) <= 4")
        .holds(260, "abs(sum(plimsoll:error_ratio:6h) - 20 / 260) < 0.02")
        .value(260, "round(sum(plimsoll:total:rate6h) * 21600, 10)", 260.0)
        .firing(260, r#"alertname="ThroughputBelowMinimum""#, 0)
        .run();
}

#[test]
fn no_throughput_is_bad_and_no_counter_is_unknown() {
    Case::new("throughput-none", rules(throughput("0.5")))
        .series("jobs_total", &Counter::starting_at(7).rise(0, 30))
        .value(30, "sum(plimsoll:error_ratio:5m)", 1.0)
        .firing(30, r#"alertname="ThroughputBelowMinimum""#, 1)
        .run();
    Case::new("throughput-gap", rules(throughput("0.5")))
        .series("jobs_total", &Counter::starting_at(0).rise(60, 60).gap(60).rise(60, 60))
        .series(READY, &Counter::starting_at(1).rise(0, 180))
        .nothing(90, "plimsoll:slice:bad")
        .nothing(90, "plimsoll:error_ratio:5m")
        .firing(90, r#"alertname="ObjectiveMetricsAbsent""#, 1)
        // The hour that nobody saw is no event.
        .holds(181, "abs(sum(plimsoll:total:events) - 120) <= 6")
        // At the edges of the gap `rate` sees a part of its range, and counts too little.
        .holds(181, "sum(plimsoll:bad:events) <= 4")
        .run();
}

#[test]
fn a_minute_is_as_full_as_the_fullest() {
    let used = |pod: &str| format!("pool_used{{pod=\"{pod}\"}}");
    let size = |pod: &str| format!("pool_size{{pod=\"{pod}\"}}");
    let mut case = Case::new("saturation", rules(saturation("pool_used / pool_size", "0.8")))
        .gauge(&used("a"), "5x300")
        .gauge(&size("a"), "10x300")
        // Exactly at the maximum for a while, which is good; beyond it for ten minutes.
        .gauge(&used("b"), "8x199 9x9 8x89")
        .gauge(&size("b"), "10x300")
        // 0/0 is no number and says nothing.
        .gauge(&used("c"), "0x300")
        .gauge(&size("c"), "0x300");
    for minute in [0, 100, 205, 250] {
        case = all_are_numbers(case, minute);
    }
    case.value(100, "sum(plimsoll:slice:value)", 0.8)
        .value(100, "sum(plimsoll:bad:events)", 0.0)
        .value(204, "sum(plimsoll:slice:value)", 0.9)
        .firing(204, r#"alertname="SaturationAboveMaximum""#, 0)
        .firing(206, r#"alertname="SaturationAboveMaximum",severity="warning""#, 1)
        .value(250, "round(sum(plimsoll:bad:events), 0.01)", 10.0)
        .holds(250, "abs(sum(plimsoll:total:events) - 251) <= 3")
        .holds(250, "abs(sum(plimsoll:error_ratio:6h) - 10 / 251) < 0.001")
        .run();
}
