//! A key: its type, its settings, its versions, and which of them an operation may use.
//! Never in it: requests, storage, cryptography.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::Ed25519KeyPair;
use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Time, Value, object};

use super::cipher::{Cipher, derive};
use super::ecdsa::EcdsaSigner;
use super::error::TransitError;
use super::key_type::KeyType;
use super::material::Material;
use super::pem;
use super::rsa_key::{RsaPrivate, RsaPublic};

/// A named key.
#[expect(clippy::struct_field_names, reason = "`type` is a word of the language")]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) key_type: KeyType,
    pub(super) settings: Settings,
    /// The oldest version that was left by a trim; 0 if none was.
    pub(super) min_available: u64,
    pub(super) min_decryption: u64,
    /// 0 stands for the latest version.
    pub(super) min_encryption: u64,
    /// By number, upwards, without a hole; never empty.
    pub(super) versions: Vec<Version>,
    /// How many bytes it takes in storage.
    pub(super) stored_bytes: usize,
}

/// What is set when a key is made, or by its configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the API")]
pub(super) struct Settings {
    /// Each operation needs a context, by which the key that is used is derived.
    pub(super) derived: bool,
    /// The same plaintext and context make the same ciphertext.
    pub(super) convergent: bool,
    pub(super) exportable: bool,
    pub(super) plaintext_backup: bool,
    pub(super) deletion_allowed: bool,
    /// Its first version came from outside.
    pub(super) imported: bool,
    /// Whether an imported key may be rotated here.
    pub(super) rotation_allowed: bool,
    /// Whether further versions may be imported: none may after a rotation.
    pub(super) import_allowed: bool,
    /// The length of a key of HMACs.
    pub(super) hmac_bytes: u64,
}

/// One version of a key.
pub(super) struct Version {
    /// 1 for the first.
    pub(super) number: u64,
    pub(super) created: Time,
    pub(super) material: Arc<Material>,
    ready: OnceLock<Ready>,
}

/// A key as its library holds it.
pub(super) enum Ready {
    Bytes,
    Ed25519(Option<Box<Ed25519KeyPair>>),
    Ecdsa(Option<Box<EcdsaSigner>>),
    Rsa(Box<(RsaPrivate, RsaPublic)>),
}

impl Version {
    pub(super) fn new(number: u64, created: Time, material: Arc<Material>) -> Self {
        Self { number, created, material, ready: OnceLock::new() }
    }

    /// The private part, for an operation that needs it.
    pub(super) fn private(&self) -> Result<&SecretBytes, TransitError> {
        self.material.private.as_ref().ok_or_else(|| {
            TransitError::rejected(format!(
                "version {} of the key has no private part: only its public key was imported",
                self.number
            ))
        })
    }

    /// The key as its library holds it.
    pub(super) fn ready(&self, key_type: KeyType) -> &Ready {
        let private = self.material.private.as_ref().map(SecretBytes::expose);
        self.ready.get_or_init(|| match key_type {
            KeyType::Cipher(_) | KeyType::Hmac => Ready::Bytes,
            KeyType::Ed25519 => {
                let pair = private.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(seed).ok());
                Ready::Ed25519(pair.map(Box::new))
            }
            KeyType::Ecdsa(curve) => {
                let signer = private.and_then(|pkcs8| EcdsaSigner::new(curve, pkcs8));
                Ready::Ecdsa(signer.map(Box::new))
            }
            KeyType::Rsa(_) => Ready::Rsa(Box::default()),
        })
    }
}

impl Key {
    /// A key with its first version.
    pub(super) fn new(
        name: &str,
        key_type: KeyType,
        settings: Settings,
        now: Time,
        material: Arc<Material>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            key_type,
            settings,
            min_available: 0,
            min_decryption: 1,
            min_encryption: 0,
            versions: vec![Version::new(1, now, material)],
            stored_bytes: 0,
        }
    }

    /// The number of the newest version.
    pub(super) fn latest(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.number)
    }

    pub(super) fn version(&self, number: u64) -> Option<&Version> {
        let first = self.versions.first()?.number;
        self.versions.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Adds a version that is used from now on.
    pub(super) fn push(&mut self, now: Time, material: Arc<Material>) {
        let number = self.latest() + 1;
        self.versions.push(Version::new(number, now, material));
    }

    /// The version that encrypts, signs or makes HMACs; 0 asks for the newest.
    pub(super) fn for_encryption(&self, requested: i64) -> Result<&Version, TransitError> {
        let refuse =
            |why: &str| Err(TransitError::rejected(format!("requested version for encryption is {why}")));
        let Ok(requested) = u64::try_from(requested) else { return refuse("negative") };
        let latest = self.latest();
        let number = if requested == 0 { latest } else { requested };
        if number > latest {
            return refuse("higher than the latest key version");
        }
        if number < self.min_encryption {
            return refuse("less than the minimum encryption key version");
        }
        match self.version(number) {
            Some(version) => Ok(version),
            None => refuse("no longer available"),
        }
    }

    /// The version that a ciphertext, a signature or an HMAC was made with.
    pub(super) fn for_decryption(&self, number: u64) -> Result<&Version, TransitError> {
        if number > self.latest() {
            return Err(TransitError::rejected("invalid ciphertext: version is too new"));
        }
        self.version(number).filter(|_| number >= self.min_decryption).ok_or_else(|| {
            TransitError::rejected("ciphertext or signature version is disallowed by policy (too old)")
        })
    }

    /// The bytes of a symmetric key or a seed that an operation uses; `None` if it is the version's own.
    pub(super) fn derived(
        &self,
        version: &Version,
        context: &[u8],
        length: usize,
    ) -> Result<Option<SecretBytes>, TransitError> {
        if !self.settings.derived {
            return Ok(None);
        }
        if context.is_empty() {
            return Err(TransitError::rejected(
                "missing 'context' for key derivation; the key was created using a derived key, which means \
                 additional, per-request information must be included in order to perform operations with the key",
            ));
        }
        derive(version.private()?.expose(), context, length).map(Some).ok_or(TransitError::Internal)
    }

    /// The key as it is used by a cipher.
    pub(super) fn cipher_key(
        &self,
        version: &Version,
        cipher: Cipher,
        context: &[u8],
    ) -> Result<SecretBytes, TransitError> {
        match self.derived(version, context, cipher.key_len())? {
            Some(derived) => Ok(derived),
            None => version.private().map(SecretBytes::duplicate),
        }
    }

    /// The public key of a version as answers carry it.
    pub(super) fn public_text(&self, version: &Version, context: &[u8]) -> Result<String, TransitError> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        Ok(match self.key_type {
            KeyType::Cipher(_) | KeyType::Hmac => String::new(),
            KeyType::Ed25519 if self.settings.derived && context.is_empty() => String::new(),
            KeyType::Ed25519 => match self.derived(version, context, 32)? {
                Some(seed) => STANDARD.encode(ed25519(seed.expose())?.0),
                None => STANDARD.encode(&version.material.public),
            },
            KeyType::Ecdsa(_) | KeyType::Rsa(_) => pem::encode("PUBLIC KEY", &version.material.public),
        })
    }

    /// What the API shows of it. `context` derives the public keys of a derived key.
    pub(super) fn show(&self, context: &[u8]) -> Result<Object, TransitError> {
        let settings = self.settings;
        let mut shown = object! {
            "allow_plaintext_backup" => settings.plaintext_backup,
            "auto_rotate_period" => 0,
            "deletion_allowed" => settings.deletion_allowed,
            "derived" => settings.derived,
            "exportable" => settings.exportable,
            "imported_key" => settings.imported,
            "keys" => self.show_versions(context)?,
            "latest_version" => self.latest(),
            "min_available_version" => self.min_available,
            "min_decryption_version" => self.min_decryption,
            "min_encryption_version" => self.min_encryption,
            "name" => self.name.as_str(),
            "supports_decryption" => self.key_type.encrypts(),
            "supports_derivation" => self.key_type.derives(),
            "supports_encryption" => self.key_type.encrypts(),
            "supports_signing" => self.key_type.signs(),
            "type" => self.key_type.name(),
        };
        if settings.derived {
            shown.insert("kdf", "hkdf_sha256");
            shown.insert("convergent_encryption", settings.convergent);
        }
        if settings.imported {
            shown.insert("imported_key_allow_rotation", settings.rotation_allowed);
        }
        Ok(shown)
    }

    /// The versions that may still be used, by number: the time of each and, of an asymmetric key, its public part.
    fn show_versions(&self, context: &[u8]) -> Result<Object, TransitError> {
        let shown = self.versions.iter().filter(|version| version.number >= self.min_decryption);
        shown
            .map(|version| {
                let name = match self.key_type {
                    KeyType::Cipher(_) | KeyType::Hmac => {
                        return Ok((version.number.to_string(), Value::from(version.created.unix_seconds())));
                    }
                    KeyType::Ecdsa(curve) => curve.name(),
                    KeyType::Ed25519 | KeyType::Rsa(_) => self.key_type.name(),
                };
                let shown = object! {
                    "creation_time" => version.created,
                    "name" => name,
                    "public_key" => self.public_text(version, context)?,
                };
                Ok((version.number.to_string(), shown.into()))
            })
            .collect()
    }
}

/// An Ed25519 key of a seed: its public part, and the pair.
pub(super) fn ed25519(seed: &[u8]) -> Result<(Vec<u8>, Ed25519KeyPair), TransitError> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| TransitError::Internal)?;
    Ok((pair.public_key().as_ref().to_vec(), pair))
}
