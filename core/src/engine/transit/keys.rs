//! Making, showing, listing, configuring, rotating, trimming and deleting keys.
//! Never in it: what keys are used for.

use std::sync::Arc;

use onrecord_storage::Read;
use onrecord_value::Object;

use super::error::{TransitError, no_key};
use super::key::{Key, Settings};
use super::key_type::KeyType;
use super::material::{HMAC_BYTES, MOST_HMAC_BYTES, Material};
use super::offload::offload;
use super::{Change, Transit};
use crate::audit_errors::WARN_KEY_EXISTS;
use crate::engine::fields::{self, answer};
use crate::engine::tools::decode_base64;
use crate::engine::{Call, Unsealed};
use crate::outcome::{Outcome, Refusal, Reply, Warning};

/// What a rotation has found.
enum Rotated {
    Key(Key),
    /// A key of another type is there now: the new version was not made for it.
    OtherType,
}

impl Transit {
    /// `POST keys/NAME`.
    pub(super) async fn create(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let (key_type, settings) = parse_new(call.data)?;
        check_name(call.captured)?;
        if let Some(key) = self.key(call.captured).await? {
            return already_there(&key, call);
        }
        let material = Arc::new(generate(unsealed, key_type, settings.hmac_bytes).await?);
        let created = self.change_key(call, call.captured, |stored| {
            Ok(match stored {
                Some(key) => (Change::Keep, (key, false)),
                None => {
                    let key = || Key::new(call.captured, key_type, settings, call.now, Arc::clone(&material));
                    (Change::Put(key()), (key(), true))
                }
            })
        });
        match created.await? {
            (key, true) => Ok(answer(key.show(&[])?, call.data, NEW_KEY).into()),
            (key, false) => already_there(&key, call),
        }
    }

    /// `GET keys/NAME`.
    pub(super) fn show<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.key(call.captured).map(|key| {
            let Some(key) = key? else { return Ok(Outcome::absent()) };
            let context = fields::text(call.data, "context")?.unwrap_or_default();
            let context = decode_base64(&context)
                .map_err(|error| Refusal::invalid(format!("failed to base64-decode context: {error}")))?;
            Ok(answer(key.show(&context)?, call.data, &["context"]).into())
        })
    }

    /// `LIST keys`.
    pub(super) fn list<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(super::KEYS).map(|names| {
            let mut names = names?;
            call.permit.hold_names(&names)?;
            if let Some(after) = fields::text(call.data, "after")? {
                names.retain(|name| **name > *after);
            }
            if let Some(limit) = fields::count(call.data, "limit")?.filter(|limit| *limit > 0) {
                names.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            }
            Ok(Outcome::keys(names))
        })
    }

    /// `DELETE keys/NAME`.
    pub(super) async fn delete(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let deleted = self.change_key(call, call.captured, |stored| match stored {
            None => Err(no_key()),
            Some(key) if !key.settings.deletion_allowed => Err(Refusal::invalid(
                "deletion is not allowed for this key: set deletion_allowed with keys/NAME/config",
            )),
            Some(_) => Ok((Change::Delete, ())),
        });
        deleted.await
    }

    /// `POST keys/NAME/config`.
    pub(super) async fn configure_key(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let configured = self.change_key(call, call.captured, |stored| {
            let mut key = stored.ok_or_else(no_key)?;
            configure(&mut key, call.data)?;
            let shown = key.show(&[])?;
            Ok((Change::Put(key), shown))
        });
        Ok(answer(configured.await?, call.data, KEY_CONFIG).into())
    }

    /// `POST keys/NAME/rotate`.
    pub(super) async fn rotate(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        loop {
            let key = self.key(call.captured).await?.ok_or_else(no_key)?;
            let (key_type, hmac_bytes) = (key.key_type, key.settings.hmac_bytes);
            check_rotation(&key)?;
            let material = Arc::new(generate(unsealed, key_type, hmac_bytes).await?);
            let rotated = self.change_key(call, call.captured, |stored| {
                let mut key = stored.ok_or_else(no_key)?;
                if (key.key_type, key.settings.hmac_bytes) != (key_type, hmac_bytes) {
                    return Ok((Change::Keep, Rotated::OtherType));
                }
                check_rotation(&key)?;
                key.push(call.now, Arc::clone(&material));
                key.settings.import_allowed = false;
                let shown = Key::decode(&key.name, key.encode().expose())?;
                Ok((Change::Put(key), Rotated::Key(shown)))
            });
            if let Rotated::Key(key) = rotated.await? {
                return Ok(answer(key.show(&[])?, call.data, &[]).into());
            }
        }
    }

    /// `POST keys/NAME/trim`.
    pub(super) async fn trim(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let wanted = fields::count(call.data, "min_available_version")?.unwrap_or(0);
        let trimmed = self.change_key(call, call.captured, |stored| {
            let mut key = stored.ok_or_else(no_key)?;
            trim(&mut key, wanted)?;
            let shown = key.show(&[])?;
            Ok((Change::Put(key), shown))
        });
        Ok(answer(trimmed.await?, call.data, &["min_available_version"]).into())
    }
}

/// The parts of a new version.
pub(super) async fn generate(
    unsealed: &Unsealed,
    key_type: KeyType,
    hmac_bytes: u64,
) -> Result<Material, Refusal> {
    let entropy = Arc::clone(&unsealed.host.entropy);
    let hmac_bytes = usize::try_from(hmac_bytes).unwrap_or(HMAC_BYTES);
    let make = move || Material::generate(key_type, hmac_bytes, &*entropy);
    let made = if matches!(key_type, KeyType::Rsa(_)) { offload(make).await? } else { make() };
    made.ok_or_else(|| {
        tracing::error!(key_type = key_type.name(), "a key could not be made");
        Refusal::internal()
    })
}

fn already_there(key: &Key, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let mut reply: Reply = answer(key.show(&[])?, call.data, NEW_KEY);
    let text = format!("key {} already existed", key.name);
    reply.warnings.push(Warning { text, template: WARN_KEY_EXISTS });
    Ok(reply.into())
}

const NEW_KEY: &[&str] = &[
    "allow_plaintext_backup",
    "auto_rotate_period",
    "convergent_encryption",
    "derived",
    "exportable",
    "key_size",
    "type",
];
const KEY_CONFIG: &[&str] = &[
    "allow_plaintext_backup",
    "auto_rotate_period",
    "deletion_allowed",
    "exportable",
    "min_decryption_version",
    "min_encryption_version",
];

/// The type of a key by its name in a request.
pub(super) fn parse_type(data: &Object) -> Result<Option<KeyType>, Refusal> {
    let Some(name) = fields::text(data, "type")?.filter(|name| !name.is_empty()) else { return Ok(None) };
    KeyType::parse(&name).map(Some).ok_or_else(|| {
        Refusal::invalid(format!("unknown key type {name:?}; it must be one of {}", KeyType::names()))
    })
}

fn parse_new(data: &Object) -> Result<(KeyType, Settings), Refusal> {
    let key_type = parse_type(data)?.unwrap_or(KeyType::DEFAULT);
    check_rotation_period(data)?;
    let flag = |field| Ok::<_, Refusal>(fields::flag(data, field)?.unwrap_or(false));
    let settings = Settings {
        derived: flag("derived")?,
        convergent: flag("convergent_encryption")?,
        exportable: flag("exportable")?,
        plaintext_backup: flag("allow_plaintext_backup")?,
        hmac_bytes: hmac_bytes(data, key_type)?,
        ..Settings::default()
    };
    check_derivation(key_type, settings)?;
    Ok((key_type, settings))
}

fn hmac_bytes(data: &Object, key_type: KeyType) -> Result<u64, Refusal> {
    let size = fields::count(data, "key_size")?.unwrap_or(0);
    let (least, most) = (HMAC_BYTES as u64, MOST_HMAC_BYTES as u64);
    match (size, key_type) {
        (0, _) => Ok(least),
        (size, KeyType::Hmac) if (least..=most).contains(&size) => Ok(size),
        (size, KeyType::Hmac) => {
            Err(Refusal::invalid(format!("key_size is {size}; it must be from {least} to {most}")))
        }
        _ => Err(Refusal::invalid("key_size is only for keys of type hmac")),
    }
}

/// Refuses settings that a type does not have.
pub(super) fn check_derivation(key_type: KeyType, settings: Settings) -> Result<(), Refusal> {
    if settings.convergent && !settings.derived {
        return Err(Refusal::invalid("convergent encryption requires derivation to be enabled"));
    }
    let is_possible = key_type.derives() && (!settings.convergent || key_type.encrypts());
    if settings.derived && !is_possible {
        return Err(Refusal::invalid(format!(
            "key derivation and convergent encryption not supported for keys of type {}",
            key_type.name()
        )));
    }
    Ok(())
}

/// Keys are rotated by requests alone.
pub(super) fn check_rotation_period(data: &Object) -> Result<(), Refusal> {
    if fields::span(data, "auto_rotate_period")?.is_none_or(|period| period.nanos() == 0) {
        Ok(())
    } else {
        Err(Refusal::invalid(
            "auto_rotate_period must be 0: this server does not rotate keys by itself; use keys/NAME/rotate",
        ))
    }
}

/// A name is letters, digits, `_`, `-` and `.`, and begins and ends with a letter, a digit or `_`.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_inner = |byte: &u8| is_word(byte) || matches!(byte, b'-' | b'.');
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if bytes.len() <= 255 && bytes.iter().all(is_inner) && ends.iter().all(|end| end.is_some_and(is_word)) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "invalid name of a key {name:?}: it is of letters, digits, '_', '-' and '.', begins and ends with a letter, a \
         digit or '_', and has 255 characters at most"
    )))
}

fn check_rotation(key: &Key) -> Result<(), TransitError> {
    if key.settings.imported && !key.settings.rotation_allowed {
        return Err(TransitError::rejected(format!(
            "imported key {} does not allow rotation within this server: import it with allow_rotation, or use \
             keys/{}/import_version",
            key.name, key.name
        )));
    }
    Ok(())
}

fn configure(key: &mut Key, data: &Object) -> Result<(), Refusal> {
    let latest = key.latest();
    let version = |field: &str, what: &str, old: u64| match fields::whole(data, field)? {
        None => Ok(old),
        Some(version) => match u64::try_from(version) {
            Err(_) => Err(Refusal::invalid(format!("{what} version cannot be negative"))),
            Ok(version) if version > latest => Err(Refusal::invalid(format!(
                "cannot set {what} version of {version}, latest key version is {latest}"
            ))),
            Ok(version) => Ok(version),
        },
    };
    check_rotation_period(data)?;
    // Versions are counted from 1.
    let min_decryption = version("min_decryption_version", "min decryption", key.min_decryption)?.max(1);
    let min_encryption = version("min_encryption_version", "min encryption", key.min_encryption)?;
    if min_encryption > 0 && min_encryption < min_decryption {
        return Err(Refusal::invalid(format!(
            "cannot set min encryption/decryption values; min encryption version of {min_encryption} must be greater \
             than or equal to min decryption version of {min_decryption}"
        )));
    }
    if min_decryption < key.min_available {
        return Err(Refusal::invalid(format!(
            "cannot set min decryption version of {min_decryption}, the versions before {} were trimmed",
            key.min_available
        )));
    }
    (key.min_decryption, key.min_encryption) = (min_decryption, min_encryption);
    let settings = &mut key.settings;
    settings.deletion_allowed = fields::flag(data, "deletion_allowed")?.unwrap_or(settings.deletion_allowed);
    // Once set, these stay.
    settings.exportable |= fields::flag(data, "exportable")?.unwrap_or(false);
    settings.plaintext_backup |= fields::flag(data, "allow_plaintext_backup")?.unwrap_or(false);
    Ok(())
}

fn trim(key: &mut Key, wanted: u64) -> Result<(), Refusal> {
    let refuse =
        |why: String| Err(Refusal::invalid(format!("cannot trim to min_available_version {wanted}: {why}")));
    let most = key.min_decryption.min(key.min_encryption);
    if wanted == 0 {
        return refuse("it must be the number of a version".to_owned());
    }
    if key.min_encryption == 0 {
        return refuse("min_encryption_version of the key must be set first".to_owned());
    }
    if wanted < key.min_available {
        return refuse(format!("the versions before {} are trimmed already", key.min_available));
    }
    if wanted > most {
        return refuse(format!(
            "it must not be greater than min_decryption_version ({}) and min_encryption_version ({})",
            key.min_decryption, key.min_encryption
        ));
    }
    key.versions.retain(|version| version.number >= wanted);
    key.min_available = wanted;
    Ok(())
}
