//! `sign`, `verify` and `hmac`.
//! Never in it: how bytes are signed (`signature`).

use std::sync::Arc;

use onrecord_value::{Object, object};

use super::Transit;
use super::batch::{Batch, Failures, bytes, text, whole};
use super::ecdsa::Marshaling;
use super::encryption::cost;
use super::error::TransitError;
use super::key_type::Operation;
use super::offload::compute;
use super::rsa_key::Salt;
use super::signature::Scheme;
use crate::engine::fields;
use crate::engine::hashing::HashAlgorithm;
use crate::engine::{Call, Handled, Unsealed};
use crate::outcome::Refusal;

/// What is secret in the bodies of these requests.
pub(super) const SECRETS: &[&str] = &["input", "context", "batch_input"];

const SIGN: &[&str] = &[
    "algorithm",
    "context",
    "hash_algorithm",
    "hmac",
    "input",
    "key_version",
    "marshaling_algorithm",
    "prehashed",
    "salt_length",
    "signature",
    "signature_algorithm",
];
const HMAC: &[&str] = &["algorithm", "input", "key_version"];

/// What is to be signed or verified.
struct Item {
    input: Vec<u8>,
    context: Vec<u8>,
    key_version: i64,
    proof: Option<Proof>,
}

/// What is verified.
enum Proof {
    Signature(String),
    Hmac(String),
}

impl Item {
    fn read(item: &Object) -> Result<Self, TransitError> {
        Self::read_named(item, "missing input")
    }

    fn read_named(item: &Object, missing: &str) -> Result<Self, TransitError> {
        let input = bytes(item, "input")?.ok_or_else(|| TransitError::rejected(missing))?;
        let context = bytes(item, "context")?.unwrap_or_default();
        Ok(Self { input, context, key_version: whole(item, "key_version")?, proof: None })
    }

    fn read_with_proof(item: &Object) -> Result<Self, TransitError> {
        let sent = |field| Ok::<_, TransitError>(text(item, field)?.filter(|proof| !proof.is_empty()));
        let proof = match (sent("signature")?, sent("hmac")?) {
            (Some(signature), None) => Proof::Signature(signature),
            (None, Some(hmac)) => Proof::Hmac(hmac),
            (Some(_), Some(_)) => {
                return Err(TransitError::rejected("provide one of 'signature' and 'hmac', not both"));
            }
            (None, None) => {
                return Err(TransitError::rejected(
                    "neither a 'signature' nor an 'hmac' was given to verify; provide one of them",
                ));
            }
        };
        Ok(Self { proof: Some(proof), ..Self::read(item)? })
    }
}

/// The name of a key, and what the path has after it.
fn split(captured: &str) -> (&str, &str) {
    captured.split_once('/').unwrap_or((captured, ""))
}

impl Transit {
    /// `POST sign/NAME` and `POST sign/NAME/HASH`.
    pub(super) fn sign<'a>(&'a self, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Handled<'a> {
        let (name, in_path) = split(call.captured);
        let read = || Ok::<_, Refusal>((scheme(call.data, in_path)?, read(call, SIGN, Item::read)?));
        let (scheme, batch) = match read() {
            Ok(read) => read,
            Err(refusal) => return Handled::ready(refusal),
        };
        let public_key = if batch.answer.is_batch() { "publickey" } else { "public_key" };
        let default = default_version(call.data);
        self.with_key(name, move |key| {
            let entropy = Arc::clone(&unsealed.host.entropy);
            let micros = cost(&key, Operation::Sign, batch.len());
            compute(micros, move || {
                batch.run(|item| {
                    let version = if item.key_version == 0 { default } else { item.key_version };
                    let signed = key.sign(version, &item.input, &item.context, scheme, &entropy)?;
                    let mut shown =
                        object! { "key_version" => signed.version, "signature" => signed.signature };
                    if let Some(text) = signed.public_key {
                        shown.insert(public_key, text);
                    }
                    Ok(shown)
                })
            })
        })
    }

    /// `POST verify/NAME` and `POST verify/NAME/HASH`.
    pub(super) fn verify<'a>(&'a self, call: &'a Call<'a>) -> Handled<'a> {
        let (name, in_path) = split(call.captured);
        let read = || {
            let batch = read(call, SIGN, Item::read_with_proof)?;
            let is_hmac = batch.readable().any(|item| matches!(item.proof, Some(Proof::Hmac(_))));
            let is_signature = batch.readable().any(|item| matches!(item.proof, Some(Proof::Signature(_))));
            if is_hmac && is_signature {
                let text = "elements of batch_input must all provide 'signature' or all provide 'hmac'";
                return Err(Refusal::invalid(text));
            }
            // For HMACs `algorithm` is the field; the other names the same.
            let hmac = if is_hmac { hmac_algorithm(call.data, in_path)? } else { HashAlgorithm::Sha2_256 };
            let scheme = if is_hmac { None } else { Some(scheme(call.data, in_path)?) };
            Ok((scheme, hmac, batch))
        };
        let (scheme, hmac, batch) = match read() {
            Ok(read) => read,
            Err(refusal) => return Handled::ready(refusal),
        };
        self.with_key(name, move |key| {
            let micros = cost(&key, Operation::Verify, batch.len());
            compute(micros, move || {
                batch.run(|item| {
                    let valid = match (&item.proof, scheme) {
                        (Some(Proof::Signature(signature)), Some(scheme)) => {
                            key.verify(&item.input, &item.context, signature, scheme)?
                        }
                        (Some(Proof::Hmac(sent)), _) => key.verify_hmac(&item.input, sent, hmac)?,
                        _ => return Err(TransitError::Internal),
                    };
                    Ok(object! { "valid" => valid })
                })
            })
        })
    }

    /// `POST hmac/NAME` and `POST hmac/NAME/HASH`.
    pub(super) fn hmac<'a>(&'a self, call: &'a Call<'a>) -> Handled<'a> {
        let (name, in_path) = split(call.captured);
        let read = || {
            let batch = read(call, HMAC, |item| Item::read_named(item, "missing input for HMAC"))?;
            Ok::<_, Refusal>((hmac_algorithm(call.data, in_path)?, batch))
        };
        let (algorithm, batch) = match read() {
            Ok(read) => read,
            Err(refusal) => return Handled::ready(refusal),
        };
        let default = default_version(call.data);
        self.with_key(name, move |key| {
            compute(cost(&key, Operation::Verify, 1), move || {
                batch.run(|item| {
                    let version = if item.key_version == 0 { default } else { item.key_version };
                    Ok(object! { "hmac" => key.hmac(version, &item.input, algorithm)? })
                })
            })
        })
    }
}

/// Reads a batch, and takes the room for it.
fn read(
    call: &Call<'_>,
    known: &[&str],
    item: impl Fn(&Object) -> Result<Item, TransitError>,
) -> Result<Batch<Item>, Refusal> {
    let batch = Batch::read(call, known, Failures::AreListed, item)?;
    if let Some(refusal) = batch.refusal() {
        return Err(refusal);
    }
    call.permit.hold_change(batch.readable().map(|item| item.input.len()).sum())?;
    Ok(batch)
}

/// The version of the body, which counts for every item that names none.
fn default_version(data: &Object) -> i64 {
    fields::whole(data, "key_version").ok().flatten().unwrap_or(0)
}

/// The hash function that the path, or one of the fields names.
fn algorithm_name(data: &Object, in_path: &str, names: [&str; 2]) -> Result<String, Refusal> {
    if !in_path.is_empty() {
        return Ok(in_path.to_owned());
    }
    for field in names {
        if let Some(name) = fields::text(data, field)?.filter(|name| !name.is_empty()) {
            return Ok(name.into_owned());
        }
    }
    Ok("sha2-256".to_owned())
}

fn hmac_algorithm(data: &Object, in_path: &str) -> Result<HashAlgorithm, Refusal> {
    let name = algorithm_name(data, in_path, ["algorithm", "hash_algorithm"])?;
    let algorithm = HashAlgorithm::parse(&name).filter(|algorithm| *algorithm != HashAlgorithm::Sha1);
    algorithm.ok_or_else(|| {
        Refusal::invalid(format!(
            "unsupported algorithm {name:?}; must be sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, sha3-256, \
             sha3-384 or sha3-512"
        ))
    })
}

/// How a request wants its signatures.
fn scheme(data: &Object, in_path: &str) -> Result<Scheme, Refusal> {
    let name = algorithm_name(data, in_path, ["hash_algorithm", "algorithm"])?;
    let hash = match name.as_str() {
        "none" => None,
        name => Some(HashAlgorithm::parse(name).ok_or_else(|| {
            Refusal::invalid(format!(
                "invalid hash algorithm {name:?}; must be sha1, sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, \
                 sha3-256, sha3-384, sha3-512 or none"
            ))
        })?),
    };
    let pkcs1 = match fields::text(data, "signature_algorithm")?.as_deref() {
        None | Some("" | "pss") => false,
        Some("pkcs1v15") => true,
        Some(other) => {
            return Err(Refusal::invalid(format!(
                "invalid signature algorithm {other:?}; must be \"pss\" or \"pkcs1v15\""
            )));
        }
    };
    let marshaling = match fields::text(data, "marshaling_algorithm")?.as_deref() {
        None | Some("" | "asn1") => Marshaling::Asn1,
        Some("jws") => Marshaling::Jws,
        Some(other) => {
            return Err(Refusal::invalid(format!(
                "invalid marshaling type {other:?}; must be \"asn1\" or \"jws\""
            )));
        }
    };
    let prehashed = fields::flag(data, "prehashed")?.unwrap_or(false);
    Ok(Scheme { hash, prehashed, pkcs1, salt: salt(data)?, marshaling })
}

fn salt(data: &Object) -> Result<Salt, Refusal> {
    let sent = fields::text(data, "salt_length")?;
    match sent.as_deref().map(str::trim) {
        // The numbers are those that Go has for the words.
        None | Some("" | "auto" | "0") => Ok(Salt::Auto),
        Some("hash" | "-1") => Ok(Salt::Hash),
        Some(number) => number.parse().map(Salt::Bytes).map_err(|_| {
            Refusal::invalid(format!(
                "salt_length is {number:?}; it must be \"auto\", \"hash\" or a number of bytes"
            ))
        }),
    }
}
