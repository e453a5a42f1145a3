use std::collections::BTreeSet;

use super::*;

const V24: Version = Version::new(1, 24, 1);
const V26: Version = Version::new(1, 26, 1);

fn said(name: &str, value: &str) -> String {
    check_parameter(V24, name, value).unwrap_err().to_string()
}

#[test]
fn the_table_is_in_order_and_each_default_of_the_users_keys_is_a_value() {
    assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
    for key in KEYS.iter().filter(|key| key.owner == Owner::Free && !key.default.is_empty()) {
        assert_eq!(check_parameter(V26, key.name, key.default), Ok(key.reload), "{}", key.name);
    }
}

#[test]
fn every_default_of_ours_is_a_users_key_and_a_value_in_every_version() {
    for (key, value, _) in super::super::ini::DEFAULTS {
        assert!(check_parameter(super::super::version::OLDEST, key, value).is_ok(), "{key}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_is_allowed() {
    for (name, value, message) in [
        ("query_wait_timeut", "5", "PgBouncer has no setting query_wait_timeut; is it query_wait_timeout?"),
        ("Query-Wait-Timeout", "5", "PgBouncer has no setting Query-Wait-Timeout; is it query_wait_timeout?"),
        ("work_mem", "5", "PgBouncer has no setting work_mem"),
        (
            "query_wait_timeout",
            "30s",
            "query_wait_timeout cannot be \"30s\": it takes a number of seconds from 0 to 8640000, without a unit",
        ),
        (
            "query_wait_timeout",
            "-1",
            "query_wait_timeout cannot be \"-1\": it takes a number of seconds from 0 to 8640000, without a unit",
        ),
        ("log_connections", "yes", "log_connections cannot be \"yes\": it takes 0 or 1"),
        ("listen_backlog", "0100", "listen_backlog cannot be \"0100\": it takes a whole number from 1 to 65535"),
        (
            "max_packet_size",
            "4294967295",
            "max_packet_size cannot be \"4294967295\": it takes a whole number of bytes from 1024 to 2147483647, without a unit",
        ),
        ("auth_type", "trust", "auth_type cannot be \"trust\": it takes one of scram-sha-256, md5, cert"),
        ("listen_port", "6432", "listen_port cannot be set: the Service leads to it"),
        ("default_pool_size", "30", "default_pool_size is set by spec.pooling.postgres.defaultPoolSize: set it there"),
        (
            "transaction_timeout",
            "5",
            "transaction_timeout came with PgBouncer 1.25.0, and the version is 1.24.1: raise version and image, or leave it away",
        ),
        (
            "client_tls_protocols",
            "tlsv1.0",
            "client_tls_protocols cannot be \"tlsv1.0\": it takes any of secure, tlsv1.2, tlsv1.3, divided by commas",
        ),
        (
            "server_reset_query",
            "SELECT 'x",
            "server_reset_query cannot be \"SELECT 'x\": it takes SQL with its single quotes closed, and without double quotes and backslashes",
        ),
    ] {
        assert_eq!(said(name, value), message);
    }
    assert!(said(&"x".repeat(5_000), "1").len() < 200 && said("stats_users", &"ä".repeat(5_000)).len() < 400);
}

#[test]
fn no_value_of_any_key_can_be_more_than_a_value() {
    let bad = [
        "a\nadmin_users = evil",
        "a\r",
        "a\u{b}b",
        "a\0",
        " a",
        "a ",
        "\t1",
        "1\n",
        "%include /etc/passwd",
        "x %INCLUDE y",
        "a\"b",
        "ä",
        "a\\b",
        "'",
        "1 2",
        "a;b\n[users]",
        "\u{a0}1",
    ];
    for key in KEYS {
        for value in bad {
            // Free text has spaces in it.
            let harmless = matches!(key.kind, Kind::Sql | Kind::Text) && value == "1 2";
            let allowed = check_parameter(V26, key.name, value).is_ok();
            assert!(harmless || !allowed, "{} = {value:?}", key.name);
        }
    }
}

#[test]
fn good_values_are_taken() {
    for (name, value, reload) in [
        ("query_wait_timeout", "30.5", Reloadable::Reload),
        ("ignore_startup_parameters", "extra_float_digits, options", Reloadable::Reload),
        ("ignore_startup_parameters", "", Reloadable::Reload),
        ("track_extra_parameters", "IntervalStyle,search_path", Reloadable::Restart),
        ("client_tls_ciphers", "HIGH:!aNULL:ECDHE-RSA-AES256-GCM-SHA384", Reloadable::Reload),
        ("client_tls_protocols", "tlsv1.2, tlsv1.3", Reloadable::Reload),
        ("server_reset_query", "RESET ALL; SET timezone TO 'UTC'", Reloadable::Reload),
        ("server_check_query", "", Reloadable::Reload),
        ("pkt_buf", "8192", Reloadable::Restart),
    ] {
        assert_eq!(check_parameter(V24, name, value), Ok(reload), "{name}");
    }
    assert_eq!(check_parameter(V26, "pool_idle_timeout", "60"), Ok(Reloadable::Reload));
    assert_eq!(check_parameter(Version::new(1, 30, 0), "pool_idle_timeout", "60"), Ok(Reloadable::Reload));
}

#[test]
fn what_a_restart_needs_is_few() {
    let restart: BTreeSet<&str> = KEYS
        .iter()
        .filter(|key| key.owner == Owner::Free && key.reload == Reloadable::Restart)
        .map(|key| key.name)
        .collect();
    assert_eq!(restart, BTreeSet::from(["listen_backlog", "pkt_buf", "track_extra_parameters"]));
}
