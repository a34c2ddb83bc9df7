//! One encrypted record: `term (u32, big endian) | version (1 byte) | nonce (12) | ciphertext | tag (16)`,
//! AES-256-GCM with the record's storage key as associated data, so that a value moved to another key does
//! not open. The header is Vault's. Never in it: which key belongs to which term.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::entropy::{Entropy, EntropyError};
use crate::secret::SecretBytes;

/// Version of the form: the storage key is bound as associated data.
const VERSION: u8 = 2;
const HEADER: usize = 5;
const TAG: usize = 16;

/// How many bytes a record is longer than its plaintext.
pub const OVERHEAD: usize = HEADER + NONCE_LEN + TAG;

/// Bytes of an AES-256 key.
pub const KEY_BYTES: usize = 32;

/// One AES-256-GCM key with its schedule made once. Wiped when dropped.
pub struct EnvelopeKey(LessSafeKey);

impl EnvelopeKey {
    /// Prepares a key of [`KEY_BYTES`] bytes.
    pub fn new(key: &SecretBytes) -> Result<Self, EnvelopeError> {
        let size = EnvelopeError::KeySize { bytes: key.len() };
        UnboundKey::new(&AES_256_GCM, key.expose()).map(|key| Self(LessSafeKey::new(key))).map_err(|_| size)
    }

    /// Encrypts `plaintext` for the record `name` under a fresh random nonce.
    pub fn seal(
        &self,
        term: u32,
        name: &str,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        // The plaintext is encrypted where it was copied to, and the capacity is exact: nothing of it stays
        // behind in a buffer that is not wiped.
        let mut record = Vec::with_capacity(plaintext.len() + OVERHEAD);
        record.extend_from_slice(&term.to_be_bytes());
        record.push(VERSION);
        record.extend_from_slice(&nonce);
        record.extend_from_slice(plaintext);
        let body = record.get_mut(HEADER + NONCE_LEN..).unwrap_or_default();
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name.as_bytes()), body)
            .map_err(|_| EnvelopeError::TooLong)?;
        record.extend_from_slice(tag.as_ref());
        Ok(record)
    }

    /// Decrypts the record `name` in its own buffer. The term in its header is not checked.
    pub fn open(&self, name: &str, mut record: Vec<u8>) -> Result<SecretBytes, EnvelopeError> {
        if record.get(HEADER - 1) != Some(&VERSION) || record.len() < OVERHEAD {
            return Err(EnvelopeError::Form);
        }
        let nonce = record.get(HEADER..HEADER + NONCE_LEN).unwrap_or_default();
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| EnvelopeError::Form)?;
        let plain = self
            .0
            .open_within(nonce, Aad::from(name.as_bytes()), &mut record, HEADER + NONCE_LEN..)
            .map_err(|_| EnvelopeError::Authentication)?
            .len();
        record.truncate(plain);
        Ok(SecretBytes::new(record))
    }
}

/// The term in a record's header.
pub fn term_of(record: &[u8]) -> Result<u32, EnvelopeError> {
    record.first_chunk().map(|term| u32::from_be_bytes(*term)).ok_or(EnvelopeError::Form)
}

/// Why a record was not sealed or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// A key of a length that AES-256 does not accept.
    #[error("crypto/aes: invalid key size {bytes}")]
    KeySize {
        /// Bytes of the key given.
        bytes: usize,
    },
    /// Too short, or of an unknown version.
    #[error("not an encrypted record")]
    Form,
    /// The keyring has no key of the record's term.
    #[error("no decryption key available for term {term}")]
    Term {
        /// The term in the header.
        term: u32,
    },
    /// The tag does not fit: damaged, moved to another name, or sealed with another key.
    #[error("cipher: message authentication failed")]
    Authentication,
    /// More plaintext than AES-GCM takes at once (64 GiB).
    #[error("too long to be encrypted at once")]
    TooLong,
    /// No random bytes.
    #[error("{0}")]
    Entropy(#[from] EntropyError),
}
