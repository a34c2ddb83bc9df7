//! A device's salt: the key of all its hashes.
//! Never in it: where a salt is kept, or a way to get its text back.

mod hash_cache;
mod hmac_key;

use std::{fmt, io};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use hash_cache::HashCache;
use hmac_key::HmacKey;

/// What every hash in a line begins with.
pub const HASH_PREFIX: &str = "hmac-sha256:";

/// The length of a hash in a line, prefix included.
pub const HASH_LEN: usize = HASH_PREFIX.len() + 64;

/// Whether a text is a hash as lines have it. One in the clear may begin like that, too.
pub fn is_hash(text: &[u8]) -> bool {
    let digits = text.strip_prefix(HASH_PREFIX.as_bytes()).unwrap_or_default();
    text.len() == HASH_LEN && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// The block of SHA-256, to which HMAC pads its key (RFC 2104).
const BLOCK: usize = 64;

/// A device's salt, ready to hash. Its text, a lower-case UUID, is the key of HMAC-SHA-256 as it stands. It cannot be
/// printed; its key is wiped when it goes. It can be used from many threads at once.
pub struct Salt {
    /// The state of HMAC after its key; a hash clones it.
    keyed: Hmac<Sha256>,
    /// The same for short texts.
    key: HmacKey,
    id: SaltId,
    hashes: HashCache,
}

impl Salt {
    /// Takes the text of a salt.
    pub fn new(text: &str) -> Self {
        let mut block = Zeroizing::new([0_u8; BLOCK]);
        let mut digest = Zeroizing::new([0_u8; 32]);
        // HMAC pads a short key with zeros and hashes a long one: done here, because this way it cannot fail.
        let key: &[u8] = if text.len() > BLOCK {
            let mut hashed = Sha256::digest(text.as_bytes());
            digest.copy_from_slice(&hashed);
            hashed.zeroize();
            digest.as_slice()
        } else {
            text.as_bytes()
        };
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let keyed = Hmac::<Sha256>::new((&*block).into());
        let mut salt = Self { keyed, key: HmacKey::new(&block), id: SaltId(0), hashes: HashCache::new() };
        let digest = salt.digest(b"onrecord salt id");
        salt.id = SaltId(digest.first_chunk().map_or(0, |start| u64::from_be_bytes(*start)));
        salt
    }

    /// The text of a new salt from the system's random source: a lower-case UUID; an error if the system has no random
    /// numbers. Keep it as a secret, for as long as the lines that are hashed with it.
    pub fn random_text() -> io::Result<Zeroizing<String>> {
        let mut random = Zeroizing::new([0; 16]);
        getrandom::fill(random.as_mut_slice())?;
        Ok(Self::text_from(&random))
    }

    /// The text of a new salt from 16 random bytes: a lower-case UUID. Keep it as a secret.
    pub fn text_from(random: &[u8; 16]) -> Zeroizing<String> {
        let mut hex = Zeroizing::new([0_u8; 32]);
        // The lengths fit: 16 bytes are 32 digits.
        if const_hex::encode_to_slice(random, hex.as_mut_slice()).is_err() {
            hex.fill(b'0');
        }
        let mut text = Zeroizing::new(String::with_capacity(36));
        for (at, digit) in hex.iter().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(char::from(*digit));
        }
        text
    }

    /// The id by which lines name this salt. It gives nothing of the salt away.
    pub const fn id(&self) -> SaltId {
        self.id
    }

    /// The hash of a text as lines show it: `hmac-sha256:` and 64 lower-case hex digits.
    pub fn hash(&self, text: &[u8]) -> String {
        written(&self.digest(text))
    }

    pub(crate) fn digest(&self, text: &[u8]) -> [u8; 32] {
        self.key.digest(text).unwrap_or_else(|| {
            let mut mac = self.keyed.clone();
            mac.update(text);
            mac.finalize().into_bytes().into()
        })
    }

    /// The HMAC of a token or an accessor; cached, because the same ones come again and again.
    #[inline]
    pub(crate) fn token_digest(&self, text: &[u8]) -> [u8; 32] {
        self.hashes.get(text, || self.digest(text))
    }

    /// The same for a text with a number that no other text of this process has.
    #[inline]
    pub(crate) fn numbered_token_digest(&self, text: &[u8], number: u64) -> [u8; 32] {
        self.hashes.get_numbered(number, || self.digest(text))
    }

    /// A hash to be fed piece by piece.
    pub(crate) fn start(&self) -> Hmac<Sha256> {
        self.keyed.clone()
    }
}

opaque!(Salt);

/// A hash as lines show it, with its quotes.
pub(crate) fn quoted(digest: &[u8; 32]) -> [u8; HASH_LEN + 2] {
    let mut text = QUOTED;
    // The lengths fit: 32 bytes are 64 digits. If they did not, the hash would read as zeros.
    if let Some(hex) = text.get_mut(HASH_PREFIX.len() + 1..HASH_LEN + 1) {
        match const_hex::encode_to_slice(digest, hex) {
            Ok(()) => {}
            Err(_) => hex.fill(b'0'),
        }
    }
    text
}

/// The quotes and the prefix of a hash, with zeros in place of its digits.
const QUOTED: [u8; HASH_LEN + 2] =
    *b"\"hmac-sha256:0000000000000000000000000000000000000000000000000000000000000000\"";

/// A hash as lines show it, without quotes.
pub(crate) fn written(digest: &[u8; 32]) -> String {
    let quoted = quoted(digest);
    String::from_utf8_lossy(quoted.get(1..=HASH_LEN).unwrap_or_default()).into_owned()
}

/// A number as 16 lower-case hex digits.
pub(crate) fn hex_digits(number: u64) -> [u8; 16] {
    let mut digits = [b'0'; 16];
    // The lengths fit: 8 bytes are 16 digits.
    if const_hex::encode_to_slice(number.to_be_bytes(), &mut digits).is_err() {
        digits.fill(b'0');
    }
    digits
}

pub(crate) fn parse_digits(text: &str) -> Option<u64> {
    let plain = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u64::from_str_radix(text, 16).ok() } else { None }
}

/// Names a salt in lines: 16 lower-case hex digits, the first 8 bytes of the HMAC, under the salt, of `onrecord salt id`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SaltId(u64);

impl SaltId {
    /// Reads an id as lines show it.
    pub fn parse(text: &str) -> Option<Self> {
        parse_digits(text).map(Self)
    }

    /// The id as a number: its 16 hex digits.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The number back.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for SaltId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.number())
    }
}

impl fmt::Debug for SaltId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
