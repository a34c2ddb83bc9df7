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
    let [short, long] = sha256_each(texts.map(Message::text)).try_into().unwrap();
    assert_eq!(short[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(long[..4], [0x24, 0x8d, 0x6a, 0x61]);
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
