use proptest::prelude::*;

use super::*;

fn asked(user: &str, function: &str, databases: &[&str]) -> Asked {
    Asked {
        lookup: Some((user.to_owned(), function.to_owned())),
        monitor: Some("plimsoll_monitor".to_owned()),
        databases: databases.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_function_has_its_guards() {
    let text = sql(&asked("pooler_lookup", "pooler.user_lookup", &["azora"])).unwrap();
    for needed in [
        "SECURITY DEFINER",
        "SET search_path = pg_catalog, pg_temp",
        "a.rolvaliduntil > pg_catalog.now()",
        "AND a.rolcanlogin",
        "NOT (a.rolsuper OR a.rolreplication OR a.rolbypassrls)",
        "REVOKE ALL ON FUNCTION \"pooler\".\"user_lookup\"(text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION \"pooler\".\"user_lookup\"(text) TO \"pooler_lookup\"",
        "\\connect \"azora\"",
        "GRANT pg_monitor TO \"plimsoll_monitor\"",
    ] {
        assert!(text.contains(needed), "{needed}:\n{text}");
    }
}

#[test]
fn each_database_has_one() {
    let text = sql(&asked("u", "pooler.f", &["a", "b c'd\"e\\f"])).unwrap();
    assert_eq!(text.matches("CREATE OR REPLACE FUNCTION").count(), 2);
    assert!(text.contains("\\connect -reuse-previous=on \"dbname='b c\\'d\"\"e\\\\f'\""), "{text}");
    assert_eq!(sql(&asked("u", "f", &[])).unwrap().matches("\"public\".\"f\"(wanted text").count(), 1);
}

#[test]
fn a_profile_says_what_is_needed() {
    let of = |postgres: Value| of_profile(&serde_json::json!({"spec": {"pooling": {"postgres": postgres}}}));
    let databases = serde_json::json!([{"name": "a"}, {"name": "b", "dbname": "B"}]);
    let (asked, notes) = of(serde_json::json!({"databases": databases, "auth": {"authQuery": {"user": "u"}}})).unwrap();
    assert_eq!((asked.lookup, asked.monitor), (Some(("u".to_owned(), FUNCTION.to_owned())), None));
    assert_eq!((asked.databases, notes.len()), (vec!["a".to_owned(), "B".to_owned()], 0));
    let query =
        serde_json::json!({"user": "u", "function": "x.y", "database": "d", "passwordSecretRef": {"name": "s"}});
    let (asked, _) = of(serde_json::json!({"databases": databases, "auth": {"authQuery": query}})).unwrap();
    assert_eq!((asked.monitor.as_deref(), asked.databases), (Some("u"), vec!["d".to_owned()]));
    let monitoring = serde_json::json!({"secretRef": {"name": "watcher"}});
    let (asked, notes) = of(serde_json::json!({"auth": {"authQuery": query}, "monitoring": monitoring})).unwrap();
    assert_eq!(asked.monitor, None);
    assert!(notes[0].contains("watcher"), "{notes:?}");
    assert_eq!(of(serde_json::json!({"auth": {"userlistSecretRef": {"name": "x"}}})), None);
    assert_eq!(of_profile(&serde_json::json!({})), None);
}

#[test]
fn what_cannot_be_written_is_refused() {
    for (user, function, database) in [
        ("", "a.f", "d"),
        ("a\nb", "a.f", "d"),
        ("u", "a.b.c", "d"),
        ("u", "a.f(); DROP TABLE x", "d"),
        ("u", "a.", "d"),
        ("u", "a.f", "d\n\\! sh"),
    ] {
        assert!(sql(&asked(user, function, &[database])).is_err(), "{user:?} {function:?} {database:?}");
    }
}

proptest! {
    /// Outside of quotes there is nothing of what was asked for: without them every name leaves the same text.
    #[test]
    fn names_stay_in_their_quotes(user in "[^\\p{Cc}\"]{1,20}", database in "[^\\p{Cc}]{1,20}") {
        let name = format!("x{user}x");
        let Ok(text) = sql(&asked(&name, "pooler.f", &[&database])) else { return Ok(()) };
        let plain = sql(&asked("x", "pooler.f", &["d"])).unwrap();
        let rest = text.replace(&identifier(&name), "\"x\"").replace(&literal(&name), "'x'").replace(&connect(&database), "\\connect \"d\"");
        prop_assert_eq!(rest, plain);
    }
}
