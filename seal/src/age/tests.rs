use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
use bech32::{Bech32, Fe32, Hrp};
use proptest::prelude::*;

use super::*;
use crate::entropy::OsEntropy;

const TEXT: &str = "the salts of a server";
/// Made by the tool `age` 1.1.1 (`age -p -a`, passphrase "correct horse").
const WITH_PASSPHRASE: &str = include_str!("../../tests/data/passphrase.age");
/// Made by the tool `age` 1.1.1 (`age -a -r age19caxdlljjg24nsaqwm3qfrxstc7ppd6pz75kyndgsk9k54ntuu2q0wunur`).
const TO_KEY: &str = include_str!("../../tests/data/key.age");
const PUBLIC: &str = "age19caxdlljjg24nsaqwm3qfrxstc7ppd6pz75kyndgsk9k54ntuu2q0wunur";
const SECRET: &str = "AGE-SECRET-KEY-1CJGNMUFFNQGWZEHQ8G0YUEYQXZY3AQVRJ65W06E6H5W5S0R8AXES2W8PYF";

fn published() -> Identity {
    let (_, key) = bech32::decode(SECRET).unwrap();
    Identity::from_secret(&key.try_into().unwrap()).unwrap()
}

#[test]
fn files_of_the_tool_age_are_opened() {
    assert_eq!(published().recipient(), Recipient::parse(PUBLIC).unwrap());
    assert_eq!(published().recipient().to_string(), PUBLIC);
    assert_eq!(open(&published(), TO_KEY).unwrap().expose(), TEXT.as_bytes());
    assert_eq!(open_with_passphrase("correct horse", WITH_PASSPHRASE).unwrap().expose(), TEXT.as_bytes());
    assert_eq!(
        open_with_passphrase("correct hors", WITH_PASSPHRASE).unwrap_err(),
        AgeError::Wrong("passphrase")
    );
}

#[test]
fn what_is_sealed_is_opened_with_the_same_key_alone() {
    let entropy = OsEntropy::new();
    let (identity, other) = (Identity::generate(&entropy).unwrap(), Identity::generate(&entropy).unwrap());
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let text = vec![b'x'; length];
        let file = seal_to(&identity.recipient(), &text, &entropy).unwrap();
        assert!(is_file(&file) && file.lines().all(|line| line.len() <= 64));
        assert!(open(&identity, &file).unwrap().expose() == text, "{length}");
        assert_eq!(open(&other, &file).unwrap_err(), AgeError::Wrong("key"));
    }
    let file = seal_with_passphrase("pass", 10, TEXT.as_bytes(), &entropy).unwrap();
    assert_eq!(open_with_passphrase("pass", &file).unwrap().expose(), TEXT.as_bytes());
    assert_eq!(open(&identity, &file).unwrap_err(), AgeError::OtherKind("to a public key"));
}

#[test]
fn a_file_that_was_changed_anywhere_is_not_opened() {
    let entropy = OsEntropy::new();
    let identity = Identity::generate(&entropy).unwrap();
    let file = seal_to(&identity.recipient(), TEXT.as_bytes(), &entropy).unwrap();
    let plain = unarmored(&file).unwrap();
    for at in 0..plain.len() {
        let mut changed = plain.clone();
        changed[at] ^= 1;
        assert!(open(&identity, &armored(&changed)).is_err(), "byte {at}");
    }
    for length in 0..plain.len() {
        assert!(open(&identity, &armored(&plain[..length])).is_err(), "{length} bytes");
    }
    for other in ["", "text", BEGIN, &format!("{BEGIN}\n{END}"), &file.replace('A', "!")] {
        assert!(open(&identity, other).is_err(), "{other}");
    }
}

#[test]
fn a_key_that_is_not_one_and_an_expensive_passphrase_are_refused() {
    for text in ["", "age1", &PUBLIC.to_uppercase(), &PUBLIC[..61], &PUBLIC.replace("wunur", "wunuq"), SECRET]
    {
        assert_eq!(Recipient::parse(text).unwrap_err(), AgeError::Recipient, "{text}");
    }
    let zero = Recipient([0; 32]);
    assert_eq!(seal_to(&zero, b"", &OsEntropy::new()).unwrap_err(), AgeError::Recipient);
    let header = format!("{VERSION}-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\n{}\n--- AA\n", "A".repeat(43));
    assert_eq!(
        open_with_passphrase("p", &armored(header.as_bytes())).unwrap_err(),
        AgeError::TooMuchWork(30)
    );
}

/// A key as text, with these bits in the place of the four that its last character has left over.
fn spelled(key: [u8; 32], bits: u8) -> String {
    let hrp = Hrp::parse("age").unwrap();
    let mut characters: Vec<Fe32> = key.into_iter().bytes_to_fes().collect();
    let last = characters.pop().unwrap();
    characters.push(Fe32::try_from(last.to_u8() | bits).unwrap());
    characters.into_iter().with_checksum::<Bech32>(&hrp).chars().collect()
}

/// The bodies of armors that have the same bytes as this file, or would if a reader were lax.
fn other_armors(body: &str, at: usize) -> Vec<String> {
    let (before, after) = body.split_at(at % (body.len() + 1));
    let mut armors: Vec<String> =
        [" ", "\t", "\n", "=", "\u{a0}"].map(|blank| format!("{before}{blank}{after}")).into();
    for columns in [60, 76] {
        let characters: Vec<char> = body.replace('\n', "").chars().collect();
        let lines = characters.chunks(columns).map(String::from_iter).collect::<Vec<_>>();
        armors.push(format!("\n{}\n", lines.join("\n")));
    }
    let text = body.trim_end();
    let padding = text.len() - text.trim_end_matches('=').len();
    if padding > 0 {
        armors.push(format!("{}\n", text.trim_end_matches('=')));
        // The last character before the padding has bits that no byte has.
        let (start, last) = text.trim_end_matches('=').split_at(text.len() - padding - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = alphabet.find(last).unwrap();
        let other = &alphabet[value + 1..=value + 1];
        armors.push(format!("{start}{other}{}\n", "=".repeat(padding)));
    }
    armors.retain(|other| other != body);
    armors
}

proptest! {
    #[test]
    fn a_key_has_one_spelling(key: [u8; 32]) {
        let canonical = spelled(key, 0);
        prop_assert_eq!(Recipient::parse(&canonical), Ok(Recipient(key)));
        prop_assert_eq!(Recipient(key).to_string(), canonical);
        for bits in 1..16 {
            prop_assert_eq!(Recipient::parse(&spelled(key, bits)), Err(AgeError::RecipientPadding));
        }
    }

    #[test]
    fn bytes_have_one_armor(bytes in prop::collection::vec(any::<u8>(), 1..300), at: usize) {
        let file = armored(&bytes);
        prop_assert_eq!(unarmored(&file), Ok(bytes.clone()));
        prop_assert_eq!(unarmored(&format!("\r\n {}", file.replace('\n', "\r\n"))), Ok(bytes));
        let body = file.strip_prefix(BEGIN).unwrap().strip_suffix(&format!("{END}\n")).unwrap();
        for other in other_armors(body, at) {
            let refused = unarmored(&format!("{BEGIN}{other}{END}\n"));
            prop_assert!(refused.is_err(), "{other:?}: {refused:?}");
        }
    }
}

#[test]
fn a_changed_armor_is_refused_with_its_line() {
    let file = armored(&[7; 100]);
    assert_eq!(unarmored(&file.replacen('\n', "\n\n", 2)), Err(AgeError::Armor(2)));
    assert_eq!(unarmored(&file.replace("BwcHBw==", "BwcHBx==")), Err(AgeError::Armor(4)));
    assert_eq!(unarmored(&file.replace("BwcHBw==", "BwcHBw==\n")), Err(AgeError::Armor(4)));
    let text = AgeError::Armor(3).to_string();
    assert!(text.starts_with("line 3 of the file is not 64 characters of Base64"), "{text}");
}
