//! Symmetric encryption: nonce, ciphertext and tag in one sequence of bytes; and keys and nonces that are derived.
//! Never in it: versions of keys, requests.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use onrecord_seal::SecretBytes;

/// The length of a tag, in bytes.
const TAG: usize = 16;

/// An authenticated cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm96,
    Aes256Gcm96,
    ChaCha20Poly1305,
    XChaCha20Poly1305,
}

impl Cipher {
    /// The length of a key, in bytes.
    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm96 => 16,
            Self::Aes256Gcm96 | Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => 32,
        }
    }

    /// The length of a nonce, in bytes.
    pub(super) const fn nonce_len(self) -> usize {
        match self {
            Self::Aes128Gcm96 | Self::Aes256Gcm96 | Self::ChaCha20Poly1305 => 12,
            Self::XChaCha20Poly1305 => 24,
        }
    }

    fn key(self, key: &[u8]) -> Option<LessSafeKey> {
        let algorithm = match self {
            Self::Aes128Gcm96 => &AES_128_GCM,
            Self::Aes256Gcm96 => &AES_256_GCM,
            Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
    }

    /// Nonce, ciphertext and tag.
    pub(super) fn encrypt(self, key: &[u8], nonce: &[u8], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = Vec::with_capacity(nonce.len() + plaintext.len() + TAG);
        sealed.extend_from_slice(nonce);
        if self == Self::XChaCha20Poly1305 {
            let cipher = XChaCha20Poly1305::new_from_slice(key).ok()?;
            let nonce = XNonce::try_from(nonce).ok()?;
            sealed.extend(cipher.encrypt(&nonce, Payload { msg: plaintext, aad }).ok()?);
            return Some(sealed);
        }
        sealed.extend_from_slice(plaintext);
        let nonce_len = nonce.len();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let rest = sealed.get_mut(nonce_len..)?;
        let tag = self.key(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), rest).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// The plaintext of what [`Cipher::encrypt`] has made.
    pub(super) fn decrypt(self, key: &[u8], aad: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, rest) = sealed.split_at_checked(self.nonce_len())?;
        if self == Self::XChaCha20Poly1305 {
            let cipher = XChaCha20Poly1305::new_from_slice(key).ok()?;
            let nonce = XNonce::try_from(nonce).ok()?;
            return cipher.decrypt(&nonce, Payload { msg: rest, aad }).ok().map(SecretBytes::new);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = rest.to_vec();
        let length = self.key(key)?.open_in_place(nonce, Aad::from(aad), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(SecretBytes::new(plain))
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// A key derived of another one and a context: HKDF with SHA-256, without a salt, the context as `info`.
pub(super) fn derive(key: &[u8], context: &[u8], length: usize) -> Option<SecretBytes> {
    SecretBytes::with(length, |out| {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
        extracted.expand(&[context], Length(length))?.fill(out)
    })
    .ok()
}

/// The nonce of a convergent key. It depends on all that is encrypted and authenticated: a nonce is only used twice
/// where the whole ciphertext is the same.
pub(super) fn convergent_nonce(
    cipher: Cipher,
    key: &[u8],
    context: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let key = derive(key, context, 32)?;
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    mac.update(&(aad.len() as u64).to_be_bytes());
    mac.update(aad);
    mac.update(plaintext);
    mac.sign().as_ref().get(..cipher.nonce_len()).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CIPHERS: [Cipher; 4] =
        [Cipher::Aes128Gcm96, Cipher::Aes256Gcm96, Cipher::ChaCha20Poly1305, Cipher::XChaCha20Poly1305];

    /// Of the key 00 01 02 … and the nonce f0 f1 f2 …: what Python's `cryptography` makes of `attack at dawn` with the
    /// associated data `aad` (XChaCha20-Poly1305 by `PyCryptodome`).
    const KNOWN: [&str; 4] = [
        "f0f1f2f3f4f5f6f7f8f9fafb706e921259b3451547dc5bd1a06e4f09042340f0b5f34bcda8dbe9455eca",
        "f0f1f2f3f4f5f6f7f8f9fafb087237611f51f215ebd793fbf924d91f783be47a2e54a4add30223f92ae6",
        "f0f1f2f3f4f5f6f7f8f9fafba1384aa7e4c3feb62bdeff9cf0435cb2b40760246a8cc896031c1b5ad8e2",
        "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00010203040506077689a20344ffc11c73caa6606213ae2c1115b144a786b438ea8ffd3fe676",
    ];

    #[test]
    fn a_ciphertext_of_another_implementation_is_decrypted_and_made_alike() {
        for (cipher, known) in CIPHERS.into_iter().zip(KNOWN) {
            let key: Vec<u8> = (0..32).take(cipher.key_len()).collect();
            let nonce: Vec<u8> = (0xf0..=0xff).chain(0..8).take(cipher.nonce_len()).collect();
            let sealed = cipher.encrypt(&key, &nonce, b"aad", b"attack at dawn").unwrap();
            assert_eq!(const_hex::encode(&sealed), known, "{cipher:?}");
            assert_eq!(cipher.decrypt(&key, b"aad", &sealed).unwrap().expose(), b"attack at dawn");
        }
    }

    #[test]
    fn a_derived_key_is_that_of_another_implementation() {
        let derived = derive(&[7; 32], b"context", 32).unwrap();
        assert_eq!(
            const_hex::encode(derived.expose()),
            "aeff01e932887278fa0f571a112fd4730ef0152c1668d8fbd8837b69c8368065"
        );
    }

    #[test]
    fn a_convergent_nonce_depends_on_context_associated_data_and_plaintext() {
        let nonce = |context: &str, aad: &str, plaintext: &str| {
            let (context, aad, plaintext) = (context.as_bytes(), aad.as_bytes(), plaintext.as_bytes());
            convergent_nonce(Cipher::Aes256Gcm96, &[1; 32], context, aad, plaintext).unwrap()
        };
        let one = nonce("c", "a", "p");
        assert_eq!((one.len(), nonce("c", "a", "p")), (12, one.clone()));
        for other in [nonce("d", "a", "p"), nonce("c", "b", "p"), nonce("c", "a", "q"), nonce("c", "", "ap")]
        {
            assert_ne!(one, other);
        }
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted_and_a_changed_bit_is_noticed(
            plaintext in prop::collection::vec(any::<u8>(), 0..200),
            aad in prop::collection::vec(any::<u8>(), 0..40),
            bit in any::<prop::sample::Index>(),
        ) {
            for cipher in CIPHERS {
                let (key, nonce) = (vec![3; cipher.key_len()], vec![4; cipher.nonce_len()]);
                let mut sealed = cipher.encrypt(&key, &nonce, &aad, &plaintext).unwrap();
                prop_assert_eq!(sealed.len(), nonce.len() + plaintext.len() + TAG);
                let plain = cipher.decrypt(&key, &aad, &sealed).unwrap();
                prop_assert_eq!(plain.expose(), &plaintext[..]);
                let bit = bit.index(sealed.len() * 8);
                sealed[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(cipher.decrypt(&key, &aad, &sealed).is_none());
            }
        }

        #[test]
        fn no_bytes_make_decryption_panic(sealed in prop::collection::vec(any::<u8>(), 0..60)) {
            for cipher in CIPHERS {
                prop_assert!(cipher.decrypt(&vec![3; cipher.key_len()], b"", &sealed).is_none());
            }
        }
    }
}
