//! The texts of tokens, their accessors, and the names that tokens are stored under.
//! Never in it: storage.
//!
//! The text of a token that the server makes is `s.`, four letters that say when it was made (its slot), and 24 random letters.
//! Its accessor is the slot and 24 letters of an HMAC of the text, its name the slot and an HMAC of the accessor. So the text
//! and the accessor each lead to the name without an index, neither can be made of the other without the key of the HMAC, and
//! what is stored of tokens made together lies together: a commit of many of them touches a few pages of the storage.
//!
//! A token whose text was chosen, and each token of a version without slots, has an HMAC of its text as its name and a random
//! accessor. An index, stored beside it, leads from the accessor to the name.

use onrecord_seal::{Entropy, EntropyError, Secret};
use onrecord_storage::Barrier;
use onrecord_value::Time;
use zeroize::Zeroizing;

use super::TokenError;

const PREFIX: &str = "s.";
/// How many random letters a token's text has: 142 bits.
const RANDOM: usize = 24;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many letters of a text or an accessor say its slot. In a name, three bytes do.
const SLOT_LETTERS: usize = 4;
/// As many as there are of four letters: they begin again after 41 hours.
const SLOTS: u32 = 62 * 62 * 62 * 62;
/// About one commit under load.
const NANOS_A_SLOT: i128 = 10_000_000;

/// What stands before a text of which the HMAC is an accessor. No header of a request can have it.
const ACCESSOR_OF: &str = "accessor of\n";

/// A new token, as it is known and stored.
pub(super) struct Names {
    pub(super) text: Secret<String>,
    pub(super) accessor: String,
    pub(super) name: String,
}

/// The slot and the letters of an accessor.
type Accessor = [u8; SLOT_LETTERS + RANDOM];

impl Names {
    /// Of a token that is made now.
    pub(super) fn made(barrier: &Barrier, now: Time, entropy: &dyn Entropy) -> Result<Self, TokenError> {
        let slot = letters_of(slot_at(now));
        let text = random_text(&[PREFIX, &slot], entropy)?;
        let accessor = accessor_of(barrier, &slot, text.expose())?;
        let name = name_of(barrier, &slot, &accessor)?;
        Ok(Self { text, accessor: accessor.map(char::from).iter().collect(), name })
    }

    /// Of a token whose text was chosen.
    pub(super) fn chosen(
        barrier: &Barrier,
        text: Secret<String>,
        entropy: &dyn Entropy,
    ) -> Result<Self, TokenError> {
        let accessor = random_text(&[], entropy)?.expose().clone();
        let name = barrier.hash_name(text.expose())?;
        Ok(Self { text, accessor, name })
    }
}

/// The name of the token with this text, if the server has made it; `None` if the text cannot be one that it makes.
pub(super) fn of_text(barrier: &Barrier, text: &str) -> Result<Option<String>, TokenError> {
    let Some(slot) = text.strip_prefix(PREFIX).and_then(slot_of) else { return Ok(None) };
    let accessor = accessor_of(barrier, slot, text)?;
    name_of(barrier, slot, &accessor).map(Some)
}

/// The name of the token with this accessor, if the server has made its text; `None` if the accessor is not of that form.
pub(super) fn of_accessor(barrier: &Barrier, accessor: &str) -> Result<Option<String>, TokenError> {
    slot_of(accessor).map(|slot| name_of(barrier, slot, accessor.as_bytes())).transpose()
}

fn accessor_of(barrier: &Barrier, slot: &str, text: &str) -> Result<Accessor, TokenError> {
    let mac = barrier.mac_name(&[ACCESSOR_OF.as_bytes(), text.as_bytes()])?;
    // Six letters of each quarter: that is 36 of 64 bits, so that each letter is as likely as any other.
    let letters = mac.as_chunks().0.iter().flat_map(|quarter| {
        let number = u64::from_be_bytes(*quarter);
        let numbers = std::iter::successors(Some(number), |number| Some(number / 62));
        numbers.take(RANDOM / 4).map(|number| letter_at(number % 62))
    });
    let mut accessor = [b'0'; SLOT_LETTERS + RANDOM];
    for (place, letter) in accessor.iter_mut().zip(slot.bytes().chain(letters)) {
        *place = letter;
    }
    Ok(accessor)
}

fn name_of(barrier: &Barrier, slot: &str, accessor: &[u8]) -> Result<String, TokenError> {
    let mut mac = barrier.mac_name(&[accessor])?;
    let [_, slot @ ..] = number_of(slot).to_be_bytes();
    for (place, byte) in mac.iter_mut().zip(slot) {
        *place = byte;
    }
    Ok(const_hex::encode(mac))
}

fn slot_at(now: Time) -> u32 {
    let slot = now.unix_nanos().div_euclid(NANOS_A_SLOT).rem_euclid(i128::from(SLOTS));
    u32::try_from(slot).unwrap_or_default()
}

/// The slot in a text without its prefix, or in an accessor, if it has one.
fn slot_of(text: &str) -> Option<&str> {
    let is_made =
        text.len() == SLOT_LETTERS + RANDOM && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.get(..SLOT_LETTERS).filter(|_| is_made)
}

fn letters_of(slot: u32) -> String {
    let places = [62 * 62 * 62, 62 * 62, 62, 1];
    places.iter().map(|place| char::from(letter_at(u64::from(slot / place % 62)))).collect()
}

fn number_of(slot: &str) -> u32 {
    slot.bytes().fold(0, |number, letter| number * 62 + place_of(letter))
}

fn letter_at(place: u64) -> u8 {
    let letter = usize::try_from(place).ok().and_then(|place| LETTERS.get(place));
    letter.copied().unwrap_or(b'0')
}

fn place_of(letter: u8) -> u32 {
    u32::from(match letter {
        b'A'..=b'Z' => letter - b'A' + 10,
        b'a'..=b'z' => letter - b'a' + 36,
        _ => letter.saturating_sub(b'0').min(9),
    })
}

/// Some texts, and random letters.
fn random_text(before: &[&str], entropy: &dyn Entropy) -> Result<Secret<String>, EntropyError> {
    let length = before.iter().map(|text| text.len()).sum::<usize>() + RANDOM;
    // Of the right size from the start: a text that moves leaves its old bytes behind.
    let mut text = Secret::new(String::with_capacity(length));
    for before in before {
        text.expose_mut().push_str(before);
    }
    let mut bytes = Zeroizing::new([0_u8; 2 * RANDOM]);
    while text.expose().len() < length {
        entropy.fill(&mut *bytes)?;
        let letters = bytes.iter().filter_map(|byte| letter(*byte));
        let missing = length - text.expose().len();
        text.expose_mut().extend(letters.take(missing));
    }
    Ok(text)
}

/// The letter that a random byte stands for. What is above the largest multiple of 62 stands for none: it would make the
/// first letters likelier.
fn letter(byte: u8) -> Option<char> {
    (byte < 248).then(|| char::from(letter_at(u64::from(byte % 62))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for letter in (0..=255).filter_map(letter) {
            assert!(letter.is_ascii_alphanumeric());
            *counts.entry(letter).or_insert(0) += 1;
        }
        assert!(counts.len() == 62 && counts.values().all(|count| *count == 4));
    }

    #[test]
    fn the_letters_of_a_slot_have_its_order_and_say_its_number() {
        let at = |nanos| slot_at(Time::from_unix_nanos(nanos));
        let slots = [0, 1, 61, 62, 4_000_000, SLOTS - 1];
        let letters = slots.map(letters_of);
        assert!(
            letters.is_sorted() && letters.iter().all(|letters| letters.len() == SLOT_LETTERS),
            "{letters:?}"
        );
        assert_eq!(letters.map(|letters| number_of(&letters)), slots);
        assert!((0..62).all(|place| u64::from(place_of(letter_at(place))) == place));
        const { assert!(SLOTS < 1 << 24, "three bytes of a name hold each") };
        assert_eq!((at(0), at(NANOS_A_SLOT - 1), at(NANOS_A_SLOT), at(-1)), (0, 0, 1, SLOTS - 1));
        assert_eq!(at(i128::from(SLOTS) * NANOS_A_SLOT), 0, "they begin again");
    }

    #[test]
    fn only_what_the_server_makes_has_a_slot() {
        let made = "0aZ9abcdefghijklmnopqrstuvwx";
        assert_eq!(slot_of(made), Some("0aZ9"));
        for other in [
            "",
            "0aZ9",
            &made[1..],
            &format!("{made}a"),
            "0aZ9abcdefghijklmnopqrstuvw-",
            "é0aZ9abcdefghijklmnopqrstuvw",
        ] {
            assert_eq!(slot_of(other), None, "{other}");
        }
    }
}
