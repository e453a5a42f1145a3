//! The pure part of the pipeline stays pure: what decides takes the time and the world as arguments, so that every
//! decision can be tested, and repeated from `plimsoll render` and `plimsoll check`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::path::{Path, PathBuf};

mod common;

/// Files and directories that decide.
const PURE: &[&str] = &[
    "src/api",
    "src/arena",
    "src/arena.rs",
    "src/backtest/account.rs",
    "src/backtest/html.rs",
    "src/backtest/json.rs",
    "src/backtest/table.rs",
    "src/check",
    "src/check.rs",
    "src/enforce",
    "src/enforce.rs",
    "src/explain",
    "src/explain.rs",
    "src/export.rs",
    "src/import",
    "src/import.rs",
    "src/pooler",
    "src/pooler.rs",
    "src/kube/shards/mind.rs",
    "src/profile/build",
    "src/profile/build.rs",
    "src/profile/children.rs",
    "src/profile/evaluation.rs",
    "src/profile/finding.rs",
    "src/profile/freeze",
    "src/profile/freeze.rs",
    "src/profile/overlay/find.rs",
    "src/profile/overlay/lever.rs",
    "src/profile/overlay/owners.rs",
    "src/profile/overlay/plan.rs",
    "src/profile/overlay/record.rs",
    "src/profile/poolers",
    "src/profile/settings.rs",
    "src/profile/status",
    "src/profile/status.rs",
    "src/profile/validate",
    "src/profile/validate.rs",
    "src/render.rs",
    "src/schedule",
    "src/schedule.rs",
    "src/slo",
];

/// Files that decide and that read or write texts, of YAML and of the schema.
const PURE_TEXTS: [&str; 2] = ["src/reference.rs", "src/yaml.rs"];

/// What is not for them, and why. Each is looked for as a whole path, wherever it stands.
const FORBIDDEN: [(&str, &str); 16] = [
    ("kube::Client", "asks the API server"),
    ("kube::Api", "asks the API server"),
    ("kube::runtime", "watches the API server"),
    ("kube::client", "asks the API server"),
    ("tokio", "needs a runtime"),
    ("tokio_util", "needs a runtime"),
    ("futures", "needs a runtime"),
    ("axum", "is a server"),
    ("reqwest", "asks the network"),
    ("prometheus_http_query", "asks Prometheus"),
    ("std::net", "asks the network"),
    ("std::fs", "reads files: src/input.rs does"),
    ("std::env", "reads the environment: src/cli.rs does"),
    ("std::time::Instant", "is a clock: take the time as an argument"),
    ("std::time::SystemTime", "is a clock: take the time as an argument"),
    ("Timestamp::now", "is a clock: take the time as an argument"),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut all: Vec<_> =
        entries.flat_map(|entry| sources(&entry.expect("a directory can be listed").path())).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    all.sort();
    all
}

/// Code without comments and without the tests at its end, line by line from 1.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
        .collect()
}

/// Every path that the code names, in full: a `use` with braces is unfolded.
fn paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // The prefixes of the braces that are open; of a brace that belongs to no `use`, nothing.
    let mut in_use = false;
    let mut prefixes: Vec<String> = Vec::new();
    for (number, line) in code(text) {
        let start = line.trim_start();
        if !in_use
            && (start.starts_with("use ") || start.starts_with("pub use ") || start.starts_with("pub("))
            && start.contains("use ")
        {
            in_use = true;
            prefixes.clear();
        }
        let separators = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find(separators).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            let next = tail.chars().next();
            if !word.is_empty() && word != "use" && word != "pub" && word != "as" {
                let full = format!("{}{word}", prefixes.concat());
                if in_use && next == Some('{') && word.ends_with("::") {
                    prefixes.push(word.to_owned());
                } else {
                    found.push((number, full));
                }
            } else if in_use && next == Some('{') {
                prefixes.push(String::new());
            }
            match next {
                Some('}') if in_use => drop(prefixes.pop()),
                Some(';') => in_use = false,
                _ => {}
            }
            rest = tail.get(next.map_or(0, char::len_utf8)..).unwrap_or_default();
        }
    }
    found
}

/// Whether a path is, or leads through, another.
fn names(path: &str, other: &str) -> bool {
    let path = format!("::{}::", path.trim_matches(':'));
    path.contains(&format!("::{other}::"))
}

fn violations(file: &str, text: &str) -> Vec<String> {
    paths(text)
        .iter()
        .flat_map(|(number, path)| {
            let broken = FORBIDDEN.iter().filter(move |(name, _)| names(path, name));
            broken.map(move |(name, why)| format!("{file}:{number}: `{path}`: {name} {why}"))
        })
        .collect()
}

#[test]
fn what_decides_is_pure() {
    let root = common::repository("");
    let files: Vec<_> = PURE.iter().chain(&PURE_TEXTS).flat_map(|path| sources(&root.join(path))).collect();
    assert!(files.len() > 30, "only {} files were looked at", files.len());
    let all: Vec<_> = files
        .iter()
        .flat_map(|file| {
            let shown = file.strip_prefix(&root).unwrap_or(file).display().to_string();
            violations(&shown, &common::text(file))
        })
        .collect();
    assert!(all.is_empty(), "what decides reaches for the world:\n{}", all.join("\n"));
}

#[test]
fn only_one_file_of_the_command_line_reads_files() {
    let root = common::repository("");
    for file in ["src/check.rs", "src/render.rs", "src/reference.rs", "src/yaml.rs"] {
        let text = common::text(&root.join(file));
        assert!(!text.contains("File::open") && !text.contains("read_to_string"), "{file} reads files");
    }
    let input = common::text(&root.join("src/input.rs"));
    assert!(input.contains("std::fs::"), "src/input.rs reads the files");
}

#[test]
fn a_violation_is_found_wherever_it_stands() {
    for (code, line) in [
        ("use kube::Client;\n", 1),
        ("use kube::{Api, ResourceExt};\n", 1),
        ("use std::{\n    collections::BTreeMap,\n    fs,\n};\n", 3),
        ("use std::{\n    fmt,\n    time::{\n        Duration,\n        Instant,\n    },\n};\n", 5),
        ("use kube::{core::Selector, runtime::{reflector::Store}};\n", 1),
        ("fn f() {\n    let now = std::time::SystemTime::now();\n}\n", 2),
        ("fn f() -> u8 {\n    let t = k8s_openapi::jiff::Timestamp::now();\n    1\n}\n", 2),
        ("use tokio::sync::watch;\n", 1),
        ("pub use prometheus_http_query::Client;\n", 1),
        ("pub(crate) use std::fs::read;\n", 1),
    ] {
        let found = violations("src/x.rs", code);
        assert!(found.iter().any(|text| text.starts_with(&format!("src/x.rs:{line}:"))), "{code}\n{found:?}");
    }
    for code in [
        "// use tokio::sync::watch;\n",
        "use std::{collections::BTreeMap, fmt};\n",
        "use std::time::Duration;\n",
        "fn clients(kube: u8) -> u8 { kube }\n",
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
    ] {
        assert_eq!(violations("src/x.rs", code), Vec::<String>::new(), "{code}");
    }
}
