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
