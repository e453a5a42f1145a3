//! The program: parses the command line and hands on.

use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use plimsoll::{
    api::crd,
    arena, ask, backtest, check,
    cli::{
        ArenaArgs, BacktestArgs, CheckArgs, Cli, Command, ExplainArgs, ExportArgs, ImportArgs, PoolerAgentArgs,
        PoolerSqlArgs, RenderArgs, ReportFormat, RuleArgs, RunArgs,
    },
    explain, export, import, inhibit, input,
    load::{self, LoadError},
    pooler::auth_sql::{self, Asked},
    pooler_agent,
    profile::{Level, Settings},
    reference, render, run, telemetry, yaml,
};

/// A third of a burst's CPU went into glibc's allocator: rules are small pieces of text that come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        Command::Explain(args) => explain_files(&args),
        Command::Backtest(args) => backtest_files(&args),
        Command::Arena(args) => arena_runs(&args),
        Command::Import(args) => import_files(&args),
        Command::Export(args) => export_files(&args),
        Command::InhibitRules(args) => {
            inhibit::inhibit_rules(args.format).map_err(|error| (FAILED, error.to_string())).map(print)
        }
        Command::PoolerAgent(args) => run_pooler_agent(*args),
        Command::PoolerSql(args) => pooler_sql(args),
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

/// Threads that do the operator's work. It waits for the API server nearly all the time; a second thread costs a tenth more CPU, for they
/// wake each other, and 3 MB at 1,000 profiles. Without a number there would be one for each core of the node.
const OPERATOR_THREADS: usize = 1;

/// Threads of a pooler's agent: what is slow in one place must not hold a pause up.
const AGENT_THREADS: usize = 2;

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

fn run_operator(args: RunArgs) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| (FAILED, format!("plimsoll run: {error}"));
    let log_level = telemetry::start(args.log_format, &args.log_level).map_err(|error| failed(&error))?;
    // Two providers in one program make rustls panic at the first connection; this one is the only one that is linked.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(failed(&"another TLS provider is installed already"));
    }
    let runtime = runtime(OPERATOR_THREADS).map_err(|error| failed(&error))?;
    runtime.block_on(run::run(args, log_level)).map_err(|error| failed(&error))
}

fn run_pooler_agent(args: PoolerAgentArgs) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| (FAILED, format!("plimsoll pooler-agent: {error}"));
    if let Some(directory) = &args.install {
        let installed = pooler_agent::install(directory);
        let place = |error| failed(&format_args!("cannot install into {}: {error}", directory.display()));
        return installed.map(|program| println!("{}", program.display())).map_err(place);
    }
    telemetry::start(args.log_format, &args.log_level).map_err(|error| failed(&error))?;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(failed(&"another TLS provider is installed already"));
    }
    let runtime = runtime(AGENT_THREADS).map_err(|error| failed(&error))?;
    runtime.block_on(pooler_agent::run(args)).map_err(|error| failed(&error))
}

fn settings_at(rules: &RuleArgs, at: Option<Timestamp>) -> Settings {
    let now = rules.settings();
    Settings { at: at.unwrap_or(now.at), ..now }
}

fn render_files(args: &RenderArgs) -> Outcome {
    let settings = Settings { pooler: args.pooler.images(), ..settings_at(&args.rules, args.at) };
    match render::render(&args.files, args.rule_file, &settings) {
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

/// Findings of the files go out as they are, with file and line; everything else says which command it is from.
fn unloadable(command: &str, error: &LoadError) -> (u8, String) {
    match error {
        LoadError::Profiles(render::RenderError::Findings(_)) => (FAILED, error.to_string()),
        _ => (UNUSABLE, format!("plimsoll {command}: {error}")),
    }
}

fn explain_files(args: &ExplainArgs) -> Outcome {
    let settings = settings_at(&args.rules, args.at);
    let loaded = load::load(&args.files, args.objective.as_deref(), &settings);
    let loaded = loaded.map_err(|error| unloadable("explain", &error))?;
    let mut texts = Vec::new();
    for one in &loaded {
        let present = ask::present(&args.prometheus, &one.objective.identity);
        let present = present.map_err(|error| (FAILED, format!("plimsoll explain: {error}")))?;
        texts.push(explain::explain(&explain::Subject {
            objective: &one.objective,
            description: one.wire.description.as_deref(),
            alerting: &one.alerting,
            alerts: one.alerts,
            options: &settings.slo,
            findings: &one.findings,
            present: present.as_ref(),
        }));
    }
    print(texts.join("\n"));
    Ok(())
}

fn backtest_files(args: &BacktestArgs) -> Outcome {
    let settings = args.rules.settings();
    let loaded = load::load(&args.files, args.objective.as_deref(), &settings);
    let loaded = loaded.map_err(|error| unloadable("backtest", &error))?;
    let unusable = |message: &str| (UNUSABLE, format!("plimsoll backtest: {message}"));
    let Some(url) = args.prometheus.prometheus_url.clone() else {
        return Err(unusable("it needs a Prometheus to ask: --prometheus-url URL"));
    };
    if args.targets.len() > 4 {
        return Err(unusable("at most four targets are tried beside the profile's own"));
    }
    let bar = progress_bar("asking Prometheus");
    let progress = |done: usize, all: usize| show_progress(&bar, done, all);
    let accounts = ask::accounts(args, url, &settings, &loaded, &progress);
    bar.finish_and_clear();
    let accounts = accounts.map_err(|error| (FAILED, format!("plimsoll backtest: {error}")))?;
    print(match args.output {
        ReportFormat::Table => backtest::table(&accounts),
        ReportFormat::Html => backtest::html(&accounts),
        ReportFormat::Json => format!("{:#}\n", backtest::json(&accounts)),
    });
    Ok(())
}

fn arena_runs(args: &ArenaArgs) -> Outcome {
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, std::num::NonZero::get);
    if args.validate {
        let all: Vec<_> = arena::erlang::CASES.iter().map(|case| arena::erlang::validate(*case, args.seeds)).collect();
        print(arena::erlang::table(&all, args.seeds));
        return match all.iter().filter(|one| !one.agrees()).count() {
            0 => Ok(()),
            apart => Err((FAILED, format!("plimsoll arena: {apart} of {} are not as theory has them", all.len()))),
        };
    }
    let plan = arena::Plan {
        cells: arena::cells(&args.shapes, &args.faults),
        policies: if args.policies.is_empty() { arena::Policy::ALL.to_vec() } else { args.policies.clone() },
        seeds: args.seeds,
        minutes: args.minutes,
    };
    let bar = progress_bar("simulating");
    let matrix = arena::matrix(&plan, threads, &|done, all| show_progress(&bar, done, all));
    bar.finish_and_clear();
    print(match args.format {
        ReportFormat::Table => arena::table(&matrix),
        ReportFormat::Html => arena::html(&matrix),
        ReportFormat::Json => format!("{:#}\n", arena::json(&matrix)),
    });
    Ok(())
}

fn progress_bar(message: &'static str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(0).with_message(message);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn show_progress(bar: &indicatif::ProgressBar, done: usize, all: usize) {
    bar.set_length(u64::try_from(all).unwrap_or_default());
    bar.set_position(u64::try_from(done).unwrap_or_default());
}

fn import_files(args: &ImportArgs) -> Outcome {
    let unusable = |message: String| (UNUSABLE, format!("plimsoll import: {message}"));
    let mut manifests = Vec::new();
    for file in &args.files {
        manifests.extend(input::read(file).map_err(|error| unusable(error.to_string()))?);
    }
    let imported = import::import(args.from, &manifests, args.target_ref.as_ref());
    for note in &imported.notes {
        eprintln!("{note}");
    }
    if imported.found == 0 {
        return Err(unusable("no objective in the files: is --from right?".to_owned()));
    }
    let texts: Result<Vec<_>, _> = imported.profiles.iter().map(yaml::to_string).collect();
    print(texts.map_err(|error| unusable(error.to_string()))?.join("---\n"));
    match imported.notes.iter().filter(|note| note.failed).count() {
        0 => Ok(()),
        failed => Err((FAILED, format!("{failed} of {} objectives not imported", imported.found))),
    }
}

fn export_files(args: &ExportArgs) -> Outcome {
    let loaded = load::load(&args.files, None, &Settings { at: Timestamp::now(), ..Settings::default() })
        .map_err(|error| unloadable("export", &error))?;
    let export::Exported { documents, notes, missing } = match args.to {
        export::Format::Openslo => export::openslo(&loaded),
    };
    for note in notes {
        eprintln!("{note}");
    }
    let texts: Result<Vec<_>, _> = documents.iter().map(yaml::to_string).collect();
    print(texts.map_err(|error| (FAILED, format!("plimsoll export: {error}")))?.join("---\n"));
    if missing > 0 {
        return Err((FAILED, format!("{missing} of {} objectives not exported", loaded.len())));
    }
    Ok(())
}

fn pooler_sql(args: PoolerSqlArgs) -> Outcome {
    let unusable = |message: String| (UNUSABLE, format!("plimsoll pooler-sql: {message}"));
    let mut asked = vec![];
    for file in &args.files {
        let manifests = input::read(file).map_err(|error| unusable(error.to_string()))?;
        for (one, notes) in manifests.iter().filter_map(|manifest| auth_sql::of_profile(&manifest.document.value)) {
            notes.iter().filter(|_| args.monitor.is_none()).for_each(|note| eprintln!("{}: {note}", file.display()));
            asked.push(Asked { monitor: args.monitor.clone().or(one.monitor), ..one });
        }
    }
    if !args.files.is_empty() && asked.is_empty() {
        return Err(unusable("no profile in the files looks users up, or has a monitoring user".to_owned()));
    }
    if args.files.is_empty() {
        let lookup = args.user.map(|user| (user, args.function));
        asked.push(Asked { lookup, monitor: args.monitor, databases: args.databases });
    }
    for one in &asked {
        print(auth_sql::sql(one).map_err(|error| (FAILED, format!("plimsoll pooler-sql: {error}")))?);
    }
    Ok(())
}

/// A reader that has gone away, as in `plimsoll crd | head`, is no failure.
fn print(text: impl AsRef<str>) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_ref().as_bytes());
}
