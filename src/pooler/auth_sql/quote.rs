//! Names and texts in SQL and in psql's own commands.

/// A name, in double quotes.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text, in single quotes; where it has a backslash, in the form in which that is always an escape.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A dollar quote that is in none of the texts.
pub(super) fn tag(texts: &[&str]) -> String {
    let mut tag = String::from("$plimsoll$");
    while texts.iter().any(|text| text.contains(&tag)) {
        tag.insert(tag.len() - 1, '_');
    }
    tag
}

/// psql's command to go on in another database.
pub(super) fn connect(database: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if database.bytes().all(plain) {
        return format!("\\connect \"{database}\"");
    }
    // A connection string, in which a backslash escapes, within double quotes, in which they are doubled.
    let escaped = database.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\"\"");
    format!("\\connect -reuse-previous=on \"dbname='{escaped}'\"")
}
