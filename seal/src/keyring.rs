//! The keys of the barrier by term, the root key over them, and the unseal key over that.
//! Never in it: where the encrypted forms are stored, or when to rotate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::envelope::{self, EnvelopeError, EnvelopeKey, KEY_BYTES};
use crate::mac_key::MacKey;
use crate::secret::SecretBytes;

/// The first bytes of a keyring; a later format gets others.
const FORM: &[u8; 4] = b"ORK2";
/// Those of a keyring that was made before there was a tables key: it has none.
const FORM_WITHOUT_TABLES: &[u8; 4] = b"ORK1";
/// The term written into the headers of the root key's and the keyring's own records.
const OUTER_TERM: u32 = 1;

/// All the keys of an unsealed server. Immutable except for its counter of encryptions: rotation
/// makes a new keyring, so that readers never wait. All keys are wiped when the last holder drops it.
pub struct Keyring {
    root: SecretBytes,
    name_key: SecretBytes,
    names: MacKey,
    tables: Option<(SecretBytes, MacKey)>,
    terms: BTreeMap<u32, Arc<Term>>,
    active: u32,
}

struct Term {
    key: SecretBytes,
    prepared: EnvelopeKey,
    installed: i64,
    encryptions: AtomicU64,
}

/// The facts of the active term that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The active term; the first is 1.
    pub term: u32,
    /// When it was installed, in seconds since 1970 UTC.
    pub installed: i64,
    /// Records sealed under it, as far as they are counted: the count is stored with the keyring and lost
    /// back to its last storing by a crash.
    pub encryptions: u64,
}

impl Keyring {
    /// A new keyring with a fresh root key, name key, tables key and first term; `now` in seconds since 1970 UTC.
    pub fn generate(now: i64, entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        let first = Term::new(random_key(entropy)?, now, 0)?;
        let (root, name_key) = (random_key(entropy)?, random_key(entropy)?);
        Self::assemble(root, name_key, Some(random_key(entropy)?), BTreeMap::from([(1, first)]), 1)
    }

    /// A copy with a fresh tables key, for a keyring that was made before there was one.
    pub fn with_tables_key(&self, entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        let (root, names, tables) =
            (self.root.duplicate(), self.name_key.duplicate(), Some(random_key(entropy)?));
        Self::assemble(root, names, tables, self.terms.clone(), self.active)
    }

    /// A copy with one more term, which becomes the active one. Older terms still open what they sealed.
    pub fn rotate(&self, now: i64, entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        let mut terms = self.terms.clone();
        let active = self.active.checked_add(1).ok_or(KeyringError::Form)?;
        terms.insert(active, Term::new(random_key(entropy)?, now, 0)?);
        let tables = self.tables.as_ref().map(|(key, _)| key.duplicate());
        Self::assemble(self.root.duplicate(), self.name_key.duplicate(), tables, terms, active)
    }

    fn assemble(
        root: SecretBytes,
        name_key: SecretBytes,
        tables: Option<SecretBytes>,
        terms: BTreeMap<u32, Arc<Term>>,
        active: u32,
    ) -> Result<Self, KeyringError> {
        let names = MacKey::new(&name_key).ok_or(KeyringError::Form)?;
        if !terms.contains_key(&active) {
            return Err(KeyringError::Form);
        }
        let with_state = |key: SecretBytes| MacKey::new(&key).map(|mac| (key, mac));
        let tables = tables.map(|key| with_state(key).ok_or(KeyringError::Form)).transpose()?;
        Ok(Self { root, name_key, names, tables, terms, active })
    }

    /// The encrypted form of this keyring, under its root key, for the record `name`.
    pub fn encrypt(&self, name: &str, entropy: &dyn Entropy) -> Result<Vec<u8>, KeyringError> {
        Ok(EnvelopeKey::new(&self.root)?.seal(OUTER_TERM, name, &self.serialise(), entropy)?)
    }

    /// Opens the encrypted form `record` named `name` with a root key.
    pub fn decrypt(root: SecretBytes, name: &str, record: Vec<u8>) -> Result<Self, KeyringError> {
        let plain = EnvelopeKey::new(&root)?.open(name, record)?;
        Self::deserialise(root, plain.expose()).ok_or(KeyringError::Form)?
    }

    /// Opens another keyring under the same root key.
    pub fn decrypt_newer(&self, name: &str, record: Vec<u8>) -> Result<Self, KeyringError> {
        Self::decrypt(self.root.duplicate(), name, record)
    }

    /// The root key under an unseal key, for the record `name`.
    pub fn encrypt_root(
        &self,
        unseal_key: &SecretBytes,
        name: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        Ok(EnvelopeKey::new(unseal_key)?.seal(OUTER_TERM, name, self.root.expose(), entropy)?)
    }

    /// Opens the root key `record` named `name` with an unseal key, as put together from shares.
    pub fn decrypt_root(
        unseal_key: &SecretBytes,
        name: &str,
        record: Vec<u8>,
    ) -> Result<SecretBytes, UnsealError> {
        // 16 and 24 bytes are AES keys too, only never ours: they fail where a wrong key of 32 fails.
        let key = match EnvelopeKey::new(unseal_key) {
            Ok(key) => key,
            Err(_) if matches!(unseal_key.len(), 16 | 24) => {
                return Err(UnsealError::Open(EnvelopeError::Authentication));
            }
            Err(error) => return Err(UnsealError::Key(error)),
        };
        key.open(name, record).map_err(UnsealError::Open)
    }

    /// Encrypts a value for its storage key `name` under the active term.
    pub fn seal(
        &self,
        name: &str,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let term = self.terms.get(&self.active).ok_or(EnvelopeError::Term { term: self.active })?;
        term.encryptions.fetch_add(1, Ordering::Relaxed);
        term.prepared.seal(self.active, name, plaintext, entropy)
    }

    /// Decrypts the value stored at `name`, in its own buffer, with the term its header says.
    pub fn open(&self, name: &str, record: Vec<u8>) -> Result<SecretBytes, EnvelopeError> {
        let term = envelope::term_of(&record)?;
        self.terms.get(&term).ok_or(EnvelopeError::Term { term })?.prepared.open(name, record)
    }

    /// HMAC-SHA-256 of a name under a key of this keyring, as 64 hex digits: what a token or an accessor is
    /// stored under. Stable for the life of the store, rotations included.
    pub fn hash_name(&self, name: &str) -> String {
        const_hex::encode(self.mac_name(&[name.as_bytes()]))
    }

    /// As [`Keyring::hash_name`], of the parts of a name put together, in bytes.
    pub fn mac_name(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.names.mac(parts)
    }

    /// The key of the digests of what is stored; `None` if the keyring was made before there were any.
    pub fn tables_key(&self) -> Option<&MacKey> {
        self.tables.as_ref().map(|(_, key)| key)
    }

    /// The active term and what is known about it.
    pub fn status(&self) -> KeyStatus {
        let term = self.terms.get(&self.active);
        KeyStatus {
            term: self.active,
            installed: term.map_or(0, |term| term.installed),
            encryptions: term.map_or(0, |term| term.encryptions.load(Ordering::Relaxed)),
        }
    }

    /// `ORK2 | active u32 | name key 32 | tables key 32 | count u32 | count × (term u32, installed i64, encryptions u64,
    /// key 32)`, all big endian; `ORK1`, and no tables key, if there is none.
    fn serialise(&self) -> Zeroizing<Vec<u8>> {
        let each = 4 + 8 + 8 + KEY_BYTES;
        let mut out = Zeroizing::new(Vec::with_capacity(12 + 2 * KEY_BYTES + self.terms.len() * each));
        out.extend_from_slice(if self.tables.is_some() { FORM } else { FORM_WITHOUT_TABLES });
        out.extend_from_slice(&self.active.to_be_bytes());
        out.extend_from_slice(self.name_key.expose());
        if let Some((tables, _)) = &self.tables {
            out.extend_from_slice(tables.expose());
        }
        out.extend_from_slice(&u32::try_from(self.terms.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (number, term) in &self.terms {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&term.installed.to_be_bytes());
            out.extend_from_slice(&term.encryptions.load(Ordering::Relaxed).to_be_bytes());
            out.extend_from_slice(term.key.expose());
        }
        out
    }

    /// `None` if the bytes are not of this form.
    fn deserialise(root: SecretBytes, plain: &[u8]) -> Option<Result<Self, KeyringError>> {
        let (form, plain) = plain.split_first_chunk::<4>()?;
        let (active, plain) = plain.split_first_chunk()?;
        let (name_key, mut plain) = plain.split_first_chunk::<KEY_BYTES>()?;
        let mut tables = None;
        if form == FORM {
            let (key, rest) = plain.split_first_chunk::<KEY_BYTES>()?;
            (tables, plain) = (Some(SecretBytes::new(key.to_vec())), rest);
        } else if form != FORM_WITHOUT_TABLES {
            return None;
        }
        let (count, mut plain) = plain.split_first_chunk()?;
        let mut terms = BTreeMap::new();
        for _ in 0..u32::from_be_bytes(*count) {
            let (number, rest) = plain.split_first_chunk()?;
            let (installed, rest) = rest.split_first_chunk()?;
            let (encryptions, rest) = rest.split_first_chunk()?;
            let (key, rest) = rest.split_first_chunk::<KEY_BYTES>()?;
            plain = rest;
            let key = SecretBytes::new(key.to_vec());
            match Term::new(key, i64::from_be_bytes(*installed), u64::from_be_bytes(*encryptions)) {
                Ok(term) => terms.insert(u32::from_be_bytes(*number), term),
                Err(error) => return Some(Err(error)),
            };
        }
        let name_key = SecretBytes::new(name_key.to_vec());
        plain.is_empty().then(|| Self::assemble(root, name_key, tables, terms, u32::from_be_bytes(*active)))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring of {} terms", self.terms.len())
    }
}

impl Term {
    fn new(key: SecretBytes, installed: i64, encryptions: u64) -> Result<Arc<Self>, KeyringError> {
        let prepared = EnvelopeKey::new(&key)?;
        Ok(Arc::new(Self { key, prepared, installed, encryptions: AtomicU64::new(encryptions) }))
    }
}

/// A fresh AES-256 key.
pub fn random_key(entropy: &dyn Entropy) -> Result<SecretBytes, EntropyError> {
    SecretBytes::with(KEY_BYTES, |key| entropy.fill(key))
}

/// Why a keyring could not be made, stored or loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Its record does not open or could not be sealed.
    #[error("{0}")]
    Envelope(#[from] EnvelopeError),
    /// It opened, but this version does not know its format.
    #[error("the keyring is of an unknown form")]
    Form,
    /// No random bytes.
    #[error("{0}")]
    Entropy(#[from] EntropyError),
}

/// Why an unseal key does not unseal; the text is the API's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// It cannot be a key at all.
    #[error("invalid key: failed to setup unseal key: {0}")]
    Key(#[source] EnvelopeError),
    /// It does not open the root key.
    #[error("unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: {0}")]
    Open(#[source] EnvelopeError),
}
