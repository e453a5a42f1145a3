//! What several test binaries need: files of the repository, the program, and tools that must be there.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a directory with an ending, in the order of their names.
pub fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    let directory = repository(directory);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a directory can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no .{ending} file", directory.display());
    files
}

/// The program under test, in the repository's root, without the settings of the caller's shell.
pub fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLIMSOLL_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command with a text as its standard input.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    // A program that does not read its input closes it: no failure of the test.
    let _ = child.stdin.take().expect("it was asked for").write_all(input.as_bytes());
    child.wait_with_output().expect("it was started")
}

/// Standard output and error as texts.
pub fn streams(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&output.stdout), text(&output.stderr))
}

/// A tool: from a variable of the environment, else from the lab's binaries, else by its name in `PATH`.
pub fn tool(name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(name.to_uppercase()) {
        return path.into();
    }
    let lab = lab("bin").join(name);
    if lab.exists() { lab } else { name.into() }
}

/// A directory of the lab, the cluster that `tests/lab/lab` starts.
pub fn lab(directory: &str) -> PathBuf {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || path("XDG_CACHE_HOME").unwrap_or_else(|| path("HOME").unwrap_or_default().join(".cache"));
    path("LAB_HOME").unwrap_or_else(|| cache().join("plimsoll-lab")).join(directory)
}
