//! The commands for people ask Prometheus: a runtime, a connection, and nothing that decides.

use std::sync::Arc;

use crate::{
    cli::PrometheusArgs,
    explain::Present,
    metrics::Metrics,
    prometheus::{Client, ClientError, ClientOptions},
    slo::Identity,
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
pub(crate) fn client(url: String, args: &PrometheusArgs) -> Client {
    let options = ClientOptions {
        url,
        bearer_token_file: args.prometheus_bearer_token_file.clone(),
        ca_file: args.prometheus_ca_file.clone(),
        headers: args.prometheus_header.clone(),
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

/// What the rules of one objective have recorded last.
pub fn present(args: &PrometheusArgs, identity: &Identity) -> Result<Option<Present>, AskError> {
    let Some(url) = args.prometheus_url.clone() else { return Ok(None) };
    let client = client(url, args);
    let query = format!("{{__name__=~\"plimsoll:.+\",{}}}", identity.matchers());
    let vectors = block_on(client.instant(&query))??;
    let values = vectors.iter().filter_map(|vector| {
        let name = vector.metric().get("__name__")?.clone();
        Some((name, vector.sample().value()))
    });
    Ok(Some(Present { values: values.collect() }))
}
