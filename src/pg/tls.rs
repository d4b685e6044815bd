//! TLS to a server, by rustls: what `sslmode` asks for.

use crate::error::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much TLS a connection needs, as libpq names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// None.
    Disable,
    /// TLS where the server has it; nobody looks at its certificate.
    Prefer,
    /// TLS; nobody looks at the certificate, unless roots are given.
    Require,
    /// TLS, and the certificate is signed by a root that we trust.
    VerifyCa,
    /// The same, and it is that of the host of the URL.
    VerifyFull,
}

impl TlsMode {
    /// The mode that `sslmode` calls `name`.
    pub fn named(name: &str) -> Result<TlsMode> {
        const NAMES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
        Ok(match name {
            "disable" => TlsMode::Disable,
            "prefer" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" => TlsMode::VerifyFull,
            other => {
                let error = Error::job(format!("unknown sslmode `{other}`")).nearest(other, NAMES);
                return Err(error.hint(format!("the modes are {}", NAMES.join(", "))));
            }
        })
    }
}

/// Which certificates may sign that of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those in this file.
    File(PathBuf),
    /// Those that the machine trusts.
    System,
}

/// How rustls speaks to a server in `mode`.
///
/// # Errors
/// A job error: the file of roots holds none, or the mode needs them.
pub(super) fn config(mode: TlsMode, roots: Option<&Roots>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (mode, roots) {
        (TlsMode::Disable | TlsMode::Prefer, _) | (TlsMode::Require, None) => {
            Arc::new(Lenient { roots: None, provider: provider.clone() })
        }
        (TlsMode::VerifyFull, None | Some(Roots::System)) => {
            let verifier = rustls_platform_verifier::Verifier::new(provider.clone());
            Arc::new(verifier.map_err(|e| {
                Error::machine("cannot load the certificates that the machine trusts").caused_by(e)
            })?)
        }
        (TlsMode::VerifyFull, Some(Roots::File(file))) => of_file(file, &provider)?,
        // As libpq has it: roots make of `require` what `verify-ca` is.
        (TlsMode::VerifyCa | TlsMode::Require, Some(Roots::File(file))) => {
            Arc::new(Lenient { roots: Some(of_file(file, &provider)?), provider: provider.clone() })
        }
        (TlsMode::VerifyCa, None) => {
            return Err(Error::job("sslmode=verify-ca needs the certificate that signs for the server")
                .hint("name its file: sslrootcert=root.crt, or PGSSLROOTCERT"));
        }
        (TlsMode::VerifyCa | TlsMode::Require, Some(Roots::System)) => {
            return Err(Error::job("sslrootcert=system needs sslmode=verify-full").hint(
                "any site can have a certificate that the machine trusts, so the host name must be checked",
            ));
        }
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| Error::machine("cannot set up TLS").caused_by(e))?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn of_file(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let wrong = || Error::job(format!("cannot read certificates from {}", path.display()));
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| wrong().caused_by(e))?;
    for certificate in certificates {
        let added =
            certificate.map_err(|e| e.to_string()).and_then(|c| store.add(c).map_err(|e| e.to_string()));
        added.map_err(|e| wrong().caused_by(e))?;
    }
    if store.is_empty() {
        return Err(wrong().caused_by("it contains no certificates"));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(|e| wrong().caused_by(e))
}

/// Takes certificates that a full look would refuse. Without roots any: what is said is kept from listeners, not from
/// who answers. With them one of whatever name, if it is signed by a root: the verifier looks at the chain first, and
/// at the name when that is right.
#[derive(Debug)]
struct Lenient {
    roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        match roots.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        // The signature is checked in every mode: it proves that the other side has the key of its
        // certificate.
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
