//! The settings and the file against the real PgBouncer: that it knows what the table says, takes what is written, and shows it.
//!
//! It is run with `PGBOUNCER` and `PSQL` set to the programs, perhaps with words before them: PgBouncer refuses to run as root, and lets
//! nobody but its own user into its console. As root, for example:
//!
//! ```sh
//! PGBOUNCER="setpriv --reuid=65534 --clear-groups /usr/sbin/pgbouncer" PSQL="setpriv --reuid=65534 --clear-groups psql" \
//!   cargo test --test pooler
//! ```
//!
//! Without `PGBOUNCER` it looks for the program in its usual places, and does nothing where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::collections::BTreeMap;

use plimsoll::pooler::{
    budget::{self, ServerLimits},
    ini::{self, Files, Given, Places, Row},
    keys::{KEYS, Kind, Owner, Reloadable, check_parameter, same_value},
    report::ReadsGo,
    rotation::Decision,
    version::{Version, gate},
    wanted::{AuthQuery, Database, Wanted},
};

mod common;
#[path = "pooler/process.rs"]
mod process;

use process::{Running, program};

/// The document of the unit tests.
fn sample() -> Wanted {
    serde_json::from_str(include_str!("pooler/wanted.json")).unwrap()
}

/// The version of the program, if there is one.
fn version() -> Option<Version> {
    let output = program("PGBOUNCER", "pgbouncer")?.arg("--version").output().unwrap();
    Some(Version::from_program(&String::from_utf8(output.stdout).unwrap()).unwrap())
}

fn reads(wanted: &Wanted, reads: ReadsGo) -> Decision {
    Decision { hosts: if reads == ReadsGo::Replicas { wanted.replicas.clone() } else { vec![] }, reads, seen: vec![] }
}

/// Renders a document for a directory and a port of this test's own.
fn render(wanted: &Wanted, version: Version, go: ReadsGo, places: &Places) -> ini::Rendered {
    let shares = budget::split(wanted, Some(&ServerLimits::declared(100)));
    let decision = reads(wanted, go);
    let given =
        Given { wanted, version, ordinal: 1, shares: &shares, reads: &decision, files: Files::default(), places };
    ini::render(&given).unwrap()
}

fn places(directory: &std::path::Path, port: u16) -> Places {
    let run = directory.to_str().unwrap().to_owned();
    Places { run, listen_addr: "127.0.0.1".to_owned(), port, ..Places::default() }
}

fn shown(running: &Running, what: &str) -> Vec<Row> {
    running.console(&format!("SHOW {what}"))
}

#[test]
fn the_table_is_what_the_program_shows() {
    let Some(version) = version() else { return };
    assert_eq!(gate(version, Version::new(1, 21, 0)), Ok(()));
    let directory = process::directory("table");
    let running =
        Running::start(&directory, 6901, &render(&sample(), version, ReadsGo::Replicas, &places(&directory, 6901)).ini);
    let rows: BTreeMap<String, Row> =
        shown(&running, "CONFIG").into_iter().map(|row| (row["key"].clone(), row)).collect();
    let known: Vec<_> = KEYS.iter().filter(|key| key.since <= version && key.name != "service_name").collect();
    let missing: Vec<_> = known.iter().filter(|key| !rows.contains_key(key.name)).map(|key| key.name).collect();
    let gone_since_26: &[&str] = if version >= Version::new(1, 26, 0) { &["suspend_timeout"] } else { &[] };
    assert_eq!(missing, gone_since_26, "not shown");
    let unknown: Vec<_> = rows.keys().filter(|name| known.iter().all(|key| key.name != *name)).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    for key in known.iter().filter(|key| rows.contains_key(key.name)) {
        let row = &rows[key.name];
        assert_eq!(row["changeable"] == "yes", key.reload == Reloadable::Reload, "{}", key.name);
        // Defaults are those of 1.24. `verbose` has none that is shown.
        if version.minor == 24 && key.name != "verbose" {
            assert!(
                same_value(key, key.default, &row["default"]),
                "{}: {:?} and not {:?}",
                key.name,
                row["default"],
                key.default
            );
        }
    }
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let file = common::repository("docs/pooling-settings.md");
    let text = plimsoll::pooler::keys::markdown();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(common::text(&file), text, "if that is meant: UPDATE_GOLDEN=1 cargo test --test pooler");
}

/// A value of each of the user's keys that differs from the default.
fn other(kind: Kind, name: &str) -> Option<String> {
    Some(match kind {
        Kind::Bool => "1".to_owned(),
        Kind::Int(least, most) | Kind::Bytes(least, most) => (least + 3).max(5_000.min(most)).to_string(),
        Kind::Seconds(..) => "17.5".to_owned(),
        Kind::Choice(words) => (*words.last()?).to_owned(),
        Kind::Choices(words) => words.get(1..)?.join(","),
        Kind::List => "one, two_2".to_owned(),
        Kind::Ciphers if name.contains("curve") => "prime256v1".to_owned(),
        Kind::Ciphers if name.contains("13") => "TLS_AES_256_GCM_SHA384".to_owned(),
        Kind::Ciphers => "HIGH:!aNULL".to_owned(),
        Kind::Text => "You are in; welcome: (pool)".to_owned(),
        Kind::Sql => "SELECT 'it; = [x] # ; '".to_owned(),
        Kind::Name | Kind::Path | Kind::Mode => return None,
    })
}

#[test]
fn every_free_key_is_taken_and_shown_again() {
    let Some(version) = version() else { return };
    let directory = process::directory("free");
    let places = places(&directory, 6902);
    let running = Running::start(&directory, 6902, &render(&sample(), version, ReadsGo::Replicas, &places).ini);
    let mut all = sample();
    for key in KEYS.iter().filter(|key| key.owner == Owner::Free && key.since <= version) {
        let value = other(key.kind, key.name).unwrap();
        let reload = check_parameter(version, key.name, &value).unwrap();
        // With certificates alone it wants files; a version may refuse it for that and not for the value.
        let value = if key.name == "auth_type" { "md5".to_owned() } else { value };
        all.settings.parameters.insert(key.name.to_owned(), value.clone());
        let mut wanted = sample();
        wanted.settings.parameters.insert(key.name.to_owned(), value.clone());
        let rendered = render(&wanted, version, ReadsGo::Replicas, &places);
        running.reload(&rendered.ini);
        let differences = rendered.expect.differences(
            &shown(&running, "CONFIG"),
            &shown(&running, "DATABASES"),
            &shown(&running, "PEERS"),
        );
        if reload == Reloadable::Reload {
            assert_eq!(differences, [], "{} = {value}", key.name);
        } else {
            assert!(differences.len() == 1 && differences[0].needs_restart, "{} = {value}: {differences:?}", key.name);
        }
    }
    drop(running);
    let directory = process::directory("free");
    // And all at once from the start, those too that cannot be reloaded.
    let rendered = render(&all, version, ReadsGo::Replicas, &places);
    let running = Running::start(&directory, 6902, &rendered.ini);
    let differences = rendered.expect.differences(
        &shown(&running, "CONFIG"),
        &shown(&running, "DATABASES"),
        &shown(&running, "PEERS"),
    );
    assert_eq!(differences, []);
}

#[test]
fn strange_names_come_out_as_they_went_in() {
    let Some(version) = version() else { return };
    let directory = process::directory("names");
    let places = places(&directory, 6903);
    let mut wanted = sample();
    // The server may call them anything; clients know them by plain names.
    let strange =
        ["a b", "it's", "say \"x\"", "x = host=evil", "; [users]", "Ünï", "a\\b", "%include x", "''", "\"\"", "'", "*"];
    wanted.databases = strange
        .iter()
        .enumerate()
        .map(|(n, dbname)| Database { name: format!("Db-{n}.x"), dbname: (*dbname).to_owned(), pool_size: Some(3) })
        .collect();
    wanted.auth.query = Some(AuthQuery {
        user: "look up = 'x".to_owned(),
        function: "pooler.f".to_owned(),
        database: Some("Other.db".to_owned()),
        password: true,
    });
    let first = render(&wanted, version, ReadsGo::Replicas, &places);
    let running = Running::start(&directory, 6903, &first.ini);
    let look = |rendered: &ini::Rendered| {
        rendered.expect.differences(
            &shown(&running, "CONFIG"),
            &shown(&running, "DATABASES"),
            &shown(&running, "PEERS"),
        )
    };
    assert_eq!(look(&first), []);
    for go in [ReadsGo::Primary, ReadsGo::Nowhere, ReadsGo::Replicas] {
        let rendered = render(&wanted, version, go, &places);
        running.reload(&rendered.ini);
        assert_eq!(look(&rendered), [], "{go:?}");
    }
    // Names that a file can have are names that the console takes.
    for name in ini::on_primary(&wanted, ReadsGo::Primary) {
        running.console(&format!("PAUSE {}", ini::console_name(&name)));
        let rows = shown(&running, "DATABASES");
        assert_eq!(rows.iter().find(|row| row["name"] == name).map(|row| row["paused"].as_str()), Some("1"), "{name}");
        running.console(&format!("RESUME {}", ini::console_name(&name)));
    }
}

#[test]
fn a_value_that_is_passed_over_is_seen() {
    let Some(version) = version() else { return };
    let directory = process::directory("drift");
    let places = places(&directory, 6904);
    let rendered = render(&sample(), version, ReadsGo::Replicas, &places);
    let running = Running::start(&directory, 6904, &rendered.ini);
    let mut wanted = sample();
    wanted.primary.host = "elsewhere".to_owned();
    wanted.max_instances = 5;
    wanted.settings.max_client_conn = 77;
    // Not loaded.
    let other = render(&wanted, version, ReadsGo::Replicas, &places);
    let found =
        other.expect.differences(&shown(&running, "CONFIG"), &shown(&running, "DATABASES"), &shown(&running, "PEERS"));
    assert_eq!(found.len(), 3, "{found:?}");
}
