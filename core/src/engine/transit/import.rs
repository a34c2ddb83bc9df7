//! `wrapping_key`, `keys/NAME/import` and `keys/NAME/import_version`: keys that were made elsewhere.
//! Never in it: backups of this server (`export`).

use std::sync::Arc;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
};
use onrecord_seal::{Entropy, SecretBytes};
use onrecord_value::{Object, object};

use super::error::{TransitError, no_key};
use super::key::{Key, Settings};
use super::key_type::KeyType;
use super::keys::{check_derivation, check_name, check_rotation_period, parse_type};
use super::material::{HMAC_BYTES, Material};
use super::offload::offload;
use super::{Change, Transit, pem, rsa_key};
use crate::engine::fields::{self, answer};
use crate::engine::tools::decode_base64;
use crate::engine::{Call, Unsealed};
use crate::outcome::{Outcome, Refusal};

/// What is secret in the bodies of imports.
pub(super) const SECRETS: &[&str] = &["ciphertext", "context"];

/// Where the key is stored by which imported keys are wrapped.
const WRAPPING_KEY: &str = "wrapping-key";
const WRAPPING_BITS: u32 = 4096;
/// The length of what it encrypts, in bytes.
const WRAPPED_BYTES: usize = 512;

const IMPORT: &[&str] = &[
    "allow_plaintext_backup",
    "allow_rotation",
    "auto_rotate_period",
    "ciphertext",
    "context",
    "derived",
    "exportable",
    "hash_function",
    "public_key",
    "type",
];
const IMPORT_VERSION: &[&str] = &["ciphertext", "hash_function", "public_key", "version"];

/// What a request imports.
enum Imported {
    /// A private or symmetric key, wrapped.
    Wrapped(Vec<u8>, &'static OaepAlgorithm),
    /// A public key.
    Public(String),
}

impl Transit {
    /// `GET wrapping_key`.
    pub(super) async fn show_wrapping_key(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let key = self.wrapping_key(call).await?;
        let public = rsa_key::public(key.expose()).ok_or_else(Refusal::internal)?;
        Ok(Outcome::data(object! { "public_key" => pem::encode("PUBLIC KEY", &public) }))
    }

    /// The key by which imported keys are wrapped; made when it is first asked for.
    async fn wrapping_key(&self, call: &Call<'_>) -> Result<SecretBytes, Refusal> {
        if let Some(stored) = self.space.get(WRAPPING_KEY).await? {
            return Ok(stored);
        }
        let made = offload(|| rsa_key::generate(WRAPPING_BITS)).await?.ok_or_else(Refusal::internal)?;
        let change = self.space.change(WRAPPING_KEY, None, call.permit, |stored, draft| match stored {
            Some(stored) => Ok(stored.duplicate()),
            None => draft.put(WRAPPING_KEY, made.expose()).map(|()| made.duplicate()),
        });
        change.await
    }

    /// `POST keys/NAME/import`.
    pub(super) async fn import(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let (key_type, settings) = parse(call.data)?;
        check_name(call.captured)?;
        let exists = || {
            let name = call.captured;
            Refusal::invalid(format!(
                "the import path cannot be used with an existing key; use keys/{name}/import_version to rotate {name}"
            ))
        };
        if self.key(call.captured).await?.is_some() {
            return Err(exists());
        }
        let material = Arc::new(self.unwrap(unsealed, call, key_type).await?);
        let imported = self.change_key(call, call.captured, |stored| {
            if stored.is_some() {
                return Err(exists());
            }
            let key = Key::new(call.captured, key_type, settings, call.now, Arc::clone(&material));
            let shown = key.show(&[])?;
            Ok((Change::Put(key), shown))
        });
        Ok(answer(imported.await?, call.data, IMPORT).into())
    }

    /// `POST keys/NAME/import_version`: a further version, or the private part of one whose public part is there.
    pub(super) async fn import_version(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let wanted = fields::count(call.data, "version")?;
        let key = self.key(call.captured).await?.ok_or_else(no_key)?;
        check_import(&key)?;
        let key_type = key.key_type;
        let material = Arc::new(self.unwrap(unsealed, call, key_type).await?);
        let imported = self.change_key(call, call.captured, |stored| {
            let mut key = stored.ok_or_else(no_key)?;
            check_import(&key)?;
            if key.key_type != key_type {
                return Err(Refusal::invalid("the key was replaced by one of another type meanwhile"));
            }
            match private_part_for(&key, &material, wanted)? {
                Some(number) => complete(&mut key, number, &material)?,
                None => key.push(call.now, Arc::clone(&material)),
            }
            let shown = key.show(&[])?;
            Ok((Change::Put(key), shown))
        });
        Ok(answer(imported.await?, call.data, IMPORT_VERSION).into())
    }

    /// The parts of the key that a request imports.
    async fn unwrap(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        key_type: KeyType,
    ) -> Result<Material, Refusal> {
        let imported = imported(call.data)?;
        let wrapping_key = match imported {
            Imported::Wrapped(..) => self.wrapping_key(call).await?,
            Imported::Public(_) => SecretBytes::new(Vec::new()),
        };
        let entropy = Arc::clone(&unsealed.host.entropy);
        Ok(offload(move || unwrap(&imported, &wrapping_key, key_type, &*entropy)).await??)
    }
}

/// The version whose private part is imported; none if a new version is.
fn private_part_for(key: &Key, material: &Material, wanted: Option<u64>) -> Result<Option<u64>, Refusal> {
    let lacks_private =
        |number| key.version(number).is_some_and(|version| version.material.private.is_none());
    match wanted.filter(|number| *number > 0) {
        None => Ok(Some(key.latest()).filter(|latest| material.private.is_some() && lacks_private(*latest))),
        Some(number) if material.private.is_some() && lacks_private(number) => Ok(Some(number)),
        Some(number) => Err(Refusal::invalid(format!(
            "version is {number}; it must be one that has only a public key, for which a private key is imported"
        ))),
    }
}

fn complete(key: &mut Key, number: u64, material: &Material) -> Result<(), Refusal> {
    let version =
        key.versions.iter_mut().find(|version| version.number == number).ok_or_else(Refusal::internal)?;
    if version.material.public != material.public {
        return Err(Refusal::invalid(format!(
            "the private key does not belong to the public key of version {number}"
        )));
    }
    let hmac = version.material.hmac.duplicate();
    let complete = Material { hmac, ..material.duplicate() };
    *version = super::key::Version::new(number, version.created, Arc::new(complete));
    Ok(())
}

fn check_import(key: &Key) -> Result<(), TransitError> {
    match (key.settings.imported, key.settings.import_allowed) {
        (true, true) => Ok(()),
        (true, false) => Err(TransitError::rejected(
            "the imported key was rotated within this server: no further version of it can be imported",
        )),
        (false, _) => {
            Err(TransitError::rejected("the key was made by this server: no version of it can be imported"))
        }
    }
}

fn parse(data: &Object) -> Result<(KeyType, Settings), Refusal> {
    let key_type = parse_type(data)?.unwrap_or(KeyType::DEFAULT);
    check_rotation_period(data)?;
    let flag = |field| Ok::<_, Refusal>(fields::flag(data, field)?.unwrap_or(false));
    if flag("convergent_encryption")? {
        return Err(Refusal::invalid("import cannot be used on keys with convergent encryption enabled"));
    }
    let settings = Settings {
        derived: flag("derived")?,
        exportable: flag("exportable")?,
        plaintext_backup: flag("allow_plaintext_backup")?,
        imported: true,
        import_allowed: true,
        rotation_allowed: flag("allow_rotation")?,
        hmac_bytes: HMAC_BYTES as u64,
        ..Settings::default()
    };
    check_derivation(key_type, settings)?;
    Ok((key_type, settings))
}

fn imported(data: &Object) -> Result<Imported, Refusal> {
    let sent = |field| Ok::<_, Refusal>(fields::text(data, field)?.filter(|text| !text.is_empty()));
    match (sent("ciphertext")?, sent("public_key")?) {
        (Some(_), Some(_)) => {
            Err(Refusal::invalid("only one of the fields 'ciphertext' and 'public_key' can be sent"))
        }
        (None, None) => Err(Refusal::invalid("one of the fields 'ciphertext' and 'public_key' must be sent")),
        (None, Some(text)) => Ok(Imported::Public(text.into_owned())),
        (Some(text), None) => {
            let wrapped = decode_base64(&text)
                .map_err(|error| Refusal::invalid(format!("failed to base64-decode ciphertext: {error}")))?;
            if wrapped.len() <= WRAPPED_BYTES {
                let length = wrapped.len();
                return Err(Refusal::invalid(format!(
                    "ciphertext has {length} bytes; it has {WRAPPED_BYTES} for the wrapped ephemeral key, and more for the key"
                )));
            }
            Ok(Imported::Wrapped(wrapped, hash_function(data)?))
        }
    }
}

fn hash_function(data: &Object) -> Result<&'static OaepAlgorithm, Refusal> {
    let name = fields::text(data, "hash_function")?.unwrap_or_default().to_ascii_uppercase();
    match name.replace('-', "").as_str() {
        "" | "SHA256" => Ok(&OAEP_SHA256_MGF1SHA256),
        "SHA1" => Ok(&OAEP_SHA1_MGF1SHA1),
        "SHA384" => Ok(&OAEP_SHA384_MGF1SHA384),
        "SHA512" => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(Refusal::invalid(format!(
            "unsupported hash_function {name:?}; must be SHA1, SHA256, SHA384 or SHA512"
        ))),
    }
}

fn unwrap(
    imported: &Imported,
    wrapping_key: &SecretBytes,
    key_type: KeyType,
    entropy: &dyn Entropy,
) -> Result<Material, TransitError> {
    let name = key_type.name();
    match imported {
        Imported::Public(_) if !key_type.is_asymmetric() => Err(TransitError::rejected(format!(
            "a public key cannot be imported for a key of type {name}, which has none"
        ))),
        Imported::Public(text) => Material::import_public(key_type, text, entropy).ok_or_else(|| {
            TransitError::rejected(format!("public_key is not a PEM public key of type {name}"))
        }),
        Imported::Wrapped(wrapped, algorithm) => {
            let key = open_wrapped(wrapped, algorithm, wrapping_key)?;
            Material::import(key_type, key.expose(), entropy).ok_or_else(|| {
                TransitError::rejected(format!(
                    "the imported key is not one of type {name}: symmetric keys are imported as their bytes, others as \
                     PKCS#8 in DER"
                ))
            })
        }
    }
}

/// The key in a ciphertext: the first part is an AES key, encrypted by the wrapping key; the rest is encrypted by that.
fn open_wrapped(
    wrapped: &[u8],
    algorithm: &'static OaepAlgorithm,
    wrapping_key: &SecretBytes,
) -> Result<SecretBytes, TransitError> {
    let (ephemeral, rest) = wrapped.split_at_checked(WRAPPED_BYTES).ok_or(TransitError::Internal)?;
    let ephemeral = rsa_key::decrypt_oaep(wrapping_key.expose(), algorithm, ephemeral).ok_or_else(|| {
        TransitError::rejected(
            "the ephemeral key could not be decrypted: it must be wrapped by the key of wrapping_key with RSA-OAEP and \
             hash_function",
        )
    })?;
    if ephemeral.len() != 32 {
        let length = ephemeral.len();
        return Err(TransitError::rejected(format!(
            "expected ephemeral AES key to be 32 bytes, got {length}"
        )));
    }
    let kek = AesKek::new(&AES_256, ephemeral.expose()).map_err(|_| TransitError::Internal)?;
    let mut key = vec![0; rest.len()];
    let length = kek.unwrap_with_padding(rest, &mut key).map(|key| key.len());
    let length = length.map_err(|_| {
        TransitError::rejected(
            "the key could not be unwrapped: it must be wrapped by the ephemeral key with AES-KWP",
        )
    })?;
    key.truncate(length);
    Ok(SecretBytes::new(key))
}
