//! Ed25519 (RFC 8032): a key in memory that signs, and the check of the signatures of notes and of witnesses.
//! Never in it: where a key is kept, random numbers of its own.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::note::{Algorithm, Note, NoteError, NoteSignature, SignError, Signer, VerifierKey};

/// The length of a private key's seed, in bytes.
pub const SEED_LENGTH: usize = 32;

/// A private key in memory.
pub struct Ed25519Key {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

/// No key could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// It is not a seed.
    #[error("an Ed25519 seed is {SEED_LENGTH} bytes long")]
    Seed,
}

/// The cosignature of a witness that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The name of the witness's key.
    pub witness: String,
    /// When it signed, in seconds since 1970.
    pub time: u64,
}

impl Ed25519Key {
    /// A new key.
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(&*Self::new_seed()?)
    }

    /// A new seed, to be kept.
    pub fn new_seed() -> Result<Zeroizing<[u8; SEED_LENGTH]>, KeyError> {
        let mut seed = Zeroizing::new([0; SEED_LENGTH]);
        SystemRandom::new().fill(&mut *seed).map_err(|_| KeyError::Random)?;
        Ok(seed)
    }

    /// The key of a seed.
    pub fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Seed)?;
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ed25519Key")
    }
}

impl Signer for Ed25519Key {
    fn public_key(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let signature = self.pair.sign(message);
        signature.as_ref().try_into().map_err(|_| SignError("the signature has another length".to_owned()))
    }
}

impl VerifierKey {
    /// Checks a signature over a text that names this key. `None`: it does not hold. For a cosignature, its time.
    fn check(&self, text: &str, signature: &NoteSignature) -> Option<u64> {
        let verify = |message: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(&ED25519, self.key()).verify(message, signature).ok()
        };
        match self.algorithm() {
            Algorithm::Ed25519 => verify(text.as_bytes(), &signature.signature).map(|()| 0),
            Algorithm::Cosignature => {
                let (time, signed) = signature.signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                verify(format!("cosignature/v1\ntime {time}\n{text}").as_bytes(), signed).map(|()| time)
            }
        }
    }
}

impl Note {
    /// Checks the signatures of these keys: there is at least one, and each of them holds. Those of other keys are ignored.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(), NoteError> {
        let mut found = false;
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| key.made(signature)) {
                key.check(&self.text, signature).ok_or_else(|| NoteError::Wrong(key.name().to_owned()))?;
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        let names: Vec<_> =
            self.signatures.iter().map(|one| format!("{} ({:08x})", one.name, one.key_id)).collect();
        Err(NoteError::Unknown(names.join(", ")))
    }

    /// The cosignatures of these witnesses. A wrong one is an error, and one of another witness is ignored.
    pub fn cosignatures(&self, witnesses: &[VerifierKey]) -> Result<Vec<Cosigned>, NoteError> {
        let mut found = Vec::new();
        for signature in &self.signatures {
            let cosigner =
                |key: &&VerifierKey| key.algorithm() == Algorithm::Cosignature && key.made(signature);
            for key in witnesses.iter().filter(cosigner) {
                let time = key.check(&self.text, signature);
                let time = time.ok_or_else(|| NoteError::Wrong(key.name().to_owned()))?;
                found.push(Cosigned { witness: key.name().to_owned(), time });
            }
        }
        Ok(found)
    }
}
