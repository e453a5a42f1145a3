//! Values of settings: whether one can be written, and whether one that is shown is the one that was written.

use super::{Key, Kind};

/// Longest value that is written.
const LONGEST: usize = 1_000;

/// Whether a value is what a key of this kind takes; else what is allowed.
pub(super) fn check(kind: Kind, value: &str) -> Result<(), String> {
    // Whatever the kind: nothing that could end the line, or be another value once PgBouncer has cut spaces off.
    let plain = value.len() <= LONGEST && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !plain {
        return Err(format!("{}, in printable ASCII characters on one line", allowed(kind)));
    }
    if value.trim() != value {
        return Err(format!("{}, without spaces around it", allowed(kind)));
    }
    if value.to_ascii_lowercase().contains("%include") {
        return Err(format!("{}, and includes no files", allowed(kind)));
    }
    if fits(kind, value) { Ok(()) } else { Err(allowed(kind)) }
}

fn fits(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Bool => matches!(value, "0" | "1"),
        Kind::Int(least, most) | Kind::Bytes(least, most) => whole(value).is_some_and(|n| (least..=most).contains(&n)),
        Kind::Seconds(least, most) => seconds(value).is_some_and(|n| (least..=most).contains(&n)),
        Kind::Mode => {
            value.len() == 4 && value.starts_with('0') && value.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
        }
        Kind::Choice(words) => words.contains(&value),
        Kind::Choices(words) => !value.is_empty() && parts(value).all(|part| words.contains(&part)),
        Kind::List => value.is_empty() || parts(value).all(|part| made_of(part, "_.")),
        Kind::Ciphers => made_of(value, "-_:!+@=."),
        Kind::Name => made_of(value, "-_."),
        Kind::Text => value.is_empty() || made_of(value, " -_.,:;!?()/@+"),
        // A quote that is not closed would be the server's error at each use.
        Kind::Sql => !value.contains(['"', '\\']) && value.matches('\'').count().is_multiple_of(2),
        Kind::Path => value.starts_with('/') && made_of(value, "/-_."),
    }
}

/// What is allowed, in words.
pub(super) fn allowed(kind: Kind) -> String {
    match kind {
        Kind::Bool => "0 or 1".to_owned(),
        Kind::Int(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Bytes(least, most) => format!("a whole number of bytes from {least} to {most}, without a unit"),
        Kind::Seconds(least, most) => format!("a number of seconds from {least} to {most}, without a unit"),
        Kind::Mode => "four octal digits, as 0700".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Choices(words) => format!("any of {}, divided by commas", words.join(", ")),
        Kind::List => "names of letters, digits, _ and ., divided by commas".to_owned(),
        Kind::Ciphers => "a list as OpenSSL writes it, of letters, digits and -_:!+@=.".to_owned(),
        Kind::Name => "a name of letters, digits and -_.".to_owned(),
        Kind::Text => "letters, digits, spaces and -_.,:;!?()/@+".to_owned(),
        Kind::Sql => "SQL with its single quotes closed, and without double quotes and backslashes".to_owned(),
        Kind::Path => "an absolute path".to_owned(),
    }
}

fn parts(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(|part| part.trim_matches(' '))
}

fn made_of(text: &str, further: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || further.contains(c))
}

/// A whole number as people write it. `PgBouncer` reads a leading 0 as octal, and more digits than an int has without a word.
fn whole(value: &str) -> Option<u32> {
    let plain = value == "0" || !value.starts_with('0');
    (plain && value.len() <= 10 && value.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| value.parse().ok())
        .flatten()
}

/// A number of seconds: digits, and perhaps a point and digits.
fn seconds(value: &str) -> Option<f64> {
    let (before, after) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(before) && digits(after)).then(|| value.parse().ok()).flatten()
}

/// Whether `SHOW CONFIG` shows the value that was written: it prints modes in decimal, and seconds with six digits at most.
pub fn same_value(key: &Key, written: &str, shown: &str) -> bool {
    if written == shown {
        return true;
    }
    match key.kind {
        Kind::Seconds(..) | Kind::Int(..) | Kind::Bytes(..) | Kind::Bool => {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * a.abs().max(b.abs());
            matches!((written.parse(), shown.parse()), (Ok(written), Ok(shown)) if near(written, shown))
        }
        Kind::Mode => u32::from_str_radix(written, 8).ok() == shown.parse().ok(),
        Kind::Choice(_) => written.eq_ignore_ascii_case(shown),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::key, *};

    #[test]
    fn what_is_shown_is_what_was_written() {
        let same = |name, written, shown| same_value(key(name).unwrap(), written, shown);
        assert!(same("server_lifetime", "3600.0", "3600"));
        assert!(same("server_lifetime", "1234567", "1.23457e+06"), "six digits are all that it prints");
        assert!(same("server_lifetime", "2000000", "2e+06"));
        assert!(!same("server_lifetime", "3601", "3600"));
        assert!(same("unix_socket_mode", "0700", "448"));
        assert!(!same("unix_socket_mode", "0700", "511"));
        assert!(same("pool_mode", "transaction", "transaction"));
        assert!(!same("default_pool_size", "25", "26"));
        assert!(!same("server_reset_query", "DISCARD ALL", "discard all"));
        assert!(!same("query_timeout", "1", ""));
    }
}
