//! The one-time password that hides a new root token in an answer: its text, and the token under it.
//! Never in it: tokens being issued.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use onrecord_seal::{Entropy, EntropyError, Secret};
use zeroize::Zeroizing;

/// How many characters the text of a root token has.
pub(crate) const LENGTH: usize = 26;
/// How many it has for a client that gives a password of this length, as the tokens of other servers have.
const LONGER: usize = 28;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random letters and digits.
pub(crate) fn random(length: usize, entropy: &dyn Entropy) -> Result<Secret<String>, EntropyError> {
    with_prefix("", length, entropy)
}

/// The text of a root token with as many characters as the password that will hide it.
pub(crate) fn token_text(
    otp: &Secret<String>,
    entropy: &dyn Entropy,
) -> Result<Secret<String>, EntropyError> {
    with_prefix("s.", otp.expose().len(), entropy)
}

fn with_prefix(prefix: &str, length: usize, entropy: &dyn Entropy) -> Result<Secret<String>, EntropyError> {
    // Of the right size from the start: a text that moves leaves its old bytes behind.
    let mut text = Secret::new(String::with_capacity(length));
    text.expose_mut().push_str(prefix);
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.expose().len() < length {
        entropy.fill(&mut *bytes)?;
        // What is above the largest multiple of 62 stands for no letter: it would make the first ones likelier.
        let letters = bytes.iter().filter(|byte| **byte < 248);
        let letters = letters.filter_map(|byte| LETTERS.get(usize::from(byte % 62)));
        let missing = length - text.expose().len();
        text.expose_mut().extend(letters.take(missing).map(|letter| char::from(*letter)));
    }
    Ok(text)
}

/// What is wrong with a password that a client gives, if anything is.
pub(crate) fn check(otp: &str) -> Result<(), String> {
    if !matches!(otp.len(), LENGTH | LONGER) {
        let given = otp.len();
        return Err(format!(
            "OTP string is wrong length: it has {given} characters, and must have {LENGTH} (or {LONGER}); leave it out, and the \
             server makes one"
        ));
    }
    if !otp.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("the otp must have letters and digits alone (base62)".to_owned());
    }
    Ok(())
}

/// The token under the password: the bytes of both, one XOR the other, in base64 without padding.
pub(crate) fn hide(token: &str, otp: &Secret<String>) -> String {
    let pairs = token.bytes().zip(otp.expose().bytes());
    STANDARD_NO_PAD.encode(Zeroizing::new(pairs.map(|(one, other)| one ^ other).collect::<Vec<u8>>()))
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;

    use super::*;

    #[test]
    fn the_password_gives_the_token_back() {
        // Worked out by hand: 's' ^ 'A' = 0x32, '.' ^ 'b' = 0x4c, 'x' ^ '0' = 0x48.
        assert_eq!(hide("s.x", &Secret::new("Ab0".to_owned())), "MkxI");
        let entropy = OsEntropy::new();
        let otp = random(LENGTH, &entropy).unwrap();
        let token = token_text(&otp, &entropy).unwrap();
        assert_eq!((otp.expose().len(), token.expose().len()), (26, 26));
        assert!(token.expose().starts_with("s.") && check(otp.expose()).is_ok());
        let hidden = STANDARD_NO_PAD.decode(hide(token.expose(), &otp)).unwrap();
        let shown: Vec<u8> =
            hidden.iter().zip(otp.expose().bytes()).map(|(one, other)| one ^ other).collect();
        assert_eq!(shown, token.expose().as_bytes());
    }

    #[test]
    fn a_password_of_another_length_or_alphabet_is_refused() {
        for good in ["ygs0vL8GIxu0AjRVEmJ5jLCVq8", "BMjzW3wAsEzINXCM05Wbas3u9zSl"] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in ["", "RSMGkAqBH5WnVLrDTbZ+UQ==", "ygs0vL8GIxu0AjRVEmJ5jLCVq-"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
