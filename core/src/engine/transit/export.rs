//! `export`, `backup` and `restore`: what of a key leaves the server, and comes back.
//! Never in it: the import of keys from elsewhere (`import`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, object};

use super::error::{TransitError, no_key, refused_with_500};
use super::key::{Key, Version};
use super::key_type::KeyType;
use super::keys::check_name;
use super::material::{ed25519_pkcs8, ed25519_spki};
use super::offload::offload;
use super::{Change, Transit, pem, rsa_key};
use crate::engine::Call;
use crate::engine::fields::{self, answer};
use crate::engine::tools::decode_base64;
use crate::outcome::{Outcome, Refusal, Reply};

/// What is secret in answers with exported keys.
pub(super) const EXPORT_SECRETS: &[&str] = &["keys"];
/// What is secret in backups.
pub(super) const BACKUP_SECRETS: &[&str] = &["backup"];

/// What a backup begins with; the name of the key and its record follow.
const MAGIC: &[u8] = b"onrecord transit key 1\n";

/// Which part of a key is exported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Encryption,
    Signing,
    Hmac,
    Public,
}

/// How an exported key is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// As is usual for its type.
    Usual,
    Raw,
    Der,
    Pem,
}

impl Transit {
    /// `GET export/TYPE/NAME` and `GET export/TYPE/NAME/VERSION`.
    pub(super) fn export<'a>(&'a self, call: &'a Call<'a>, part: Part) -> Read<'a, Result<Outcome, Refusal>> {
        let (name, version) = call.captured.split_once('/').unwrap_or((call.captured, ""));
        self.key(name).then(move |key| {
            let key = match key {
                Ok(Some(key)) => key,
                Ok(None) => return Read::Ready(Ok(Outcome::absent())),
                Err(refusal) => return Read::Ready(Err(refusal)),
            };
            let format = match format(call.data) {
                Ok(format) => format,
                Err(refusal) => return Read::Ready(Err(refusal)),
            };
            let version = version.to_owned();
            let work = move || export(&key, part, format, &version);
            let finish = |shown: Object| Ok(answer(shown, call.data, &["format"]).into());
            Read::pending(async move { offload(work).await?.map_err(Refusal::from).and_then(finish) })
        })
    }

    /// `GET backup/NAME`.
    pub(super) fn backup<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.key(call.captured).map(|key| {
            let key = key?.ok_or_else(no_key)?;
            if !key.settings.exportable {
                return Err(refused_with_500("exporting is disallowed on the policy"));
            }
            if !key.settings.plaintext_backup {
                return Err(refused_with_500("plaintext backup is disallowed on the policy"));
            }
            call.permit.hold_change(key.stored_bytes)?;
            let backup = [MAGIC, key.name.as_bytes(), b"\n", key.encode().expose()].concat();
            let backup = STANDARD.encode(SecretBytes::new(backup).expose());
            Ok(Outcome::data(object! { "backup" => backup }))
        })
    }

    /// `POST restore` and `POST restore/NAME`.
    pub(super) async fn restore(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("invalid backup: {why}"));
        let backup = fields::text(call.data, "backup")?.unwrap_or_default();
        if backup.is_empty() {
            return Err(Refusal::invalid("'backup' must be supplied"));
        }
        let force = fields::flag(call.data, "force")?.unwrap_or(false);
        let bytes = decode_base64(&backup).map(SecretBytes::new).map_err(|_| wrong("it is not base64"))?;
        call.permit.hold_change(bytes.len())?;
        let in_body = fields::text(call.data, "name")?;
        let wanted = Some(call.captured)
            .filter(|name| !name.is_empty())
            .or(in_body.as_deref().filter(|name| !name.is_empty()));
        let wanted = wanted.map(str::to_owned);
        // Each of its versions is checked, which takes long for RSA.
        let (name, record) =
            offload(move || open_backup(&bytes, wanted)).await?.map_err(|why| wrong(&why))?;
        check_name(&name)?;
        let restored = self.change_key(call, &name, |stored| {
            if stored.is_some() && !force {
                return Err(refused_with_500(&format!("key {name:?} already exists")));
            }
            let key = Key::decode(&name, record.expose())?;
            Ok((Change::Put(key), ()))
        });
        restored.await?;
        let warnings = fields::unrecognized(call.data, &["backup", "force", "name"]).into_iter().collect();
        Ok(Reply { warnings, ..Reply::default() }.into())
    }
}

/// The name under which a backup is restored, and the record of its key.
fn open_backup(bytes: &SecretBytes, wanted: Option<String>) -> Result<(String, SecretBytes), String> {
    let rest = bytes.expose().strip_prefix(MAGIC).ok_or("it is not one that this server has made")?;
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
    let (name, record) = rest.split_at(end);
    let record = record.get(1..).unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(|_| "the name of its key is not UTF-8")?;
    let name = wanted.unwrap_or_else(|| name.to_owned());
    let key = Key::decode(&name, record).map_err(|_| "it is damaged")?;
    if !key.is_sound() {
        return Err("the parts of its key do not belong together".to_owned());
    }
    Ok((name, SecretBytes::new(record.to_vec())))
}

fn format(data: &Object) -> Result<Format, Refusal> {
    match fields::text(data, "format")?.as_deref() {
        None | Some("") => Ok(Format::Usual),
        Some("raw") => Ok(Format::Raw),
        Some("der") => Ok(Format::Der),
        Some("pem") => Ok(Format::Pem),
        Some(other) => Err(Refusal::invalid(format!(
            "invalid format {other:?}; must be \"raw\", \"der\" or \"pem\", or not be sent"
        ))),
    }
}

fn export(key: &Key, part: Part, format: Format, version: &str) -> Result<Object, TransitError> {
    if part != Part::Public && !key.settings.exportable {
        return Err(TransitError::rejected("private key material is not exportable"));
    }
    let all = || key.versions.iter().filter(|version| version.number >= key.min_decryption);
    let wanted: Vec<&Version> = match version {
        "" => all().collect(),
        "latest" => all().next_back().into_iter().collect(),
        number => {
            let number = number.strip_prefix('v').unwrap_or(number);
            let number = number.parse::<u64>().map_err(|_| TransitError::rejected("invalid key version"))?;
            if number < key.min_decryption {
                return Err(TransitError::rejected("version for export is below minimum decryption version"));
            }
            key.version(number).into_iter().collect()
        }
    };
    if wanted.is_empty() {
        return Err(TransitError::rejected("version does not exist or cannot be found"));
    }
    let shown = wanted.into_iter().map(|version| {
        let text = exported(key, version, part, format)?;
        Ok((version.number.to_string(), text))
    });
    let keys = shown.collect::<Result<Object, TransitError>>()?;
    Ok(object! { "keys" => keys, "name" => key.name.as_str(), "type" => key.key_type.name() })
}

fn exported(key: &Key, version: &Version, part: Part, format: Format) -> Result<String, TransitError> {
    let unsupported = |part: &str| {
        Err(TransitError::rejected(format!(
            "{part} cannot be exported of a key of type {}",
            key.key_type.name()
        )))
    };
    match (part, key.key_type) {
        (Part::Hmac, _) => raw(key.hmac_key(version)?, format),
        (Part::Encryption, KeyType::Cipher(_)) => raw(version.private()?.expose(), format),
        (Part::Encryption, KeyType::Rsa(_)) => private(key.key_type, version, format),
        (Part::Signing, key_type) if key_type.signs() => private(key_type, version, format),
        (Part::Public, key_type) if key_type.is_asymmetric() => public(key, version, format),
        (Part::Encryption, _) => unsupported("an encryption key"),
        (Part::Signing, _) => unsupported("a signing key"),
        (Part::Public, _) => unsupported("a public key"),
    }
}

fn raw(bytes: &[u8], format: Format) -> Result<String, TransitError> {
    match format {
        Format::Usual | Format::Raw => Ok(STANDARD.encode(bytes)),
        Format::Der | Format::Pem => Err(not_of_the_type("the formats \"der\" and \"pem\" are")),
    }
}

fn not_of_the_type(formats: &str) -> TransitError {
    TransitError::rejected(format!("{formats} not for keys of this type"))
}

fn private(key_type: KeyType, version: &Version, format: Format) -> Result<String, TransitError> {
    let private = version.private()?.expose();
    let pkcs8 = || match key_type {
        KeyType::Ed25519 => ed25519_pkcs8(private),
        _ => SecretBytes::new(private.to_vec()),
    };
    let pem_of = |label, der: Option<SecretBytes>| {
        der.map(|der| pem::encode(label, der.expose())).ok_or(TransitError::Internal)
    };
    match (format, key_type) {
        (Format::Der, _) => Ok(STANDARD.encode(pkcs8().expose())),
        (Format::Pem, _) => pem_of("PRIVATE KEY", Some(pkcs8())),
        // As Go has a private key: the seed, then the public key.
        (_, KeyType::Ed25519) => {
            Ok(STANDARD.encode(SecretBytes::new([private, &version.material.public[..]].concat()).expose()))
        }
        (Format::Raw, _) => Err(not_of_the_type("the format \"raw\" is")),
        (Format::Usual, KeyType::Ecdsa(curve)) => pem_of("EC PRIVATE KEY", curve.sec1(private)),
        (Format::Usual, _) => pem_of("RSA PRIVATE KEY", rsa_key::pkcs1(private)),
    }
}

fn public(key: &Key, version: &Version, format: Format) -> Result<String, TransitError> {
    let public = &version.material.public;
    let spki = || match key.key_type {
        KeyType::Ed25519 => ed25519_spki(public),
        _ => public.clone(),
    };
    match (format, key.key_type) {
        (Format::Der, _) => Ok(STANDARD.encode(spki())),
        (Format::Pem, _) => Ok(pem::encode("PUBLIC KEY", &spki())),
        (_, KeyType::Ed25519) => Ok(STANDARD.encode(public)),
        (Format::Raw, _) => Err(not_of_the_type("the format \"raw\" is")),
        (Format::Usual, _) => key.public_text(version, &[]),
    }
}
