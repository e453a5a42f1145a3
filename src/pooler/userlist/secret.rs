//! The forms of a secret.

use super::LONGEST_SECRET;

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Postgres keeps it for SCRAM-SHA-256; it passes through to the server.
    Scram,
    /// As Postgres kept it before.
    Md5,
    /// The password itself.
    Plain,
    /// None: for users who are known by a certificate.
    Empty,
}

/// The form of a secret, or what is wrong with it, without the secret.
pub(super) fn form(secret: &str) -> Result<Form, &'static str> {
    if secret.len() > LONGEST_SECRET {
        return Err("the secret is longer than 995 bytes");
    }
    if secret.chars().any(char::is_control) {
        return Err("the secret has a control character");
    }
    if secret.is_empty() {
        return Ok(Form::Empty);
    }
    if secret.starts_with("SCRAM-") {
        return if scram(secret) {
            Ok(Form::Scram)
        } else {
            Err("the secret begins as one for SCRAM and is not of its form")
        };
    }
    match secret.strip_prefix("md5") {
        Some(hash) if hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Form::Md5),
        Some(hash) if hash.len() == 32 => Err("the secret begins as one for md5 and is not of its form"),
        _ => Ok(Form::Plain),
    }
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, in base64.
fn scram(secret: &str) -> bool {
    let parts = || {
        let rest = secret.strip_prefix("SCRAM-SHA-256$")?;
        let (head, keys) = rest.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        Some((iterations, salt, stored, server))
    };
    let number = |text: &str| !text.starts_with('0') && text.parse::<u32>().is_ok_and(|n| n <= 1_000_000_000);
    // 32 bytes are 43 characters and one =.
    let key = |text: &str| text.len() == 44 && base64(text);
    parts().is_some_and(|(iterations, salt, stored, server)| {
        number(iterations) && !salt.is_empty() && base64(salt) && key(stored) && key(server)
    })
}

fn base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}
