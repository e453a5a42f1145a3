//! The work of a login: PBKDF2 with HMAC-SHA-256 (RFC 8018), whose cost is its number of iterations.
//!
//! The HMAC is the one that rustls keeps for TLS 1.3, so that the service needs no cryptography of its own.

use anyhow::Context;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::hmac::Tag;
use rustls::crypto::tls13::{Hkdf, OkmBlock};
use std::fmt::Write;
use std::time::Instant;

/// The longest key that the HMAC below takes, in bytes: the block of SHA-256.
pub const MAX_KEY: usize = OkmBlock::MAX_LEN;

const SALT: &[u8] = b"sample-service";
const BATCH: u32 = 100;
const BATCHES: u32 = 200;

/// HMAC-SHA-256.
#[derive(Clone, Copy)]
pub struct Hmac(&'static dyn Hkdf);

impl Hmac {
    pub fn new() -> anyhow::Result<Self> {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().context("rustls has no TLS 1.3 cipher suite")?;
        Ok(Self(suite.hkdf_provider))
    }

    /// Signs with a key of at most `MAX_KEY` bytes; a longer one is cut there.
    pub fn sign(&self, key: &[u8], message: &[u8]) -> Tag {
        self.0.hmac_sign(&key_block(key), message)
    }

    /// The first block of PBKDF2.
    fn stretch(&self, password: &[u8], salt: &[u8], iterations: u64) -> Vec<u8> {
        let key = key_block(password);
        let mut tag = self.0.hmac_sign(&key, &[salt, &1_u32.to_be_bytes()].concat());
        let mut digest = tag.as_ref().to_vec();
        for _ in 1..iterations {
            tag = self.0.hmac_sign(&key, tag.as_ref());
            digest.iter_mut().zip(tag.as_ref()).for_each(|(sum, byte)| *sum ^= byte);
        }
        digest
    }

    /// Measures how many iterations take a millisecond of CPU time.
    ///
    /// The fastest of many short batches counts: a batch that was preempted, or that met the CPU limit of its container, would
    /// call the CPU slower than it is, and every request would then cost less than asked for.
    pub fn iterations_per_millisecond(&self) -> u64 {
        let fastest = (0..BATCHES).map(|_| {
            let started = Instant::now();
            std::hint::black_box(self.stretch(b"calibration", SALT, u64::from(BATCH)));
            started.elapsed().as_nanos()
        });
        let nanoseconds = fastest.min().unwrap_or_default().max(1);
        u64::try_from(u128::from(BATCH) * 1_000_000 / nanoseconds).unwrap_or(u64::MAX).max(1)
    }
}

fn key_block(key: &[u8]) -> OkmBlock {
    OkmBlock::new(key.get(..MAX_KEY).unwrap_or(key))
}

/// Checks passwords at a given cost. All accounts have the one password, so a change of cost derives one digest anew.
#[derive(Clone)]
pub struct Verifier {
    hmac: Hmac,
    iterations: u64,
    digest: Vec<u8>,
}

impl Verifier {
    pub fn new(hmac: Hmac, password: &str, iterations: u64) -> Self {
        let iterations = iterations.max(1);
        Self { hmac, iterations, digest: hmac.stretch(password.as_bytes(), SALT, iterations) }
    }

    pub fn accepts(&self, password: &str) -> bool {
        same(&self.digest, &self.hmac.stretch(password.as_bytes(), SALT, self.iterations))
    }

    /// A fingerprint of an account at the same cost: the work of reading a profile.
    pub fn fingerprint(&self, user: &str) -> String {
        hex(&self.hmac.stretch(user.as_bytes(), SALT, self.iterations))
    }
}

/// Compares in a time that says nothing of where the two differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string does not fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published test vectors of PBKDF2 with HMAC-SHA-256 (RFC 7914 section 11 and the vectors of RFC 6070 for this hash).
    #[test]
    fn stretch_is_pbkdf2() {
        let hmac = Hmac::new().unwrap();
        for (password, salt, iterations, expected) in [
            ("password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
            ("password", "salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
            ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        ] {
            assert_eq!(hex(&hmac.stretch(password.as_bytes(), salt.as_bytes(), iterations)), expected);
        }
    }

    #[test]
    fn a_verifier_accepts_its_password_alone() {
        let verifier = Verifier::new(Hmac::new().unwrap(), "demo", 3);
        assert!(verifier.accepts("demo"));
        assert!(!verifier.accepts("demo2"));
        assert!(!verifier.accepts(""));
        assert_ne!(verifier.fingerprint("ada"), verifier.fingerprint("bob"));
    }

    #[test]
    fn work_grows_with_the_iterations() {
        let hmac = Hmac::new().unwrap();
        let per_millisecond = hmac.iterations_per_millisecond();
        let started = Instant::now();
        std::hint::black_box(hmac.stretch(b"password", SALT, per_millisecond * 20));
        assert!(started.elapsed().as_millis() >= 12, "20 ms of work took {:?}", started.elapsed());
    }

    #[test]
    fn same_compares_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"ab"));
    }
}
