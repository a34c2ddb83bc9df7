use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn alone(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[test]
fn every_length_around_the_ends_of_blocks_has_the_hash_that_it_has_alone() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let lengths = (0..=300).chain([4095, 4096, 4097, 65_535, 70_000]);
    let texts: Vec<&[u8]> = lengths.map(|length| &bytes[..length]).collect();
    let expected: Vec<_> = texts.iter().map(|text| alone(text)).collect();
    assert_eq!(sha256_each(texts.iter().map(|text| Message::text(text))), expected);
    for (text, expected) in texts.iter().zip(expected) {
        assert_eq!(sha256_each([Message::text(text)]), [expected]);
        assert_eq!(Message::text(text).sha256(), expected);
    }
    assert!(sha256_each([]).is_empty());
}

#[test]
fn the_examples_of_the_standard_have_their_hashes() {
    let texts: [&[u8]; 2] = [b"abc", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"];
    let hashes = sha256_each(texts.map(Message::text))
        .into_iter()
        .map(|hash| hash.map(|byte| format!("{byte:02x}")).concat());
    assert!(hashes.eq([
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ]));
}

/// Without the instructions the tests compare one library with itself.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_processor_that_tests_has_the_instructions() {
    if crate::x86::ShaInstructions::detect().is_none() {
        println!("NOT TESTED: this processor has no SHA instructions");
        assert!(std::env::var_os("ONRECORD_REQUIRE_CLIENTS").is_none(), "CI tests them");
    }
}

#[test]
fn leaves_and_nodes_are_hashed_behind_their_byte() {
    let (left, right) = (alone(b"left"), alone(b"right"));
    let leaf = [&[0][..], &left].concat();
    let node = [&[1][..], &left, &right].concat();
    let hashes = sha256_each([Message::leaf(0, &left), Message::node(1, &left, &right)]);
    assert_eq!(hashes, [alone(&leaf), alone(&node)]);
}

proptest! {
    #[test]
    fn many_messages_of_any_lengths_have_the_hashes_that_they_have_alone(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..40),
    ) {
        let expected: Vec<_> = texts.iter().map(|text| alone(text)).collect();
        prop_assert_eq!(sha256_each(texts.iter().map(|text| Message::text(text))), expected);
    }
}
