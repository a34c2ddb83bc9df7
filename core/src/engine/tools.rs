//! Hashes and random bytes for clients: what `sys/tools/` and the transit engine have in common.
//! Never in it: keys, storage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::Entropy;
use onrecord_value::{Object, object};

use super::fields::{self, answer};
use super::hashing::HashAlgorithm;
use crate::outcome::{Refusal, Reply};

/// The field of the body that is secret.
pub(crate) const HASH_SECRETS: &[&str] = &["input"];

/// The field of the answer that is secret: it may become a key.
pub(crate) const RANDOM_SECRETS: &[&str] = &["random_bytes"];

/// Up to here random bytes are given at once.
const MOST_BYTES: i64 = 128 * 1024;

/// How bytes are written in an answer.
#[derive(Clone, Copy)]
enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    fn of(data: &Object, default: Self) -> Result<Self, Refusal> {
        match fields::text(data, "format")?.as_deref() {
            None | Some("") => Ok(default),
            Some("hex") => Ok(Self::Hex),
            Some("base64") => Ok(Self::Base64),
            Some(other) => Err(Refusal::invalid(format!(
                "unsupported encoding format {other:?}; must be \"hex\" or \"base64\""
            ))),
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => const_hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// `hash` and `hash/ALGORITHM`: the hash of `input`. The algorithm of the path counts before that of the body.
pub(crate) fn hash(data: &Object, in_path: &str) -> Result<Reply, Refusal> {
    let in_body = fields::text(data, "algorithm")?;
    let name = match (in_path, in_body.as_deref()) {
        ("", None | Some("")) => "sha2-256",
        ("", Some(name)) | (name, _) => name,
    };
    let algorithm = HashAlgorithm::parse(name).filter(|algorithm| *algorithm != HashAlgorithm::Sha1);
    let algorithm = algorithm.ok_or_else(|| {
        Refusal::invalid(format!(
            "unsupported algorithm {name:?}; must be sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, sha3-256, \
             sha3-384 or sha3-512"
        ))
    })?;
    let encoding = Encoding::of(data, Encoding::Hex)?;
    let input = fields::text(data, "input")?.unwrap_or_default();
    let input = decode_base64(&input)
        .map_err(|error| Refusal::invalid(format!("unable to decode input as base64: {error}")))?;
    let sum = encoding.encode(&algorithm.hash(&input));
    Ok(answer(object! { "sum" => sum }, data, &["algorithm", "input", "format"]))
}

/// `random`, `random/BYTES`, `random/SOURCE` and `random/SOURCE/BYTES`: random bytes. What the path names counts before
/// the body.
pub(crate) fn random(entropy: &dyn Entropy, data: &Object, in_path: &str) -> Result<Reply, Refusal> {
    let (first, second) = match in_path.split_once('/') {
        Some((source, bytes)) => (Some(source), Some(bytes)),
        None => (Some(in_path).filter(|path| !path.is_empty()), None),
    };
    let is_source = |word: &&str| ["platform", "seal", "all"].contains(word);
    let (source, bytes) = match (first, second) {
        (source, Some(bytes)) => (source, Some(bytes)),
        (Some(word), None) if is_source(&word) => (Some(word), None),
        (bytes, None) => (None, bytes),
    };
    let in_body = fields::text(data, "source")?;
    check_source(source.or(in_body.as_deref()).unwrap_or_default())?;
    let count = match bytes {
        Some(bytes) => bytes.parse().map_err(|_| {
            Refusal::invalid(format!("the number of bytes in the path is {bytes:?}, which is not an integer"))
        })?,
        None => fields::whole(data, "bytes")?.unwrap_or(32),
    };
    if !(1..=MOST_BYTES).contains(&count) {
        return Err(Refusal::invalid(format!("\"bytes\" is {count}; it must be from 1 to {MOST_BYTES}")));
    }
    let encoding = Encoding::of(data, Encoding::Base64)?;
    let mut made = vec![0; usize::try_from(count).unwrap_or(1)];
    entropy.fill(&mut made).map_err(|error| {
        tracing::error!(%error, "no random bytes for a client");
        Refusal::internal()
    })?;
    let random_bytes = encoding.encode(&made);
    Ok(answer(object! { "random_bytes" => random_bytes }, data, &["bytes", "format", "source"]))
}

fn check_source(source: &str) -> Result<(), Refusal> {
    match source {
        "" | "platform" | "all" => Ok(()),
        "seal" => Err(Refusal::invalid(
            "the seal of this server is not a source of random bytes; use \"platform\" or \"all\"",
        )),
        other => Err(Refusal::invalid(format!(
            "unsupported entropy source {other:?}; must be \"platform\" or \"all\""
        ))),
    }
}

/// Bytes that a client has sent as base64, which may have line breaks.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    if text.contains(['\r', '\n']) {
        return STANDARD.decode(text.replace(['\r', '\n'], ""));
    }
    STANDARD.decode(text)
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;

    use super::*;

    fn text_of<T>(refused: Result<T, Refusal>) -> String {
        refused.err().and_then(|refusal| refusal.text).unwrap_or_default()
    }

    fn sum(data: &Object, path: &str) -> String {
        let reply = hash(data, path).unwrap_or_else(|refusal| panic!("{:?}", refusal.text));
        reply.data.unwrap().str("sum").unwrap().to_owned()
    }

    #[test]
    fn a_hash_is_made_by_the_algorithm_of_the_path_the_body_or_sha2_256() {
        let input = STANDARD.encode("abc");
        let sha2_256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha3_224 = "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf";
        let data = object! { "input" => input.as_str() };
        assert_eq!(sum(&data, ""), sha2_256);
        assert_eq!(sum(&data, "sha3-224"), sha3_224);
        let data = object! { "input" => input.as_str(), "algorithm" => "sha3-224" };
        assert_eq!((sum(&data, ""), sum(&data, "sha2-256")), (sha3_224.to_owned(), sha2_256.to_owned()));
        let data = object! { "input" => input.as_str(), "format" => "base64" };
        assert_eq!(sum(&data, ""), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(sum(&object! { "input" => "YW\nJj\r\n" }, ""), sha2_256);
    }

    #[test]
    fn a_hash_with_wrong_values_is_refused_with_what_is_accepted() {
        for (data, path, expected) in [
            (object! { "input" => "YWJj" }, "sha1", "unsupported algorithm \"sha1\"; must be sha2-224"),
            (object! { "input" => "YWJj", "algorithm" => "md5" }, "", "unsupported algorithm \"md5\""),
            (object! { "input" => "YWJj", "format" => "url" }, "", "unsupported encoding format \"url\""),
            (object! { "input" => "_-" }, "", "unable to decode input as base64"),
        ] {
            let text = text_of(hash(&data, path));
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn random_bytes_are_as_many_as_the_path_or_the_body_says() {
        let entropy = OsEntropy::new();
        for (data, path, length) in [
            (object! {}, "", 32),
            (object! { "bytes" => 7 }, "", 7),
            (object! { "bytes" => "7" }, "platform", 7),
            (object! { "bytes" => 7 }, "9", 9),
            (object! { "source" => "all" }, "all/131072", 131_072),
        ] {
            let reply = random(&entropy, &data, path).ok().unwrap().data.unwrap();
            assert_eq!(decode_base64(reply.str("random_bytes").unwrap()).unwrap().len(), length);
        }
        let hex = random(&entropy, &object! { "format" => "hex" }, "3").ok().unwrap().data.unwrap();
        assert_eq!(hex.str("random_bytes").unwrap().len(), 6);
        for (data, path, expected) in [
            (object! { "bytes" => 0 }, "", "\"bytes\" is 0; it must be from 1 to 131072"),
            (object! { "bytes" => 131_073 }, "", "\"bytes\" is 131073;"),
            (object! {}, "many", "the number of bytes in the path is \"many\""),
            (object! {}, "seal/3", "the seal of this server"),
            (object! { "source" => "x" }, "", "unsupported entropy source \"x\""),
        ] {
            let text = text_of(random(&entropy, &data, path));
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
