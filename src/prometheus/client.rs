//! The connection to Prometheus: time limits, authorities, token, headers.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_http_query::{
    Client as HttpClient, Error as QueryError,
    reqwest::{
        self,
        header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    },
    response::{Data, RangeVector},
};
use serde::Deserialize;

use super::answer::{self, ReadError, Refusal, Sample};
use crate::{
    api::{USER_AGENT, reasons},
    metrics::Metrics,
};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where Prometheus is and how to talk to it.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Its URL, a path included if it is served below one.
    pub url: String,
    /// File with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// File with the certificates of the authorities that sign its certificate.
    pub ca_file: Option<PathBuf>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

impl ClientOptions {
    /// Longest wait of the operator, which asks again anyway.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// Longest wait of a person who has asked for a month: the time after which Prometheus itself gives up.
    pub const LONG_TIMEOUT: Duration = Duration::from_mins(2);
}

/// Why the queries could not be asked or were not answered.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ClientError {
    /// One of [`crate::api::reasons`].
    pub reason: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// A word for the metric's label.
    pub outcome: &'static str,
}

/// The answer of `/api/v1/rules`, as far as it is read.
#[derive(Deserialize)]
struct RulesResponse {
    data: RuleGroups,
}

#[derive(Deserialize)]
struct RuleGroups {
    groups: Vec<RuleGroup>,
}

/// A rule group as Prometheus tells it.
#[derive(Debug, Deserialize)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// Its rules, as far as they were asked for.
    pub rules: Vec<LoadedRule>,
}

/// A rule as Prometheus tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadedRule {
    /// Its labels.
    #[serde(default)]
    pub labels: HashMap<String, String>,
    /// `ok`, `err` or `unknown`.
    #[serde(default)]
    pub health: String,
    /// What went wrong at the last evaluation.
    pub last_error: Option<String>,
}

/// Asks Prometheus.
pub struct Client {
    options: ClientOptions,
    metrics: Arc<Metrics>,
    /// The connection, and the token that it was made with: a token that rotates makes another one.
    connection: tokio::sync::Mutex<Option<(Option<String>, HttpClient)>>,
}

impl Client {
    /// A client that connects when it is first asked.
    pub fn new(options: ClientOptions, metrics: Arc<Metrics>) -> Self {
        Self { options, metrics, connection: tokio::sync::Mutex::default() }
    }

    /// One instant query that answers with a vector: each of its samples goes into what is gathered.
    pub async fn gather<T: Send + 'static>(
        &self,
        query: &str,
        mut gathered: T,
        take: impl Fn(&mut T, Sample) + Send + 'static,
    ) -> Result<T, ClientError> {
        let connection = self.connection().await?;
        let limit = i64::try_from(self.options.timeout.as_millis()).unwrap_or(i64::MAX);
        let asked = connection.query(query).timeout(limit);
        self.timed(async {
            let response = asked.post_raw().await.map_err(|error| explain(&self.options, &error))?;
            let url = shown(&self.options.url);
            let status = response.status();
            if !status.is_success() {
                let said = answer::refusal(response).await;
                return Err(match serde_json::from_str::<Refusal>(&said) {
                    Ok(refusal) if !refusal.error.is_empty() => refusal_of(&url, &refusal),
                    _ => refused(format!("{url} answers {status}: check the URL, its path and the token")),
                });
            }
            let reading = answer::read(response, move |body| {
                let refusal = answer::vector(body, |sample| take(&mut gathered, sample))?;
                Ok(refusal.map_or(Ok(gathered), Err))
            });
            let read = reading.await.map_err(|error| unread(&self.options, error))?;
            read.map_err(|refusal| refusal_of(&url, &refusal))
        })
        .await
    }

    /// A query over a range of time, in seconds since 1970, that answers with one series: its times and values. Nothing where
    /// there is none.
    pub async fn range(&self, query: &str, start: i64, end: i64, step: i64) -> Result<Vec<(i64, f64)>, ClientError> {
        let connection = self.connection().await?;
        let limit = i64::try_from(self.options.timeout.as_millis()).unwrap_or(i64::MAX);
        #[expect(clippy::cast_precision_loss, reason = "a step of minutes")]
        let request = connection.query_range(query, start, end, step as f64).timeout(limit);
        let result = self.timed(async { request.post().await.map_err(|error| explain(&self.options, &error)) }).await?;
        let Data::Matrix(series) = result.data() else {
            return Err(refused(format!("{} answered a range query with no matrix", shown(&self.options.url))));
        };
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let samples = series.iter().flat_map(RangeVector::samples).map(|s| (s.timestamp() as i64, s.value()));
        Ok(samples.collect())
    }

    /// The groups that hold rules of these names, without the other rules.
    pub async fn rule_groups(&self, names: &[&str]) -> Result<Vec<RuleGroup>, ClientError> {
        let connection = self.connection().await?;
        self.timed(async {
            // Raw, because the crate leaves out what matters here: the error of a rule.
            let asked = connection.rules().names(names.iter().copied());
            let response = asked.get_raw().await.map_err(|error| explain(&self.options, &error))?;
            let status = response.status();
            let url = shown(&self.options.url);
            if !status.is_success() {
                return Err(refused(format!("{url} answers {status} when asked for its rules")));
            }
            let rules = answer::read(response, serde_json::from_reader::<_, RulesResponse>).await;
            match rules {
                Ok(rules) => Ok(rules.data.groups),
                Err(ReadError::Form(error)) => Err(refused(format!("{url} tells its rules in another form: {error}"))),
                Err(error) => Err(unread(&self.options, error)),
            }
        })
        .await
    }

    async fn timed<T>(&self, answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let started = Instant::now();
        let result = answer.await;
        let outcome = result.as_ref().map_or_else(|error| error.outcome, |_| "ok");
        self.metrics.query(outcome, started.elapsed());
        result
    }

    async fn connection(&self) -> Result<HttpClient, ClientError> {
        let token = match &self.options.bearer_token_file {
            Some(file) => {
                let text = tokio::fs::read_to_string(file).await;
                Some(
                    text.map_err(|error| unusable(format!("bearer token file {}: {error}", file.display())))?
                        .trim()
                        .to_owned(),
                )
            }
            None => None,
        };
        let mut connection = self.connection.lock().await;
        match &*connection {
            Some((made_with, client)) if *made_with == token => Ok(client.clone()),
            _ => {
                let client = connect(&self.options, token.as_deref())?;
                *connection = Some((token, client.clone()));
                Ok(client)
            }
        }
    }
}

fn connect(options: &ClientOptions, token: Option<&str>) -> Result<HttpClient, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers {
        let name: HeaderName = name.parse().map_err(|_| unusable(format!("`{name}` is no name of a header")))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| unusable(format!("the value of header {name} is no text")))?;
        headers.insert(name, value);
    }
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| unusable("the bearer token is no text".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let builder = reqwest::Client::builder()
        .timeout(options.timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT)
        .default_headers(headers)
        // A redirect would carry the token to wherever it points.
        .redirect(reqwest::redirect::Policy::none());
    let builder = match &options.ca_file {
        Some(file) => {
            let wrong = |what: String| unusable(format!("CA file {}: {what}", file.display()));
            let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            builder.tls_certs_only(bundle)
        }
        // An image from scratch has no authorities, and the platform's verifier fails without any: not needed for http.
        None if !options.url.starts_with("https:") => builder.tls_certs_only([]),
        None => builder,
    };
    let client = builder.build().map_err(|error| {
        unusable(format!(
            "no TLS for {}: {}; name the authorities with --prometheus-ca-file",
            shown(&options.url),
            chain(&error)
        ))
    })?;
    HttpClient::from(client, &options.url).map_err(|_| {
        unusable(format!("`{}` is no URL: write it like http://prometheus.monitoring.svc:9090", shown(&options.url)))
    })
}

/// The URL as everyone may read it: a status and an event are no place for the password that may be in it.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn refused(message: String) -> ClientError {
    ClientError { reason: reasons::PROMETHEUS_REFUSES, message, outcome: "refused" }
}

fn unusable(message: String) -> ClientError {
    ClientError { reason: reasons::PROMETHEUS_UNREACHABLE, message, outcome: "unusable" }
}

fn refusal_of(url: &str, Refusal { error_type, error }: &Refusal) -> ClientError {
    refused(format!("{url} refuses the query: {error_type}: {error}"))
}

/// What it means that an answer came and could not be read.
fn unread(options: &ClientOptions, error: ReadError) -> ClientError {
    let url = shown(&options.url);
    match error {
        ReadError::Connection(error) if error.is_timeout() => ClientError {
            reason: reasons::PROMETHEUS_UNREACHABLE,
            outcome: "timeout",
            message: format!("{url} does not answer within {} s", options.timeout.as_secs()),
        },
        ReadError::Connection(error) => ClientError {
            reason: reasons::PROMETHEUS_UNREACHABLE,
            outcome: "unreachable",
            message: format!("the answer of {url} broke off: {}", chain(&error)),
        },
        ReadError::Form(_) | ReadError::Ended => ClientError {
            reason: reasons::PROMETHEUS_REFUSES,
            outcome: "malformed",
            message: format!("{url} does not answer as a Prometheus does: {error}; check the URL and its path"),
        },
    }
}

/// What the failure means for the one who set the URL.
fn explain(options: &ClientOptions, error: &QueryError) -> ClientError {
    let url = shown(&options.url);
    let (reason, outcome, message) = match error {
        QueryError::Prometheus(refusal) => {
            (reasons::PROMETHEUS_REFUSES, "refused", format!("{url} refuses the query: {refusal}"))
        }
        QueryError::Client(client) => match client.inner() {
            Some(inner) if inner.is_timeout() => (
                reasons::PROMETHEUS_UNREACHABLE,
                "timeout",
                format!("{url} does not answer within {} s", options.timeout.as_secs()),
            ),
            Some(inner) if inner.is_connect() => {
                (reasons::PROMETHEUS_UNREACHABLE, "unreachable", format!("{url} cannot be reached: {}", chain(inner)))
            }
            Some(inner) if inner.status().is_some() => {
                let status = inner.status().map(|status| status.to_string()).unwrap_or_default();
                (
                    reasons::PROMETHEUS_REFUSES,
                    "refused",
                    format!("{url} answers {status}: check the URL, its path and the token"),
                )
            }
            Some(inner) => (
                reasons::PROMETHEUS_REFUSES,
                "malformed",
                format!("{url} does not answer as a Prometheus does: {}; check the URL and its path", chain(inner)),
            ),
            None => (
                reasons::PROMETHEUS_REFUSES,
                "malformed",
                format!("{url} does not answer as a Prometheus does: {client}; check the URL and its path"),
            ),
        },
        other => (reasons::PROMETHEUS_UNREACHABLE, "unusable", other.to_string()),
    };
    ClientError { reason, message, outcome }
}

/// An error with its causes: the client's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_not_shown() {
        for (url, expected) in [
            ("http://prometheus:9090", "http://prometheus:9090"),
            ("https://user:pass@host/path", "https://host/path"),
            ("https://user:p@ss@host:1", "https://host:1"),
            ("http://host/a@b", "http://host/a@b"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
