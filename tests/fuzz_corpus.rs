//! What the fuzzer has found so far, through the same functions: see `make fuzz`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod common;
#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Every file of a corpus; those that once were finds are among them.
fn run(name: &str, least: usize, target: fn(&[u8])) {
    let files: Vec<_> = std::fs::read_dir(common::repository(&format!("fuzz/corpus/{name}")))
        .expect("a corpus")
        .map(|entry| entry.expect("a directory can be listed").path())
        .collect();
    assert!(files.len() >= least, "only {} files for {name}", files.len());
    for file in files {
        let content = std::fs::read(&file).expect("a file");
        if std::panic::catch_unwind(|| target(&content)).is_err() {
            panic!("{}", file.display());
        }
    }
}

#[test]
fn profiles() {
    run("profile", 20, targets::profile);
}

#[test]
fn promql() {
    run("promql", 40, targets::promql);
}

#[test]
fn imports() {
    run("import", 12, targets::import);
}

#[test]
fn pgbouncer() {
    run("pgbouncer", 5, targets::pgbouncer);
}

/// The functions notice what they are there for: else an empty one would pass.
#[test]
fn the_targets_look() {
    let spoilt = plimsoll::slo::Fence::new("tenant".to_owned(), "store".to_owned());
    assert!(!spoilt.holds_text("topk(scalar(a), b{tenant=\"store\"})"));
    assert!(spoilt.holds_text("topk(scalar(a{tenant=\"store\"}), b{tenant=\"store\"})"));
}
