//! Signed notes (C2SP signed-note): a text, and below it the signatures of those who vouch for it; the keys with which
//! signatures are checked, as text.
//! Never in it: what a text means (`checkpoint`), how a signature is computed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A note may be this long, in bytes.
const NOTE_MAX: usize = 1024 * 1024;
/// Signatures of a note that are read.
const SIGNATURES_MAX: usize = 64;

/// Signs for a log: an Ed25519 key, wherever it is kept.
pub trait Signer: Send + Sync {
    /// The public key (RFC 8032).
    fn public_key(&self) -> [u8; 32];

    /// The Ed25519 signature of a message. May block, and may fail where the key is elsewhere.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;

    /// The key with which others check the signatures that this one makes under a name.
    fn verifier(&self, name: &str) -> VerifierKey {
        VerifierKey::new(name, Algorithm::Ed25519, self.public_key())
    }

    /// The keys whose signatures under a name are this signer's own: that in use first, then those that it replaced.
    fn verifiers(&self, name: &str) -> Vec<VerifierKey> {
        vec![self.verifier(name)]
    }

    /// The signature lines of a note. There is one; two where a key has just taken the place of another, so that those who
    /// know only the older one can follow.
    fn sign_note(&self, name: &str, text: &str) -> Result<Vec<NoteSignature>, SignError> {
        let signature = self.sign(text.as_bytes())?.to_vec();
        Ok(vec![NoteSignature { name: name.to_owned(), key_id: self.verifier(name).id(), signature }])
    }
}

/// A key did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key did not sign: {0}")]
pub struct SignError(pub String);

/// What a signature covers and how: the types of signed-note that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 over the text: a log's own signature.
    Ed25519,
    /// Ed25519 over the time and the text: the cosignature of a witness (tlog-cosignature).
    Cosignature,
}

/// A public key with its name: `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: u32,
    algorithm: Algorithm,
    key: [u8; 32],
}

/// A text that is not a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// It has another form.
    #[error("not a verifier key: it has the form NAME+ID+KEY, with 8 hexadecimal digits and Base64")]
    Form,
    /// The name has spaces or is empty.
    #[error("the name of a key is not empty, and has no spaces, control characters or \"+\"")]
    Name,
    /// The key is of a type that is not read here.
    #[error("keys of type {0} are not supported; Ed25519 (1) and Ed25519 cosignatures (4) are")]
    Type(u8),
    /// The id does not belong to name and key.
    #[error("the id does not belong to this name and key: it should be {0:08x}")]
    Id(u32),
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: u32,
    /// The signature, without the id.
    pub signature: Vec<u8>,
}

/// A text with its signatures, which are not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, with its last newline.
    pub text: String,
    /// In the order of the lines.
    pub signatures: Vec<NoteSignature>,
}

/// A text that is not a signed note, or whose signatures do not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has not the form of a note.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// No signature is from a key that is known.
    #[error("no signature of a known key: it is signed by {0}")]
    Unknown(String),
    /// A signature of a known key is wrong.
    #[error("the signature of {0} is wrong: the text was changed, or it was not made with this key")]
    Wrong(String),
}

/// Whether a text can be the name of a key.
pub fn valid_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '+')
}

impl Algorithm {
    const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

impl VerifierKey {
    /// A key with its id.
    pub fn new(name: &str, algorithm: Algorithm, key: [u8; 32]) -> Self {
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update(b"\n")
            .chain_update([algorithm.number()])
            .chain_update(key)
            .finalize();
        let id = u32::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 4]));
        Self { name: name.to_owned(), id, algorithm, key }
    }

    /// Reads a key as [`Display`](fmt::Display) writes it.
    pub fn parse(text: &str) -> Result<Self, VerifierKeyError> {
        // Base64 has "+" in its alphabet, so what follows the second is the key.
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierKeyError::Form);
        };
        if !valid_key_name(name) {
            return Err(VerifierKeyError::Name);
        }
        let digits = id.len() == 8 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = u32::from_str_radix(id, 16).ok().filter(|_| digits).ok_or(VerifierKeyError::Form)?;
        let bytes = STANDARD.decode(key).map_err(|_| VerifierKeyError::Form)?;
        let (number, key) = bytes.split_first().ok_or(VerifierKeyError::Form)?;
        let algorithm = match number {
            1 => Algorithm::Ed25519,
            4 => Algorithm::Cosignature,
            other => return Err(VerifierKeyError::Type(*other)),
        };
        let read = Self::new(name, algorithm, key.try_into().map_err(|_| VerifierKeyError::Form)?);
        if read.id == id { Ok(read) } else { Err(VerifierKeyError::Id(read.id)) }
    }

    /// The name, which for the key of a log is the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id: four bytes of a hash over name and key.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What its signatures cover.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether a signature names this key.
    pub fn made(&self, signature: &NoteSignature) -> bool {
        signature.key_id == self.id && signature.name == self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.algorithm.number()];
        bytes.extend_from_slice(&self.key);
        write!(formatter, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl Note {
    /// Reads a note. Its signatures are not checked.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        if text.len() > NOTE_MAX {
            return Err(NoteError::Form("it is longer than 1 MiB"));
        }
        // The specification names those below U+0020 alone; the others would reach a terminal, too.
        if text.chars().any(|letter| letter.is_control() && letter != '\n') {
            return Err(NoteError::Form("it has control characters"));
        }
        let blank = text.rfind("\n\n").ok_or(NoteError::Form("no empty line before the signatures"))?;
        let (body, rest) = text.split_at(blank + 1);
        let lines = rest.get(1..).unwrap_or_default();
        if lines.is_empty() || !lines.ends_with('\n') {
            return Err(NoteError::Form("no signature, or the last line does not end"));
        }
        let signatures: Option<Vec<_>> =
            lines.lines().take(SIGNATURES_MAX + 1).map(NoteSignature::parse).collect();
        let signatures =
            signatures.ok_or(NoteError::Form("a line below the empty one is not a signature"))?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Form("more than 64 signatures"));
        }
        Ok(Self { text: body.to_owned(), signatures })
    }

    /// Signs a text that ends in a newline.
    pub fn sign(text: String, name: &str, signer: &dyn Signer) -> Result<Self, SignError> {
        let signatures = signer.sign_note(name, &text)?;
        Ok(Self { text, signatures })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

impl NoteSignature {
    /// Reads a signature line, without its newline.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.rsplit_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let valid = valid_key_name(name) && !signature.is_empty();
        valid.then(|| Self {
            name: name.to_owned(),
            key_id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(formatter, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}
