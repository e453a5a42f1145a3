//! Whether certificates and keys are what `PgBouncer` can use, before it is given them.

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::mounted::TlsFiles;

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
