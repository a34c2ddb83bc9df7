//! Base 32 without padding (RFC 4648, section 6): how clients and applications write the keys of one-time passwords.
//! Never in it: what is encoded.

use onrecord_seal::SecretBytes;

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    let push = |text: &mut String, letter: u32| {
        text.extend(LETTERS.get(letter as usize & 31).map(|letter| char::from(*letter)));
    };
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, held >> bits);
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        push(&mut text, held << (5 - bits));
    }
    text
}

/// The bytes of a text; blanks, dashes, padding and the case of letters mean nothing. None if it is something else.
pub(super) fn decode(text: &str) -> Option<SecretBytes> {
    let digits = text.trim_end_matches('=').bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8 + 1);
    let (mut held, mut bits) = (0_u32, 0);
    for digit in digits {
        let value = LETTERS.iter().position(|letter| *letter == digit.to_ascii_uppercase())?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits).to_be_bytes()[3]);
            held &= (1 << bits) - 1;
        }
    }
    let is_whole = bits < 5 && held == 0;
    let bytes = SecretBytes::new(bytes);
    is_whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_vectors_of_the_standard_go_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap().expose(), bytes.as_bytes());
        }
    }

    #[test]
    fn case_blanks_and_padding_mean_nothing_and_other_texts_are_refused() {
        for text in ["mzxw 6ytb oi", "MZXW-6YTB-OI", "MZXW6YTBOI======"] {
            assert_eq!(decode(text).unwrap().expose(), b"foobar", "{text}");
        }
        for text in ["MZXW6YTBO1", "M", "MZX", "MZ=XQ", "é", "MR"] {
            assert!(decode(text).is_none(), "{text}");
        }
    }
}
