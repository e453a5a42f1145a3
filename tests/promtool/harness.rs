//! Runs `promtool` over generated rules: series in, what fires and what is recorded out.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use plimsoll::slo::{RuleFile, RuleGroup};
use serde_json::{Value, json};

/// `promtool`: `$PROMTOOL`, or what is on the path, or what the lab has built. Its absence fails the test.
fn promtool() -> PathBuf {
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|dir| dir.join("promtool")).find(|file| file.is_file())
    };
    let of_the_lab = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/plimsoll-lab/bin/promtool"));
    env::var_os("PROMTOOL")
        .map(PathBuf::from)
        .or_else(on_path)
        .or_else(of_the_lab)
        .filter(|file| file.is_file())
        .expect("promtool is needed: set $PROMTOOL, or put it on the path")
}

fn run(arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(promtool()).args(arguments).args(files).output().expect("promtool runs")
}

fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("promtool").join(name);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Passes every group through `promtool check rules`, with all its lints.
pub fn check(name: &str, files: impl IntoIterator<Item = Vec<RuleGroup>>) -> usize {
    let directory = directory(name);
    let files: Vec<PathBuf> = files
        .into_iter()
        .enumerate()
        .map(|(number, groups)| {
            let file = directory.join(format!("{number}.json"));
            fs::write(&file, serde_json::to_vec_pretty(&RuleFile { groups }).unwrap()).unwrap();
            file
        })
        .collect();
    let output = run(&["check", "rules", "--lint=all", "--lint-fatal"], &files);
    assert!(output.status.success(), "{}", text(&output));
    files.len()
}

/// A counter over time, scraped once a minute. Steps are whole: `promtool` adds them up in floating point, and a sum that
/// falls short by a hair looks like a restart.
#[derive(Clone, Default)]
pub struct Counter {
    values: String,
    value: u64,
}

impl Counter {
    /// A counter whose first sample is `value`.
    pub fn starting_at(value: u64) -> Self {
        Self { values: value.to_string(), value }
    }

    /// A counter that does not exist for so many minutes.
    pub fn missing_for(minutes: usize) -> Self {
        Self { values: format!("_x{minutes}"), value: 0 }
    }

    /// Goes up by `step` a minute for so many minutes.
    pub fn rise(mut self, step: u64, minutes: usize) -> Self {
        if minutes > 0 {
            write!(self.values, " {}+{step}x{}", self.value + step, minutes - 1).unwrap();
            self.value += step * minutes as u64;
        }
        self
    }

    /// Goes up by one once in `every` minutes, `times` times.
    pub fn single(mut self, every: usize, times: usize) -> Self {
        for _ in 0..times {
            self = self.rise(0, every - 1).rise(1, 1);
        }
        self
    }

    /// Starts again at zero, as after a restart.
    pub fn reset(mut self) -> Self {
        self.values += " 0";
        self.value = 0;
        self
    }

    /// Has no samples for so many minutes.
    pub fn gap(mut self, minutes: usize) -> Self {
        write!(self.values, " _x{minutes}").unwrap();
        self
    }
}

/// One case: generated rules, series, and what is expected at which minute.
pub struct Case {
    name: String,
    groups: Vec<RuleGroup>,
    evaluation: usize,
    series: Vec<Value>,
    expectations: Vec<Value>,
    alerts: Vec<Value>,
}

impl Case {
    pub fn new(name: impl Into<String>, groups: Vec<RuleGroup>) -> Self {
        Self {
            name: name.into(),
            groups,
            evaluation: 1,
            series: Vec::new(),
            expectations: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// Evaluates every so many minutes instead of every minute.
    pub fn every(mut self, minutes: usize) -> Self {
        self.evaluation = minutes;
        self
    }

    pub fn series(mut self, series: &str, counter: &Counter) -> Self {
        self.series.push(json!({"series": series, "values": counter.values}));
        self
    }

    /// A series in the notation of `promtool`: `0.7x10` is eleven times 0.7.
    pub fn gauge(mut self, series: &str, values: &str) -> Self {
        self.series.push(json!({"series": series, "values": values}));
        self
    }

    /// Expects an expression to yield one value without labels.
    pub fn value(self, minute: usize, expr: &str, value: f64) -> Self {
        self.expect(minute, expr, &json!([{"labels": "{}", "value": value}]))
    }

    /// Expects an expression to yield nothing.
    pub fn nothing(self, minute: usize, expr: &str) -> Self {
        self.expect(minute, expr, &json!([]))
    }

    /// Expects a condition on single series to hold: the expression has to yield one.
    pub fn holds(self, minute: usize, condition: &str) -> Self {
        self.value(minute, &format!("count({condition})"), 1.0)
    }

    /// Expects so many alerts to fire that match.
    pub fn firing(self, minute: usize, matchers: &str, alerts: usize) -> Self {
        let expr = format!("count(ALERTS{{alertstate=\"firing\",{matchers}}})");
        if alerts == 0 {
            self.nothing(minute, &expr)
        } else {
            self.value(minute, &expr, f64::from(u32::try_from(alerts).unwrap()))
        }
    }

    /// Expects no alert that matches to fire at any of these minutes.
    pub fn never(self, minutes: usize, matchers: &str) -> Self {
        let expr = format!("max_over_time(ALERTS{{alertstate=\"firing\",{matchers}}}[{}m])", minutes + 1);
        self.nothing(minutes, &expr)
    }

    /// Expects an expression to yield something from one minute to another, both with a tolerance, and at no time before
    /// and after.
    pub fn between(self, last: usize, expr: &str, from: usize, to: usize, tolerance: usize) -> Self {
        let seen = format!("timestamp({expr})[{}m:{}m]", last + 1, self.evaluation);
        let near = |time: &str, minute: usize| format!("abs({time} - {}) <= {}", minute * 60, tolerance * 60);
        self.holds(last, &near(&format!("min(min_over_time({seen}))"), from))
            .holds(last, &near(&format!("max(max_over_time({seen}))"), to))
    }

    /// Expects an alert with exactly these labels and annotations.
    pub fn alert(mut self, minute: usize, name: &str, labels: &Value, annotations: &Value) -> Self {
        self.alerts.push(json!({
            "eval_time": format!("{minute}m"), "alertname": name,
            "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
        }));
        self
    }

    fn expect(mut self, minute: usize, expr: &str, samples: &Value) -> Self {
        self.expectations.push(json!({"expr": expr, "eval_time": format!("{minute}m"), "exp_samples": samples}));
        self
    }

    pub fn run(self) {
        let directory = directory(&self.name);
        // Without an order, `promtool` evaluates the groups in one that changes from run to run.
        let order: Vec<String> = self.groups.iter().map(|group| group.name.clone()).collect();
        fs::write(directory.join("rules.json"), serde_json::to_vec_pretty(&RuleFile { groups: self.groups }).unwrap())
            .unwrap();
        let tests = json!({
            "rule_files": ["rules.json"],
            "group_eval_order": order,
            "evaluation_interval": format!("{}m", self.evaluation),
            "tests": [{
                "interval": "1m",
                "input_series": self.series,
                "promql_expr_test": self.expectations,
                "alert_rule_test": self.alerts,
            }],
        });
        let file = directory.join("test.json");
        fs::write(&file, serde_json::to_vec_pretty(&tests).unwrap()).unwrap();
        let output = run(&["test", "rules"], &[file]);
        assert!(output.status.success(), "{}: {}", self.name, text(&output));
    }
}
