//! `encrypt`, `decrypt`, `rewrap` and `datakey`.
//! Never in it: how bytes are encrypted (`crypt`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_storage::Read;
use onrecord_value::{Object, object};

use super::batch::{Batch, Failures, bytes, text, whole};
use super::crypt::Surroundings;
use super::error::{TransitError, no_key};
use super::key::{Key, Settings};
use super::key_type::{KeyType, Operation};
use super::keys::{check_derivation, check_name, generate, parse_type};
use super::material::{HMAC_BYTES, random};
use super::offload::compute;
use super::{Change, Transit};
use crate::engine::fields::{self, answer};
use crate::engine::{Call, Handled, Unsealed};
use crate::operation;
use crate::outcome::{Outcome, Refusal};

/// What is secret in the bodies of these requests and in their answers.
pub(super) const SECRETS: &[&str] =
    &["plaintext", "ciphertext", "context", "associated_data", "nonce", "batch_input"];

const ENCRYPT: &[&str] = &[
    "associated_data",
    "context",
    "convergent_encryption",
    "key_version",
    "nonce",
    "padding_scheme",
    "plaintext",
    "type",
];
const DECRYPT: &[&str] =
    &["associated_data", "ciphertext", "context", "key_version", "nonce", "padding_scheme"];

/// What is to be encrypted.
struct Plain {
    plaintext: Vec<u8>,
    with: Surroundings,
    key_version: i64,
}

/// What is to be decrypted.
struct Sealed {
    ciphertext: String,
    with: Surroundings,
    /// The version that encrypts it again.
    key_version: i64,
}

impl Plain {
    fn read(item: &Object) -> Result<Self, TransitError> {
        let plaintext = bytes(item, "plaintext")?;
        let plaintext = plaintext.ok_or_else(|| TransitError::rejected("missing plaintext to encrypt"))?;
        Ok(Self { plaintext, with: surroundings(item)?, key_version: whole(item, "key_version")? })
    }
}

impl Sealed {
    fn read(item: &Object) -> Result<Self, TransitError> {
        let ciphertext = text(item, "ciphertext")?.filter(|ciphertext| !ciphertext.is_empty());
        let ciphertext = ciphertext.ok_or_else(|| TransitError::rejected("missing ciphertext to decrypt"))?;
        Ok(Self { ciphertext, with: surroundings(item)?, key_version: whole(item, "key_version")? })
    }
}

fn surroundings(item: &Object) -> Result<Surroundings, TransitError> {
    if let Some(padding) =
        text(item, "padding_scheme")?.filter(|padding| !["", "oaep"].contains(&padding.as_str()))
    {
        return Err(TransitError::rejected(format!(
            "padding_scheme {padding:?} is not supported; it must be \"oaep\""
        )));
    }
    Ok(Surroundings {
        context: bytes(item, "context")?.unwrap_or_default(),
        associated_data: bytes(item, "associated_data")?.unwrap_or_default(),
        has_nonce: text(item, "nonce")?.is_some_and(|nonce| !nonce.is_empty()),
    })
}

impl Transit {
    /// `POST encrypt/NAME`. A create makes the key.
    pub(super) fn encrypt<'a>(&'a self, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Handled<'a> {
        let batch = match Batch::read(call, ENCRYPT, Failures::SetStatus, Plain::read) {
            Ok(batch) => batch,
            Err(refusal) => return Handled::ready(refusal),
        };
        if let Some(refusal) = batch.refusal() {
            return Handled::ready(refusal);
        }
        let room = batch.readable().map(|plain| plain.plaintext.len()).sum::<usize>();
        if let Err(overloaded) = call.permit.hold_change(room) {
            return Handled::ready(Refusal::from(overloaded));
        }
        if call.operation == operation::Operation::Create {
            return Handled::pending(async move {
                match self.upsert(unsealed, call, &batch).await {
                    Ok(key) => encrypt_all(unsealed, key, batch).await,
                    Err(refusal) => refusal.into(),
                }
            });
        }
        self.with_key(call.captured, move |key| encrypt_all(unsealed, key, batch))
    }

    /// The key of the call, made if it is not there.
    async fn upsert(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        batch: &Batch<Plain>,
    ) -> Result<Arc<Key>, Refusal> {
        check_name(call.captured)?;
        let key_type = parse_type(call.data)?.unwrap_or(KeyType::DEFAULT);
        if !key_type.encrypts() {
            let name = key_type.name();
            return Err(Refusal::invalid(format!(
                "key type {name} not supported for this operation: it cannot encrypt"
            )));
        }
        let contexts = batch.readable().filter(|plain| !plain.with.context.is_empty()).count();
        if contexts > 0 && contexts < batch.len() {
            return Err(Refusal::invalid(
                "context should be set either in all the request blocks or in none",
            ));
        }
        let settings = Settings {
            derived: contexts > 0,
            convergent: fields::flag(call.data, "convergent_encryption")?.unwrap_or(false),
            hmac_bytes: HMAC_BYTES as u64,
            ..Settings::default()
        };
        check_derivation(key_type, settings)?;
        let material = Arc::new(generate(unsealed, key_type, settings.hmac_bytes).await?);
        let made = self.change_key(call, call.captured, |stored| {
            call.recheck_operation(stored.is_some())?;
            Ok(match stored {
                Some(key) => (Change::Keep, key),
                None => {
                    let key = || Key::new(call.captured, key_type, settings, call.now, Arc::clone(&material));
                    (Change::Put(key()), key())
                }
            })
        });
        made.await.map(Arc::new)
    }

    /// `POST decrypt/NAME`.
    pub(super) fn decrypt<'a>(&'a self, call: &'a Call<'a>) -> Handled<'a> {
        self.open(call, |key, batch| {
            let micros = cost(&key, Operation::Decrypt, batch.len());
            compute(micros, move || {
                batch.run(|sealed| {
                    let plaintext = key.decrypt(&sealed.ciphertext, &sealed.with)?;
                    Ok(object! { "plaintext" => STANDARD.encode(plaintext.expose()) })
                })
            })
        })
    }

    /// `POST rewrap/NAME`: encrypts again, by the newest version or the one that is asked for.
    pub(super) fn rewrap<'a>(&'a self, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Handled<'a> {
        self.open(call, |key, batch| {
            let entropy = Arc::clone(&unsealed.host.entropy);
            let micros = cost(&key, Operation::Decrypt, batch.len());
            compute(micros, move || {
                batch.run(|sealed| {
                    let plaintext = key.decrypt(&sealed.ciphertext, &sealed.with)?;
                    let made =
                        key.encrypt(sealed.key_version, plaintext.expose(), &sealed.with, &*entropy)?;
                    Ok(encrypted(made))
                })
            })
        })
    }

    /// Reads the ciphertexts of a call, and does something with them and the key.
    fn open<'a>(
        &'a self,
        call: &'a Call<'a>,
        work: impl FnOnce(Arc<Key>, Batch<Sealed>) -> Read<'a, Outcome> + Send + 'a,
    ) -> Handled<'a> {
        let batch = match Batch::read(call, DECRYPT, Failures::SetStatus, Sealed::read) {
            Ok(batch) => batch,
            Err(refusal) => return Handled::ready(refusal),
        };
        if let Some(refusal) = batch.refusal() {
            return Handled::ready(refusal);
        }
        let room = batch.readable().map(|sealed| sealed.ciphertext.len()).sum::<usize>();
        if let Err(overloaded) = call.permit.hold_change(room) {
            return Handled::ready(Refusal::from(overloaded));
        }
        self.with_key(call.captured, move |key| work(key, batch))
    }

    /// `POST datakey/plaintext/NAME` and `POST datakey/wrapped/NAME`: a new key for the client, encrypted and, for the
    /// former, in the clear.
    pub(super) fn data_key<'a>(
        &'a self,
        unsealed: &'a Unsealed,
        call: &'a Call<'a>,
        shows_plaintext: bool,
    ) -> Handled<'a> {
        let parsed = bits(call.data).and_then(|bits| Ok((bits, surroundings(call.data)?)));
        let (bits, with) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Handled::ready(Refusal::from(error)),
        };
        self.with_key(call.captured, move |key| {
            let make = || -> Result<Outcome, Refusal> {
                let entropy = &*unsealed.host.entropy;
                let made = random(entropy, bits / 8).ok_or_else(Refusal::internal)?;
                let mut shown = encrypted(key.encrypt(0, made.expose(), &with, entropy)?);
                if shows_plaintext {
                    shown.insert("plaintext", STANDARD.encode(made.expose()));
                }
                let known = ["associated_data", "bits", "context", "nonce", "padding_scheme"];
                Ok(answer(shown, call.data, &known).into())
            };
            Read::Ready(make().into())
        })
    }

    /// Does something with a key that is there.
    pub(super) fn with_key<'a>(
        &'a self,
        name: &'a str,
        work: impl FnOnce(Arc<Key>) -> Read<'a, Outcome> + Send + 'a,
    ) -> Handled<'a> {
        Handled::read(self.key(name).then(|key| match key {
            Ok(Some(key)) => work(key),
            Ok(None) => Read::Ready(no_key().into()),
            Err(refusal) => Read::Ready(refusal.into()),
        }))
    }
}

fn encrypt_all(unsealed: &Unsealed, key: Arc<Key>, batch: Batch<Plain>) -> Read<'_, Outcome> {
    let entropy = Arc::clone(&unsealed.host.entropy);
    let micros = cost(&key, Operation::Encrypt, batch.len());
    compute(micros, move || {
        batch.run(|plain| {
            let made = key.encrypt(plain.key_version, &plain.plaintext, &plain.with, &*entropy)?;
            Ok(encrypted(made))
        })
    })
}

fn encrypted((ciphertext, version): (String, u64)) -> Object {
    object! { "ciphertext" => ciphertext, "key_version" => version }
}

/// About how long an operation takes on this number of items.
pub(super) fn cost(key: &Key, operation: Operation, items: usize) -> u64 {
    key.key_type.micros(operation).saturating_mul(items as u64)
}

fn bits(data: &Object) -> Result<usize, TransitError> {
    match whole(data, "bits")? {
        0 | 256 => Ok(256),
        128 => Ok(128),
        512 => Ok(512),
        other => Err(TransitError::rejected(format!("invalid bits {other}; it must be 128, 256 or 512"))),
    }
}
