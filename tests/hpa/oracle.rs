//! The program that answers with the controller's own code.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use serde_json::Value;

/// `$HPA_ORACLE`, or what is on the path, or what the lab has built. Its absence fails the test.
fn program() -> PathBuf {
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|dir| dir.join("hpa-oracle")).find(|file| file.is_file())
    };
    let of_the_lab = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/plimsoll-lab/bin/hpa-oracle"));
    env::var_os("HPA_ORACLE")
        .map(PathBuf::from)
        .or_else(on_path)
        .or_else(of_the_lab)
        .filter(|file| file.is_file())
        .expect("hpa-oracle is needed: `tests/lab/lab build full` builds it; or set $HPA_ORACLE, or put it on the path")
}

pub struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Self {
        let command = program();
        let mut child =
            Command::new(&command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle starts");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    /// An answer to every case, in their order.
    pub fn answers(&mut self, cases: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let lines: Vec<_> = cases.into_iter().map(|case| format!("{case}\n")).collect();
        let (input, output) = (&mut self.input, &mut self.output);
        thread::scope(|scope| {
            // It answers while it is asked: whoever wrote all first could wait for ever.
            scope.spawn(|| lines.iter().for_each(|line| input.write_all(line.as_bytes()).expect("the oracle listens")));
            lines.iter().map(|case| answer(output, case)).collect()
        })
    }

    pub fn answer(&mut self, case: Value) -> Value {
        self.answers([case]).remove(0)
    }
}

fn answer(output: &mut impl BufRead, case: &str) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} to {case}"));
    assert!(answer.get("refused").is_none(), "{answer} to {case}");
    answer
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
