//! TLS of a listener: certificates that can be read again while serving, and the serial number of a client's certificate.
//! Never in it: HTTP.

mod possessed;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::error::FileError;

use possessed::Possessed;

/// The name of HTTP/2 in a handshake (RFC 9113, 3.2).
pub(crate) const HTTP_2: &[u8] = b"h2";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// PEM file: the certificate, then its chain.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// PEM file of the authorities whose client certificates are accepted. Without it every certificate is, and means
    /// nothing until a login has judged it.
    pub(crate) client_authorities: Option<PathBuf>,
    /// Whether clients are not asked for certificates.
    pub(crate) client_ignored: bool,
    pub(crate) client_required: bool,
    pub(crate) only_1_3: bool,
}

/// The certificate in use; `reload` replaces it without closing a connection.
pub(crate) struct Certificates {
    settings: Settings,
    current: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({})", self.settings.certificate.display())
    }
}

impl Certificates {
    pub(crate) fn load(settings: Settings) -> Result<Self, FileError> {
        let current = RwLock::new(Arc::new(read(&settings)?));
        Ok(Self { settings, current })
    }

    /// Whether the certificates of clients are those of a known authority.
    pub(crate) const fn verify_clients(&self) -> bool {
        self.settings.client_authorities.is_some()
    }

    /// Reads the files again; on an error the old certificate stays in use.
    pub(crate) fn reload(&self) -> Result<(), FileError> {
        let fresh = Arc::new(read(&self.settings)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, FileError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] = if self.settings.only_1_3 {
            &[&rustls::version::TLS13]
        } else {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        };
        let rejected = |error: rustls::Error| FileError::caused_by(&self.settings.certificate, error);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(rejected)?;
        let builder = match &self.settings.client_authorities {
            _ if self.settings.client_ignored => builder.with_no_client_auth(),
            None => builder.with_client_cert_verifier(Arc::new(Possessed(provider))),
            Some(file) => {
                let mut verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider);
                if !self.settings.client_required {
                    verifier = verifier.allow_unauthenticated();
                }
                let verifier = verifier.build().map_err(|error| FileError::caused_by(file, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(settings: &Settings) -> Result<CertifiedKey, FileError> {
    let chain = certificates(&settings.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| unreadable(&settings.key, error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| {
        FileError::new(&settings.key, None, format!("not the key of the certificate: {error}"))
            .with_source(error)
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, error))?.collect();
    let found = found.map_err(|error| unreadable(file, error))?;
    if found.is_empty() {
        return Err(FileError::new(file, None, "holds no certificate in PEM form"));
    }
    Ok(found)
}

fn authorities(file: &Path) -> Result<RootCertStore, FileError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store.add(certificate).map_err(|error| FileError::caused_by(file, error))?;
    }
    Ok(store)
}

fn unreadable(file: &Path, error: pem::Error) -> FileError {
    let message = match &error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
        pem::Error::NoItemsFound => "holds nothing of the kind needed in PEM form".to_owned(),
        other => other.to_string(),
    };
    FileError::new(file, None, message).with_source(error)
}

/// The serial number of a certificate, in decimal, as `client_certificate_serial_number` of an entry has it
/// (RFC 5280 section 4.1.2.2). `None` if the bytes are not a certificate.
pub(crate) fn serial_number(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate)?;
    let (_, to_be_signed, _) = element(certificate)?;
    let (tag, contents, rest) = element(to_be_signed)?;
    // The version comes before the serial number, in a context tag of its own, and may be left out.
    let (tag, contents, _) = if tag == 0xa0 { element(rest)? } else { (tag, contents, rest) };
    (tag == 0x02).then(|| decimal(contents))
}

/// The first DER element, as its tag and its contents, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().try_fold(0_usize, |n, d| n.checked_mul(256)?.checked_add(usize::from(*d)))?, rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// A big-endian number of any length in decimal. A serial number is positive.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or(0);
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|d| char::from(b'0' + d)).collect()
}

#[cfg(test)]
mod serial_tests {
    use super::*;

    #[test]
    fn a_serial_number_is_printed_in_decimal() {
        let der = [0x30, 0x0a, 0x30, 0x08, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x7f];
        assert_eq!(serial_number(&der), Some("127".to_owned()));
        let without_version = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x09];
        assert_eq!(serial_number(&without_version), Some("9".to_owned()));
        assert_eq!(decimal(&[0x01, 0x00, 0x00]), "65536");
    }

    #[test]
    fn bytes_that_are_not_a_certificate_have_no_serial_number() {
        assert_eq!(serial_number(&[]), None);
        assert_eq!(serial_number(&[0x30, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(serial_number(b"-----BEGIN"), None);
    }
}
