//! The document that the agents follow.

use crate::{
    api::v1alpha1::{
        ClientTlsMode, DatabaseServer, PerformanceProfile, PoolMode, PostgresPooling, ReplicaLagAction, ServerTlsMode,
    },
    pooler::wanted::{
        Auth, AuthQuery, Budget, Database, Endpoint, KEY, Lag, Pause, Settings, Tls, Wanted, WhenNone, hash,
    },
    profile::{
        build::{pooler_name, pooler_pods_name},
        children::{Live, PoolerChildren},
        finding::{Finding, Level},
    },
};

use super::{Document, PLACE, words};

/// The document for poolers as they are now.
pub fn document(
    profile: &PerformanceProfile,
    postgres: &PostgresPooling,
    live: &PoolerChildren<Live>,
) -> Result<Document, Finding> {
    let instances = postgres.instances.clone().unwrap_or_default();
    let counted = counted(instances.min, live);
    let name = profile.metadata.name.clone().unwrap_or_default();
    let lag = postgres.replica_lag.clone().unwrap_or_default();
    let budget = postgres.connection_budget.clone().unwrap_or_default();
    let query = postgres.auth.auth_query.as_ref();
    let tls = postgres.tls.as_ref();
    let wanted = Wanted {
        namespace: profile.metadata.namespace.clone().unwrap_or_default(),
        name: pooler_name(&name),
        service: pooler_pods_name(&name),
        profile: name,
        instances: counted,
        max_instances: number(instances.max).max(counted),
        version: postgres.version.clone(),
        settings: Settings {
            pool_mode: match postgres.pool_mode {
                PoolMode::Session => "session",
                PoolMode::Transaction => "transaction",
                PoolMode::Statement => "statement",
            }
            .to_owned(),
            max_client_conn: number(postgres.max_client_conn),
            default_pool_size: number(postgres.default_pool_size),
            reserve_pool_size: number(postgres.reserve_pool_size),
            server_lifetime: postgres.server_lifetime.as_secs(),
            server_idle_timeout: postgres.server_idle_timeout.as_secs(),
            max_prepared_statements: number(postgres.max_prepared_statements),
            parameters: postgres.parameters.clone(),
        },
        primary: endpoint(&postgres.primary),
        replicas: postgres.replicas.iter().map(endpoint).collect(),
        databases: postgres
            .databases
            .iter()
            .map(|database| Database {
                name: database.name.clone(),
                dbname: database.dbname.clone().unwrap_or_else(|| database.name.clone()),
                pool_size: database.pool_size.map(number),
            })
            .collect(),
        auth: Auth {
            userlist: postgres.auth.userlist_secret_ref.is_some(),
            query: query.map(|query| AuthQuery {
                user: query.user.clone(),
                function: query.function.clone(),
                database: query.database.clone(),
                password: query.password_secret_ref.is_some(),
            }),
        },
        monitor: postgres.monitoring.is_some(),
        client_tls: tls
            .and_then(|tls| tls.client.as_ref())
            .map(|client| Tls { mode: client_mode(client.mode).to_owned(), files: true }),
        server_tls: tls
            .and_then(|tls| tls.server.as_ref())
            .map(|server| Tls { mode: server_mode(server.mode).to_owned(), files: server.secret_ref.is_some() }),
        budget: Budget {
            share_percent: words::share(&budget.share).unwrap_or(90),
            max_connections: budget.max_connections.map(number),
        },
        lag: Lag {
            max_bytes: words::bytes(&lag.max_bytes).unwrap_or(16 << 20),
            max_seconds: number(lag.max_seconds),
            min_replicas: number(lag.min_replicas),
            when_none: match lag.when_none {
                ReplicaLagAction::Primary => WhenNone::Primary,
                ReplicaLagAction::Stale => WhenNone::Stale,
                ReplicaLagAction::Fail => WhenNone::Fail,
            },
            spill_connections: number(lag.spillover_connections),
        },
        pause: postgres.paused.then(|| pause(profile, postgres, live)),
        drain_seconds: seconds(postgres.drain_timeout.as_secs()),
    };
    match wanted.text() {
        Ok(text) => Ok(Document { hash: hash(&text), text, wanted }),
        Err(error) => Err(Finding::new(Level::Error, PLACE, error.to_string())),
    }
}

/// Poolers that connections are divided by: as many as there are, are asked for, or are about to be asked for.
fn counted(min: i32, live: &PoolerChildren<Live>) -> u32 {
    let set = live.stateful_set.as_ref();
    let asked = set.and_then(|set| set.spec.replicas);
    let there = set.and_then(|set| set.status.as_ref()).map(|status| status.replicas);
    let desired =
        live.autoscaler.as_ref().and_then(|scaler| scaler.status.as_ref()).map(|status| status.desired_replicas);
    number([asked, there, desired].into_iter().flatten().fold(min, i32::max))
}

/// The pause that goes on keeps its name, whatever else is changed meanwhile: agents hold one of a new name anew.
fn pause(profile: &PerformanceProfile, postgres: &PostgresPooling, live: &PoolerChildren<Live>) -> Pause {
    let written = live.config.as_ref().and_then(|config| config.data.as_ref()?.get(KEY).cloned());
    let before = written.and_then(|text| serde_json::from_str::<Wanted>(&text).ok()).and_then(|wanted| wanted.pause);
    let id =
        before.map_or_else(|| format!("generation-{}", profile.metadata.generation.unwrap_or(0)), |pause| pause.id);
    Pause { id, limit_seconds: seconds(postgres.pause_limit.as_secs()) }
}

fn endpoint(server: &DatabaseServer) -> Endpoint {
    Endpoint { host: server.host.clone(), port: u16::try_from(server.port).unwrap_or(5432) }
}

fn number(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn seconds(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

const fn client_mode(mode: ClientTlsMode) -> &'static str {
    match mode {
        ClientTlsMode::Allow => "allow",
        ClientTlsMode::Prefer => "prefer",
        ClientTlsMode::Require => "require",
        ClientTlsMode::VerifyCa => "verify-ca",
        ClientTlsMode::VerifyFull => "verify-full",
    }
}

const fn server_mode(mode: ServerTlsMode) -> &'static str {
    match mode {
        ServerTlsMode::Disable => "disable",
        ServerTlsMode::Allow => "allow",
        ServerTlsMode::Prefer => "prefer",
        ServerTlsMode::Require => "require",
        ServerTlsMode::VerifyCa => "verify-ca",
        ServerTlsMode::VerifyFull => "verify-full",
    }
}
