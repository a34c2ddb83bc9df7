//! Finds the first byte of a text that must not be copied as it is, many bytes at a time.
//! Never in it: what is done with the bytes that are found.
#![expect(
    clippy::needless_bitwise_bool,
    reason = "without branches many bytes are looked at in one operation"
)]

/// Every byte of a word set to `byte`.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Non-zero if a byte of `word` is zero. (Bytes above the lowest zero may be reported too, which does not
/// matter here: callers look at the bytes of a reported word one by one.)
const fn has_zero(word: u64) -> u64 {
    word.wrapping_sub(all(0x01)) & !word & all(0x80)
}

/// Non-zero if a byte of `word` is a control character.
const fn has_control(word: u64) -> u64 {
    word.wrapping_sub(all(0x20)) & !word & all(0x80)
}

/// The length of the longest start of `bytes` whose bytes are all plain. `is_special` may be zero only for words with
/// plain bytes alone.
#[inline]
fn plain_len(bytes: &[u8], is_special: impl Fn(u64) -> u64, is_plain: impl Fn(u8) -> bool) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut len = 0;
    for block in blocks {
        // Without an early end, so that the compiler can use a few wide operations.
        if !block.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
            return len + block.iter().position(|byte| !is_plain(*byte)).unwrap_or(block.len());
        }
        len += 16;
    }
    // The rest in words that overlap each other or the bytes that are known to be plain.
    let words = if rest.is_empty() {
        return len;
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        [u64::from_ne_bytes(*first), u64::from_ne_bytes(*last)]
    } else if let Some(last) = bytes.last_chunk() {
        [u64::from_ne_bytes(*last); 2]
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        [u64::from(u32::from_ne_bytes(*first)) << 32 | u64::from(u32::from_ne_bytes(*last)); 2]
    } else {
        [0; 2]
    };
    if is_special(words[0]) | is_special(words[1]) == 0 {
        return bytes.len();
    }
    len + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

/// How many bytes of a string literal come before its first `"`, `\` or control character.
#[inline]
pub(super) fn literal_len(bytes: &[u8]) -> usize {
    plain_len(
        bytes,
        |word| has_control(word) | has_zero(word ^ all(b'"')) | has_zero(word ^ all(b'\\')),
        |byte| (byte >= 0x20) & (byte != b'"') & (byte != b'\\'),
    )
}

/// How many bytes of a text come before the first that [`super::write()`] may not copy as it is.
///
/// Of UTF-8 only 0xE2 is such a byte: it begins U+2028 and U+2029.
#[inline]
pub(super) fn clean_len(bytes: &[u8]) -> usize {
    plain_len(
        bytes,
        |word| {
            // `"` and `&` differ in one bit, and so do `<` and `>`.
            has_control(word)
                | has_zero((word & !all(0x04)) ^ all(b'"'))
                | has_zero((word & !all(0x02)) ^ all(b'<'))
                | has_zero(word ^ all(b'\\'))
                | has_zero(word ^ all(0xe2))
        },
        is_clean,
    )
}

const fn is_clean(byte: u8) -> bool {
    (byte >= 0x20) & (byte & !0x04 != b'"') & (byte & !0x02 != b'<') & (byte != b'\\') & (byte != 0xe2)
}

#[cfg(test)]
mod tests {
    use super::{clean_len, literal_len};

    #[test]
    fn every_byte_is_found_at_every_place_of_a_word() {
        for length in 0..=48 {
            for (at, byte) in (0..length).flat_map(|at| (0..=255_u8).map(move |byte| (at, byte))) {
                let mut text = vec![b'a'; length];
                text[at] = byte;
                let clean = byte >= 0x20 && !matches!(byte, b'"' | b'&' | b'<' | b'>' | b'\\' | 0xe2);
                assert_eq!(
                    clean_len(&text),
                    if clean { length } else { at },
                    "{byte:#x} at {at} of {length}"
                );
                let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(
                    literal_len(&text),
                    if ends { at } else { length },
                    "{byte:#x} at {at} of {length}"
                );
            }
        }
        assert_eq!((clean_len(b""), literal_len(b"")), (0, 0));
    }
}
