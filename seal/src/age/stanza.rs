//! The header of a file: the one stanza that holds its key, wrapped, and the header's authentication.
//! Never in it: the text.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keys::KEY;
use super::{AgeError, FILE_KEY, Identity, Recipient};
use crate::entropy::Entropy;

/// The usual work factor of a passphrase: 2 to the power of this many rounds, which need 128 MiB for about half a second.
pub const WORK_FACTOR: u8 = 17;
/// What is accepted of a file; the tool `age` uses 18.
pub(super) const WORK_FACTOR_MAX: u8 = 18;

const X25519_NAME: &str = "X25519";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const SCRYPT_NAME: &str = "scrypt";
const SCRYPT_SALT: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT: usize = 16;
const TAG: usize = 16;
/// A line of a stanza's body that is not its last.
const COLUMNS: usize = 64;

type FileKey = [u8; FILE_KEY];
type WrappingKey = Zeroizing<[u8; KEY]>;

/// One stanza.
pub(super) struct Stanza<'a> {
    arguments: Vec<&'a str>,
    body: Vec<u8>,
}

/// The stanza of a header that has one.
pub(super) fn only(header: &str) -> Result<Stanza<'_>, AgeError> {
    let mut lines = header.strip_suffix('\n').ok_or(AgeError::Form)?.split('\n');
    let arguments = lines.next().and_then(|line| line.strip_prefix("-> ")).ok_or(AgeError::Form)?;
    let mut body = String::new();
    let mut ended = false;
    for line in lines {
        if line.starts_with("-> ") {
            return Err(AgeError::OtherKind("to one key or with one passphrase alone"));
        }
        if ended || line.len() > COLUMNS {
            return Err(AgeError::Form);
        }
        ended = line.len() < COLUMNS;
        body.push_str(line);
    }
    let body = STANDARD_NO_PAD.decode(body).map_err(|_| AgeError::Form)?;
    if !ended || body.len() != FILE_KEY + TAG {
        return Err(AgeError::Form);
    }
    Ok(Stanza { arguments: arguments.split(' ').collect(), body })
}

impl Stanza<'_> {
    pub(super) fn open_x25519(&self, identity: &Identity) -> Result<Zeroizing<FileKey>, AgeError> {
        let [X25519_NAME, share] = *self.arguments else {
            return Err(AgeError::OtherKind("to a public key"));
        };
        let share = STANDARD_NO_PAD.decode(share).ok().and_then(|share| share.try_into().ok());
        let share: [u8; KEY] = share.ok_or(AgeError::Form)?;
        let key = x25519_key(&identity.agree(&share)?, &share, &identity.recipient())?;
        self.unwrap(&key).ok_or(AgeError::Wrong("key"))
    }

    pub(super) fn open_scrypt(&self, passphrase: &str) -> Result<Zeroizing<FileKey>, AgeError> {
        let [SCRYPT_NAME, salt, work] = *self.arguments else {
            return Err(AgeError::OtherKind("with a passphrase"));
        };
        let salt = STANDARD_NO_PAD.decode(salt).ok().and_then(|salt| salt.try_into().ok());
        let is_plain = work.bytes().all(|byte| byte.is_ascii_digit()) && !work.starts_with('0');
        let work: u8 = work.parse().ok().filter(|_| is_plain).ok_or(AgeError::Form)?;
        if work > WORK_FACTOR_MAX {
            return Err(AgeError::TooMuchWork(work));
        }
        let key = scrypt_key(passphrase, &salt.ok_or(AgeError::Form)?, work)?;
        self.unwrap(&key).ok_or(AgeError::Wrong("passphrase"))
    }

    fn unwrap(&self, key: &WrappingKey) -> Option<Zeroizing<FileKey>> {
        let mut body = Zeroizing::new(self.body.clone());
        let plain = aead(key).ok()?.open_in_place(zero(), Aad::empty(), &mut body).ok()?;
        let mut file_key = Zeroizing::new([0; FILE_KEY]);
        file_key.copy_from_slice(plain.get(..FILE_KEY)?);
        Some(file_key)
    }
}

/// A stanza for a public key.
pub(super) fn x25519(
    recipient: &Recipient,
    file_key: &FileKey,
    entropy: &dyn Entropy,
) -> Result<String, AgeError> {
    let ephemeral = Identity::generate(entropy)?;
    let Recipient(share) = ephemeral.recipient();
    let secret = ephemeral.agree(&recipient.0).map_err(|_| AgeError::Recipient)?;
    let key = x25519_key(&secret, &share, recipient)?;
    Ok(format!("-> {X25519_NAME} {}\n{}\n", base64(&share), wrapped(&key, file_key)?))
}

/// A stanza for a passphrase.
pub(super) fn scrypt(
    passphrase: &str,
    work: u8,
    file_key: &FileKey,
    entropy: &dyn Entropy,
) -> Result<String, AgeError> {
    let mut salt = [0; SALT];
    entropy.fill(&mut salt)?;
    let key = scrypt_key(passphrase, &salt, work)?;
    Ok(format!("-> {SCRYPT_NAME} {} {work}\n{}\n", base64(&salt), wrapped(&key, file_key)?))
}

fn x25519_key(secret: &[u8], share: &[u8; KEY], recipient: &Recipient) -> Result<WrappingKey, AgeError> {
    let salt = [share.as_slice(), &recipient.0].concat();
    derive(secret, &salt, X25519_INFO)
}

fn scrypt_key(passphrase: &str, salt: &[u8; SALT], work: u8) -> Result<WrappingKey, AgeError> {
    let parameters = scrypt::Params::new(work, 8, 1).map_err(|_| AgeError::Library)?;
    let salt = [SCRYPT_SALT, salt].concat();
    let mut key = Zeroizing::new([0; KEY]);
    scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, &mut *key).map_err(|_| AgeError::Library)?;
    Ok(key)
}

fn wrapped(key: &WrappingKey, file_key: &FileKey) -> Result<String, AgeError> {
    let mut body = Zeroizing::new(file_key.to_vec());
    let sealed = aead(key)?.seal_in_place_append_tag(zero(), Aad::empty(), &mut *body);
    sealed.map_err(|_| AgeError::Library)?;
    // Its 32 bytes are 43 characters: one line, which is the last because it is shorter than a full one.
    Ok(base64(&body))
}

/// A key of HKDF-SHA-256.
pub(super) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<WrappingKey, AgeError> {
    let mut key = Zeroizing::new([0; KEY]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let infos = [info];
    let expanded = extracted.expand(&infos, hkdf::HKDF_SHA256).map_err(|_| AgeError::Library)?;
    expanded.fill(&mut *key).map_err(|_| AgeError::Library)?;
    Ok(key)
}

pub(super) fn aead(key: &WrappingKey) -> Result<LessSafeKey, AgeError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).map_err(|_| AgeError::Library)?;
    Ok(LessSafeKey::new(key))
}

/// Each wrapping key is used once.
fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn keyed(file_key: &FileKey, header: &[u8]) -> Result<Hmac<Sha256>, AgeError> {
    let key = derive(file_key, &[], b"header")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).map_err(|_| AgeError::Library)?;
    mac.update(header);
    Ok(mac)
}

/// The authentication of a header, given up to its three dashes.
pub(super) fn mac(file_key: &FileKey, header: &[u8]) -> Result<[u8; 32], AgeError> {
    Ok(keyed(file_key, header)?.finalize().into_bytes().into())
}

pub(super) fn check_mac(file_key: &FileKey, header: &[u8], mac: &[u8]) -> Result<(), AgeError> {
    let mac = STANDARD_NO_PAD.decode(mac).map_err(|_| AgeError::Form)?;
    keyed(file_key, header)?.verify_slice(&mac).map_err(|_| AgeError::Form)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}
