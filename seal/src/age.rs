//! Files in the age format (C2SP `age.md`, version 1), armored: sealed to one public key (X25519) or with one passphrase
//! (scrypt), and opened again. The tool `age` reads what is sealed here, and what it seals is read here.
//! Never in it: files, several recipients, plugins.

mod keys;
mod payload;
mod stanza;

use base64::DecodeError;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::secret::SecretBytes;

pub use keys::{Identity, Recipient};
pub use stanza::WORK_FACTOR;

/// A sealed text may have this many bytes, and its file may be twice as long.
pub const TEXT_MAX: usize = 16 * 1024 * 1024;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const ARMOR_COLUMNS: usize = 64;
const VERSION: &str = "age-encryption.org/v1\n";
const FILE_KEY: usize = 16;

/// Why a text was not sealed, or a file not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// It is not a public key in the form `age1…`.
    #[error("it is not an age public key (age1 and 58 letters and digits)")]
    Recipient,
    /// Bits beyond the key are set: another spelling of the same key.
    #[error(
        "it is not an age public key: the last character before its checksum has bits set that do not belong to a key"
    )]
    RecipientPadding,
    /// The file does not have the form that the format wants.
    #[error("it is not a file in the age format, or it is damaged")]
    Form,
    /// A line of the armor, counted from 1, is not written as the format wants it.
    #[error(
        "line {0} of the file is not 64 characters of Base64 (the last one may have fewer): it was changed after it was sealed"
    )]
    Armor(usize),
    /// The file is sealed in another way: to a key, or to several.
    #[error("it is not sealed {0}")]
    OtherKind(&'static str),
    /// The key or the passphrase does not open it.
    #[error("the {0} does not open it")]
    Wrong(&'static str),
    /// The passphrase was made too expensive to check.
    #[error("its passphrase has the work factor {0}, and at most {max} is accepted", max = stanza::WORK_FACTOR_MAX)]
    TooMuchWork(u8),
    /// More text than [`TEXT_MAX`].
    #[error("it is longer than {TEXT_MAX} bytes")]
    TooLong,
    /// The parts of the computation refused their input.
    #[error("the cryptographic library refused it")]
    Library,
    /// No random bytes.
    #[error("{0}")]
    Entropy(#[from] EntropyError),
}

/// Seals a text to a public key.
pub fn seal_to(recipient: &Recipient, text: &[u8], entropy: &dyn Entropy) -> Result<String, AgeError> {
    seal(text, entropy, |file_key| stanza::x25519(recipient, file_key, entropy))
}

/// Seals a text with a passphrase: scrypt with 2 to the power of `work_factor` rounds, usually [`WORK_FACTOR`].
pub fn seal_with_passphrase(
    passphrase: &str,
    work_factor: u8,
    text: &[u8],
    entropy: &dyn Entropy,
) -> Result<String, AgeError> {
    seal(text, entropy, |file_key| stanza::scrypt(passphrase, work_factor, file_key, entropy))
}

/// Opens a file that was sealed to a public key.
pub fn open(identity: &Identity, file: &str) -> Result<SecretBytes, AgeError> {
    open_file(file, |stanza| stanza.open_x25519(identity))
}

/// Opens a file that was sealed with a passphrase.
pub fn open_with_passphrase(passphrase: &str, file: &str) -> Result<SecretBytes, AgeError> {
    open_file(file, |stanza| stanza.open_scrypt(passphrase))
}

/// Whether a text begins as such a file does.
pub fn is_file(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

fn seal(
    text: &[u8],
    entropy: &dyn Entropy,
    wrap: impl FnOnce(&[u8; FILE_KEY]) -> Result<String, AgeError>,
) -> Result<String, AgeError> {
    if text.len() > TEXT_MAX {
        return Err(AgeError::TooLong);
    }
    let mut file_key = Zeroizing::new([0; FILE_KEY]);
    entropy.fill(&mut *file_key)?;
    let mut file = format!("{VERSION}{}---", wrap(&file_key)?);
    let mac = stanza::mac(&file_key, file.as_bytes())?;
    file.push(' ');
    file.push_str(&stanza::base64(&mac));
    file.push('\n');
    let mut file = file.into_bytes();
    payload::seal(&file_key, text, entropy, &mut file)?;
    Ok(armored(&file))
}

fn open_file(
    file: &str,
    unwrap: impl FnOnce(&stanza::Stanza<'_>) -> Result<Zeroizing<[u8; FILE_KEY]>, AgeError>,
) -> Result<SecretBytes, AgeError> {
    let file = unarmored(file)?;
    // The header is text, what follows is not.
    let mark = b"\n---";
    let at = file.windows(mark.len()).position(|part| part == mark).ok_or(AgeError::Form)?;
    let header = std::str::from_utf8(file.get(..at + 1).unwrap_or_default()).map_err(|_| AgeError::Form)?;
    let authenticated = file.get(..at + mark.len()).unwrap_or_default();
    let rest = file.get(at + mark.len()..).and_then(|rest| rest.strip_prefix(b" ")).ok_or(AgeError::Form)?;
    let line = rest.iter().position(|byte| *byte == b'\n').ok_or(AgeError::Form)?;
    let (mac, payload) = rest.split_at_checked(line).ok_or(AgeError::Form)?;
    let stanza = stanza::only(header.strip_prefix(VERSION).ok_or(AgeError::Form)?)?;
    let file_key = unwrap(&stanza)?;
    stanza::check_mac(&file_key, authenticated, mac)?;
    payload::open(&file_key, payload.get(1..).unwrap_or_default())
}

fn armored(file: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(file);
    let mut armored = String::with_capacity(text.len() + text.len() / ARMOR_COLUMNS + 80);
    armored.push_str(BEGIN);
    let mut rest = text.as_str();
    while let Some((line, more)) = rest.split_at_checked(ARMOR_COLUMNS.min(rest.len()))
        && !line.is_empty()
    {
        armored.push('\n');
        armored.push_str(line);
        rest = more;
    }
    armored.push('\n');
    armored.push_str(END);
    armored.push('\n');
    armored
}

/// The bytes of an armored file. There is one way to write them: lines of 64 characters but for the last one, and nothing between
/// them. Lines may end with CR LF, and blanks may surround the whole, because mail and editors change these.
fn unarmored(file: &str) -> Result<Vec<u8>, AgeError> {
    use base64::Engine as _;
    if file.len() > TEXT_MAX * 2 {
        return Err(AgeError::TooLong);
    }
    let mut lines = file.trim().lines();
    if lines.next() != Some(BEGIN) || lines.next_back() != Some(END) {
        return Err(AgeError::Form);
    }
    let mut text = String::with_capacity(file.len());
    let mut lines = lines.zip(2..).peekable();
    while let Some((line, number)) = lines.next() {
        let is_last = lines.peek().is_none();
        if line.is_empty() || line.len() > ARMOR_COLUMNS || (line.len() < ARMOR_COLUMNS && !is_last) {
            return Err(AgeError::Armor(number));
        }
        text.push_str(line);
    }
    // It refuses bits beyond the last byte, and `=` that is missing.
    base64::engine::general_purpose::STANDARD.decode(&text).map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) => at,
            DecodeError::InvalidLastSymbol(..)
            | DecodeError::InvalidLength(_)
            | DecodeError::InvalidPadding => text.len().saturating_sub(1),
        };
        AgeError::Armor(at / ARMOR_COLUMNS + 2)
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
