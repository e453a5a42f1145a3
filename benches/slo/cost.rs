//! Samples that a real Prometheus reads in a minute for one objective over 250 series, scraped and evaluated each 30 s.
//!
//! A history is written into its database: the service's series for four days, and what the rules have recorded for thirty. Then each
//! rule is asked once, with statistics, and counts as often as its group is evaluated in a minute. The formulas of Sloth
//! and Pyrra are written from the published form of their rules, for the windows that these hold.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use plimsoll::slo::{Alerting, Format, Indicator, Objective, Options, Rule, Unit, objective_groups};
use serde_json::Value;

use super::{errors, objective};

const DAY: i64 = 86_400;
/// The end of the history, 2026-03-01: any time.
const END: i64 = 1_772_323_200;
/// Series of failures, and of all requests.
const ERRORS: usize = 50;
const ALL: usize = 200;

pub fn report() {
    let Some(bin) = binaries() else {
        println!("cost: no prometheus and promtool; set $LAB_BIN");
        return;
    };
    let work = std::env::temp_dir().join(format!("plimsoll-bench-{}", std::process::id()));
    fs::create_dir_all(&work).unwrap();
    write_history(&work.join("history.om"));
    let made = Command::new(bin.join("promtool"))
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([work.join("history.om"), work.join("data")])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "promtool takes the history");
    let server = Server::start(&bin, &work);
    measure();
    drop(server);
    let _ = fs::remove_dir_all(&work);
}

fn binaries() -> Option<PathBuf> {
    let of_the_lab = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/plimsoll-lab/bin"));
    let bin = std::env::var_os("LAB_BIN").map(PathBuf::from).or_else(of_the_lab)?;
    bin.join("prometheus").is_file().then_some(bin)
}

const PORT: u16 = 19_780;

/// Ends with the bench, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(bin: &Path, work: &Path) -> Self {
        fs::write(work.join("prometheus.yml"), "{}").unwrap();
        let server = Self(
            Command::new(bin.join("prometheus"))
                .arg(format!("--config.file={}", work.join("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", work.join("data").display()))
                .arg("--storage.tsdb.retention.time=10y")
                .arg(format!("--web.listen-address=127.0.0.1:{PORT}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        for _ in 0..100 {
            let ready =
                Command::new("curl").args(["-sf", &format!("http://127.0.0.1:{PORT}/-/ready")]).output().unwrap();
            if ready.status.success() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("Prometheus does not start");
    }
}

/// Samples that one evaluation of an expression reads.
fn samples(expr: &str) -> f64 {
    let answer = Command::new("curl")
        .args(["-s", "--data-urlencode", &format!("query={expr}"), "-d", "stats=all", "-d", &format!("time={END}")])
        .arg(format!("http://127.0.0.1:{PORT}/api/v1/query"))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["status"], "success", "{expr}: {answer}");
    answer.pointer("/data/stats/samples/totalQueryableSamples").and_then(Value::as_f64).unwrap()
}

fn measure() {
    println!("Samples read a minute for one objective over {} series, evaluated each 30 s\n", ERRORS + ALL);
    println!("  {:<34}{:>8}{:>16}", "indicator", "rules", "samples/min");
    let kinds: [(&str, Indicator); 6] = [
        ("ratio", errors()),
        (
            "latency, classic histogram",
            Indicator::Latency {
                histogram: "duration_seconds".parse().unwrap(),
                selector: "".parse().unwrap(),
                threshold: "200ms".parse().unwrap(),
                unit: Unit::Seconds,
                format: Format::Classic,
            },
        ),
        (
            "raw",
            Indicator::Raw {
                errors: "sum(rate(requests_total{code=~\"5..\"}[$window]))".parse().unwrap(),
                total: "sum(rate(requests_total[$window]))".parse().unwrap(),
            },
        ),
        ("probe", Indicator::Probe { gauge: "probe_success".parse().unwrap() }),
        (
            "throughput",
            Indicator::Throughput { counter: "requests_total".parse().unwrap(), minimum: "1".parse().unwrap() },
        ),
        (
            "saturation",
            Indicator::Saturation { query: "probe_success".parse().unwrap(), maximum: "0.8".parse().unwrap() },
        ),
    ];
    for (name, indicator) in kinds {
        let (rules, read) = ours(&objective(indicator));
        println!("  {name:<34}{rules:>8}{:>16}", thousands(read));
    }
    for (name, rules) in [("Sloth's rules, ratio", sloth()), ("Pyrra's burn rates, ratio", pyrra())] {
        let read: f64 = rules.iter().map(|expr| samples(expr) * 2.0).sum();
        println!("  {name:<34}{:>8}{:>16}", rules.len(), thousands(read));
    }
    println!(
        "\n  Pyrra also records increase over 4 weeks each 2m30s: about {} more by calculation (4w / 30s x {ALL} series x 0.4).\n",
        thousands(28.0 * 2_880.0 * ALL as f64 * 0.4)
    );
}

fn ours(objective: &Objective) -> (usize, f64) {
    let groups = objective_groups(objective, &Alerting::default(), &Options::default());
    let mut read = 0.0;
    let mut rules = 0;
    for group in &groups {
        let a_minute = 60_000.0 / group.interval.as_millis() as f64;
        rules += group.rules.len();
        read += group.rules.iter().map(|rule: &Rule| samples(rule.expr()) * a_minute).sum::<f64>();
    }
    (rules, read)
}

const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// A ratio for each window from the series themselves; the month is an average of what was recorded. (Its two alerts and
/// seven rules on metadata read next to nothing.)
fn sloth() -> Vec<String> {
    let ratio = |window: &&str| {
        format!("sum(rate(requests_total{{code=~\"5..\"}}[{window}])) / sum(rate(requests_total[{window}]))")
    };
    let mut rules: Vec<String> = WINDOWS.iter().map(ratio).collect();
    let recorded = "plimsoll:total:rate5m";
    rules.push(format!("sum_over_time({recorded}[30d]) / count_over_time({recorded}[30d])"));
    rules
}

/// Seven burn rates from the series themselves; the longest is 4d there.
fn pyrra() -> Vec<String> {
    let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "4d"];
    let ratio = |window: &str| {
        format!("sum(rate(requests_total{{code=~\"5..\"}}[{window}])) / sum(rate(requests_total[{window}]))")
    };
    windows.map(ratio).into()
}

fn thousands(samples: f64) -> String {
    if samples >= 1e6 { format!("{:.2} M", samples / 1e6) } else { format!("{:.1} k", samples / 1e3) }
}

/// Four days of the service's series, thirty of what is recorded, and a sample of everything else.
fn write_history(file: &Path) {
    let mut text = String::new();
    let raw = END - 4 * DAY - 3_600;
    let mut series = |family: &str, kind: &str, all: Vec<(String, i64, i64)>| {
        let _ = writeln!(text, "# TYPE {family} {kind}");
        for (name, from, step) in all {
            let mut time = from;
            while time <= END {
                let _ = writeln!(text, "{name} {} {time}", time - from + 1);
                time += step;
            }
        }
    };
    let named = |code: &'static str, count: usize| {
        (0..count).map(move |pod| (format!("requests_total{{code=\"{code}\",pod=\"{pod}\"}}"), raw, 30))
    };
    series("requests", "counter", named("500", ERRORS).chain(named("200", ALL - ERRORS)).collect());
    let latency = |suffix: &'static str, label: &'static str, count: usize| {
        (0..count).map(move |pod| (format!("duration_seconds_{suffix}{{{label}pod=\"{pod}\"}}"), END - 7_200, 30))
    };
    // A histogram's series are written as gauges: only their number matters here.
    series("duration_seconds_bucket", "gauge", latency("bucket", "le=\"0.2\",", 125).collect());
    series("duration_seconds_count", "gauge", latency("count", "", 125).collect());
    let probe = (0..ALL + ERRORS).map(|pod| (format!("probe_success{{pod=\"{pod}\"}}"), END - 7_200, 30));
    series("probe_success", "gauge", probe.collect());
    let groups = objective_groups(&objective(errors()), &Alerting::default(), &Options::default());
    let labels = "{namespace=\"shop\",objective=\"availability\",profile=\"checkout\"}";
    for name in groups.iter().flat_map(|group| &group.rules).filter_map(|rule| match rule {
        Rule::Record { record, .. } if record != "plimsoll:objective_info" => Some(record),
        _ => None,
    }) {
        let (from, step) = if name.ends_with(":rate5m") {
            (END - 30 * DAY, 30)
        } else if name.ends_with(":rollup") || name.ends_with("start_time_seconds") {
            (END - 30 * DAY, 120)
        } else {
            (END - 300, 30)
        };
        series(name, "gauge", vec![(format!("{name}{labels}"), from, step)]);
    }
    for name in ["plimsoll:slice:value", "plimsoll:slice:bad"] {
        series(name, "gauge", vec![(format!("{name}{labels}"), END - 7_200, 30)]);
    }
    text.push_str("# EOF\n");
    fs::write(file, text).unwrap();
}
