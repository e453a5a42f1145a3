//! The program: parses the command line and hands on.

use std::process::ExitCode;

use clap::Parser;
use plimsoll::{
    api::crd,
    check,
    cli::{CheckArgs, Cli, Command, RenderArgs, RunArgs},
    profile::Level,
    reference, render, run, telemetry, yaml,
};

/// Exit code of `check` for files with errors, and of every command that fails.
const FAILED: u8 = 1;
/// Exit code for input that cannot be used. clap uses the same for a wrong command line.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run_operator(*args),
        Command::Crd => yaml::to_string(&crd::crd()).map_err(|error| (FAILED, error.to_string())).map(print),
        Command::Render(args) => render_files(&args),
        Command::Check(args) => check_files(&args),
        Command::Reference => {
            print(reference::markdown());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            eprintln!("{message}");
            ExitCode::from(code)
        }
    }
}

type Outcome = Result<(), (u8, String)>;

fn run_operator(args: RunArgs) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| (FAILED, format!("plimsoll run: {error}"));
    let log_level = telemetry::start(args.log_format, &args.log_level).map_err(|error| failed(&error))?;
    // Two providers in one program make rustls panic at the first connection; this one is the only one that is linked.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(failed(&"another TLS provider is installed already"));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed(&error))?;
    runtime.block_on(run::run(args, log_level)).map_err(|error| failed(&error))
}

fn render_files(args: &RenderArgs) -> Outcome {
    match render::render(&args.files, args.rule_file, &args.rules.settings()) {
        Ok(rendered) => {
            for note in &rendered.notes {
                eprintln!("{note}");
            }
            print(rendered.text);
            Ok(())
        }
        Err(error @ render::RenderError::Findings(_)) => Err((FAILED, error.to_string())),
        Err(error) => Err((UNUSABLE, format!("plimsoll render: {error}"))),
    }
}

fn check_files(args: &CheckArgs) -> Outcome {
    let unusable = |message: String| (UNUSABLE, format!("plimsoll check: {message}"));
    let checked = check::check(&args.files, &args.rules.settings()).map_err(|error| unusable(error.to_string()))?;
    if checked.profiles == 0 {
        return Err(unusable("no PerformanceProfile in the files".to_owned()));
    }
    for located in &checked.findings {
        println!("{located}");
    }
    let profiles = format!("{} profile{}", checked.profiles, if checked.profiles == 1 { "" } else { "s" });
    let errors = checked.findings.iter().filter(|located| located.finding.level == Level::Error).count();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let summary =
        format!("{profiles}: {}, {}", count(errors, "error"), count(checked.findings.len() - errors, "warning"));
    if errors > 0 || args.strict && !checked.findings.is_empty() {
        return Err((FAILED, summary));
    }
    println!("{}", if checked.findings.is_empty() { format!("{profiles}: no findings") } else { summary });
    Ok(())
}

/// A reader that has gone away, as in `plimsoll crd | head`, is no failure.
fn print(text: impl AsRef<str>) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_ref().as_bytes());
}
