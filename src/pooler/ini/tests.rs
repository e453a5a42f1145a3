use super::*;
use crate::pooler::{budget, wanted::*};

/// A document as the operator writes it.
pub(crate) fn sample() -> Wanted {
    Wanted {
        namespace: "shop".to_owned(),
        profile: "auth".to_owned(),
        name: "auth-pgbouncer".to_owned(),
        service: "auth-pgbouncer-pods".to_owned(),
        instances: 2,
        max_instances: 3,
        version: "1.24".to_owned(),
        settings: Settings {
            pool_mode: "transaction".to_owned(),
            max_client_conn: 1000,
            default_pool_size: 25,
            reserve_pool_size: 5,
            server_lifetime: 3600,
            server_idle_timeout: 600,
            max_prepared_statements: 200,
            parameters: std::collections::BTreeMap::new(),
        },
        primary: Endpoint { host: "auth-db-rw.shop.svc".to_owned(), port: 5432 },
        replicas: vec![
            Endpoint { host: "auth-db-r1.shop.svc".to_owned(), port: 5432 },
            Endpoint { host: "auth-db-r2.shop.svc".to_owned(), port: 5432 },
        ],
        databases: vec![super::super::wanted::Database {
            name: "azora".to_owned(),
            dbname: "azora".to_owned(),
            pool_size: None,
        }],
        auth: Auth { userlist: true, query: None },
        monitor: true,
        client_tls: None,
        server_tls: None,
        budget: Budget { share_percent: 90, max_connections: None },
        lag: Lag {
            max_bytes: 16 << 20,
            max_seconds: 30,
            min_replicas: 1,
            when_none: WhenNone::Primary,
            spill_connections: 5,
        },
        pause: None,
        drain_seconds: 60,
    }
}
