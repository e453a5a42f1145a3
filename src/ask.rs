//! The commands for people ask Prometheus: a runtime, a connection, and nothing that decides.

use std::{cell::Cell, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;

use crate::{
    backtest::{Account, account, fetch},
    cli::{BacktestArgs, PrometheusArgs},
    explain::Present,
    load::Loaded,
    metrics::Metrics,
    profile::{
        Settings,
        validate::{maintenance_between, spans},
    },
    prometheus::{Client, ClientError, ClientOptions},
    slo::{Identity, replay::STEP},
};

/// Why Prometheus was not asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It was, and did not answer.
    #[error(transparent)]
    Prometheus(#[from] ClientError),
    /// The program has no runtime.
    #[error("{0}")]
    Runtime(String),
}

/// A client for one command, with the flags that `run` has too.
pub(crate) fn client(url: String, args: &PrometheusArgs, timeout: Duration) -> Client {
    let options = ClientOptions {
        url,
        bearer_token_file: args.prometheus_bearer_token_file.clone(),
        ca_file: args.prometheus_ca_file.clone(),
        headers: args.prometheus_header.clone(),
        timeout,
    };
    Client::new(options, Arc::new(Metrics::default()))
}

/// Runs one conversation to its end.
pub(crate) fn block_on<T>(conversation: impl Future<Output = T>) -> Result<T, AskError> {
    // `run` installs the provider too; a second time is no failure here, because nothing else runs in the program.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| AskError::Runtime(error.to_string()))?.block_on(conversation))
}

/// The accounts of objectives over the past. `progress` is told how many queries are done, of how many.
pub fn accounts(
    args: &BacktestArgs,
    url: String,
    settings: &Settings,
    loaded: &[Loaded],
    progress: &dyn Fn(usize, usize),
) -> Result<Vec<Account>, AskError> {
    let client = client(url, &args.prometheus, ClientOptions::LONG_TIMEOUT);
    let minute = |seconds: i64| seconds.div_euclid(STEP) * STEP;
    let until = minute(args.until.unwrap_or(settings.at).as_second());
    let from = until - i64::try_from(args.since.as_secs()).unwrap_or_default();
    let lead = |one: &Loaded| from - i64::try_from(one.objective.window.as_secs()).unwrap_or_default();
    let all: usize = loaded.iter().map(|one| fetch::queries(lead(one), from, until)).sum();
    let done = Cell::new(0);
    let tell = || {
        done.set(done.get() + 1);
        progress(done.get(), all);
    };
    block_on(async {
        let mut accounts = Vec::new();
        for one in loaded {
            let lead = lead(one);
            let mut history = fetch::history(&client, one, &settings.slo, [lead, from, until], &tell).await?;
            let mut objective = one.objective.clone();
            if let (Ok(first), Ok(last)) = (Timestamp::from_second(lead), Timestamp::from_second(until)) {
                objective.maintenance = spans(&maintenance_between(&one.profile, first, last).0);
            }
            history.leave_out(&objective.maintenance);
            let one = Loaded { objective, ..one.clone() };
            accounts.push(account::account(&one, &settings.slo, &history, from, &args.targets));
        }
        Ok(accounts)
    })?
}

/// What the rules of one objective have recorded last.
pub fn present(args: &PrometheusArgs, identity: &Identity) -> Result<Option<Present>, AskError> {
    let Some(url) = args.prometheus_url.clone() else { return Ok(None) };
    let client = client(url, args, ClientOptions::TIMEOUT);
    let query = format!("{{__name__=~\"plimsoll:.+\",{}}}", identity.matchers());
    let values = block_on(client.gather(&query, Vec::new(), |all, sample| {
        all.extend(sample.label("__name__").map(|name| (name.to_owned(), sample.value())));
    }))??;
    Ok(Some(Present { values: values.into_iter().collect() }))
}
