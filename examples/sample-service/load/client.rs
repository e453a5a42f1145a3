//! The requests: logins, and profiles read with the tokens that they gave.

use crate::chance::Chance;
use prometheus_http_query::reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, header, redirect};
use serde::Deserialize;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

const ACCOUNTS: u8 = 16;

/// Sends the requests to one service.
pub struct Sender {
    client: Client,
    login: Url,
    profile: Url,
    password: String,
    login_share: f64,
    requests_per_connection: u32,
    chance: Chance,
    /// The latest token of each account that has one.
    tokens: RwLock<[Option<String>; ACCOUNTS as usize]>,
}

/// How the sender behaves.
pub struct Behaviour {
    pub timeout: Duration,
    pub password: String,
    pub login_share: f64,
    pub requests_per_connection: u32,
}

/// What was asked for, and what became of it: a status code, or why there was none.
pub struct Outcome {
    pub route: &'static str,
    pub code: Result<u16, &'static str>,
}

impl Outcome {
    pub fn is_ok(&self) -> bool {
        self.code.is_ok_and(|code| (200..300).contains(&code))
    }
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

impl Sender {
    pub fn new(url: &Url, behaviour: Behaviour) -> anyhow::Result<Self> {
        let Behaviour { timeout, password, login_share, requests_per_connection } = behaviour;
        // Only what the URL says gets requests: no proxy, no redirect.
        let client = ClientBuilder::new()
            .timeout(timeout)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(5))
            // Plain HTTP alone: without this the client wants the system's certificates, which an empty image does not have.
            .tls_certs_only([])
            .user_agent(concat!("sample-service/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let route = |path: &str| Url::parse(&format!("{}/{path}", url.as_str().trim_end_matches('/')));
        Ok(Self {
            client,
            login: route("login")?,
            profile: route("profile")?,
            password,
            login_share,
            requests_per_connection,
            chance: Chance::new(),
            tokens: RwLock::default(),
        })
    }

    /// Sends one request and waits for what becomes of it.
    pub async fn send(&self) -> Outcome {
        let account = usize::try_from(self.chance.below(ACCOUNTS.into())).unwrap_or(0);
        let token = self.token(account).filter(|_| !self.chance.hit(self.login_share));
        match token {
            None => Outcome { route: "/login", code: self.log_in(account).await },
            Some(token) => Outcome { route: "/profile", code: self.read_profile(account, &token).await },
        }
    }

    async fn log_in(&self, account: usize) -> Result<u16, &'static str> {
        let credentials = serde_json::json!({"user": format!("demo-{account}"), "password": self.password});
        let response = self.answer(self.client.post(self.login.clone()).json(&credentials)).await?;
        let status = response.status();
        if status.is_success() {
            let Login { token } = response.json().await.map_err(|error| reason(&error))?;
            self.set_token(account, Some(token));
        }
        Ok(status.as_u16())
    }

    async fn read_profile(&self, account: usize, token: &str) -> Result<u16, &'static str> {
        let response = self.answer(self.client.get(self.profile.clone()).bearer_auth(token)).await?;
        let status = response.status().as_u16();
        if status == 401 {
            self.set_token(account, None);
        }
        response.bytes().await.map_err(|error| reason(&error))?;
        Ok(status)
    }

    /// A cluster IP picks a pod per connection, so connections that are kept would never reach a new pod: one request in so many
    /// closes its connection.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, &'static str> {
        let last = self.chance.below(self.requests_per_connection.max(1)) == 0;
        let request = if last { request.header(header::CONNECTION, "close") } else { request };
        request.send().await.map_err(|error| reason(&error))
    }

    fn token(&self, account: usize) -> Option<String> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(account)?.clone()
    }

    fn set_token(&self, account: usize, token: Option<String>) {
        if let Some(place) = self.tokens.write().unwrap_or_else(PoisonError::into_inner).get_mut(account) {
            *place = token;
        }
    }
}

fn reason(error: &prometheus_http_query::reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "broken"
    }
}
