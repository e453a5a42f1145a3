use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::pooler::{
    budget::{self, ServerLimits},
    keys::KEYS,
    wanted::{Auth, AuthQuery, WhenNone},
};

/// A document as the operator writes it.
pub(crate) fn sample() -> Wanted {
    serde_json::from_str(include_str!("../../../tests/pooler/wanted.json")).unwrap()
}

const V24: Version = Version::new(1, 24, 1);
const ALL_FILES: Files = Files { client_certificate: true, client_ca: true, server_certificate: true, server_ca: true };

fn rendered(wanted: &Wanted, version: Version, reads: ReadsGo, files: Files) -> Result<Rendered, RenderError> {
    let shares = budget::split(wanted, Some(&ServerLimits::declared(100)));
    let decision = Decision {
        hosts: if matches!(reads, ReadsGo::Replicas | ReadsGo::Stale) { wanted.replicas.clone() } else { vec![] },
        reads,
        seen: vec![],
    };
    let places = Places::default();
    render(&Given { wanted, version, ordinal: 1, shares: &shares, reads: &decision, files, places: &places })
}

fn plain(wanted: &Wanted) -> Result<Rendered, RenderError> {
    rendered(wanted, V24, ReadsGo::Replicas, Files::default())
}

/// The file as `PgBouncer` reads it: sections with their keys and values, line by line.
fn read(ini: &str) -> Vec<(String, String, String)> {
    let (mut section, mut all) = (String::new(), vec![]);
    for line in ini.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with([';', '#'])) {
        assert!(!line.starts_with('%'), "{line}");
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap().to_owned();
            continue;
        }
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"_.-*".contains(c)).unwrap();
        let value = line[end..].trim_start().strip_prefix('=').unwrap().trim();
        all.push((section.clone(), line[..end].to_owned(), value.to_owned()));
    }
    all
}

#[test]
fn the_file_of_a_pod() {
    let ini = plain(&sample()).unwrap().ini;
    let databases: Vec<_> = ini.lines().filter(|line| line.starts_with("azora")).collect();
    assert_eq!(
        databases,
        [
            "azora = host='auth-db-rw.shop.svc' port=5432 dbname='azora' pool_size=25 reserve_pool_size=5 max_db_connections=37",
            "azora_ro = host='auth-db-r1.shop.svc,auth-db-r2.shop.svc' port=5432 dbname='azora' pool_size=25 reserve_pool_size=5 \
             max_db_connections=37 load_balance_hosts=round-robin",
        ]
    );
    for line in [
        "admin_users = ",
        "auth_type = scram-sha-256",
        "default_pool_size = 25",
        "listen_port = 5432",
        "peer_id = 2",
        "pool_mode = transaction",
        "server_login_retry = 0.2",
        "server_round_robin = 1",
        "unix_socket_dir = /run/plimsoll",
        "1 = host=auth-pgbouncer-0.auth-pgbouncer-pods.shop.svc port=5432",
        "3 = host=auth-pgbouncer-2.auth-pgbouncer-pods.shop.svc port=5432",
    ] {
        assert!(ini.lines().any(|found| found == line), "{line}\n{ini}");
    }
    assert!(!ini.contains("\n* =") && !ini.contains("auth_query"), "{ini}");
    assert_eq!(plain(&sample()).unwrap().ini, ini, "the same for the same content");
}

#[test]
fn older_versions_have_their_own_words() {
    let ini = rendered(&sample(), Version::new(1, 21, 0), ReadsGo::Replicas, Files::default()).unwrap().ini;
    assert!(
        ini.contains(" reserve_pool=5") && !ini.contains("load_balance_hosts") && !ini.contains("reserve_pool_size=5"),
        "{ini}"
    );
    for key in rendered(&sample(), Version::new(1, 21, 0), ReadsGo::Replicas, ALL_FILES).unwrap().expect.config.keys() {
        assert_eq!(KEYS.iter().find(|known| known.name == key).unwrap().since, Version::new(1, 21, 0), "{key}");
    }
}

#[test]
fn reads_go_where_they_are_sent() {
    let of = |reads| {
        let all = rendered(&sample(), V24, reads, Files::default()).unwrap().expect.databases;
        all.into_iter().find(|database| database.name == "azora_ro")
    };
    let spilled = of(ReadsGo::Primary).unwrap();
    assert_eq!(
        (spilled.hosts, spilled.max_connections, spilled.reserve_pool_size),
        (vec!["auth-db-rw.shop.svc".to_owned()], Some(5), 0)
    );
    assert_eq!(of(ReadsGo::Nowhere), None);
    assert_eq!(of(ReadsGo::Stale).unwrap().hosts.len(), 2);
    let without = Wanted { replicas: vec![], ..sample() };
    assert_eq!(plain(&without).unwrap().expect.databases.len(), 1);
    assert_eq!(on_primary(&sample(), ReadsGo::Primary), ["azora", "azora_ro"]);
    assert_eq!(on_primary(&sample(), ReadsGo::Replicas), ["azora"]);
}

#[test]
fn users_are_looked_up_in_a_database_of_its_own() {
    let query = AuthQuery {
        user: "lookup".to_owned(),
        function: "pooler.f".to_owned(),
        database: Some("auth".to_owned()),
        password: true,
    };
    let wanted = Wanted { auth: Auth { userlist: false, query: Some(query) }, ..sample() };
    let ini = plain(&wanted).unwrap().ini;
    for line in [
        "auth_user = lookup",
        "auth_query = SELECT * FROM \"pooler\".\"f\"($1)",
        "auth_dbname = auth",
        "auth = host='auth-db-rw.shop.svc' port=5432 dbname='auth' pool_size=1 reserve_pool_size=0 max_db_connections=2 max_db_client_connections=1",
    ] {
        assert!(ini.lines().any(|found| found == line), "{line}\n{ini}");
    }
}

#[test]
fn tls_needs_its_files() {
    let tls = |mode: &str| Some(Tls { mode: mode.to_owned(), files: true });
    let mut wanted = Wanted { client_tls: tls("require"), server_tls: tls("verify-full"), ..sample() };
    let several = rendered(&wanted, V24, ReadsGo::Replicas, ALL_FILES).unwrap_err();
    assert_eq!(several, RenderError::HostNames(V24));
    assert!(rendered(&wanted, Version::new(1, 25, 0), ReadsGo::Replicas, ALL_FILES).is_ok());
    wanted.replicas.truncate(1);
    let error = |wanted: &Wanted, files| rendered(wanted, V24, ReadsGo::Replicas, files).unwrap_err().to_string();
    assert_eq!(
        error(&wanted, Files::default()),
        "tls.client.mode require needs tls.crt and tls.key in the Secret of tls.client.secretRef"
    );
    assert!(
        error(&wanted, Files { client_certificate: true, ..Files::default() })
            .contains("tls.server.mode verify-full needs ca.crt")
    );
    let ini = rendered(&wanted, V24, ReadsGo::Replicas, ALL_FILES).unwrap().ini;
    for line in [
        "client_tls_sslmode = require",
        "client_tls_key_file = /etc/plimsoll/client-tls/tls.key",
        "client_tls_ca_file = /etc/plimsoll/client-tls/ca.crt",
        "server_tls_ca_file = /etc/plimsoll/server-tls/ca.crt",
        "server_tls_cert_file = /etc/plimsoll/server-tls/tls.crt",
    ] {
        assert!(ini.lines().any(|found| found == line), "{line}\n{ini}");
    }
    // An image may have no authorities of its own, and `PgBouncer` loads some even where it verifies nobody.
    let ini = rendered(&wanted, V24, ReadsGo::Replicas, Files { client_ca: false, ..ALL_FILES }).unwrap().ini;
    assert!(ini.contains("client_tls_ca_file = /etc/plimsoll/client-tls/tls.crt"), "{ini}");
    wanted.settings.parameters.insert("auth_type".to_owned(), "cert".to_owned());
    assert!(error(&wanted, ALL_FILES).contains("needs tls.client.mode verify-full"));
    wanted.client_tls = tls("nonsense");
    wanted.server_tls = tls("disable");
    let ini = rendered(&wanted, V24, ReadsGo::Replicas, ALL_FILES).unwrap().ini;
    assert!(ini.contains("client_tls_sslmode = verify-full") && ini.contains("server_tls_sslmode = disable"), "{ini}");
    assert!(!ini.contains("server_tls_ca_file"), "{ini}");
}

#[test]
fn parameters_win_over_our_defaults_and_over_nothing_else() {
    let with = |key: &str, value: &str| {
        let mut wanted = sample();
        wanted.settings.parameters.insert(key.to_owned(), value.to_owned());
        plain(&wanted)
    };
    let ini = with("query_wait_timeout", "7").unwrap().ini;
    assert!(ini.contains("query_wait_timeout = 7") && !ini.contains("Long enough for a switchover"), "{ini}");
    assert!(with("listen_port", "1").unwrap_err().to_string().contains("cannot be set"));
    assert!(with("pool_mode", "session").unwrap_err().to_string().contains("spec.pooling.postgres.poolMode"));
    assert!(with("transaction_timeout", "5").unwrap_err().to_string().contains("came with PgBouncer 1.25.0"));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let broken = |change: &dyn Fn(&mut Wanted)| {
        let mut wanted = sample();
        change(&mut wanted);
        plain(&wanted).unwrap_err()
    };
    for name in ["", "*", "pgbouncer", "a\nb", "a\0b", " a", "a\t", &"x".repeat(64)] {
        assert!(matches!(broken(&|w| w.databases[0].name = name.to_owned()), RenderError::Name(_)), "{name:?}");
    }
    for name in ["a b", "it's", "a=b", "\"x\"", "ä", "[users]", "%include"] {
        let error = broken(&|w| w.databases[0].name = name.to_owned());
        assert!(error.to_string().contains("give it another name, and this one as dbname"), "{error}");
    }
    for name in ["", "a\nb", "a\0b", " a", "a\t", &"x".repeat(64)] {
        let error = broken(&|w| w.databases[0].dbname = name.to_owned());
        assert!(matches!(error, RenderError::Name(_)), "{name:?}");
    }
    for host in ["", "a b", "a,b", "/tmp", "@x", "a'b", "a\nb", "a=b", "-a", "ä"] {
        assert!(matches!(broken(&|w| w.primary.host = host.to_owned()), RenderError::Name(_)), "{host:?}");
        assert!(matches!(broken(&|w| w.replicas[1].host = host.to_owned()), RenderError::Name(_)), "{host:?}");
    }
    assert_eq!(broken(&|w| w.replicas[1].port = 1), RenderError::Ports(5432, 1));
    let double = broken(&|w| {
        let mut second = w.databases[0].clone();
        second.name = "azora_ro".to_owned();
        w.databases.push(second);
    });
    assert_eq!(double, RenderError::Double("azora_ro".to_owned()));
}

#[test]
fn differences_are_seen() {
    let expect = plain(&sample()).unwrap().expect;
    let row = |cells: &[(&str, &str)]| -> Row {
        cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut config: Vec<Row> =
        expect.config.iter().map(|(key, value)| row(&[("key", key), ("value", value)])).collect();
    let mut databases: Vec<Row> = expect
        .databases
        .iter()
        .map(|database| {
            row(&[
                ("name", &database.name),
                ("host", &database.hosts.join(",")),
                ("port", "5432"),
                ("database", "azora"),
                ("pool_size", "25"),
                ("reserve_pool", "5"),
                ("max_connections", "37"),
            ])
        })
        .collect();
    databases.push(row(&[("name", "pgbouncer")]));
    let mut peers: Vec<Row> = expect
        .peers
        .iter()
        .map(|(id, peer)| row(&[("peer_id", &id.to_string()), ("host", &peer.host), ("port", "5432")]))
        .collect();
    // A mode is shown in decimal.
    let mode = config.iter_mut().find(|row| row["key"] == "unix_socket_mode").unwrap();
    mode.insert("value".to_owned(), "448".to_owned());
    assert_eq!(expect.differences(&config, &databases, &peers), []);

    config.retain(|row| row["key"] != "pool_mode");
    config.iter_mut().find(|row| row["key"] == "listen_port").unwrap().insert("value".to_owned(), "6432".to_owned());
    databases[0].insert("host".to_owned(), "old".to_owned());
    databases[1].insert("name".to_owned(), "other".to_owned());
    peers.pop();
    let found = expect.differences(&config, &databases, &peers);
    let said: Vec<_> = found.iter().map(|one| (one.what.as_str(), one.needs_restart)).collect();
    assert_eq!(said[0], ("listen_port is \"6432\" and not \"5432\"", true));
    assert_eq!(said[1], ("pool_mode is not there and not \"transaction\"", false));
    assert_eq!(said[2], ("host of database azora is \"old\" and not \"auth-db-rw.shop.svc\"", false));
    assert_eq!(said[3].0, "database azora_ro is not there");
    assert_eq!(said[4].0, "database other is there and was not written");
    assert!(said[5].0.starts_with("the peers are"), "{}", said[5].0);
    assert_eq!(said.len(), 6);
}

/// Text as somebody writes it who wants more than a value.
fn evil() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\u{b}".to_owned()),
        Just("\0".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("=".to_owned()),
        Just(";".to_owned()),
        Just(",".to_owned()),
        Just(" ".to_owned()),
        Just("[users]".to_owned()),
        Just("%include /etc/passwd".to_owned()),
        Just(" host=evil".to_owned()),
        Just("admin_users = evil".to_owned()),
        "[a-z]{0,4}",
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a tenant writes: refused, or a value of the key that it was written for, and nothing more.
    #[test]
    fn nothing_becomes_a_line_a_section_or_a_key(
        key in prop_oneof![evil(), proptest::sample::select(KEYS.iter().map(|key| key.name.to_owned()).collect::<Vec<_>>())],
        texts in proptest::collection::vec(prop_oneof![evil(), Just("plain".to_owned())], 8),
        when in prop_oneof![Just(ReadsGo::Replicas), Just(ReadsGo::Primary), Just(ReadsGo::Nowhere)],
        looks_up: bool,
    ) {
        let mut wanted = sample();
        wanted.settings.parameters.insert(key, texts[0].clone());
        check(&wanted, when)?;
        wanted.settings.parameters.clear();
        wanted.databases[0].name = texts[1].clone();
        check(&wanted, when)?;
        wanted.databases[0].dbname = texts[2].clone();
        wanted.settings.pool_mode = texts[3].clone();
        check(&wanted, when)?;
        wanted.lag.when_none = WhenNone::Fail;
        let query = AuthQuery { user: texts[4].clone(), function: texts[5].clone(), database: Some(texts[6].clone()), password: true };
        wanted.auth.query = looks_up.then_some(query);
        check(&wanted, when)?;
        wanted.primary.host = texts[7].clone();
        wanted.name = texts[7].clone();
        wanted.server_tls = Some(Tls { mode: texts[3].clone(), files: true });
        check(&wanted, when)?;
    }
}

fn check(wanted: &Wanted, reads: ReadsGo) -> Result<(), TestCaseError> {
    let Ok(rendered) = rendered(wanted, V24, reads, ALL_FILES) else { return Ok(()) };
    let lines = read(&rendered.ini);
    let sections: Vec<&str> = rendered.ini.lines().filter(|line| line.starts_with('[')).collect();
    prop_assert_eq!(sections, ["[databases]", "[pgbouncer]", "[peers]"]);
    let of =
        |section: &str| lines.iter().filter(|line| line.0 == section).map(|line| line.1.clone()).collect::<Vec<_>>();
    let expect = &rendered.expect;
    prop_assert_eq!(of("databases"), expect.databases.iter().map(|database| database.name.clone()).collect::<Vec<_>>());
    prop_assert_eq!(of("pgbouncer"), expect.config.keys().cloned().collect::<Vec<_>>());
    prop_assert_eq!(of("peers"), expect.peers.keys().map(u32::to_string).collect::<Vec<_>>());
    for (section, key, value) in &lines {
        if section == "pgbouncer" {
            prop_assert_eq!(Some(value), expect.config.get(key));
        } else if section == "databases" {
            let database = expect.databases.iter().find(|database| database.name == *key).unwrap();
            let found = connection_string(value);
            let keys: BTreeSet<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
            prop_assert_eq!(keys.len(), found.len(), "a key twice: {}", value);
            prop_assert!(keys.iter().all(|key| ["host", "port", "dbname", "load_balance_hosts"].contains(key)
                || key.contains("pool")
                || key.contains("connections")));
            prop_assert_eq!(&found.iter().find(|(key, _)| key == "dbname").unwrap().1, &database.database);
            prop_assert_eq!(&found.iter().find(|(key, _)| key == "host").unwrap().1, &database.hosts.join(","));
        }
    }
    Ok(())
}

/// A connection string as `PgBouncer` reads it.
fn connection_string(text: &str) -> Vec<(String, String)> {
    let (mut rest, mut all) = (text.trim_start(), vec![]);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').unwrap();
        let (value, after) = if let Some(quoted) = after.strip_prefix('\'') {
            let (bytes, mut end) = (quoted.as_bytes(), 0);
            while bytes[end] != b'\'' || bytes.get(end + 1) == Some(&b'\'') {
                end += if bytes[end] == b'\'' { 2 } else { 1 };
            }
            (quoted[..end].replace("''", "'"), &quoted[end + 1..])
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        all.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    all
}
