use proptest::prelude::*;

use super::*;

const SCRAM: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn parse(text: &str) -> Result<Userlist, UserlistError> {
    Userlist::parse(text.as_bytes())
}

#[test]
fn the_forms() {
    let text = format!(
        "; users\n\n\"app\" \"{SCRAM}\"\r\n  \"old\" \"md5{}\"\n\"p\"\t\"a \"\"b\"\" c\" \"\"\n\"cert\" \"\"",
        "0a".repeat(16)
    );
    let list = parse(&text).unwrap();
    let form = |user| list.form(user).unwrap();
    assert_eq!([form("app"), form("old"), form("p"), form("cert")], [Form::Scram, Form::Md5, Form::Plain, Form::Empty]);
    assert!(list.text().contains("\"p\" \"a \"\"b\"\" c\"\n"), "{}", list.text());
    assert!(list.useless("scram-sha-256").unwrap().starts_with("2 of 4 users"));
    assert!(list.useless("md5").unwrap().starts_with("1 of 4 users"));
    assert_eq!(list.useless("cert"), None);
}

#[test]
fn what_is_wrong_is_said_by_its_line_and_without_the_secret() {
    let bad = [
        "app \"hunter2\"",
        "\"app\" hunter2",
        "\"app\"\"hunter2\"",
        "\"app\" \"hunter2",
        "\"app\" \"hun\"ter2\"",
        "\"\" \"hunter2\"",
        "\"app\" \"SCRAM-SHA-256$hunter2\"",
        "\"app\" \"SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$hunter2:hunter2\"",
        "\"app\" \"md5hunter2hunter2hunter2hunter2hunt\"",
        "\"app\" \"hunter2\u{7}\"",
        "\"app\" hunter2\"x\"",
        "[databases]",
        "%include /etc/passwd",
    ];
    for line in bad {
        let error = parse(&format!("\"ok\" \"x\"\n{line}\n")).unwrap_err();
        assert!(matches!(error, UserlistError::Line { line: 2, .. }), "{line}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let name = "n".repeat(128);
    assert!(parse(&format!("\"{name}\" \"x\"")).is_err() && parse(&format!("\"{}\" \"x\"", &name[1..])).is_ok());
    let secret = "s".repeat(996);
    assert!(parse(&format!("\"a\" \"{secret}\"")).is_err() && parse(&format!("\"a\" \"{}\"", &secret[1..])).is_ok());
    assert_eq!(Userlist::parse(b"\"a\" \"\xff\""), Err(UserlistError::Binary));
    assert_eq!(
        parse("\"a\" \"x\"\n;\n\"a\" \"hunter2\""),
        Err(UserlistError::Double { line: 3, first: 1, user: "a".to_owned() })
    );
    let many: Vec<String> = (0..=MOST).map(|n| format!("\"u{n}\" \"x\"\n")).collect();
    assert_eq!(parse(&many.concat()), Err(UserlistError::TooMany));
}

#[test]
fn the_looking_up_user_comes_in() {
    let list = parse("\"app\" \"x\"").unwrap().with_auth_user("lookup", b"pass\"word\n").unwrap();
    assert_eq!(list.text(), "\"app\" \"x\"\n\"lookup\" \"pass\"\"word\"\n");
    let again = list.with_auth_user("lookup", b"other").unwrap();
    assert_eq!((again.len(), again.contains("lookup")), (2, true));
    for (user, password) in [("", &b"x"[..]), ("u", b""), ("u", b"\n"), ("u", b"a\nb"), ("u", b"\xff"), ("a\nb", b"x")]
    {
        let error = Userlist::default().with_auth_user(user, password).unwrap_err();
        assert!(matches!(error, UserlistError::AuthUser { .. }), "{error}");
    }
}

#[test]
fn no_log_has_it() {
    assert_eq!(format!("{:?}", parse("\"app\" \"hunter2\"").unwrap()), "Userlist of 1");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(users in proptest::collection::btree_map("[^\\p{Cc}]{1,20}", "[^\\p{Cc}S]{0,30}", 0..20)) {
        let mut list = Userlist::default();
        for (user, secret) in users.iter().filter(|(_, secret)| !secret.is_empty() && !secret.starts_with("md5")) {
            list = list.with_auth_user(user, secret.as_bytes()).unwrap();
        }
        prop_assert_eq!(list.text().lines().count(), list.len());
        prop_assert_eq!(parse(&list.text()).unwrap(), list);
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(Userlist::parse(&bytes));
    }
}
