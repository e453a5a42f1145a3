//! The rule group that enforcement looks at: events and load of the last minutes, what waits, and past days.

use plimsoll::{
    api::Duration,
    slo::{
        Format, Grouping, Indicator, Objective, Options, RuleGroup, Unit, WorkloadIdentity,
        signals::{SignalOptions, signal_group},
    },
};

use super::{Case, Counter, errors, harness, objective, traffic::all_are_numbers};

/// For series that are scraped every minute: rates over four.
fn signals(objectives: &[Objective], wanted: &SignalOptions) -> Vec<RuleGroup> {
    let minute = Duration::from_secs(60);
    let identity = WorkloadIdentity { namespace: "shop".into(), profile: "checkout".into() };
    let options = Options { evaluation_interval: minute, scrape_interval: minute };
    vec![signal_group(&identity, objectives.iter(), wanted, &options)]
}

fn latency(format: Format) -> Objective {
    let indicator = Indicator::Latency {
        histogram: "duration_seconds".parse().unwrap(),
        selector: "job=\"x\"".parse().unwrap(),
        threshold: "500ms".parse().unwrap(),
        unit: Unit::Seconds,
        format,
    };
    Objective { identity: named("latency"), ..objective("30d", "99", indicator) }
}

fn named(objective: &str) -> plimsoll::slo::Identity {
    plimsoll::slo::Identity { namespace: "shop".into(), profile: "checkout".into(), objective: objective.into() }
}

fn waiting(expression: &str) -> SignalOptions {
    SignalOptions { waiting: Some(expression.parse().unwrap()), seasonal_days: 0 }
}

fn seasonal(seasonal_days: u32) -> SignalOptions {
    SignalOptions { waiting: None, seasonal_days }
}

/// One recorded series of the profile, rounded; one series alone, or the sum would hide the others.
fn recorded(case: Case, minute: usize, name: &str, value: f64) -> Case {
    let series = format!("plimsoll:signal:{name}{{namespace=\"shop\",profile=\"checkout\"}}");
    case.value(minute, &format!("count({series})"), 1.0).value(minute, &format!("round(sum({series}), 0.0001)"), value)
}

#[test]
fn promtool_takes_the_group() {
    let objectives = [objective("30d", "99.9", errors()), latency(Format::Classic)];
    let both = SignalOptions { seasonal_days: 14, ..waiting("a / b or c{d=\"x\"}") };
    let files = [
        signals(&objectives, &SignalOptions::default()),
        signals(&objectives, &both),
        signals(&[latency(Format::Native)], &seasonal(1)),
        signals(&[], &waiting("vector(1)")),
    ];
    assert_eq!(harness::check("signals-check", files), 4);
}

#[test]
fn a_classic_histogram_gives_events_load_and_series() {
    let mut case = Case::new("signals-classic", signals(&[latency(Format::Classic)], &SignalOptions::default()));
    for (labels, count, bucket, seconds) in
        [("job=\"x\",pod=\"a\"", 60, 54, 30), ("job=\"x\",pod=\"b\"", 120, 108, 60), ("job=\"y\"", 600, 0, 6_000)]
    {
        let rising = |step| Counter::starting_at(0).rise(step, 60).rise(0, 60);
        case = case
            .series(&format!("duration_seconds_count{{{labels}}}"), &rising(count))
            .series(&format!("duration_seconds_bucket{{{labels},le=\"0.5\"}}"), &rising(bucket))
            .series(&format!("duration_seconds_sum{{{labels}}}"), &rising(seconds));
    }
    for minute in [2, 60, 120] {
        case = all_are_numbers(case, minute);
    }
    case = recorded(case, 60, "total", 3.0);
    case = recorded(case, 60, "bad", 0.3);
    case = recorded(case, 60, "requests", 3.0);
    // Half a second each, three a second.
    case = recorded(case, 60, "in_flight", 1.5);
    case = recorded(case, 60, "series", 2.0);
    // Without traffic all is zero, and nothing is absent.
    case = recorded(case, 120, "total", 0.0);
    case = recorded(case, 120, "bad", 0.0);
    case = recorded(case, 120, "in_flight", 0.0);
    case = recorded(case, 120, "series", 2.0);
    case.value(60, "count(plimsoll:signal:total{objective=\"latency\"})", 1.0).run();
}

#[test]
fn a_native_histogram_gives_the_same() {
    let rising = |buckets: &str, count: u32, sum: u32| {
        let start = "{{schema:0 count:0 sum:0 offset:-2 buckets:[0 0 0]}}";
        format!("{start}+{{{{schema:0 count:{count} sum:{sum} offset:-2 buckets:[{buckets}]}}}}x60")
    };
    let mut case = Case::new("signals-native", signals(&[latency(Format::Native)], &SignalOptions::default()))
        .gauge("duration_seconds{job=\"x\",pod=\"a\"}", &rising("50 46 4", 100, 50))
        .gauge("duration_seconds{job=\"x\",pod=\"b\"}", &rising("100 90 10", 200, 100))
        .gauge("duration_seconds{job=\"y\"}", &rising("0 0 1000", 1_000, 700));
    case = all_are_numbers(case, 60);
    case = recorded(case, 60, "total", 5.0);
    case = recorded(case, 60, "bad", 0.2333);
    case = recorded(case, 60, "requests", 5.0);
    case = recorded(case, 60, "in_flight", 2.5);
    recorded(case, 60, "series", 2.0).run();
}

#[test]
fn groups_are_taken_together_and_errors_that_never_were_are_none() {
    let mut grouped = objective("30d", "99.9", errors());
    grouped.grouping = Some(Grouping::new(vec!["route".to_owned()], 10).unwrap());
    let mut case = Case::new("signals-groups", signals(&[grouped], &SignalOptions::default()))
        .series("requests_total{code=\"200\",route=\"/a\"}", &Counter::starting_at(0).rise(120, 120))
        .series("requests_total{code=\"200\",route=\"/b\"}", &Counter::starting_at(0).rise(60, 120))
        .series("requests_total{code=\"503\",route=\"/b\"}", &Counter::missing_for(60).rise(6, 60));
    for minute in [2, 60, 120] {
        case = all_are_numbers(case, minute);
    }
    case = recorded(case, 60, "total", 3.0);
    case = recorded(case, 60, "bad", 0.0);
    case = recorded(case, 120, "total", 3.1);
    case = recorded(case, 120, "bad", 0.1);
    // A ratio has no durations: nothing is known of the load.
    case.nothing(120, "plimsoll:signal:requests").nothing(120, "plimsoll:signal:in_flight").run();
}

#[test]
fn a_scrape_that_fails_leaves_nothing_behind() {
    let mut case = Case::new("signals-gone", signals(&[latency(Format::Classic)], &SignalOptions::default()));
    for (name, step) in [("count", 60), ("sum", 30)] {
        case = case
            .series(&format!("duration_seconds_{name}{{job=\"x\"}}"), &Counter::starting_at(0).rise(step, 60).gap(60));
    }
    let bucket = Counter::starting_at(0).rise(60, 60).gap(60);
    case = case.series("duration_seconds_bucket{job=\"x\",le=\"0.5\"}", &bucket);
    recorded(case, 60, "total", 1.0).nothing(90, "{__name__=~\"plimsoll:signal:.+\"}").run();
}

#[test]
fn what_waits_is_summed() {
    let pools = "pools_waiting{database=\"auth\"}";
    let mut case = Case::new("signals-waiting", signals(&[latency(Format::Classic)], &waiting(pools)))
        .gauge("pools_waiting{database=\"auth\",pool=\"a\"}", "0x30 3x29 _x60")
        .gauge("pools_waiting{database=\"auth\",pool=\"b\"}", "0x30 4x29 _x60")
        .gauge("pools_waiting{database=\"other\"}", "9x120");
    case = recorded(case, 20, "waiting", 0.0);
    case = recorded(case, 50, "waiting", 7.0);
    case.nothing(90, "plimsoll:signal:waiting").run();
}

/// Four days with one request a second, and on three of them a peak of half an hour: 30, 50, and 10 a second, the last yesterday.
const DAYS: &str = "1x1449 30x30 1x1408 50x30 1x1408 10x30 1x1500";
/// Ten minutes before the hour of the peaks, on the fourth day.
const BEFORE: usize = 4 * 1_440;

#[test]
fn of_past_days_the_second_highest_coming_hour_counts() {
    let requests = "plimsoll:signal:requests{namespace=\"shop\",profile=\"checkout\"}";
    let case = |name: &str, days| {
        Case::new(name, signals(&[latency(Format::Classic)], &seasonal(days)))
            .gauge(requests, DAYS)
            .gauge("plimsoll:signal:requests{namespace=\"shop\",profile=\"other\"}", "1000x5800")
    };
    let week = recorded(case("signals-season", 7), BEFORE, "seasonal_requests", 30.0);
    // Two hours before nothing is coming, two hours after nothing either.
    let week = recorded(week, BEFORE - 120, "seasonal_requests", 1.0);
    let week = recorded(week, BEFORE + 60, "seasonal_requests", 1.0);
    // A day ago there was the peak of 50, the one of 30, and a day without.
    let week = recorded(week, BEFORE - 1_440, "seasonal_requests", 30.0);
    // Of one day it is that day's; before there is one it is nothing.
    let week = recorded(week, 1_500, "seasonal_requests", 1.0);
    week.nothing(1_300, "plimsoll:signal:seasonal_requests").run();
    recorded(case("signals-season-one", 1), BEFORE, "seasonal_requests", 10.0).run();
    recorded(case("signals-season-two", 2), BEFORE, "seasonal_requests", 10.0).run();
}
