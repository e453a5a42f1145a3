//! Whether certificates and keys are what `PgBouncer` can use, before it is given them.

use rustls::{
    CertificateError as Invalid, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs::{default_provider, sign::any_supported_type},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::mounted::TlsFiles;
use crate::pooler::report::Problem;

/// What is wrong with the files of one side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// One of a pair is missing.
    #[error("there is {0} and no {1}")]
    Alone(&'static str, &'static str),
    /// There is no certificate in it.
    #[error("{file} is not a certificate in PEM: {why}")]
    NoCertificate {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no key in it.
    #[error("tls.key is not a private key in PEM: {0}")]
    NoKey(String),
    /// The pair is none.
    #[error("tls.key is not the key of tls.crt")]
    Mismatch,
    /// It is used before its time or after it.
    #[error("tls.crt {0}: clients and servers that verify it refuse it")]
    OutOfTime(&'static str),
}

/// Checks what is there.
pub fn check(files: &TlsFiles) -> Result<(), CertificateError> {
    if let Some(authorities) = &files.authorities {
        certificates("ca.crt", authorities)?;
    }
    match (&files.certificate, &files.key) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(CertificateError::Alone("tls.crt", "tls.key")),
        (None, Some(_)) => Err(CertificateError::Alone("tls.key", "tls.crt")),
        (Some(certificate), Some(key)) => pair(certificate, key),
    }
}

/// What is wrong now with certificates that are used still, for the report.
pub fn remarks(sides: [(&str, &TlsFiles); 2], now: UnixTime) -> Vec<Problem> {
    let remark = |(side, files): (&str, &TlsFiles)| {
        let message = |error| format!("the Secret of tls.{side}.secretRef: {error}; renew it");
        let error = in_time(files, now).err()?;
        Some(Problem { reason: "CertificateInvalid".to_owned(), message: message(error) })
    };
    sides.into_iter().filter_map(remark).collect()
}

/// Whether the certificate may be used now. One that may not is used still where there is no other: many do not verify it.
pub fn in_time(files: &TlsFiles, now: UnixTime) -> Result<(), CertificateError> {
    let Some(pem) = &files.certificate else { return Ok(()) };
    let chain = certificates("tls.crt", pem)?;
    // The time is looked at before who has signed it, which is not known here.
    let all = default_provider().signature_verification_algorithms.all;
    let verified = chain.first().map(|leaf| {
        let leaf = ParsedCertificate::try_from(leaf)?;
        verify_server_cert_signed_by_trust_anchor(&leaf, &RootCertStore::empty(), &[], now, all)
    });
    match verified {
        Some(Err(rustls::Error::InvalidCertificate(Invalid::Expired | Invalid::ExpiredContext { .. }))) => {
            Err(CertificateError::OutOfTime("has expired"))
        }
        Some(Err(rustls::Error::InvalidCertificate(Invalid::NotValidYet | Invalid::NotValidYetContext { .. }))) => {
            Err(CertificateError::OutOfTime("is not valid yet"))
        }
        _ => Ok(()),
    }
}

fn pair(certificate: &[u8], key: &[u8]) -> Result<(), CertificateError> {
    let chain = certificates("tls.crt", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateError::NoKey(error.to_string()))?;
    let key = any_supported_type(&key).map_err(|error| CertificateError::NoKey(error.to_string()))?;
    match CertifiedKey::new(chain, key).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(CertificateError::Mismatch),
        Err(error) => Err(CertificateError::NoCertificate { file: "tls.crt", why: error.to_string() }),
    }
}

fn certificates(file: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let wrong = |why: String| CertificateError::NoCertificate { file, why };
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() { Err(wrong("no section CERTIFICATE".to_owned())) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_certificate_is_used_within_its_time_only() {
        // Valid from 2026-11-24 16:53:09 to 2036-11-21 16:53:09, signed by itself.
        let certificate = Some(include_bytes!("certificates/some.crt").to_vec());
        let files = TlsFiles { certificate, ..TlsFiles::default() };
        let at = |seconds| in_time(&files, UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(at(1_795_539_100), Err(CertificateError::OutOfTime("is not valid yet")));
        assert_eq!(at(1_900_000_000), Ok(()));
        assert_eq!(at(2_110_899_200), Err(CertificateError::OutOfTime("has expired")));
        assert_eq!(in_time(&TlsFiles::default(), UnixTime::now()), Ok(()));
    }

    #[test]
    fn a_pair_that_is_none_is_found() {
        let files = |certificate: Option<&str>, key: Option<&str>| TlsFiles {
            certificate: certificate.map(|text| text.as_bytes().to_vec()),
            key: key.map(|text| text.as_bytes().to_vec()),
            authorities: None,
        };
        let certificate = include_str!("certificates/some.crt");
        assert_eq!(check(&files(None, None)), Ok(()));
        assert_eq!(check(&files(Some(certificate), None)), Err(CertificateError::Alone("tls.crt", "tls.key")));
        assert_eq!(check(&files(None, Some("x"))), Err(CertificateError::Alone("tls.key", "tls.crt")));
        assert!(matches!(check(&files(Some(certificate), Some("x"))), Err(CertificateError::NoKey(_))));
        assert!(matches!(check(&files(Some("x"), Some("x"))), Err(CertificateError::NoCertificate { .. })));
        // The key of another certificate, where there is a program to make one: none is kept here.
        let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output();
        if let Some(other) = made.ok().filter(|made| made.status.success()) {
            let other = String::from_utf8(other.stdout).unwrap();
            assert_eq!(check(&files(Some(certificate), Some(&other))), Err(CertificateError::Mismatch));
        }
    }
}
