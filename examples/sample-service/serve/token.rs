//! Bearer tokens: `user.expiry.signature`.
//!
//! They carry all they need, so that any replica can check a token that another one issued.

use super::work::{Hmac, hex, same};

const LIFETIME_SECONDS: u64 = 3_600;
const MAX_USER: usize = 64;

/// Issues and checks tokens.
pub struct Tokens {
    hmac: Hmac,
    key: String,
}

/// Why a token is not accepted.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    Malformed,
    Forged,
    Expired,
}

impl Refusal {
    pub fn message(&self) -> &'static str {
        match self {
            Self::Malformed => "the token is malformed",
            Self::Forged => "the token was not issued here",
            Self::Expired => "the token has expired",
        }
    }
}

impl Tokens {
    pub fn new(hmac: Hmac, key: String) -> Self {
        Self { hmac, key }
    }

    /// `now` is in seconds since 1970.
    pub fn issue(&self, user: &str, now: u64) -> String {
        let claim = format!("{user}.{}", now.saturating_add(LIFETIME_SECONDS));
        let signature = self.signature(&claim);
        format!("{claim}.{signature}")
    }

    /// The user that the token was issued to.
    pub fn check<'a>(&self, token: &'a str, now: u64) -> Result<&'a str, Refusal> {
        let (claim, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (user, expiry) = claim.split_once('.').ok_or(Refusal::Malformed)?;
        if !same(self.signature(claim).as_bytes(), signature.as_bytes()) {
            return Err(Refusal::Forged);
        }
        let expiry: u64 = expiry.parse().map_err(|_| Refusal::Malformed)?;
        if now < expiry { Ok(user) } else { Err(Refusal::Expired) }
    }

    fn signature(&self, claim: &str) -> String {
        hex(self.hmac.sign(self.key.as_bytes(), claim.as_bytes()).as_ref())
    }
}

/// A user name has no dot, because the token is split at dots.
pub fn is_user_name(name: &str) -> bool {
    (1..=MAX_USER).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: &str) -> Tokens {
        Tokens::new(Hmac::new().unwrap(), key.to_owned())
    }

    #[test]
    fn a_token_names_its_user_until_it_expires() {
        let token = tokens("key").issue("ada", 1_000);
        assert_eq!(tokens("key").check(&token, 1_000), Ok("ada"));
        assert_eq!(tokens("key").check(&token, 4_599), Ok("ada"));
        assert_eq!(tokens("key").check(&token, 4_600), Err(Refusal::Expired));
    }

    #[test]
    fn a_changed_token_is_forged() {
        let token = tokens("key").issue("ada", 1_000);
        assert_eq!(tokens("other").check(&token, 1_000), Err(Refusal::Forged));
        assert_eq!(tokens("key").check(&token.replace("ada", "bob"), 1_000), Err(Refusal::Forged));
        assert_eq!(tokens("key").check(&token.replace("4600", "9999"), 1_000), Err(Refusal::Forged));
        for malformed in ["", "ada", "ada.4600"] {
            assert_eq!(tokens("key").check(malformed, 1_000), Err(Refusal::Malformed), "{malformed}");
        }
    }

    #[test]
    fn user_names_are_plain() {
        assert!(is_user_name("demo-1_A"));
        assert!(is_user_name(&"a".repeat(64)));
        for name in ["", "a.b", "a b", "é", &"a".repeat(65)] {
            assert!(!is_user_name(name), "{name}");
        }
    }
}
