//! The TLS configuration: CA certificates, client certificate, and a verifier that accepts any certificate.
//! Never in it: a cryptographic provider other than aws-lc-rs.

use crate::config::{ConfigError, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;

const CA_FILE: &str = "CA File";

impl Tls {
    /// Whether certificates or keys are named; their errors are reported before the first connection.
    pub(super) fn names_files(&self) -> bool {
        self.ca_cert.is_some()
            || self.ca_cert_bytes.is_some()
            || self.ca_path.is_some()
            || self.client_cert.is_some()
            || self.client_key.is_some()
    }
}

pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?;
    let builder = if tls.skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
    } else {
        builder.with_root_certificates(roots(tls)?)
    };
    match (&tls.client_cert, &tls.client_key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("client cert", certificate)?;
            let bytes = read("client key", key)?;
            let key = PrivateKeyDer::from_pem_slice(&bytes)
                .map_err(|_| ConfigError::Pem { purpose: "client key", path: key.clone() })?;
            builder.with_client_auth_cert(chain, key).map_err(ConfigError::Tls)
        }
        _ => Err(ConfigError::HalfPair),
    }
}

fn roots(tls: &Tls) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    let mut add = |list: Vec<CertificateDer<'static>>| {
        list.into_iter().try_for_each(|one| store.add(one)).map_err(ConfigError::Tls)
    };
    if let Some(text) = &tls.ca_cert_bytes {
        add(parse(CA_FILE, Path::new("-"), text.as_bytes())?)?;
    } else if let Some(path) = &tls.ca_cert {
        add(certificates(CA_FILE, path)?)?;
    } else if let Some(folder) = &tls.ca_path {
        let failed = |source| ConfigError::File { purpose: "CA Path", path: folder.clone(), source };
        let mut files = std::fs::read_dir(folder)
            .map_err(failed)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            add(certificates("CA Path", file)?)?;
        }
    } else {
        // One unusable certificate of the system must not disable the others.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(store)
}

fn read(purpose: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::File { purpose, path: path.to_owned(), source })
}

fn certificates(purpose: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    parse(purpose, path, &read(purpose, path)?)
}

fn parse(
    purpose: &'static str,
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong = || ConfigError::Pem { purpose, path: path.to_owned() };
    let list = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
    if list.is_empty() { Err(wrong()) } else { Ok(list) }
}

/// Accepts any certificate. Signatures are still verified: the peer has the certificate's private key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
