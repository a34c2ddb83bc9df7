//! Looks for the first byte of a text that needs care, eight bytes at a time.

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

/// The length of the longest start of `bytes` of which `is_plain` says yes byte by byte, where `is_special`
/// may only say zero of words that hold plain bytes alone.
#[inline]
fn plain_len(bytes: &[u8], is_special: impl Fn(u64) -> u64, is_plain: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut len = 0;
    for word in words {
        if is_special(u64::from_ne_bytes(*word)) != 0
            && let Some(at) = word.iter().position(|byte| !is_plain(*byte))
        {
            return len + at;
        }
        len += 8;
    }
    len + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

/// How many bytes of a string literal come before its first `"`, `\` or control character.
#[inline]
pub(super) fn literal_len(bytes: &[u8]) -> usize {
    plain_len(
        bytes,
        |word| has_control(word) | has_zero(word ^ all(b'"')) | has_zero(word ^ all(b'\\')),
        |byte| byte >= 0x20 && byte != b'"' && byte != b'\\',
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
    byte >= 0x20 && !matches!(byte, b'"' | b'&' | b'<' | b'>' | b'\\' | 0xe2)
}

#[cfg(test)]
mod tests {
    use super::{clean_len, is_clean, literal_len};

    #[test]
    fn every_byte_is_found_at_every_place_of_a_word() {
        for at in 0..19 {
            for byte in 0..=255_u8 {
                let mut text = *b"abcdefghijklmnopqrs";
                text[at] = byte;
                let expected = if is_clean(byte) { text.len() } else { at };
                assert_eq!(clean_len(&text), expected, "{byte:#x} at {at}");
                let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(literal_len(&text), if ends { at } else { text.len() }, "{byte:#x} at {at}");
            }
        }
    }
}
