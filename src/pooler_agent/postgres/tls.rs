//! TLS towards servers with the meaning that the modes have in libpq and in `PgBouncer`.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use super::fault::{Fault, Kind};

/// When TLS is used, and what of the server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Never.
    Disable,
    /// Only where the server takes no plain connection.
    Allow,
    /// Where the server has it; the default of `PgBouncer` since 1.23.
    #[default]
    Prefer,
    /// Always; any certificate is taken.
    Require,
    /// Always; the certificate comes from a known authority.
    VerifyCa,
    /// Always; the certificate comes from a known authority and is for the host that was named.
    VerifyFull,
}

impl Mode {
    /// By the name that libpq has for it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// TLS towards servers, as mounted.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// When, and what is verified.
    pub mode: Mode,
    /// `ca.crt`
    pub authorities: Option<Vec<u8>>,
    /// `tls.crt`, where servers ask for one.
    pub certificate: Option<Vec<u8>>,
    /// `tls.key`
    pub key: Option<Vec<u8>>,
}

/// What is in the files is in no log.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Tls {
    /// The configuration of the library.
    pub(super) fn config(&self) -> Result<ClientConfig, Fault> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(self, Arc::clone(&provider))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::new(Kind::Tls, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates("tls.crt", certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Fault::new(Kind::Tls, format!("tls.key is no private key: {error:?}")))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| Fault::new(Kind::Tls, format!("tls.crt and tls.key do not fit: {error}")))
    }
}

fn certificates(file: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Fault::new(Kind::Tls, format!("{file} holds no certificate"))),
        Err(error) => Err(Fault::new(Kind::Tls, format!("{file} is no PEM: {error:?}"))),
    }
}

/// Verifies as much as the mode asks for.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Absent where any certificate is taken.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    chain: Arc<WebPkiServerVerifier>,
    /// A server's own certificate may be given in the place of an authority.
    given: Vec<CertificateDer<'static>>,
    name: bool,
}

impl Verifier {
    fn new(tls: &Tls, provider: Arc<CryptoProvider>) -> Result<Self, Fault> {
        if !matches!(tls.mode, Mode::VerifyCa | Mode::VerifyFull) {
            return Ok(Self { provider, known: None });
        }
        let Some(pem) = &tls.authorities else {
            return Err(Fault::new(Kind::Tls, "ca.crt is not mounted, and the mode asks for verification"));
        };
        let given = certificates("ca.crt", pem)?;
        let mut roots = RootCertStore::empty();
        for certificate in &given {
            roots
                .add(certificate.clone())
                .map_err(|error| Fault::new(Kind::Tls, format!("ca.crt holds no authority: {error}")))?;
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| Fault::new(Kind::Tls, format!("ca.crt: {error}")))?;
        Ok(Self { provider, known: Some(Known { chain, given, name: tls.mode == Mode::VerifyFull }) })
    }
}

impl Known {
    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        match self.chain.verify_server_cert(certificate, intermediates, name, &[], now) {
            Ok(_) => Ok(()),
            // The name is looked at last: all else is well.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(()),
            // A certificate that signs itself is an authority for the library, and is not taken for a server's.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) if self.given.contains(certificate) => {
                if !self.name {
                    return Ok(());
                }
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
            }
            Err(error) => Err(error),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(known) = &self.known {
            known.verify(certificate, intermediates, name, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
