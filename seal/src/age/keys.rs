//! The key pair of a file: an X25519 key, whose public half is written `age1…` (Bech32).
//! Never in it: what is sealed with it.

use std::fmt;

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use super::AgeError;
use crate::entropy::Entropy;

const PUBLIC: &str = "age";
pub(super) const KEY: usize = 32;

/// Who can open a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(pub(super) [u8; KEY]);

impl Recipient {
    /// Reads a public key in the form `age1…`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| AgeError::Recipient)?;
        let key: Vec<u8> = checked.byte_iter().collect();
        let is_lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        let key = key.try_into().ok().filter(|_| is_lower && checked.hrp().as_str() == PUBLIC);
        let key = key.ok_or(AgeError::Recipient)?;
        // The bytes of 52 characters leave four bits over.
        checked.validate_segwit_padding().map_err(|_| AgeError::RecipientPadding)?;
        Ok(Self(key))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Hrp::parse(PUBLIC).ok().and_then(|hrp| bech32::encode::<Bech32>(hrp, &self.0).ok());
        f.write_str(text.as_deref().unwrap_or_default())
    }
}

/// The private half. It cannot be printed, and is wiped at its end.
pub struct Identity {
    key: PrivateKey,
    public: [u8; KEY],
}

impl Identity {
    /// A new key pair.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, AgeError> {
        let mut secret = Zeroizing::new([0; KEY]);
        entropy.fill(&mut *secret)?;
        Self::from_secret(&secret)
    }

    pub(super) fn from_secret(secret: &[u8; KEY]) -> Result<Self, AgeError> {
        let key = PrivateKey::from_private_key(&X25519, secret).map_err(|_| AgeError::Library)?;
        let public = key.compute_public_key().map_err(|_| AgeError::Library)?;
        let public = public.as_ref().try_into().map_err(|_| AgeError::Library)?;
        Ok(Self { key, public })
    }

    /// The public half.
    pub const fn recipient(&self) -> Recipient {
        Recipient(self.public)
    }

    /// The secret that both ends of two key pairs share.
    pub(super) fn agree(&self, other: &[u8; KEY]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
        let other = UnparsedPublicKey::new(&X25519, other);
        agree(&self.key, other, AgeError::Form, |secret| Ok(Zeroizing::new(secret.to_vec())))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("recipient", &self.recipient()).finish_non_exhaustive()
    }
}
