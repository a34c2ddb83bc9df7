//! Encryption and decryption by a version of a key: from a plaintext to `vault:v1:…` and back.
//! Never in it: requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::{Entropy, SecretBytes};

use super::cipher::{Cipher, convergent_nonce};
use super::error::TransitError;
use super::key::{Key, Ready, Version};
use super::key_type::KeyType;

/// What stands before the number of a version.
const PREFIX: &str = "vault:v";

/// What goes with a plaintext and its ciphertext.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) context: Vec<u8>,
    pub(super) associated_data: Vec<u8>,
    pub(super) has_nonce: bool,
}

/// `vault:v1:…` of bytes that are encoded already.
pub(super) fn versioned(version: u64, encoded: &str) -> String {
    format!("{PREFIX}{version}:{encoded}")
}

/// The version and the encoded bytes of `vault:v1:…`. `what` it is called in a refusal.
pub(super) fn split<'a>(text: &'a str, what: &str) -> Result<(u64, &'a str), TransitError> {
    let refuse = |why: &str| TransitError::rejected(format!("invalid {what}: {why}"));
    let rest = text.strip_prefix(PREFIX).ok_or_else(|| refuse("no prefix"))?;
    let (number, encoded) = rest.split_once(':').ok_or_else(|| refuse("wrong number of fields"))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| is_number && *number > 0);
    Ok((number.ok_or_else(|| refuse("version number could not be decoded"))?, encoded))
}

impl Key {
    /// The ciphertext, and the version that has made it.
    pub(super) fn encrypt(
        &self,
        requested: i64,
        plaintext: &[u8],
        with: &Surroundings,
        entropy: &dyn Entropy,
    ) -> Result<(String, u64), TransitError> {
        self.check_surroundings(with)?;
        let version = self.for_encryption(requested)?;
        let sealed = match self.key_type {
            KeyType::Cipher(cipher) => self.encrypt_symmetric(version, cipher, plaintext, with, entropy)?,
            KeyType::Rsa(bits) => {
                let Ready::Rsa(ready) = version.ready(self.key_type) else {
                    return Err(TransitError::Internal);
                };
                let sealed = ready.1.encrypt(&version.material.public, plaintext);
                sealed.ok_or_else(|| {
                    let most = bits / 8 - 66;
                    TransitError::rejected(format!(
                        "the plaintext is too long: this key encrypts {most} bytes at most"
                    ))
                })?
            }
            _ => return Err(self.unsupported("encryption")),
        };
        Ok((versioned(version.number, &STANDARD.encode(sealed)), version.number))
    }

    fn encrypt_symmetric(
        &self,
        version: &Version,
        cipher: Cipher,
        plaintext: &[u8],
        with: &Surroundings,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, TransitError> {
        let key = self.cipher_key(version, cipher, &with.context)?;
        let (aad, failed) = (&with.associated_data, TransitError::Internal);
        let nonce = if self.settings.convergent {
            let mac_key = version.material.hmac.expose();
            convergent_nonce(cipher, mac_key, &with.context, aad, plaintext).ok_or(failed.clone())?
        } else {
            let mut nonce = vec![0; cipher.nonce_len()];
            entropy.fill(&mut nonce).map_err(|_| failed.clone())?;
            nonce
        };
        cipher.encrypt(key.expose(), &nonce, aad, plaintext).ok_or(failed)
    }

    /// The plaintext of a ciphertext.
    pub(super) fn decrypt(&self, ciphertext: &str, with: &Surroundings) -> Result<SecretBytes, TransitError> {
        if !self.key_type.encrypts() {
            return Err(self.unsupported("decryption"));
        }
        self.check_surroundings(with)?;
        let (number, encoded) = split(ciphertext, "ciphertext")?;
        let version = self.for_decryption(number)?;
        let sealed = STANDARD
            .decode(encoded)
            .map_err(|_| TransitError::rejected("invalid ciphertext: could not decode base64"))?;
        let plain = match (self.key_type, version.ready(self.key_type)) {
            (KeyType::Cipher(cipher), _) => {
                let key = self.cipher_key(version, cipher, &with.context)?;
                cipher.decrypt(key.expose(), &with.associated_data, &sealed)
            }
            (_, Ready::Rsa(ready)) => ready.0.decrypt(version.private()?.expose(), &sealed),
            _ => None,
        };
        plain.ok_or_else(|| TransitError::rejected("invalid ciphertext: unable to decrypt"))
    }

    fn check_surroundings(&self, with: &Surroundings) -> Result<(), TransitError> {
        if with.has_nonce {
            return Err(TransitError::rejected(
                "provided nonce not allowed for this key: nonces are made here",
            ));
        }
        if !with.associated_data.is_empty() && !matches!(self.key_type, KeyType::Cipher(_)) {
            let name = self.key_type.name();
            return Err(TransitError::rejected(format!(
                "associated_data is not supported for keys of type {name}: only symmetric ciphers authenticate it"
            )));
        }
        Ok(())
    }

    pub(super) fn unsupported(&self, operation: &str) -> TransitError {
        let name = self.key_type.name();
        TransitError::rejected(format!("message {operation} not supported for key type {name}"))
    }
}
